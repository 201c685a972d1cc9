#!/usr/bin/env python3
"""Large removals wait: an App that leaves every cluster, most of what clusters run. Git confirms them."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet, without  # noqa: E402

SMALL = files("small", m.config_map("small", x="1"))
LARGE = files("large", *(m.config_map(f"large-{i:02}", x="1") for i in range(20)))
MOST = {name: text for name, text in LARGE.items() if "large-1" in name}


class Confirmation(SimStory):
    clusters = fleet(12)
    apps = {**SMALL, **LARGE}

    def waiting(self):
        return [row for row in self.rows("problems") if "waits for a confirmation" in row["message"]]

    def wait_for_one(self):
        wait_for(lambda: len(self.waiting()) == 1, 20, "something to wait", 0.1)
        return self.waiting()[0]

    def confirm(self, row):
        removal = row["message"].partition("removal: '")[2][:12]
        item = m.thing("holdfast/v1alpha1", "Confirmation", f"go-{removal}",
                       spec={"app": row["app"], "removal": removal})
        self.commit({f"confirmations/{removal}.yaml": m.text(item)})

    def count(self, key):
        return sum(self.data(name, key) is not None for name in self.generations())

    def test_1_an_app_that_leaves_all_clusters_waits_and_says_what_to_commit(self):
        self.commit(without(SMALL))
        row = self.wait_for_one()
        self.assertEqual((row["app"], row["clusters"]), ("small", 12))
        removal = re.search(r"removal: '(\w+)'", row["message"])[1]
        self.assertEqual(row["path"], f"confirmations/small-{removal}.yaml")
        (app,) = self.hub.get("apps", "small")
        self.assertEqual(app["waits"], 12)
        self.assertRegex(self.hub.run("describe", "app", "small").stdout, r"To confirm: +12\n")
        self.assertEqual(self.count("ConfigMap/default/small"), 12)
        self.assertTrue(self.events("problem.found", app="small"))

    def test_2_it_waits_on_when_the_hub_is_killed_and_when_others_change(self):
        before = self.waiting()
        self.hub.kill()
        self.hub.start_and_wait()
        self.deliver(files("large", m.config_map("large-00", x="2")))
        self.assertEqual([row["message"] for row in self.waiting()],
                         [row["message"] for row in before])
        self.assertEqual(self.count("ConfigMap/default/small"), 12)

    def test_3_a_confirmation_in_git_lets_it_go(self):
        self.confirm(self.waiting()[0])
        wait_for(lambda: self.count("ConfigMap/default/small") == 0, 30, "the objects to go", 0.1)
        wait_for(lambda: not self.waiting(), 20, "nothing to wait", 0.1)
        self.assertTrue(self.events("problem.cleared", app="small"))

    def test_4_most_of_what_clusters_run_waits_and_is_shown_of_each(self):
        self.commit(without(MOST))
        row = self.wait_for_one()
        self.assertEqual((row["app"], row["clusters"]), ("large", 12))
        shown = self.status("large", "c01")
        self.assertTrue(shown["stale"])
        self.assertIn(shown["waits"], row["message"])
        self.assertEqual(self.count("ConfigMap/default/large-15"), 12)

    def test_5_put_back_it_waits_no_longer(self):
        self.deliver(MOST)
        self.assertEqual(self.waiting(), [])
        self.assertEqual(self.status("large", "c01")["waits"], "")

    def test_6_a_confirmation_works_once_also_over_a_restart(self):
        self.commit(without(MOST))
        self.confirm(self.wait_for_one())
        wait_for(lambda: self.count("ConfigMap/default/large-15") == 0, 30, "them to go", 0.1)
        self.deliver(MOST)
        self.assertEqual(self.count("ConfigMap/default/large-15"), 12)
        self.hub.kill()
        self.hub.start_and_wait()
        self.commit(without(MOST))
        self.wait_for_one()
        self.assertEqual(self.count("ConfigMap/default/large-15"), 12)


if __name__ == "__main__":
    story.main()
