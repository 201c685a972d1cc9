#!/usr/bin/env python3
"""Who changed something by hand: a manager's name is what he says, the audit log knows the user."""
import itertools
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeclient import KubeClient  # noqa: E402
from support.kubestory import CLUSTER, SOON, KubeStory, files  # noqa: E402
from support.process import wait_for  # noqa: E402

ALICE = "alice@example.com"
BOB = "bob"
WEB = "ConfigMap/default/web"
FLAGGER = "system:serviceaccount:flagger-system:flagger"
WAIT = ("--audit-log-wait", "60s")  # for a slow machine; what the log names is told at once


class Audit(KubeStory):
    values = map("value-{}".format, itertools.count())

    @classmethod
    def make_agent(cls, again=False):
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER, again), driver="kube",
                     kubeconfig=cls.cluster.token_kubeconfig("agent"),
                     options=(*WAIT, "--audit-log", cls.cluster.audit_log))

    def user(self, name):
        """A client that acts as somebody else, as `kubectl --as` does."""
        client = KubeClient(self.cluster.server, self.cluster.ca_file, self.cluster.tokens["admin"])
        client.headers = {**client.headers, "Impersonate-User": name, "Impersonate-Group": "system:masters"}
        return client

    def set(self, user, manager="kubectl-edit", **data):
        user.patch("ConfigMap", "web", {"data": data}, manager)

    def commits(self):
        """What commits of the state repository say of what is there; there may be none yet."""
        return subprocess.run(["git", "-C", self.hub.data / "data" / "state.git", "log", "--format=%B", "actual"],
                              capture_output=True, text=True, check=False, timeout=60).stdout

    def who(self, path, key=WEB):
        row = self.wait_drift(key, path)
        return row["manager"], row["user"]

    def found(self, words):
        """The event that tells of a difference."""
        return wait_for(lambda: [event for event in self.events("drift.found") if words in event["message"]],
                        SOON, f"an event of {words}", 0.2)[-1]["actor"]

    def change(self, user, field, actor, manager="kubectl-edit"):
        """Changes a value; the event names him."""
        value = next(self.values)
        self.set(user, manager, **{field: value})
        self.assertEqual(self.found(f'"{value}"'), actor)

    def shown(self):
        return self.hub.run("diff", check=False).stdout

    def test_an_app_runs(self):
        self.deliver(files("web", m.config_map("web", colour="green", size="1", weight="0"),
                           m.deployment("web", replicas=1), namespace="default",
                           showValues=["colour", "size", "weight"]))
        self.assertEqual(self.drift(), {})

    def test_a_change_by_hand_has_the_users_name(self):
        self.change(self.user(ALICE), "colour", f"{ALICE} (verified)")
        self.assertEqual(self.who("data.colour"), ("kubectl-edit", ALICE))
        self.assertIn(f"(by {ALICE} (verified), ", self.shown())

    def test_git_says_so_too(self):
        wait_for(lambda: f"\nHoldfast-Actor: {ALICE} (verified)\n" in self.commits(), SOON, "a commit of it", 0.2)
        self.assertIn("\nHoldfast-Cause: drift\n", self.commits())

    def test_another_user_of_the_same_tool_takes_over_what_he_changes_and_no_more(self):
        bob = KubeClient.from_kubeconfig(self.cluster.certificate_kubeconfig(BOB))
        self.change(bob, "size", f"{BOB} (verified)")
        self.assertEqual(self.who("data.size"), ("kubectl-edit", BOB))
        self.assertEqual(self.who("data.colour"), ("kubectl-edit", ALICE))

    def test_who_calls_himself_a_controller_is_told_from_it(self):
        self.change(self.user("mallory"), "weight", "mallory (verified; claims to be flagger)", "flagger")
        self.assertEqual(self.who("data.weight"), ("flagger", "mallory"))
        self.assertIn("(by mallory (verified; claims to be flagger), ", self.shown())
        self.change(self.user(FLAGGER), "weight", f"{FLAGGER} (verified)", "flagger")

    def test_a_restart_of_pods_has_the_users_name(self):
        # What is there when an agent looks first is no news to it; one watch tells of both, in order.
        self.user(ALICE).patch("Deployment", "web", {"metadata": {"annotations": {"seen": "before"}}},
                               "kubectl-annotate")
        self.user(ALICE).patch("Deployment", "web", {"spec": {"template": {"metadata": {"annotations": {
            "kubectl.kubernetes.io/restartedAt": "2026-10-01T12:00:00Z"}}}}}, "kubectl-rollout")
        told, = wait_for(lambda: self.events("release.restarted"), SOON, "the restart to be told", 0.2)
        self.assertEqual(told["actor"], f"{ALICE} (verified)")
        added = self.wait_drift("Deployment.apps/default/web", "metadata.annotations.seen")
        self.assertEqual((added["desired"], added["actual"], added["user"]), ("", '"before"', ALICE))
        self.assertIn(f"(added by {ALICE} (verified), ", self.shown())

    def test_what_the_log_does_not_tell_is_claimed(self):
        self.agent.terminate()
        self.agent.argv[-len(WAIT) - 2:] = ["--audit-log", str(self.late())]
        self.agent.start()
        self.wait_connected()
        type(self).mark = self.cluster.audit_mark()
        self.set(self.user(ALICE), colour="blue")
        self.assertEqual(self.found('"blue"'), "kubectl-edit")
        self.assertEqual(self.who("data.colour"), ("kubectl-edit", ""))
        self.assertIn("agent.audit_unread", self.agent.log_text())

    def late(self):
        return self.folder / "late.log"

    def test_what_the_log_tells_later_comes_to_the_drift(self):
        def lines():
            said = self.cluster.audit_log.read_bytes()[self.mark:]
            said = said[:said.rfind(b"\n") + 1]
            return said if f'"{ALICE}"'.encode() in said else None
        self.late().write_bytes(wait_for(lines, SOON, "the audit log"))
        wait_for(lambda: self.who("data.colour") == ("kubectl-edit", ALICE), SOON, "the user", 0.2)
        self.assertEqual(self.found('"blue"'), "kubectl-edit")

    def test_who_changes_it_again_and_again_hides_nothing(self):
        alice, colours = self.user(ALICE), itertools.count()

        def is_told():
            self.set(alice, colour=f"blue {next(colours)}")
            return self.wait_drift(WEB, "data.colour")["actual"] != '"blue"'

        wait_for(is_told, SOON, "one of many changes to be told", 0.5)

    def test_what_is_put_right_waits_for_no_late_log(self):
        self.agent.terminate()
        self.agent.argv += ["--audit-log-wait", "10m"]
        self.agent.start()
        self.wait_connected()
        self.deliver(files("fixed", m.config_map("fixed", colour="green"), namespace="default", drift="correct"))
        self.user(ALICE).patch("ConfigMap", "fixed", {"data": {"colour": "blue"}}, "kubectl-edit")
        wait_for(lambda: self.admin.get("ConfigMap", "fixed")["data"]["colour"] == "green", SOON, "it to be put right", 0.2)


if __name__ == "__main__":
    story.main()
