#!/usr/bin/env python3
"""Who owns which field: what others have set is taken or left, as the App says, and told with names."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402

COUNT = 200


def numbered(numbers):
    return [m.config_map(f"setting-{i:03}", number=str(n)) for i, n in enumerate(numbers)]


class Conflicts(KubeStory):

    def colour(self, name):
        return self.find("ConfigMap", name)["data"]["colour"]

    def test_1_two_apps_are_installed(self):
        fleet = {}
        for name, conflicts in (("takes", "force"), ("leaves", "fail")):
            fleet.update(files(name, m.config_map(name, colour="red"), namespace="default",
                               conflicts=conflicts))
        self.deliver(fleet)

    def test_2_a_field_of_somebody_else_is_taken_or_left(self):
        fleet = {}
        for name in ("takes", "leaves"):
            self.admin.patch("ConfigMap", name, {"data": {"colour": "green"}}, manager="painter")
            item = m.config_map(name, colour="blue")
            fleet[path(name, item)] = m.text(item)
            self.wait_drift(f"ConfigMap/default/{name}", "data.colour")
        mark = self.cluster.audit_mark()
        self.commit(fleet)
        row = self.wait_status("leaves", applied="failed", message="data.colour is set by 'painter'")
        self.assertIn("'conflicts: force'", row["message"])
        self.wait_status("takes", applied="applied", health="healthy")
        self.assertEqual((self.colour("takes"), self.colour("leaves")), ("blue", "green"))
        self.assert_written(mark, {("patch", "configmaps"): 2})

    def test_3_what_is_taken_is_told_with_who_had_it(self):
        taken = [line for line in self.agent.log_text().splitlines() if "id=agent.taken" in line]
        self.assertTrue(any("painter" in line and "data.colour" in line for line in taken), taken)

    def test_4_who_agrees_with_the_other_has_no_conflict(self):
        item = m.config_map("leaves", colour="green", size="2")
        self.deliver({path("leaves", item): m.text(item)})
        self.assertEqual(self.find("ConfigMap", "leaves")["data"], {"colour": "green", "size": "2"})


class Writes(KubeStory):

    def test_1_a_large_app_is_installed(self):
        self.deliver(files("large", *numbered(range(COUNT)), namespace="default"))

    def test_2_one_difference_is_one_write(self):
        mark = self.cluster.audit_mark()
        item = numbered([*range(7), 1000])[7]
        self.deliver({path("large", item): m.text(item)})
        self.assert_written(mark, {("patch", "configmaps"): 1})

    def test_3_no_difference_is_none(self):
        # It leaves no trace of its end. So something small follows, which must be all there is.
        mark = self.cluster.audit_mark()
        same = numbered(range(9))[8]
        self.commit({path("large", same): "# a comment\n" + m.text(same)})
        item = m.config_map("setting-000", number="last")
        self.deliver({path("large", item): m.text(item)})
        self.assert_written(mark, {("patch", "configmaps"): 1})


if __name__ == "__main__":
    story.main()
