#!/usr/bin/env python3
"""The hub commits what it is asked to: documents keep their layout, nothing of others is lost, nothing
comes twice, whatever is killed when; and where it may not write it says what to commit."""
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import gitservers, manifests as m, story  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.gitservers import Authority, Https, make_key, public  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, files, fleet, without  # noqa: E402

WEB = """\
# the shop's window
apiVersion: holdfast/v1alpha1
kind: App
metadata: {name: web}
spec:
  namespace: default   # for now
  targets:
  - clusterSelector: {matchLabels: {}}   # everywhere

# that is all
"""
FLEET = """
repositories:
- name: fleet
  url: {server.url}/auth/fleet.git
  tokenFile: {folder}/token
  caFile: {ca}
  pollInterval: 1m
  allowPrivateHosts: true
  write: direct
  committer: Fleet Hub
  committerEmail: hub@fleet.example.com
  signingKeyFile: {key}
- name: team
  url: {team.url}
  path: prod
  pollInterval: 1m
"""
SUSPENDED = "  suspend: true\n"
SHARED = """\
# for everybody
kind: ConfigMap
apiVersion: v1
metadata: {name: SHARED, labels: {shade: dark}}   # found by this
data:
  size: &size l
  colour:   'green'   # as agreed
  other: *size
"""
HAND = "ConfigMap/default/hand"
LEFT = "ConfigMap/default/left"
RULED = "ConfigMap/default/ruled"
KEPT = "Deployment.apps/default/kept"
KILLED = -9
MAIN_IS_PROTECTED = ("while read old new ref; do test $ref != refs/heads/main || "
                     "{ echo 'main is protected' >&2; exit 1; }; done")


def kept(version):
    return files("kept", m.deployment("kept", f"reg/kept:{version}"), targets=[{"cluster": "c11"}])


class Write(SimStory):
    clusters = fleet(12)
    apps = {"apps/web/app.yaml": WEB,
            "apps/web/configmap-web.yaml": m.text(m.config_map("web", x="1")),
            "apps/hand/app.yaml": WEB.replace("web", "hand") + "  showValues: ['*']\n",
            "apps/hand/hand.yaml": SHARED.replace("SHARED", "hand"),
            "apps/left/app.yaml": WEB.replace("web", "left").replace(
                "  targets", "  drift: capture\n  capture: commit\n  targets"),
            "apps/left/left.yaml": SHARED.replace("SHARED", "left"),
            "apps/quiet/app.yaml": WEB.replace("web", "quiet").replace("  targets", "  drift: capture\n  targets"),
            "apps/quiet/quiet.yaml": SHARED.replace("SHARED", "quiet"),
            "apps/ruled/app.yaml": WEB.replace("web", "ruled") +
                "  ignoreDifferences: [{jsonPointers: [/metadata/labels/shade], drift: capture}]\n"
                "  capture: commit\n",
            "apps/ruled/ruled.yaml": SHARED.replace("SHARED", "ruled"),
            **kept("1"), **files("small", m.config_map("small", x="1"))}

    hub_options = ("--capture-after", "2s")

    @classmethod
    def repositories(cls):
        cls.team = GitRepo(cls.folder, "team")
        team = files("team", m.config_map("team", x="1"))
        cls.team.push({**{f"prod/{path}": text for path, text in team.items()}, **team})
        (cls.folder / "token").write_text(gitservers.TOKEN, encoding="ascii")
        authority = Authority(cls.folder, "authority")
        cls.server = Https(cls.folder, *authority.issue("localhost"))
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        subprocess.run(["git", "-C", cls.repo.bare, "config", "http.receivepack", "true"],
                       check=True)
        cls.key = make_key(cls.folder / "signer")
        return FLEET.format(server=cls.server, folder=cls.folder, ca=authority.cert, key=cls.key,
                            team=cls.team)

    def tearDown(self):
        for hook in (self.repo.bare / "hooks").glob("*-receive"):
            hook.unlink()

    def hook(self, name, text):
        hook = self.repo.bare / "hooks" / name
        hook.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        hook.chmod(0o755)

    def bare(self, *words):
        return subprocess.run(["git", "-C", self.repo.bare, *map(str, words)], check=True,
                              capture_output=True, text=True).stdout

    def file(self, path, revision="main"):
        return self.bare("show", f"{revision}:{path}")

    def ask(self, *words):
        return json.loads(self.hub.run(*words, "-o", "json").stdout)

    def write_of(self, asked):
        return self.hub.get("write", asked["id"])[0]

    def wait_done(self, asked, state="done"):
        wait_for(lambda: self.write_of(asked)["state"] == state, SOON, f"{asked} to be {state}", 0.1)
        return self.write_of(asked)

    def count(self, asked):
        """How many commits were made of it."""
        return self.bare("log", "--format=%B", "main").count(f"Holdfast-Event: {asked['id']}\n")

    def test_1_a_dry_run_shows_what_would_change_and_changes_nothing(self):
        shown = self.hub.run("suspend", "app", "web", "--dry-run").stdout
        self.assertIn("--- a/apps/web/app.yaml\n+++ b/apps/web/app.yaml\n", shown)
        self.assertEqual([line for line in shown.splitlines() if line[0] in "+-"][2:],
                         ["+  suspend: true"])
        self.assertEqual(self.bare("rev-parse", "main").strip(), self.first)
        self.assertEqual(self.hub.get("writes"), [])

    def test_2_an_app_is_suspended_by_a_commit_that_keeps_the_file_as_it_is(self):
        said = self.hub.run("suspend", "app/web", "--reason", "INC-123", "--wait").stdout
        head = self.bare("rev-parse", "main").strip()
        self.assertEqual(said, f"committed as {head[:12]} in repository 'fleet'\n")
        self.assertEqual(self.file("apps/web/app.yaml"), WEB.replace(
            "everywhere\n", "everywhere\n" + SUSPENDED))
        self.assertEqual(self.bare("diff", "--name-only", self.first, "main"),
                         "apps/web/app.yaml\n")
        self.wait_status("web", "c01", applied="suspended")
        done = self.wait_event("write.done", app="web")
        self.assertEqual((done["revision"], done["actor"]), (head, "admin"))
        self.assertTrue(self.events("api.changed", app="web"))
        self.assertIn("Git says so already", self.hub.run("suspend", "app", "web").stdout)

    def test_3_the_commit_says_who_decided_and_what_and_is_signed(self):
        who = self.bare("show", "-s", "--format=%an <%ae>|%cn <%ce>", "main").strip()
        self.assertEqual(who, "admin <admin@fleet.invalid>|Fleet Hub <hub@fleet.example.com>")
        message = self.bare("show", "-s", "--format=%B", "main")
        self.assertTrue(message.startswith("suspend(web): "), message)
        self.assertIn("\n\nINC-123\n\nHoldfast-Action: suspend\nHoldfast-App: web\n", message)
        self.assertRegex(message, r"\nHoldfast-Writer: \S+/epoch-1\nHoldfast-Event: \S+\n")
        trailers = self.bare("show", "-s", "--format=%(trailers:key=Holdfast-Action,valueonly)",
                             "main")
        self.assertEqual(trailers.strip(), "suspend")
        allowed = self.folder / "allowed"
        allowed.write_text(f"hub@fleet.example.com {public(self.key)}\n", encoding="ascii")
        self.bare("-c", "gpg.format=ssh", "-c", f"gpg.ssh.allowedSignersFile={allowed}",
                  "verify-commit", "main")

    def test_4_resumed_the_file_is_as_it_was(self):
        self.hub.run("resume", "web", "--wait")
        self.assertEqual(self.file("apps/web/app.yaml"), WEB)
        self.wait_status("web", "c01", applied="applied")

    def test_5_what_is_asked_for_together_is_pushed_together(self):
        self.hook("post-receive", f"echo push >> {self.folder}/pushes")
        _, back = self.away()  # so that nothing is pushed before both are asked for
        try:
            asked = [self.ask("suspend", "cluster", name) for name in ("c03", "c04")]
        finally:
            back()
        revisions = {self.wait_done(one)["revision"] for one in asked}
        self.assertEqual(len(revisions), 2)
        self.assertEqual((self.folder / "pushes").read_text(encoding="ascii"), "push\n")
        self.assertEqual([self.count(one) for one in asked], [1, 1])
        self.wait_status("web", "c04", applied="suspended")
        self.hub.run("resume", "cluster", "c03")
        self.hub.run("resume", "cluster", "c04", "--wait")
        self.assertIn("false", self.file("clusters/c04.yaml"))

    def test_6_a_removal_that_waits_is_confirmed(self):
        self.follow()
        self.commit(without(files("small", m.config_map("small", x="1"))))
        wait_for(lambda: [row for row in self.rows("problems") if row["app"] == "small"], SOON,
                 "the removal to wait", 0.1)
        which = self.hub.run("confirm", check=False)
        self.assertEqual(which.returncode, 2)
        self.assertIn("removals of these wait: small", which.stderr)
        self.hub.run("confirm", "small", "--reason", "it is over", "--wait")
        wait_for(lambda: self.data("c01", "ConfigMap/default/small") is None, SOON, "it to go", 0.1)
        self.assertIn("reason: it is over\n", self.bare("grep", "-h", "reason", "main", "--",
                                                        "confirmations"))
        again = self.hub.run("confirm", "small", check=False)
        self.assertEqual(again.returncode, 2)
        self.assertIn("waits for a Confirmation", again.stderr)

    def test_6_a_field_that_is_ignored_is_a_rule_in_the_document(self):
        self.hub.run("ignore", "web", "data.x", "--object", "ConfigMap/web", "--wait")
        rule = ("  ignoreDifferences:\n  - kind: ConfigMap\n    name: web\n    jsonPointers:\n"
                "    - data.x\n")
        self.assertEqual(self.file("apps/web/app.yaml"), WEB.replace(
            "everywhere\n", "everywhere\n" + rule))
        again = self.hub.run("ignore", "web", "data.x", "--object", "ConfigMap/web").stdout
        self.assertIn("Git says so already", again)
        wrong = self.hub.run("ignore", "web", "/a~b", check=False)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("field: write a path", wrong.stderr)
        self.follow()
        self.repo.git("revert", "--no-edit", "HEAD")
        reverted = self.repo.push()
        self.hub.run("sync")
        self.wait_resolved(reverted)

    def test_6_what_is_banned_is_a_file(self):
        shown = self.hub.run("ban", "reg/web:1.5.0", "--app", "web", "--dry-run").stdout
        self.assertIn("+++ b/bans/web-web-1.5.0.yaml\n", shown)
        for words in (["reg/web"], ["reg/web@sha256:1"], ["reg/web:1", "Big"],
                      ["reg/web", "--versions", ">>1"]):
            self.assertEqual(self.hub.run("ban", *words, "--app", "web", check=False).returncode, 2)
        several = self.hub.run("ban", "reg/web:1.5.0", check=False)
        self.assertIn("repository: there are several", several.stderr)
        self.hub.run("ban", "reg/web", "cve-1", "--versions", ">=1.4.0 <1.4.3", "--repository",
                     "fleet", "--reason", "CVE-1", "--wait")
        self.assertIn("reason: CVE-1\n", self.file("bans/cve-1.yaml"))
        message = self.bare("show", "-s", "--format=%B", "main")
        self.assertTrue(message.startswith("ban: reg/web >=1.4.0 <1.4.3 shall never run\n"), message)
        self.assertIn("\nHoldfast-Reason: CVE-1\n", message)
        self.assertEqual(self.hub.get("bans")[0]["images"], ["reg/web >=1.4.0 <1.4.3"])
        self.hub.run("unban", "cve-1", "--wait")
        self.assertEqual(self.bare("ls-tree", "main", "bans"), "")
        self.assertIn("no Ban 'cve-1'", self.hub.run("unban", "cve-1", check=False).stderr)

    def paint(self, name, key, colour):
        self.sim.ask("drift", name, key, "data.colour", colour, "kubectl-edit")
        wait_for(lambda: (name, key, "data.colour") in self.drift(), SOON, "the drift", 0.1)

    def test_6_what_was_changed_by_hand_for_all_is_edited_in_its_document(self):
        self.paint("c02", HAND, "red")
        asked = self.ask("capture", "hand", "--cluster", "c02", "--object", "ConfigMap/hand",
                         "--everywhere", "--wait")
        self.assertEqual(self.file("apps/hand/hand.yaml"), SHARED.replace("SHARED", "hand").replace(
            "'green'   # as agreed", "'red'   # as agreed"))
        self.wait_data("c09", HAND, {"size": "l", "colour": "red", "other": "l"})
        message = self.bare("show", "-s", "--format=%B", asked["revision"])
        self.assertIn('\n\ndata.colour: "green" -> "red"\n\nHoldfast-Action: capture\n', message)
        self.assertIn("\nHoldfast-Manager: kubectl-edit (claimed)\n", message)
        self.wait_drift()
        refused = self.hub.run("capture", "hand", "--cluster", "c02", check=False)
        self.assertIn("nobody has changed an object of the App there by hand", refused.stderr)

    def test_6_what_was_changed_by_hand_on_one_cluster_is_an_overlay_for_it(self):
        self.sim.ask("drift", "c04", HAND, "data.other", "s", "kubectl-edit")
        wait_for(lambda: ("c04", HAND, "data.other") in self.drift(), SOON, "the drift", 0.1)
        shown = self.hub.run("capture", "hand", "--cluster", "c04", "--dry-run").stdout
        self.assertIn("+++ b/apps/hand/app.yaml\n", shown)
        self.assertEqual([line for line in shown.splitlines() if line[0] in "+-"][2:], [
            "+  - cluster: c04", "+    overlays:", "+    - merge:", "+        apiVersion: v1",
            "+        kind: ConfigMap", "+        metadata:", "+          name: hand",
            "+        data:", "+          other: s"])
        self.hub.run("capture", "hand", "--cluster", "c04", "--wait")
        self.wait_drift()
        self.assertEqual(self.data("c04", HAND), {"size": "l", "colour": "red", "other": "s"})
        self.assertEqual(self.data("c05", HAND), {"size": "l", "colour": "red", "other": "l"})

    def test_6_where_the_app_says_capture_what_stays_is_taken_over_once(self):
        self.sim.ask("drift", "c07", LEFT, "metadata.labels.shade", "light", "kubectl-edit")
        wait_for(lambda: "\ncapture(left): " in "\n" + self.bare("log", "--format=%s", "main"),
                 SOON, "the commit", 0.2)
        message = self.bare("log", "-1", "--grep=^capture(left)", "--format=%an%n%B", "main")
        self.assertTrue(message.startswith("unknown (attribution unresolved)\n"), message)
        self.assertIn("\nHoldfast-Manager: kubectl-edit (claimed)\n", message)
        self.wait_drift()
        self.assertEqual([self.sim.object(name, LEFT)["metadata"]["labels"]["shade"]
                          for name in ("c07", "c08")], ["light", "dark"])
        self.assertIn("  # everywhere\n", self.file("apps/left/app.yaml").replace("   #", "  #"))
        self.assertEqual(self.bare("log", "--format=%s", "main").count("capture(left)"), 1)

    def test_6_where_a_rule_says_capture_its_fields_are_taken_over_alone(self):
        self.paint("c09", RULED, "red")
        self.sim.ask("drift", "c09", RULED, "metadata.labels.shade", "light", "kubectl-edit")
        wait_for(lambda: "\ncapture(ruled): " in "\n" + self.bare("log", "--format=%s", "main"),
                 SOON, "the commit", 0.2)
        self.wait_drift()  # the commit overwrites what is only reported
        changed = self.bare("log", "-1", "-p", "--grep=^capture(ruled)", "main")
        self.assertIn("shade: light", changed)
        self.assertNotIn("colour", changed)
        self.assertEqual([self.sim.object(name, RULED)["metadata"]["labels"]["shade"]
                          for name in ("c09", "c08")], ["light", "dark"])
        self.assertEqual(self.events("write.impossible", app="ruled"), [])

    def test_6_without_a_way_to_ask_people_nothing_is_taken_over_unless_the_app_says_so(self):
        quiet = LEFT.replace("left", "quiet")
        self.sim.ask("drift", "c07", quiet, "metadata.labels.shade", "light", "kubectl-edit")
        event = self.wait_event("write.impossible", cluster="c07", app="quiet", key=quiet)
        self.assertIn("it takes a pull request unless the App 'quiet' says 'capture: commit'", event["message"])
        self.assertNotIn("capture(quiet)", self.bare("log", "--format=%s", "main"))
        self.sim.ask("drift", "c07", quiet, "metadata.labels.shade", "dark", "kubectl-edit")
        self.wait_drift()

    def test_6_what_may_be_a_secret_is_not_taken_over_unless_somebody_asks(self):
        self.paint("c07", LEFT, "hunter2")
        event = self.wait_event("write.impossible", cluster="c07", app="left", key=LEFT)
        self.assertIn("the value of data.colour in ConfigMap/default/left may be a secret", event["message"])
        self.assertNotIn("hunter2", self.bare("log", "-p", "main"))
        self.sim.ask("drift", "c07", LEFT, "data.colour", "green", "kubectl-edit")
        self.wait_drift()

    def test_7_where_the_hub_may_not_write_it_says_what_to_commit(self):
        done = self.hub.run("suspend", "app", "team", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn('"suspend": true', done.stdout)
        self.assertIn("commit this change to 'prod/apps/team/app.yaml' yourself", done.stderr)
        self.assertEqual(self.hub.get("writes", "--app", "team"), [])

    def test_8_a_protected_branch_is_told_and_tried_again(self):
        self.hook("pre-receive", "echo 'main is protected' >&2; exit 1")
        asked = self.ask("suspend", "app", "web")
        failed = self.wait_event("write.failed")
        self.assertIn("main is protected", failed["message"])
        self.assertIn("main is protected", self.write_of(asked)["message"])
        late = self.hub.run("suspend", "app", "web", "--wait", "--timeout", "1s", check=False)
        self.assertEqual(late.returncode, 1)
        self.assertIn("main is protected", late.stderr)
        self.tearDown()
        self.wait_done(asked)
        self.hub.run("resume", "app", "web", "--wait")
        self.assertEqual(self.file("apps/web/app.yaml"), WEB)

    def test_8b_where_nobody_can_be_asked_what_is_in_force_stands_on_a_branch_until_it_is_taken(self):
        self.follow()
        self.deliver(kept("2"))
        self.hook("pre-receive", MAIN_IS_PROTECTED)
        before = self.bare("rev-parse", "main")
        self.sim.ask("decide", "c11", KEPT, "rejected", "Failed checks threshold reached 5")
        there = "holdfast/holds"
        path = wait_for(lambda: self.bare("branch", "--list", there) and
                        self.bare("ls-tree", "-r", "--name-only", there, "holds").strip(), SOON, "the branch", 0.2)
        self.assertRegex(path, r"^holds/kept/2-\w+\.yaml$")
        self.assertIn("  clusters:\n  - c11\n", self.file(path, there))
        self.assertRegex(self.bare("log", "-1", "--format=%B", there), r"\nHoldfast-Seal: \w{64}\n")
        self.assertEqual((self.bare("rev-parse", f"{there}~1"), self.bare("rev-parse", "main")), (before, before))
        wait_for(lambda: self.sim.object("c11", KEPT)["spec"]["template"]["spec"]["containers"][0]["image"] ==
                 "reg/kept:1", SOON, "the release before to run", 0.1)

    def test_8c_a_hub_that_lost_its_disk_finds_it_there(self):
        there = "holdfast/holds"
        self.hook("pre-receive", MAIN_IS_PROTECTED)
        path = self.bare("ls-tree", "-r", "--name-only", there, "holds").strip()
        self.lose_the_disk()
        self.recover("c11")
        held = self.wait_event("release.held", app="kept", cluster="c11")
        self.assertIn("as the branch of Holds says", held["message"])
        self.wait_event("write.failed")
        self.assertIn("  - c11\n", self.file(path, there))
        image = self.sim.object("c11", KEPT)["spec"]["template"]["spec"]["containers"][0]["image"]
        self.assertEqual(image, "reg/kept:1")
        self.hook("pre-receive", "while read old new ref; do test $ref != refs/heads/holdfast/holds || "
                                 "{ rm -f hooks/pre-receive; echo 'not now' >&2; exit 1; }; done")
        self.hub.run("sync")
        wait_for(lambda: not self.bare("branch", "--list", there), SOON, "the branch to go", 0.2)
        self.assertIn("  - c11\n", self.file(path))
        self.assertTrue([row for row in self.events("write.failed") if "not now" in row["message"]])

    def test_9_who_pushes_in_the_very_moment_loses_nothing(self):
        self.follow()
        theirs = self.repo.commit({"README.md": "ours\n"})
        self.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/theirs")
        quarantine = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY"
        self.hook("pre-receive", f"{quarantine} GIT_ALTERNATE_OBJECT_DIRECTORIES; "
                                 f"rm -f {self.repo.bare}/hooks/pre-receive; "
                                 f"git update-ref refs/heads/main {theirs}")
        asked = self.ask("suspend", "cluster", "c05")
        self.wait_done(asked)
        self.assertEqual(self.bare("rev-parse", "main~1").strip(), theirs)
        self.assertEqual(self.file("README.md"), "ours\n")
        self.assertEqual(self.count(asked), 1)

    def kill_line(self):
        return f"kill -9 {self.hub.pid}"

    def test_killed_at_any_point_nothing_is_lost_or_doubled(self):
        moments = {"c06": None, "c07": ("pre-receive", "exit 1"), "c08": ("pre-receive", "exit 0"),
                   "c09": ("post-receive", "exit 0")}
        for cluster, moment in moments.items():
            with self.subTest(cluster=cluster):
                if moment:
                    self.hook(moment[0], f"{self.kill_line()}; {moment[1]}")
                asked = self.ask("suspend", "cluster", cluster)
                if moment:
                    self.assertEqual(self.hub.exit_code(SOON), KILLED)
                self.hub.kill()
                self.tearDown()
                self.hub.start_and_wait()
                self.wait_done(asked)
                self.assertEqual(self.count(asked), 1)
                self.assertIn("suspend", self.file(f"clusters/{cluster}.yaml"))

    def test_killed_after_a_push_it_does_not_undo_what_people_did_since(self):
        self.hook("post-receive", self.kill_line())
        asked = self.ask("suspend", "cluster", "c10")
        self.assertEqual(self.hub.exit_code(SOON), KILLED)
        self.tearDown()
        self.follow()
        self.repo.git("revert", "--no-edit", "HEAD")
        reverted = self.repo.push()
        self.hub.start_and_wait()
        self.wait_done(asked)
        self.assertEqual(self.bare("rev-parse", "main").strip(), reverted)
        self.assertEqual(self.count(asked), 1)


if __name__ == "__main__":
    story.main()
