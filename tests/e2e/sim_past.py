#!/usr/bin/env python3
"""What ran where, and when: a release that fails on one cluster, an agent that was away."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

WEB = "Deployment.apps/default/web"


def web(version):
    return files("web", m.deployment("web", image=f"example.com/web:{version}"))


def group(name, **labels):
    item = m.thing("holdfast/v1alpha1", "ClusterGroup", name, spec={"clusterSelector": {"matchLabels": labels}})
    return {f"groups/{name}.yaml": m.text(item)}


def moment():
    """A time between what came before and what comes, as the CLI takes it."""
    time.sleep(0.01)
    now = time.time()
    time.sleep(0.01)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"


class Past(SimStory):
    clusters = {**fleet(3), **group("prod", odd="yes")}
    apps = web("1")

    def ask(self, verb, *words):
        return json.loads(self.hub.run(verb, *words, "-o", "json").stdout)

    def show(self, what):
        return {(item["state"], tuple(item["images"]), tuple(item["names"]))
                for item in self.ask("show", what)["items"]}

    def wait_show(self, what, expected):
        def is_so():
            self.assertEqual(self.show(what), expected)
            return True
        wait_for(is_so, 30, what, 0.1)

    def test_1_a_release_that_fails_on_one_cluster(self):
        self.wait_show("prod", {("inSync", ("example.com/web:1",), ("c01", "c03"))})
        type(self).before = moment()
        self.sim.ask("fail", "c03", WEB, "on", "refuse")
        type(self).second = self.commit(web("2"), "Bump web to 2")
        self.wait_show("prod", {("inSync", ("example.com/web:2",), ("c01",)),
                                ("failed", ("example.com/web:2",), ("c03",))})
        self.wait_show("c02", {("inSync", ("example.com/web:2",), ("c02",))})

    def test_2_it_is_shown_as_it_was(self):
        self.assertEqual(self.show(f"@{{{self.before}}}"),
                         {("inSync", ("example.com/web:1",), ("c01", "c02", "c03"))})
        self.assertEqual(self.show("prod~1"),
                         {("inSync", ("example.com/web:1",), ("c01", "c03"))})

    def test_2b_a_while_ago_is_counted_from_now(self):
        for seconds in (3, 3600):
            soonest = time.time() - seconds
            answer = self.ask("show", f"prod@{{{seconds}.seconds.ago}}")
            self.assertLessEqual(int(soonest * 1000), answer["atMs"])
            self.assertLessEqual(answer["atMs"], int((time.time() - seconds) * 1000))
            at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(answer["atMs"] // 1000))
            self.assertEqual(self.ask("show", f"prod@{{{at}.{answer['atMs'] % 1000:03}Z}}")["items"], answer["items"])
        wait_for(lambda: self.show("prod@{1.seconds.ago}") == self.show("prod"), 30, "a second ago to be as now", 0.1)

    def test_3_the_log_has_a_line_for_the_release(self):
        releases = self.ask("log", "--kind", "release")["items"]
        self.assertEqual([(r["subject"], r["clusters"], r["applied"]) for r in releases],
                         [("Bump web to 2", 3, 2), ("the fleet", 3, 3)])
        text = self.hub.run("log", ":web").stdout
        self.assertIn("Bump web to 2", text)
        self.assertIn("on 3 clusters, done on 2: c01, c02, c03", text)
        self.assertRegex(text, r"failed\s+web\s+on 1 cluster: c03")

    def test_4_where_it_runs_and_where_not(self):
        self.assertEqual([i["names"] for i in self.ask("where", "example.com/web:2")["items"]],
                         [["c01", "c02"]])
        self.assertEqual([i["names"] for i in self.ask("where", "2", "prod", "--missing")["items"]],
                         [["c03"]])
        self.assertEqual([i["names"] for i in self.ask("where", self.second[:8])["items"]],
                         [["c01", "c02"]])
        self.assertEqual([i["clusters"] for i in
                          self.ask("where", "1", f"@{{{self.before}}}")["items"]], [3])

    def test_4b_why_it_is_so(self):
        said = self.ask("why", "c03:web")
        self.assertEqual(said["items"][0]["desired"]["subject"], "Bump web to 2")
        self.assertIn("app.failed", [event["kind"] for event in said["events"]])
        text = self.hub.run("why", "c03:web").stdout
        self.assertRegex(text, r"failed since .*\n  desired  \w{8} Bump web to 2 .*\n"
                               r"  actual   \w{8} the fleet")
        self.assertRegex(text, r"app\.failed")
        past = self.ask("why", f"c03:web@{{{self.before}}}")
        self.assertNotIn("app.failed", [event["kind"] for event in past["events"]])

    def test_5_two_clusters_and_two_moments_differ(self):
        done = self.hub.run("diff", "c03..c01", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stdout, r"- \w{8} the fleet")
        self.assertRegex(done.stdout, r"\+ \w{8} Bump web to 2")
        self.assertEqual(self.hub.run("diff", "c01..c02").returncode, 0)
        for words in (("diff", "--known"), ("diff", "c01..c02", "--objects", "--known")):
            self.assertIn("--known is for WHAT..WHAT", self.hub.run(*words, check=False).stderr)
        self.assertEqual(self.hub.run("diff", f"c01@{{{self.before}}}..",
                                      check=False).returncode, 1)

    def test_5b_objects_of_two_clusters_differ_in_fields(self):
        self.wait_differing("c03..c01", "example.com/web:1", "example.com/web:2")
        done = self.hub.run("diff", "c03..c01", "--objects", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stdout, r"Deployment.apps/default/web  \(App web\)  changed\n"
                                      r"  spec.template.spec.containers\[name=main\].image\n"
                                      r'    - "example.com/web:1"\n    \+ "example.com/web:2"')
        self.assertEqual(self.hub.run("diff", "c01..c02", "--objects").returncode, 0)

    def wait_differing(self, what, before, after):
        """Waits until that is all that differs, and the state repository tells it."""
        expected = [{"app": "web", "object": WEB, "change": "changed", "more": False, "fields": [
            {"path": "spec.template.spec.containers[name=main].image", "from": before, "to": after}]}]

        def is_so():
            done = self.hub.run("diff", what, "--objects", "-o", "json", check=False)
            self.assertEqual(json.loads(done.stdout or "{}").get("items"), expected, done.stderr)
            return True
        wait_for(is_so, 30, what, 0.2)

    def test_6_nobody_knows_how_a_cluster_is_that_is_away(self):
        self.sim.ask("kill", "c02")
        self.wait_show("c02", {("unobserved", ("example.com/web:2",), ("c02",))})
        self.assertEqual(self.show(f"c02@{{{self.before}}}"),
                         {("inSync", ("example.com/web:1",), ("c02",))})

    def test_6b_nor_which_objects_it_has(self):
        done = self.hub.run("diff", "c01..c02", "--objects")
        self.assertRegex(done.stderr, r"c02 was not observed at \S+: what was heard of it last is compared")
        self.assertNotIn("c01 was", done.stderr)
        sides = json.loads(self.hub.run("diff", "c01..c02", "--objects", "-o", "json").stdout)
        self.assertEqual((sides["from"]["observed"], sides["to"]["observed"]), (True, False))

    def test_6c_what_nobody_knows_does_not_count_as_good(self):
        text = self.hub.run("where", "example.com/web:2").stdout
        self.assertRegex(text, r"web +2 \(1 not observed\) ")
        item, = self.ask("where", "example.com/web:2")["items"]
        self.assertEqual((item["clusters"], item["unobserved"], item["drifted"]), (2, 1, 0))
        self.assertEqual(sorted((i["names"], i["unobserved"]) for i in self.ask("where", "2", "--missing")["items"]),
                         [(["c02"], 1), (["c03"], 0)])
        same = self.hub.run("diff", "c01..c02")
        self.assertRegex(same.stderr, "1 of 1 clusters were not observed at ")
        other = self.hub.run("diff", "c03..c02", check=False)
        self.assertRegex(other.stdout, r"\+ \w{8} Bump web to 2 .* on 1 cluster \(1 not observed\): c02")

    def test_6d_of_a_group_it_is_said_that_its_clusters_are_those_of_now(self):
        for words in (("show", f"prod@{{{self.before}}}"), ("log", f"prod@{{{self.before}}}"),
                      ("where", "1", f"prod@{{{self.before}}}"), ("diff", f"prod@{{{self.before}}}..")):
            self.assertIn("the clusters that it has now", self.hub.run(*words, check=False).stderr, words)
        self.assertEqual(self.hub.run("show", f"c01@{{{self.before}}}").stderr, "")

    def test_6e_a_canary_has_its_share_of_the_traffic(self):
        self.sim.ask("decide", "c01", WEB, "20")

        def is_so():
            self.assertIn("canary 20 %", self.hub.run("show", "c01").stdout)
            return True
        wait_for(is_so, 30, "the share of the traffic", 0.1)
        self.assertEqual([item["weight"] for item in self.ask("show", "prod:web")["items"]
                          if item["names"] == ["c01"]], [20])
        self.assertRegex(self.hub.run("why", "c01:web").stdout, r"\w+, canary 20 % since ")
        self.assertNotIn("CANARY", self.hub.run("show", "c03").stdout)

    def test_6f_who_changed_what_by_hand_is_in_the_log(self):
        self.sim.ask("drift", "c01", WEB, "spec.replicas", "7", "kubectl-edit")

        def is_so():
            items = self.ask("log", "--kind", "drifted")["items"]
            self.assertEqual([(item["actor"], item["names"]) for item in items],
                             [("kubectl-edit", ["c01"])])
            item = items[0]
            self.assertRegex(item["text"], r"^Deployment\.apps/default/web: spec\.replicas: .* -> 7$")
            return True
        wait_for(is_so, 30, "the change by hand", 0.1)
        self.assertRegex(self.hub.run("log", "--kind", "drifted").stdout,
                         r"drifted +web +kubectl-edit: Deployment.apps/default/web: spec.replicas: ")
        self.assertEqual([i["drifted"] for i in self.ask("where", "example.com/web:2", "c01")["items"]], [1])
        self.sim.ask("drift", "c01", WEB, "spec.replicas", "1", "kubectl-edit")
        self.wait_show("c01", {("converging", ("example.com/web:2",), ("c01",))})

    def test_6g_an_image_that_was_set_by_hand_is_found_where_it_runs(self):
        image = "spec.template.spec.containers[name=main].image"
        before = moment()
        self.sim.ask("drift", "c01", WEB, image, "example.com/web:9", "kubectl-edit")

        def is_found():
            item, = self.ask("where", "example.com/web:9")["items"]
            self.assertEqual((item["names"], item["images"], item["drifted"]), (["c01"], ["example.com/web:9"], 1))
            return True
        wait_for(is_found, 30, "the image that runs", 0.1)
        shown, = self.ask("show", "c01:web")["items"]
        self.assertEqual((shown["images"], shown["runs"]), (["example.com/web:2"], ["example.com/web:9"]))
        self.assertRegex(self.hub.run("show", "c01:web").stdout, r" RUNS .*\n.* example\.com/web:9")
        self.assertIn("\n  runs     example.com/web:9\n", self.hub.run("why", "c01:web").stdout)
        self.assertEqual(self.ask("where", "2", "c01")["items"], [])
        self.assertEqual([i["names"] for i in self.ask("where", "2", "c01", "--missing")["items"]], [["c01"]])
        self.assertEqual([i["images"] for i in self.ask("where", self.second[:8], "c01")["items"]],
                         [["example.com/web:9"]])
        self.assertEqual([i["names"] for i in self.ask("where", "2", f"c01@{{{before}}}")["items"]], [["c01"]])
        self.assertRegex(self.hub.run("where", self.second[:8], "c01").stdout,
                         r"RUNS .*\n.* 1 \(1 drifted\) .* example\.com/web:9 ")
        during = moment()
        self.sim.ask("drift", "c01", WEB, image, "example.com/web:2", "kubectl-edit")
        wait_for(lambda: [i["drifted"] for i in self.ask("where", "2", "c01")["items"]] == [0], 30,
                 "the image that was put back", 0.1)
        self.wait_show("c01", {("converging", ("example.com/web:2",), ("c01",))})
        self.assertEqual([i["names"] for i in self.ask("where", "9", f"@{{{during}}}")["items"]], [["c01"]])
        self.assertEqual(self.ask("where", "9")["items"], [])

    def see_digests(self, cluster, *digests):
        self.sim.ask("digests", cluster, WEB, *(f"example.com/web:2@{digest}" for digest in digests))

    def wait_where(self, what, *expected):
        """Waits until that is found on these clusters, and on so many it is not known."""
        def is_so():
            answer = self.ask("where", what)
            self.assertEqual((sorted(name for item in answer["items"] for name in item["names"]), answer["undigested"]),
                             expected)
            return answer
        return wait_for(is_so, 30, what, 0.1)

    def test_6h_a_digest_behind_a_tag_is_found(self):
        one, other = "sha256:" + 64 * "1", "sha256:" + 64 * "2"
        self.see_digests("c01", one)
        self.wait_where(f"example.com/web@{one}", ["c01"], 2)
        item, = self.ask("where", one)["items"]
        self.assertEqual((item["images"], item["digests"]), (["example.com/web:2"], [f"example.com/web:2@{one}"]))
        asked = self.hub.run("where", one)
        self.assertIn("on 2 clusters the digests behind tags are not known, so it may run there, too", asked.stderr)
        self.assertRegex(self.hub.run("where", one, "--missing").stdout, r"web +1 \(1 of unknown digest\) .* c03\n")
        self.assertNotIn("DIGESTS", asked.stdout)
        before = moment()
        self.see_digests("c01", one, other)
        self.wait_where(other, ["c01"], 2)
        self.assertRegex(self.hub.run("show", "c01:web").stdout, "2 digests run behind example.com/web:2")
        self.assertRegex(self.hub.run("where", "web:2", "c01").stdout, "2 digests run behind example.com/web:2")
        self.assertRegex(self.hub.run("why", "c01:web").stdout,
                         f"\n  digest   example.com/web:2@{one}\n  digest   example.com/web:2@{other}\n"
                         " +2 digests run behind example.com/web:2\n")
        self.assertIn(f"example.com/web:2@{other}", self.hub.run("show", "c01:web", "-o", "wide").stdout)
        self.assertEqual(self.ask("where", other, f"@{{{before}}}")["items"], [])
        self.sim.ask("kill", "c01")
        wait_for(lambda: self.sim.ask("start", "c01"), 10, "the agent of c01 to be gone")
        self.wait_show("c01", {("converging", ("example.com/web:2",), ("c01",))})
        self.wait_where(other, ["c01"], 2)

    def test_7_a_hub_that_was_killed_remembers(self):
        self.hub.kill()
        self.hub.start_and_wait()
        self.assertEqual(self.show(f"prod@{{{self.before}}}"),
                         {("inSync", ("example.com/web:1",), ("c01", "c03"))})
        self.wait_show("c01", {("converging", ("example.com/web:2",), ("c01",))})

    def test_7b_and_so_do_those_of_two_moments(self):
        self.wait_differing("c03..c01", "example.com/web:1", "example.com/web:2")
        second = int(time.time())  # Git keeps seconds
        wait_for(lambda: int(time.time()) > second + 1, 5, "a second in which nothing changed", 0.05)
        then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second + 1))
        self.commit(web("3"), "Bump web to 3")
        self.wait_differing(f"c01:web@{{{then}}}..", "example.com/web:2", "example.com/web:3")

    def test_8_wrong_words_say_what_is_right(self):
        for words, told in ((("show", "nowhere"), "no cluster or group 'nowhere'"),
                            (("show", "prod@{soon}"), "2.hours.ago"),
                            (("diff", "prod..c01", "--objects"), "one cluster on each side"),
                            (("diff", "c01@{2020-01-01}..", "--objects"), "begins later"),
                            (("diff", "--objects"), "compares two sides"),
                            (("log", "prod:nothing", "--kind", "nothing"), "none of: release"),
                            (("where", "9.9"), "'9.9'"),
                            (("why", "c01"), "eu-017:checkout"),
                            (("diff", "a...b"), "two dots")):
            done = self.hub.run(*words, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(told, done.stderr)


if __name__ == "__main__":
    story.main()
