#!/usr/bin/env python3
"""At a site without connection somebody mends something by hand and allows that by an object there:
it stays, over a restart of the agent too, and is a commit once there is a connection again."""
import datetime
import json
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from sim_fault_points import HUB, SITES  # noqa: E402
from support import manifests as m, story  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.served import Served  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, files, fleet  # noqa: E402
from support.wins import row  # noqa: E402

KEPT = "ConfigMap/default/kept"
KILLED = -9


def until(**ahead):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**ahead)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def allows(**spec):
    spec = {"app": "kept", "object": KEPT, "field": "data.colour", "until": until(hours=2),
            "reason": "INC-7", "by": "ada", **spec}
    return json.dumps({"spec": {k: v for k, v in spec.items() if v is not None}},
                      separators=(",", ":"))


def key(name):
    return f"Exemption.holdfast.dev/holdfast-system/{name}"


class Site(SimStory):
    clusters = fleet(3)
    apps = files("kept", m.config_map("kept", colour="green", size="1"), drift="correct")
    repo_more = "  write: direct\n"

    def files_of(self, folder="exemptions"):
        """{path: text} in Git."""
        tip = self.git("rev-parse", "origin/main").strip()
        paths = self.repo.git("ls-tree", "-r", "--name-only", tip, folder).split()
        return {path: self.repo.git("show", f"{tip}:{path}") for path in paths}

    def wait_files(self, count):
        def is_so():
            found = self.files_of()
            return found if len(found) == count else None
        return wait_for(lambda: is_so() is not None, SOON, f"{count} files of Exemptions", 0.2) and is_so()

    def allow(self, cluster, name, **spec):
        self.sim.ask("create", cluster, key(name), allows(**spec), "kubectl-create")

    def change(self, cluster, colour):
        self.sim.ask("drift", cluster, KEPT, "data.colour", colour, "kubectl-edit")

    def colour(self, cluster):
        return self.data(cluster, KEPT)["colour"]

    def wait_colour(self, cluster, colour, timeout=SOON):
        wait_for(lambda: self.colour(cluster) == colour, timeout, f"{colour} on {cluster}", 0.1)

    def wait_said(self, cluster, word):
        """Waits for a line of the log, which says that the agent has taken it."""
        wait_for(lambda: any(word in line and f"exemption={cluster}" in line
                             for line in self.sim.log.read_text(encoding="utf-8").splitlines()), SOON, word, 0.1)


class Offline(Site):
    @row(19, "Git has had no word of it")
    def test_1_without_a_connection_the_site_allows_it_itself(self):
        self.hub.terminate()
        type(self).began = time.monotonic()
        self.allow("c01", "inc-7")
        self.wait_said("inc-7", "agent.exempted")
        self.change("c01", "red")
        self.change("c02", "red")
        self.wait_colour("c02", "green")
        self.assertEqual(self.colour("c01"), "red")

    def test_2_over_a_restart_of_the_agent_too(self):
        self.sim.restart("c01")
        self.sim.restart("c02")
        self.change("c02", "blue")
        self.wait_colour("c02", "green")
        self.assertEqual(self.colour("c01"), "red")

    def test_3_one_that_comes_and_goes_meanwhile_is_told_with_its_times(self):
        self.allow("c03", "short")
        self.wait_said("short", "agent.exempted")
        self.change("c03", "red")
        self.sim.ask("delete", "c03", key("short"))
        self.wait_colour("c03", "green")

    def test_4_what_cannot_be_is_refused_and_harms_nothing(self):
        wrong = {"far": {"until": until(days=40)}, "past": {"until": until(hours=-1)},
                 "nothing": {"object": "ConfigMap/default/none"}, "app": {"app": "none"},
                 "pointer": {"field": "/data/colour"}, "much": {"reason": "x" * 600},
                 "typo": {"untill": "x"}, "none": {"reason": None}}
        for name, spec in wrong.items():
            self.allow("c02", f"bad-{name}", **spec)
        for name in wrong:
            self.wait_said(f"bad-{name}", "agent.exemption_refused")
        self.change("c02", "red")
        self.wait_colour("c02", "green")
        wait_for(lambda: time.monotonic() - self.began > 3, SOON, "it to be a while ago")

    def test_5_with_a_connection_it_is_a_commit_for_that_cluster_alone(self):
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02", "c03")
        (path, text), = self.wait_files(1).items()
        self.assertRegex(path, r"^exemptions/site-[0-9a-f]{16}-c01-inc-7\.yaml$")
        for words in ("clusters:\n  - c01\n", f"object: {KEPT}\n", "field: data.colour\n",
                      "by: ada\n", "reason: INC-7\n"):
            self.assertIn(words, text)
        said = self.git("log", "-1", "--format=%an|%cn|%B", "origin/main")
        self.assertRegex(said, r"^ada\|Holdfast\|exempt\(kept\): ConfigMap/default/kept, data.colour "
                               r"may be changed by hand on c01, which allows it itself\n")
        for words in ("Holdfast-Site-Object: inc-7\n", "Holdfast-Site-Manager: kubectl-create\n",
                      "Holdfast-Clusters: c01\n", "Holdfast-Reason: INC-7\n"):
            self.assertIn(words, said)
        wait_for(lambda: [row["from"] for row in self.hub.get("exemptions")] == ["site"], SOON,
                 "Git and the object to be one", 0.1)
        self.assertEqual(self.hub.get("exemptions")[0]["siteObject"], "inc-7")
        self.assertEqual(self.colour("c01"), "red")
        self.wait_drift(("c01", KEPT, "data.colour"))
        self.assertIn("INC-7", self.drift()["c01", KEPT, "data.colour"]["exemption"])

    def test_6_what_happened_meanwhile_is_on_record_with_its_times(self):
        event, = self.events("site.exempted", cluster="c01")
        self.assertEqual((event["actor"], event["app"], event["key"]), ("ada", "kept", KEPT))
        self.assertLess(0, event["happenedMs"])
        self.assertLess(event["happenedMs"], event["atMs"])
        self.wait_event("site.exempted", cluster="c03")
        self.wait_event("site.ended", cluster="c03")
        self.assertIn("'bad-far' is not taken: spec.until is more than 30 days ahead",
                      " ".join(e["message"] for e in self.events("site.refused", cluster="c02")))
        self.assertIn("the site's 'inc-7' allows",
                      self.hub.run("why", "c01:kept").stdout)
        self.assertEqual(self.events("exemption.started"), [])

    def test_7_when_the_object_goes_so_does_the_file(self):
        self.sim.ask("delete", "c01", key("inc-7"))
        self.wait_colour("c01", "green")
        self.wait_files(0)
        said = self.git("log", "-1", "--format=%an|%B", "origin/main")
        self.assertRegex(said, r"^ada\|unexempt\(kept\): c01 does not allow it any more\n")
        wait_for(lambda: self.hub.get("exemptions") == [], SOON, "none to be left", 0.1)

    def test_8_what_Git_does_not_want_ends_though_the_object_is_there(self):
        self.allow("c02", "inc-8", reason="INC-8")
        (path, _), = self.wait_files(1).items()
        self.change("c02", "red")
        wait_for(lambda: [r["from"] for r in self.hub.get("exemptions")] == ["site"], SOON,
                 "Git to have it", 0.1)
        self.git("reset", "--quiet", "--hard", "origin/main")
        self.assertEqual(self.colour("c02"), "red")
        gone = self.commit({path: None}, "not any more")
        self.wait_resolved(gone)
        self.wait_colour("c02", "green")
        self.sim.restart("c02")
        self.change("c02", "blue")
        self.wait_colour("c02", "green")
        self.assertEqual(self.files_of(), {})
        self.wait_said("inc-8", "agent.exemption_ended")

    def test_9_its_time_ends_it_there_and_in_git(self):
        self.allow("c03", "brief", until=until(seconds=6), reason="INC-9")
        self.wait_said("brief", "agent.exempted")
        self.change("c03", "red")
        self.wait_files(1)
        self.wait_colour("c03", "green")
        self.wait_files(0)

    def test_a_a_site_has_no_more_than_so_many(self):
        self.hub.terminate()
        for i in range(20):
            self.allow("c03", f"many-{i:02}", reason=f"M-{i}")
        self.wait_said("many-19", "agent.exemption_refused")
        self.hub.start_and_wait()
        self.wait_connected("c03")
        found = self.wait_files(16)
        self.assertTrue(all("-c03-many-" in path for path in found), found)
        for i in range(20):
            self.sim.ask("delete", "c03", key(f"many-{i:02}"))
        self.wait_files(0)


    def test_b_what_people_put_back_into_git_stays_there(self):
        self.allow("c02", "inc-b", reason="INC-B")
        (path, text), = self.wait_files(1).items()
        wait_for(lambda: [r["from"] for r in self.hub.get("exemptions")] == ["site"], SOON, "Git to have it", 0.1)
        self.git("reset", "--quiet", "--hard", "origin/main")
        self.wait_resolved(self.commit({path: None}, "not any more"))
        self.wait_event("site.ended", cluster="c02")
        self.wait_said("inc-b", "agent.exemption_ended")
        self.wait_resolved(self.commit({path: text}, "after all"))
        self.allow("c03", "later", reason="LATER")  # the hub looks at both at once
        self.wait_files(2)
        self.sim.ask("delete", "c03", key("later"))
        self.assertEqual(list(self.wait_files(1)), [path])
        self.git("reset", "--quiet", "--hard", "origin/main")
        self.wait_resolved(self.commit({path: None}, "now it may go"))

    def command(self, *words):
        subprocess.run([program("holdfast-hub"), *words, "--data-dir", self.hub.data / "data"], check=True,
                       capture_output=True, timeout=60)

    def test_c_a_restored_hub_that_forgot_it_asks_git_before_it_ends_it(self):
        backup, away = self.folder / "hub.backup", self.folder / "away"
        self.command("backup", backup)
        self.allow("c01", "inc-c", reason="INC-C")
        self.wait_files(1)
        wait_for(lambda: [r["from"] for r in self.hub.get("exemptions")] == ["site"], SOON, "Git to have it", 0.1)
        self.hub.kill()
        shutil.rmtree(self.hub.data / "data")
        self.command("restore", backup)
        self.repo.bare.rename(away)
        self.hub.start_and_wait()
        self.sim.restart("c01")  # which would try again later
        self.sim.restart("c03")
        wait_for(lambda: [e for e in self.events("site.exempted", cluster="c01") if "'inc-c'" in e["message"]], PATIENT,
                 "the agent to tell it", 0.1)
        away.rename(self.repo.bare)
        self.hub.run("sync")
        wait_for(lambda: [r["from"] for r in self.hub.get("exemptions")] == ["site"], SOON, "Git to be read", 0.1)
        self.allow("c03", "more", reason="MORE")
        self.wait_files(2)
        self.assertFalse([line for line in self.sim.log.read_text(encoding="utf-8").splitlines()
                          if "inc-c" in line and "exemption_ended" in line])
        self.sim.ask("delete", "c03", key("more"))
        self.sim.ask("delete", "c01", key("inc-c"))
        self.wait_files(0)


class Granted(Site):
    """What Git allows for a time ends at that time, though there is no hub to say so."""
    clusters = fleet(1)
    apps = files("kept", m.config_map("kept", colour="green", size="1", fixed="yes"), drift="correct")
    repo_more = ""

    def grant(self, name, field, end):
        spec = {"app": "kept", "clusters": ["c01"], "object": KEPT, "field": field, "until": end,
                "reason": name, "by": "ada"}
        return {f"exemptions/{name}.yaml": json.dumps(m.thing("holdfast/v1alpha1", "Exemption", name, spec=spec))}

    def set(self, path, value):
        self.sim.ask("drift", "c01", KEPT, path, value, "kubectl-edit")

    def leave_red(self, seconds):
        """Tells whether there was no hub any more before the time was over."""
        end = until(seconds=seconds)
        self.deliver({**self.grant("short", "data.colour", end),
                      **self.grant("long", "data.size", until(hours=2))})
        self.set("data.size", "large")
        self.set("data.colour", "red")
        self.hub.terminate()
        colour = self.data("c01", KEPT)["colour"]
        if until() >= end:
            self.hub.start_and_wait()
            self.wait_connected("c01")
            return False
        self.assertEqual(colour, "red")
        return True

    def test_1_it_ends_without_a_hub_and_another_one_goes_on(self):
        self.assertTrue(any(self.leave_red(seconds) for seconds in (8, 24, 72)))
        self.wait_colour("c01", "green", 90)
        self.assertEqual(self.data("c01", KEPT)["size"], "large")

    def test_2_over_a_restart_no_clock_but_the_hubs_ends_it_soon(self):
        began = time.monotonic()
        self.sim.restart("c01")
        self.set("data.colour", "blue")
        self.set("data.fixed", "no")
        wait_for(lambda: self.data("c01", KEPT)["fixed"] == "yes", SOON, "what nobody allows to end", 0.1)
        data = self.data("c01", KEPT)
        self.assertEqual(data["size"], "large")
        if time.monotonic() - began < 110:  # for two minutes
            self.assertEqual(data["colour"], "blue")

    def test_3_the_hub_says_the_same_when_it_is_back(self):
        self.hub.start_and_wait()
        self.wait_connected("c01")
        self.wait_colour("c01", "green")
        self.wait_drift(("c01", KEPT, "data.size"))
        self.assertEqual(self.data("c01", KEPT)["size"], "large")


class Killed(Served, Site):
    hub_binary = HUB
    sim_options = ("--reconnect-max", "1s")

    def test_killed_anywhere_on_the_way_into_git_it_is_written_once(self):
        for number, moment in enumerate((None, "pre-receive", "post-receive")):
            name = f"inc-{number}"
            with self.subTest(moment=moment):
                if moment:
                    self.hook(moment, f"kill -9 {self.hub.pid}")
                self.allow("c01", name, reason=f"R-{number}")
                if moment:
                    self.assertEqual(self.hub.exit_code(SOON), KILLED)
                else:  # it is on record, and a second later it would be a commit
                    wait_for(lambda: self.events("site.exempted"), SOON, "it to be on record", 0.01)
                self.hub.kill()
                self.hub.start_and_wait()
                self.assert_written_once(name)

    def assert_written_once(self, name):
        wait_for(lambda: any(name in path for path in self.files_of()), PATIENT, "the Exemption in Git", 0.2)
        self.wait_connected("c01")
        self.wait_written()
        said = self.git("log", "--format=%B", "origin/main")
        self.assertEqual(said.count(f"Holdfast-Site-Object: {name}\n"), 1, said)
        self.assertEqual(len([e for e in self.events("site.exempted") if f"'{name}'" in e["message"]]), 1)

    def test_so_it_is_at_each_named_point_of_the_exempter(self):
        self.wait_connected("c01")
        for point in SITES:
            with self.subTest(point=point):
                with self.killed_at(point, self.hub):
                    self.allow("c01", point, reason=point)
                self.hub.start_and_wait()
                self.assert_written_once(point)


if __name__ == "__main__":
    story.main()
