#!/usr/bin/env python3
"""What clusters reject is written into Git: one file for a release, whose clusters grow; it comes back
if it merely vanishes, and goes when Git says another release."""
import contextlib
import json
import pathlib
import sqlite3
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.served import Served  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, files, fleet  # noqa: E402

KEY = "Deployment.apps/default/web"
DB = "StatefulSet.apps/default/db"
KEPT = "ConfigMap/default/kept"
WORDS = "Failed checks threshold reached 5"
LATE = "ReplicaSet web-1 has timed out progressing"
KILLED = -9


def web(image, *, spec=None, **env):
    item = m.deployment("web", f"reg/web:{image}")
    container = item["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": name, "value": value} for name, value in env.items()]
    return files("web", item, **(spec or {}))


def iso(unix_ms):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_ms // 1000)) + f".{unix_ms % 1000:03}Z"


class Holds(SimStory):
    clusters = fleet(3)
    apps = {**web("1", A="a"),
            **files("kept", m.config_map("kept", colour="green", size="1"), drift="correct")}
    repo_more = "  write: direct\n"

    def holds(self):
        """{path: text} of the Holds in Git."""
        tip = self.git("rev-parse", "origin/main").strip()
        paths = self.repo.git("ls-tree", "-r", "--name-only", tip, "holds").split()
        return {path: self.repo.git("show", f"{tip}:{path}") for path in paths}

    def wait_hold(self, *clusters):
        """Waits for the one Hold to list these clusters; returns its path."""
        def is_so():
            found = self.holds()
            assert len(found) == 1, found
            (path, text), = found.items()
            assert all(f"- {name}\n" in text for name in clusters), text
            return path
        return wait_for(is_so, SOON, f"a Hold for {clusters}", 0.2)

    def wait_no_hold(self):
        wait_for(lambda: self.holds() == {}, SOON, "no Hold to be left", 0.2)

    def runs(self, what):
        """Clusters on which an image or commit runs."""
        found = json.loads(self.hub.run("where", what, "-o", "json").stdout)["items"]
        return sorted(name for item in found for name in item["names"])

    def test_1_what_a_cluster_rejects_is_a_commit(self):
        type(self).bad = self.deliver(web("2", A="a"))
        self.sim.ask("decide", "c02", KEY, "rejected", WORDS)
        path = self.wait_hold("c02")
        self.assertRegex(path, r"^holds/web/2-\w+\.yaml$")
        said = self.git("log", "-1", "--format=%an|%cn|%B", "origin/main")
        self.assertRegex(said, r"^flagger \(1 cluster\)\|Holdfast\|hold\(web\): 1 on 1 cluster, "
                               r"which rejected 2")
        self.assertIn(WORDS, said)
        self.assertIn(f"Holdfast-Rejects-Commit: {self.bad}", said)
        self.assertIn("Holdfast-Proof: same (c02)\n", said)
        self.wait_images("2", "1", "2")
        wait_for(lambda: [self.runs("reg/web:1"), self.runs("reg/web:2")] == [["c02"], ["c01", "c03"]], SOON,
                 "what runs to be found", 0.2)
        self.assertEqual(self.runs(self.bad[:8]), ["c01", "c02", "c03"])
        self.assertEqual(self.hub.get("holds")[0]["proof"], "same (c02)")
        why = self.hub.run("why", "c02:web").stdout
        self.assertRegex(why, r"Holds:\n.*1 instead of 2, by .*\n.*\n.*" + WORDS + r"\n    proof: same \(c02\)\n")
        self.assertRegex(why, r" flagger rejected \w{8}: " + WORDS + r" \(held\)\n    proof: same \(c02\)\n")
        self.assertIn("same (c02)", self.hub.run("describe", "hold",
                                                 self.hub.get("holds")[0]["name"]).stdout)

    def test_2_another_cluster_that_rejects_it_is_in_the_same_file(self):
        self.sim.ask("decide", "c03", KEY, "rejected", WORDS)
        self.wait_hold("c02", "c03")
        self.wait_images("2", "1", "1")
        decided_ms = json.loads(self.hub.run("why", "c03:web", "-o", "json").stdout)["decisions"][0]["atMs"]
        before = f"@{{{iso(decided_ms - 1)}}}"
        self.assertIn("Holds, and how they are now:\n", self.hub.run("why", f"c02:web{before}").stdout)
        self.assertNotIn("Holds", self.hub.run("why", f"c03:web{before}").stdout)

    def test_3_all_else_lands(self):
        self.follow()
        self.deliver(web("2", A="b"))
        env = self.sim.object("c03", KEY)["spec"]["template"]["spec"]["containers"][0]["env"]
        self.assertEqual((self.images(), env[0]["value"]), (["2", "1", "1"], "b"))

    def test_4_a_file_that_merely_vanishes_comes_back(self):
        self.follow()
        path = self.wait_hold("c02", "c03")
        gone = self.commit({path: None}, "clean up")
        self.wait_resolved(gone)
        self.wait_hold("c02", "c03")
        said = self.git("log", "-1", "--format=%B", "origin/main")
        self.assertIn("no retry", said)
        self.assertIn("Holdfast-Proof: same (c02)\n", said)  # the edit was promoted meanwhile
        self.assertEqual(self.images(), ["2", "1", "1"])

    def test_5_another_release_ends_it_and_the_file_goes(self):
        self.follow()
        self.deliver(web("3", A="b"))
        self.wait_images("3", "3", "3")
        self.wait_no_hold()
        self.assertIn("unhold(web): Git says another release",
                      self.git("log", "-1", "--format=%B", "origin/main"))

    def test_6_all_clusters_at_once_are_one_commit(self):
        self.follow()
        self.deliver(web("4", A="b"))
        before = self.git("rev-list", "--count", "origin/main").strip()
        self.sim.ask("decide", "*", KEY, "rejected", WORDS)
        self.wait_hold("c01", "c02", "c03")
        self.wait_images("3", "3", "3")
        after = self.git("rev-list", "--count", "origin/main").strip()
        self.assertEqual(int(after), int(before) + 1)

    def test_7_a_hub_that_is_killed_once_it_has_written_writes_nothing_twice(self):
        self.follow()
        self.deliver(web("5", A="b"))
        self.wait_no_hold()
        before = self.git("rev-parse", "origin/main").strip()
        self.sim.ask("decide", "*", KEY, "rejected", WORDS)
        self.wait_hold("c01", "c02", "c03")
        self.hub.kill()
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02", "c03")
        for verb in ("suspend", "resume"):  # a Hold that was wanted anew would be written before
            self.hub.run(verb, "cluster", "c01", "--wait")
        said = self.git("log", "--format=%s", f"{before}..origin/main").splitlines()
        self.assertEqual([line.partition("(")[0] for line in said], ["resume", "suspend", "hold"])
        self.assertEqual(self.images(), ["3", "3", "3"])

    def test_8_some_clusters_try_again_then_all(self):
        self.follow()
        shown = self.hub.run("retry", "web", "--clusters", "c02", "--dry-run").stdout
        self.assertIn("-  - c02\n", shown)
        self.hub.run("retry", "web", "--clusters", "c02", "--reason", "it is mended", "--wait")
        self.wait_images("3", "5", "3")
        said = self.git("log", "-1", "--format=%an|%B", "origin/main")
        self.assertRegex(said, r"^admin\|retry\(web\): try the rejected release again\n")
        self.assertIn("Holdfast-Clusters: c02\n", said)
        self.assertIn("Holdfast-Reason: it is mended\n", said)
        self.hub.run("retry", "web", "--wait")
        self.wait_images("5", "5", "5")
        again = self.hub.run("retry", "web", check=False)
        self.assertIn("no Hold keeps a release of the App 'web' out", again.stderr)

    def test_9_a_person_holds_another_image_and_takes_that_back(self):
        wrong = self.hub.run("hold", "web", "reg/other:1", check=False)
        self.assertIn("no container of App 'web' has an image 'reg/other'", wrong.stderr)
        self.hub.run("hold", "web", "reg/web:9", "--clusters", "c01,c03", "--wait")
        self.wait_images("9", "5", "9")
        said = self.git("log", "-1", "--format=%an|%B", "origin/main")
        self.assertRegex(said, r"^admin\|hold\(web\): 9 on 2 clusters, instead of 5\n")
        self.assertIn("Holdfast-Restored: 9\n", said)
        why = self.hub.run("why", "c01:web").stdout
        self.assertRegex(why, r"(?s)^held since .*\n  desired  \w{8} .* as Git says; in effect with Holds:\n"
                              r"  held     9 instead of 5.*\nHolds:\n"
                              r"  '\S+' \(in force\): 9 instead of 5, by admin .*, in \w{8}\n    fleet: holds/web/\S+\.yaml\n")
        self.assertRegex(self.hub.run("show", "c01:web").stdout, r" HELD[^\n]*\nweb +held .* 9 instead of 5")
        self.assertRegex(self.hub.run("show", "c02:web").stdout, r"web +inSync ")
        self.hub.run("retry", "web", "--wait")
        self.wait_images("5", "5", "5")

    def exempt(self, *words):
        return self.hub.run("exempt", "kept", *words, "--object", KEPT, "--reason", "INC-1", "--wait")

    def change(self, cluster, colour):
        self.sim.ask("drift", cluster, KEPT, "data.colour", colour, "kubectl-edit")

    def test_a_change_by_hand_that_is_allowed_stays_and_is_told(self):
        self.exempt("inc-1", "--field", "data.colour", "--for", "2h", "--clusters", "c01")
        self.assertEqual(self.hub.get("exemptions")[0]["state"], "in force")
        self.change("c01", "red")
        self.change("c02", "red")
        self.wait_data("c02", KEPT, {"colour": "green", "size": "1"})
        self.wait_drift(("c01", KEPT, "data.colour"))
        self.assertEqual(self.drift()["c01", KEPT, "data.colour"]["exemption"], "inc-1: INC-1")
        self.assertIn("exempted until", self.hub.run("diff", check=False).stdout)
        self.assertIn("inc-1", self.hub.run("describe", "app", "kept").stdout)
        self.follow()
        self.deliver(files("kept", m.config_map("kept", colour="green", size="2"), drift="correct"))
        self.assertEqual(self.data("c01", KEPT), {"colour": "red", "size": "2"})
        self.wait_event("exemption.started", app="kept")

    def test_b_when_it_is_taken_out_the_app_counts_again(self):
        self.hub.run("unexempt", "inc-1", "--wait")
        self.wait_data("c01", KEPT, {"colour": "green", "size": "2"})
        self.wait_event("exemption.ended", app="kept")

    def test_c_one_whose_time_is_over_ends_by_itself_and_its_file_goes(self):
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 5))
        self.wait_written()
        self.follow()
        self.wait_resolved(self.commit({"exemptions/inc-3.yaml": m.text(m.thing(
            "holdfast/v1alpha1", "Exemption", "inc-3",
            spec={"app": "kept", "clusters": ["c03"], "object": KEPT, "reason": "INC-3", "until": until}))}))
        self.change("c03", "blue")
        self.wait_data("c03", KEPT, {"colour": "green", "size": "2"})
        wait_for(lambda: self.hub.get("exemptions") == [], SOON, "the file to go", 0.2)
        self.assertIn("unexempt(kept): the exemption has ended",
                      self.git("log", "-1", "--format=%B", "origin/main"))

    def test_d_it_ends_while_somebody_is_there_if_that_is_said(self):
        words = ("exempt", "kept", "--object", KEPT, "--reason", "INC-2", "--for", "2h", "--dry-run",
                 "--working-hours")
        self.assertIn("workingHours: Mon-Fri 08:00-17:00 +01:00",
                      self.hub.run(*words, "Mon-Fri 08:00-17:00 +01:00").stdout)
        done = self.hub.run(*words, "nine to five", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("write them as 'Mon-Fri 08:00-17:00 +01:00'", done.stderr)

    def deliver_that_goes_back(self, image):
        self.follow()
        self.deliver(web(image, A="b", spec={"onFailure": "rollback"}))
        self.wait_images(image, image, image)

    def wait_message(self, kind, words):
        wait_for(lambda: [e for e in self.events(kind) if words in e["message"]], SOON, words, 0.1)

    def test_e_what_does_not_come_up_is_gone_back_from_by_a_commit(self):
        self.deliver_that_goes_back("6")
        self.deliver_that_goes_back("7")
        self.sim.ask("decide", "c02", KEY, "timed-out", LATE, "deployment")
        self.wait_images("7", "6", "7")
        hold = next(text for path, text in self.holds().items() if path.startswith("holds/web/7-"))
        said = self.git("log", "-1", "--format=%an|%B", "origin/main")
        self.assertRegex(said, r"^holdfast \(1 cluster\)\|hold\(web\): 6 on 1 cluster, where 7 did "
                               r"not come up\n")
        self.assertIn(LATE, said)
        self.assertIn(f"controller: holdfast\n    object: {KEY}\n", hold)
        self.wait_message("release.timed_out", LATE)
        self.wait_message("release.rollback", "6 instead of 7, once a Hold in Git says so")
        self.assertIn("Holdfast-Proof: same (c02)\n", said)
        self.assertIn("6 instead of 7 (holdfast: it did not come up",
                      self.hub.run("describe", "cluster", "c02").stdout)

    def test_f_but_once_for_a_release(self):
        self.hub.run("retry", "web", "--clusters", "c02", "--wait")
        self.wait_images("7", "7", "7")
        self.sim.ask("decide", "c02", KEY, "timed-out", LATE, "deployment")
        self.wait_message("release.not_held", "that was done once for this release")
        self.assertEqual(self.images(), ["7", "7", "7"])

    def test_g_so_is_a_stateful_set(self):
        for image in ("1", "2"):
            self.follow()
            self.deliver(files("db", m.stateful_set("db", f"reg/db:{image}"),
                               onFailure="rollback"))
        self.sim.ask("decide", "c03", DB, "timed-out", "of 3 pods 1 are of revision db-2",
                     "statefulset")
        wait_for(lambda: [self.sim.object(name, DB)["spec"]["template"]["spec"]["containers"][0]
                          ["image"] for name in ("c01", "c02", "c03")]
                 == ["reg/db:2", "reg/db:2", "reg/db:1"], SOON, "one to go back", 0.2)
        self.assertIn("controller: holdfast\n    object: " + DB,
                      next(text for path, text in self.holds().items() if "/db/" in path))

    def count_held(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.hub.data}/data/hub.db?mode=ro", uri=True, timeout=60)) as db:
            return db.execute("SELECT count(*) FROM event WHERE kind = 'release.held'").fetchone()[0]

    def proof_of_silent(self, image):
        """What the commit says of the proof where an agent rejects a release and is silent from then on."""
        self.wait_written()
        self.follow()
        self.deliver(web(image, A="b"))
        before = self.count_held()
        self.sim.ask("decide", "c01", KEY, "rejected", WORDS)
        wait_for(lambda: self.count_held() > before, SOON, "the decision to be on record", 0.01)
        self.sim.pause()
        try:  # sooner than the hub finds that it is gone
            paths = wait_for(lambda: [path for path in self.holds() if f"holds/web/{image}-" in path], SOON,
                             "the Hold in Git", 0.2)
        finally:
            self.sim.resume()
        return self.git("log", "-1", "--format=%(trailers:key=Holdfast-Proof,valueonly)", "origin/main", "--", *paths).strip()

    def test_h_agents_that_say_nothing_delay_no_hold(self):
        # A second after it is on record the agent is asked: there is no time to start a program that looks,
        # and a machine that is busy may be too late all the same.
        proofs = (self.proof_of_silent(str(image)) for image in range(8, 20))
        self.assertEqual(next(proof for proof in proofs if not proof.startswith("same ")),
                         "none (c01: the agent does not answer in time)")


class Gone(Holds):
    def wait_second(self, there):
        wait_for(lambda: any(path.startswith("holds/web/2-") for path in self.holds()) == there,
                 PATIENT, f"a Hold of the release to be{'' if there else ' not'} there", 0.2)

    def test_1_a_file_goes_with_the_last_of_its_clusters_and_comes_back_with_the_name(self):
        self.deliver(web("2", A="a"))
        self.sim.ask("decide", "c03", KEY, "rejected", WORDS)
        self.wait_second(True)
        self.follow()
        path = next(path for path in self.clusters if path.endswith("c03.yaml"))
        text = (self.repo.work / path).read_text(encoding="utf-8")
        self.commit({path: None}, "c03 is gone")
        self.wait_second(False)
        self.assertIn("unhold(web): no cluster of it has App 'web' any more",
                      self.git("log", "-1", "--format=%B", "origin/main"))
        self.follow()
        self.commit({path: text}, "it is back")
        self.wait_second(True)
        self.wait_images("2", "2", "1")


class Aborted(Holds):
    def test_1_who_decided_is_the_author(self):
        self.deliver(web("2", A="a"))
        self.sim.ask("decide", "c01", KEY, "rejected", "RolloutAborted", "argo-rollouts", "kubectl-argo-rollouts")
        path = self.wait_hold("c01")
        said = self.git("log", "-1", "--format=%an|%B", "origin/main")
        self.assertRegex(said, r"^kubectl-argo-rollouts \(claimed\)\|hold\(web\): 1 on 1 cluster, ")
        self.assertIn("\nFirst: argo-rollouts ", said)
        self.assertIn("\nHoldfast-Actor: kubectl-argo-rollouts (claimed)\n", said)
        self.assertIn("controller: argo-rollouts\n    actor: kubectl-argo-rollouts (claimed)\n", self.holds()[path])
        self.assertRegex(self.hub.run("log", "--kind", "rejected").stdout,
                         r"rejected +web .* kubectl-argo-rollouts: RolloutAborted ")
        for name in ("c02", "c03"):
            self.sim.ask("decide", name, KEY, "rejected", WORDS)
        self.wait_hold("c01", "c02", "c03")
        self.assertRegex(self.git("log", "-1", "--format=%an", "origin/main"), r"^flagger \(")
        self.wait_images("1", "1", "1")


class Killed(Served, Holds):
    def test_1_killed_anywhere_on_the_way_into_git_it_is_written_once(self):
        moments = {"2": None, "3": "pre-receive", "4": "post-receive"}
        for version, moment in moments.items():
            with self.subTest(version=version):
                self.follow()
                self.deliver(web(version, A="b"))
                if moment:
                    self.hook(moment, f"kill -9 {self.hub.pid}")
                self.sim.ask("decide", "c01", KEY, "rejected", WORDS)
                if moment:
                    self.assertEqual(self.hub.exit_code(SOON), KILLED)
                else:  # it is on record, and a second later it would be a commit
                    wait_for(lambda: self.events("release.held"), SOON,
                             "the decision to be on record", 0.01)
                self.hub.kill()
                self.hub.start_and_wait()
                wait_for(lambda n=version: any(f"holds/web/{n}-" in path for path in self.holds()),
                         PATIENT, "the Hold in Git", 0.2)
                said = self.git("log", "--format=%s", "origin/main")
                self.assertEqual(said.count(f"which rejected {version}\n"), 1, said)


if __name__ == "__main__":
    story.main()
