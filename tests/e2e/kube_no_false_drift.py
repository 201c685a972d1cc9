#!/usr/bin/env python3
"""What was applied does not differ, though the API server fills in defaults and writes values in its own
way: not at once, and not after sixty lists of everything.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.kubestory import KubeStory  # noqa: E402
from support.manifests import app, text  # noqa: E402
from support.nodrift import LISTING, check_nothing_differs, differences  # noqa: E402

KINDS = (pathlib.Path(__file__).parent / "no_false_drift" / "kinds.yaml").read_text(encoding="utf-8")


# A number that no 64 bits hold: the API server keeps another one.
NOISE = ("Widget.drift.example.com/default/defaulted spec.extra",)


class NoFalseDrift(KubeStory):
    agent_options = LISTING

    def test_a_folder_of_many_kinds_is_applied(self):
        self.deliver({"apps/kinds/app.yaml": text(app("kinds", drift="report", plainSecrets="allow")),
                      "apps/kinds/kinds.yaml": KINDS}, "applied", timeout=120)
        self.assertEqual([row for row in differences(self) if not row.startswith(NOISE)], [])
        self.assertEqual(self.drift(), {})

    def test_nothing_differs_after_sixty_lists(self):
        check_nothing_differs(self, lists_each=60, kinds=25, allowed=NOISE)

    def test_a_second_apply_writes_nothing(self):
        mark = self.cluster.audit_mark()
        versions = self.versions()
        self.hub.run("sync", "--app", "kinds")
        self.cluster.wait_for(lambda: len(self.written(mark)) >= 25, 60)
        self.assertEqual(self.versions(), versions)
        self.assertEqual(self.drift(), {})

    def versions(self):
        """resourceVersion of what no controller touches."""
        return {name: self.find(kind, name)["metadata"]["resourceVersion"]
                for kind, name in (("ConfigMap", "settings"), ("Secret", "keys"),
                                   ("Service", "web"), ("ServiceAccount", "web"))}


if __name__ == "__main__":
    story.main()
