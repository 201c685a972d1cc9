#!/usr/bin/env python3
"""A release that a cluster rejected stays out of it while Git says so, over a restart, and is told; all else lands."""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEY = "ConfigMap/default/web"
FILE = "holds/web/2-0a.yaml"


def release(version, colour="green"):
    return files("web", m.config_map("web", version=version, colour=colour))


def hold(**more):
    place = {"object": KEY, "at": "/data/version"}
    return {FILE: m.text(m.thing("holdfast/v1alpha1", "Hold", "web-2-0a", spec={
        "app": "web", "clusters": ["c01"],
        "rejects": {"revision": "b" * 40, "identity": [{**place, "value": "2"}]},
        "delta": [{**place, "bad": "2", "use": "1"}],
        "cause": {"controller": "flagger", "object": "prod/web", "text": "it failed"}, **more}))}


class Held(SimStory):
    clusters = fleet(3)
    apps = release("1")

    def one(self):
        rows = self.rows("holds")
        self.assertEqual(len(rows), 1, rows)
        return rows[0]

    def writes(self):
        return self.sim.state("c01")["writes"]

    def check_held(self):
        self.assertEqual(self.data("c01", KEY)["version"], "1")
        self.assertEqual(self.data("c02", KEY)["version"], "2")
        self.assertEqual(self.one()["state"], "in force")
        self.assertEqual(self.status("web", "c02")["held"], "")
        self.assertIn("bbbbbbbbbbbb (flagger: it failed), " + FILE,
                      self.status("web", "c01")["held"])

    def test_1_the_release_goes_everywhere_but_where_it_is_held(self):
        self.deliver({**release("2"), **hold()})
        self.check_held()
        self.assertIn("it failed", self.hub.run("describe", "hold", "web-2-0a").stdout)
        self.assertEqual([row["held"] for row in self.rows("apps")], [1])

    def test_2_it_stays_out_when_the_hub_is_killed_and_another_edit_lands(self):
        self.hub.kill()
        self.hub.start_and_wait()
        self.deliver(release("2", "blue"))
        self.check_held()
        self.assertEqual(self.data("c01", KEY)["colour"], "blue")

    def test_3_a_retry_tries_it_again(self):
        self.deliver(hold(retry=True))
        self.wait_data("c01", KEY, {"version": "2", "colour": "blue"})
        wait_for(lambda: self.one()["state"] == "retry", 20, "the retry to be told", 0.1)

    def test_4_another_release_goes_everywhere_and_the_hold_is_void(self):
        self.deliver({**hold(), **release("3")})
        self.wait_data("c01", KEY, {"version": "3", "colour": "green"})
        wait_for(lambda: self.one()["state"] == "void", 20, "the Hold to be void", 0.1)
        self.deliver({FILE: None, "bans/x.yaml": m.text(m.thing(
            "holdfast/v1alpha1", "Ban", "x", spec={"images": [{"name": "reg/bad"}]}))})
        self.assertEqual(self.rows("holds"), [])
        self.assertEqual([row["images"] for row in self.rows("bans")], [["reg/bad"]])

    def test_4b_all_of_that_is_in_the_log_by_whom_it_was(self):
        log = [(item["kind"], item["actor"], item["text"])
               for item in json.loads(self.hub.run("log", "-o", "json").stdout)["items"]
               if item["kind"] in ("hold", "retry", "void", "unhold", "ban")]
        self.assertCountEqual([kind for kind, _, _ in log], ["hold", "retry", "void", "unhold", "ban"])
        self.assertEqual(len({actor for _, actor, _ in log}), 1, log)  # who commits here
        self.assertNotIn("", {actor for _, actor, _ in log})
        self.assertIn(FILE, {kind: text for kind, _, text in log}["hold"])
        self.assertIn('["reg/bad"]', self.hub.run("log", "--kind", "ban").stdout)

    def test_5_hooks_run_for_what_git_says_and_not_for_holds_or_exemptions(self):
        hook = m.job("smoke")
        hook["metadata"]["annotations"] = {"holdfast.dev/hook": "post-apply"}
        self.deliver(files("web", m.config_map("web", version="4", colour="green"), hook))
        written = self.writes()
        place = {"object": KEY, "at": "/data/version"}
        self.deliver({FILE: m.text(m.thing("holdfast/v1alpha1", "Hold", "web-4", spec={
            "app": "web", "clusters": ["c01"], "rejects": {"identity": [{**place, "value": "4"}]},
            "delta": [{**place, "bad": "4", "use": "3"}]}))})
        self.assertEqual(self.data("c01", KEY)["version"], "3")
        self.assertEqual(self.writes(), written + 1, "the ConfigMap alone")
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
        self.deliver({"exemptions/x.yaml": m.text(m.thing(
            "holdfast/v1alpha1", "Exemption", "x", spec={
                "app": "web", "clusters": ["c01"], "object": KEY, "reason": "x", "until": until}))})
        self.assertEqual(self.writes(), written + 1)
        self.deliver(files("web", m.config_map("web", version="4", colour="blue"), hook))
        self.assertEqual(self.writes(), written + 3, "the ConfigMap and the hook")


if __name__ == "__main__":
    story.main()
