#!/usr/bin/env python3
"""Two Apps claim one object: an error that names both, while the first owner keeps it as it was."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEY = "ConfigMap/default/shared"


class TwoClaims(SimStory):
    clusters = fleet(4)
    apps = {**files("first", m.config_map("shared", owner="first")),
            **files("second", m.config_map("own", x="1"))}

    def test_a_second_claim_is_an_error_with_its_file(self):
        revision = self.commit(files("second", m.config_map("shared", owner="second"),
                                     m.config_map("own", x="2")))
        self.wait_resolved(revision)
        problem = wait_for(lambda: self.rows("problems"), 20, "the problem", 0.1)[0]
        self.assertRegex(problem["message"], "first|second")
        self.assertIn("configmap-shared.yaml", problem["path"])

    def test_the_first_owner_keeps_it_everywhere(self):
        waited = self.hub.run("wait", check=False)
        self.assertEqual(waited.returncode, 1)
        self.assertIn("Git has 1 problem", waited.stderr)
        for name in self.generations():
            self.assertEqual(self.data(name, KEY), {"owner": "first"})

    def test_others_go_on(self):
        self.deliver(files("third", m.config_map("third", x="1")))
        self.assertEqual(self.data("c01", "ConfigMap/default/third"), {"x": "1"})

    def test_when_the_first_gives_it_up_the_second_gets_it(self):
        self.deliver({"apps/first/configmap-shared.yaml": None,
                      **files("first", m.config_map("other", x="1"))})
        for name in self.generations():
            self.wait_data(name, KEY, {"owner": "second"})
        self.assertEqual(self.rows("problems"), [])
        self.assertEqual(self.data("c02", "ConfigMap/default/own"), {"x": "2"})


if __name__ == "__main__":
    story.main()
