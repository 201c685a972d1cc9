#!/usr/bin/env python3
"""Two Apps claim one object: an error with file and line, while the first owner keeps it as it was.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402

SHARED = """\
# Settings of the shop.
apiVersion: v1
kind: ConfigMap
metadata:
  name: shared
data:
  owner: second
"""
SECOND = "apps/second/configmap-shared.yaml"


class TwoClaims(KubeStory):

    def problems(self):
        return [row for row in self.hub.get("problems") if "shared" in row["message"]]

    def test_the_first_app_owns_the_object(self):
        self.deliver({**files("first", m.config_map("shared", owner="first"), namespace="default"),
                      **files("second", m.config_map("own", x="1"), namespace="default")})

    def test_a_second_claim_is_an_error_with_file_and_line(self):
        changed = m.config_map("own", x="2")
        self.commit({SECOND: SHARED, path("second", changed): m.text(changed)})
        problems = wait_for(self.problems, 20, "the problem", 0.2)
        # The error is shown where it can be seen by both: at one claim, naming the other.
        self.assertIn((problems[0]["path"], problems[0]["line"]),
                      [(SECOND, 2), (SECOND, 5), ("apps/first/configmap-shared.yaml", 1)])
        self.assertTrue({"first", "second"} & {problems[0]["app"]})
        self.assertRegex(problems[0]["message"], "first|second")

    def test_the_last_good_state_stays_in_force(self):
        self.assertEqual(self.find("ConfigMap", "shared")["data"], {"owner": "first"})
        self.assertEqual(self.find("ConfigMap", "own")["data"], {"x": "1"})
        self.wait_status("second", applied="applied", stale=True)

    def test_other_apps_go_on(self):
        self.deliver(files("third", m.config_map("third", x="1"), namespace="default"))
        self.assertTrue(self.problems())

    def test_it_is_over_when_one_of_them_gives_in(self):
        uid = self.find("ConfigMap", "shared")["metadata"]["uid"]
        self.repo.write({path("first", m.config_map("shared")): None})
        self.deliver(files("first", m.config_map("another", x="1"), namespace="default"))
        self.assertEqual(self.problems(), [])
        shared = self.find("ConfigMap", "shared")
        self.assertEqual((shared["data"], shared["metadata"]["uid"]), ({"owner": "second"}, uid))
        self.assertEqual(shared["metadata"]["labels"]["holdfast.dev/app"], "second")
        self.assertEqual(self.find("ConfigMap", "own")["data"], {"x": "2"})
        self.wait_status("second", applied="applied", health="healthy", stale=False)


if __name__ == "__main__":
    story.main()
