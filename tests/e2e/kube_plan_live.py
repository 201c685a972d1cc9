#!/usr/bin/env python3
"""`holdfast plan --live` asks the agent which objects that a change brings another tool owns, before
the change is merged, and changes nothing.
"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files  # noqa: E402
from support.simstory import cluster  # noqa: E402

FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps",
        "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
OWNER = "Flux (Kustomization 'flux-system/apps')"


class PlanLive(KubeStory):

    def plan(self, *words):
        return self.hub.run("plan", "--live", *words, self.repo.work)

    def seen(self):
        return json.loads(self.plan("-o", "json").stdout)

    def test_1_what_another_tool_owns_is_told_with_its_owner(self):
        self.admin.apply(m.thing("v1", "ConfigMap", "theirs", "default", labels=FLUX,
                                 data={"x": "1"}))
        self.repo.write(files("shop", m.config_map("theirs", x="2"), m.config_map("new", x="2"),
                              m.thing("example.com/v1", "Never", "here"), namespace="default"))
        before = self.find("ConfigMap", "theirs")
        plan = self.seen()
        self.assertEqual(plan["owned"], [{"app": "shop", "object": "ConfigMap/default/theirs",
                                          "owner": OWNER, "clusters": [CLUSTER]}])
        self.assertEqual(plan["notLooked"], [])
        self.assertEqual(self.find("ConfigMap", "theirs"), before)

    def test_2_all_formats_say_it(self):
        for words in ((), ("-o", "markdown"), ("-o", "github")):
            text = self.plan(*words).stdout
            self.assertIn(f"ConfigMap/default/theirs belongs to {OWNER}", text)
            self.assertIn("'adopt: true' in the App's spec", text)

    def test_3_who_adopts_is_told_nothing(self):
        self.repo.write(files("shop", m.config_map("theirs", x="2"), namespace="default",
                              adopt=True))
        self.assertEqual(self.seen()["owned"], [])

    def test_4_what_cannot_be_asked_is_said(self):
        self.repo.write({**files("shop", m.config_map("theirs", x="2"), namespace="default"),
                         **cluster("away")})
        plan = self.seen()
        self.assertEqual([row["clusters"] for row in plan["owned"]], [[CLUSTER]])
        self.assertEqual(plan["notLooked"],
                         [{"why": "no agent is connected", "clusters": ["away"]}])

    def test_5_an_api_server_that_hangs_is_waited_for_8_seconds(self):
        self.cluster.pause_api()
        try:
            why = self.seen()["notLooked"]
        finally:
            self.cluster.resume_api()
        self.assertEqual({name for row in why for name in row["clusters"]}, {"away", CLUSTER})


if __name__ == "__main__":
    story.main()
