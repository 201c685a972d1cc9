#!/usr/bin/env python3
"""The state repository tells what is in force and what happened, whatever becomes of the hub meanwhile."""
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import gitservers, manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, files, fleet, pause  # noqa: E402


def version(number):
    return {**files("one", m.config_map("one", version=f"v{number}"), m.secret("login", password="x"), plainSecrets="allow"),
            **files("two", *(m.config_map(f"two-{i}", version=f"v{number}") for i in range(5)))}


class State(SimStory):
    clusters = fleet(20)
    apps = version("0")
    poll = "1s"
    hub_options = ("--state-window", "100ms")

    @classmethod
    def repositories(cls):
        """Beside the fleet's there is one for a copy, behind TLS and a token."""
        (cls.folder / "token").write_text(gitservers.TOKEN, encoding="ascii")
        authority = gitservers.Authority(cls.folder, "authority")
        server = gitservers.Https(cls.folder, *authority.issue("localhost"))
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.copy = cls.folder / "copy.git"
        subprocess.run(["git", "init", "--quiet", "--bare", cls.copy], check=True)
        subprocess.run(["git", "-C", cls.copy, "config", "http.receivepack", "true"], check=True)
        return super().repositories() + (f"state:\n  url: {server.url}/auth/copy.git\n  tokenFile: {cls.folder}/token\n"
                                         f"  caFile: {authority.cert}\n  allowPrivateHosts: true\n  pollInterval: 1s\n")

    def tips(self, folder):
        """{branch: commit}"""
        refs = subprocess.run(["git", "-C", folder, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads"],
                              capture_output=True, text=True, check=True, timeout=60).stdout
        return dict(line.split() for line in refs.splitlines())

    def has_all(self):
        tips = self.tips(self.copy)
        return set(tips) == {"desired", "actual", "events"} and tips == self.tips(self.folder_of_state)

    @property
    def folder_of_state(self):
        return self.hub.data / "data" / "state.git"

    def git(self, *words, check=True):
        return subprocess.run(["git", "-C", self.folder_of_state, *words], capture_output=True, text=True,
                              check=check, timeout=60).stdout

    def folder_of(self, cluster):
        return f"{hashlib.sha256(cluster.encode()).hexdigest()[:2]}/{cluster}"

    def files(self, branch):
        """{path: content}, of one commit."""
        packed = subprocess.run(["git", "-C", self.folder_of_state, "archive", branch], capture_output=True, check=True,
                                timeout=60).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            return {member.name: tar.extractfile(member).read().decode() for member in tar if member.isfile()}

    def desired(self):
        """{(cluster, app): (revision, {file: content})}"""
        found = {}
        for path, text in self.files("desired").items():
            _, cluster, *rest = path.split("/")
            text = json.loads(text)
            if rest == ["_meta.json"]:
                for app, of in text["apps"].items():
                    found.setdefault((cluster, app), [None, {}])[0] = of["revision"]
            else:
                found.setdefault((cluster, rest[0]), [None, {}])[1]["/".join(rest[1:])] = text
        return found

    def wait_written(self, revision, clusters=20):
        """Until every App of every cluster stands there as of this commit."""
        def is_so():
            if not self.git("branch", "--list", "desired", check=False):
                return False
            metas = self.git("grep", "-c", revision, "desired", "--", "*/_meta.json", check=False)
            return len(metas.split()) == clusters and all(line.endswith(":2") for line in metas.split())
        wait_for(is_so, SOON, "the commit to be in the state repository", 0.2)

    def event_rows(self, folder="events"):
        rows = []
        for path, text in sorted(self.files("events").items()):
            rows += [json.loads(line) for line in text.splitlines() if path.startswith(f"{folder}/")]
        return rows

    def assert_whole(self):
        self.assertEqual(self.git("fsck", "--full", "--strict", "--no-dangling"), "")

    def test_what_is_in_force_is_there(self):
        self.wait()
        self.wait_written(self.repo.head())
        found = self.desired()
        self.assertEqual(len(found), 40)
        revision, objects = found["c07", "two"]
        self.assertEqual(revision, self.repo.head())
        self.assertEqual(objects["default/ConfigMap.core.two-3.json"]["data"], {"version": "v0"})
        self.assertEqual(set(found["c07", "one"][1]["default/Secret.core.login.json"]), {"hmac", "kind", "metadata"})
        self.assert_whole()

    def test_a_commit_of_the_fleet_is_a_commit_there_with_why_and_who(self):
        before = int(self.git("rev-list", "--count", "desired"))
        revision = self.repo.push(version("1"), "version 1")
        self.wait(revision)
        self.wait_written(revision)
        self.assertEqual(int(self.git("rev-list", "--count", "desired")), before + 1)
        message = self.git("log", "-1", "--format=%B", "desired")
        self.assertIn("desired: 2 Apps on 20 clusters\n", message)
        trailers = self.git("log", "-1", "--format=%(trailers:only)", "desired").splitlines()
        for line in ("Holdfast-Action: change", "Holdfast-App: one", "Holdfast-App: two", "Holdfast-Clusters: 20",
                     f"Holdfast-Cause: commit fleet@{revision}", "Holdfast-Actor: A Developer <dev@example.com>"):
            self.assertIn(line, trailers)
        self.assertIn('+    "version": "v1"', self.git("log", "-1", "-p", "desired", "--", "*/c07/two/*"))

    def drifted(self):
        """What differs, of one pair of commits."""
        return self.git("diff", "--name-only", "desired", "actual").split()

    def test_drift_is_the_difference_of_the_two_branches(self):
        wait_for(lambda: self.git("branch", "--list", "actual", check=False) and not self.drifted(), SOON,
                 "nothing to differ", 0.2)
        key, file = "ConfigMap/default/two-3", f"{self.folder_of('c07')}/two/default/ConfigMap.core.two-3.json"
        self.sim.ask("drift", "c07", key, "data.version", "by-hand", "kubectl-edit")
        wait_for(lambda: self.drifted() == [file], SOON, "the drift to be the difference", 0.2)
        changed = [line for line in self.git("diff", "-U0", "desired", "actual").splitlines()
                   if line.startswith(("+ ", "- "))]
        self.assertEqual(changed[0], '-    "version": "v1"')
        self.assertRegex(changed[1], r'^\+    "version": "hmac:[0-9a-f]{32}"$')
        message = self.git("log", "-1", "--format=%B", "actual")
        self.assertIn("Holdfast-Actor: kubectl-edit (claimed)\n", message)
        self.sim.ask("drift", "c07", key, "data.version", "v1", "kubectl-edit")
        wait_for(lambda: not self.drifted(), SOON, "nothing to differ", 0.2)

    def test_the_copy_at_a_server_follows_and_is_never_forced(self):
        wait_for(self.has_all, PATIENT, "the copy to have all", 0.2)
        hook = self.copy / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho closed for today\nexit 1\n", encoding="ascii")
        hook.chmod(0o755)
        revision = self.repo.push(version("1b"), "version 1b")
        self.wait(revision)
        self.wait_written(revision)
        failed = wait_for(lambda: self.hub.get("events", "--kind", "state.unpushed"), PATIENT, "the failure to be told", 0.1)
        self.assertIn("closed for today", failed[0]["message"])
        self.assertGreater(self.hub.metrics()["holdfast_state_push_failures_total"], 0)
        hook.unlink()
        wait_for(lambda: self.hub.get("events", "--kind", "state.pushed"), PATIENT, "it to be well again", 0.1)
        wait_for(self.has_all, PATIENT, "the copy to have all again", 0.2)
        subprocess.run(["git", "-C", self.copy, "fsck", "--strict"], check=True, capture_output=True, timeout=60)

    def test_killed_at_any_moment_it_goes_on_with_nothing_lost_and_nothing_twice(self):
        for number, seconds in enumerate((0.0, 0.15, 0.3), start=2):
            revision = self.repo.push(version(str(number)), f"version {number}")
            self.hub.run("sync")
            pause(seconds)
            self.hub.kill()
            self.assert_whole()
            self.hub.start_and_wait()
            self.wait(revision)
            self.wait_written(revision)
        wait_for(lambda: not self.drifted(), SOON, "all to be as it shall be", 0.2)
        numbers = [row["n"] for row in self.event_rows()]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        changes = [row["n"] for row in self.event_rows("changes") if row["n"] > 0]
        self.assertEqual(changes, list(range(1, len(changes) + 1)))
        self.assertTrue({"agent.connected", "agent.disconnected", "app.applied", "sync.resolved"}
                        <= {row["kind"] for row in self.event_rows()})
        self.assert_whole()

    def test_however_many_fields_are_changed_the_object_is_there_as_it_is(self):
        key, file = "ConfigMap/default/two-2", f"{self.folder_of('c05')}/two/default/ConfigMap.core.two-2.json"
        names = [f"more-{i:02}" for i in range(24)]
        for name in names:
            self.sim.ask("drift", "c05", key, f"data.{name}", "canary", "kubectl-edit")
        self.sim.ask("drift", "c05", key, "metadata.annotations.note", "by hand", "kubectl-annotate")
        self.sim.ask("drift", "c05", "Secret/default/login", "data.password", "Y2FuYXJ5", "kubectl-edit")

        def lines():
            return sorted(line.strip(" +,") for line in
                          self.git("diff", "-U0", "desired", "actual", "--", file).splitlines()
                          if line.startswith(("+ ", "- ")))
        wait_for(lambda: len(lines()) == 24 + 3, SOON, "all of it to be the difference", 0.2)
        found = json.loads(self.git("show", f"actual:{file}"))
        self.assertEqual(found["metadata"]["annotations"], {"note": "by hand"})
        self.assertEqual(sorted(found["data"]), [*names, "version"])
        self.assertEqual(found["data"]["version"], "v4")
        self.assertEqual(len({found["data"][name] for name in names}), 1)
        self.assertRegex(found["data"]["more-00"], "^hmac:[0-9a-f]{32}$")
        self.assertNotIn("more", json.loads(self.git("show", f"actual:{self.folder_of('c05')}/_meta.json"))["apps"]["two"])
        secret = f"{self.folder_of('c05')}/one/default/Secret.core.login.json"
        wait_for(lambda: json.loads(self.git("show", f"actual:{secret}")).get("actual"), SOON, "the Secret", 0.2)
        found = json.loads(self.git("show", f"actual:{secret}"))
        self.assertEqual(found["changed"], ["data.password"])
        self.assertRegex(found["actual"]["data"]["password"], "^hmac:[0-9a-f]{32}$")
        all_of_it = self.git("log", "--all", "-p", "--format=%B")
        self.assertNotIn("canary", all_of_it)
        self.assertNotIn("Y2FuYXJ5", all_of_it)

    def test_a_repository_that_cannot_be_written_is_said_and_harms_nobody(self):
        aside = self.folder_of_state.with_name("aside")
        self.hub.terminate()
        self.folder_of_state.rename(aside)
        self.folder_of_state.write_text("no repository\n", encoding="ascii")
        self.hub.start_and_wait()
        failed = wait_for(lambda: self.hub.get("events", "--kind", "state.failed"), SOON, "the failure to be told", 0.1)
        self.assertIn("state repository", failed[0]["message"])
        revision = self.repo.push(version("9"), "version 9")
        self.wait(revision)
        self.assertGreater(self.hub.metrics()["holdfast_state_failures_total"], 0)
        self.folder_of_state.unlink()
        aside.rename(self.folder_of_state)
        wait_for(lambda: self.hub.get("events", "--kind", "state.recovered"), PATIENT, "it to be well again", 0.1)
        self.wait_written(revision)

    def test_what_must_not_be_there_is_taken_out_of_its_history(self):
        wait_for(self.has_all, PATIENT, "the copy to have all", 0.2)
        self.hub.terminate()
        found = [line.split()[2] for line in self.git("ls-tree", "-r", "desired", "--").splitlines()
                 if line.endswith("/ConfigMap.core.one.json")]
        bad = found[0]
        script = f"""
            stub=$(echo '{{"purged": true}}' | git hash-object -w --stdin)
            git filter-branch --index-filter "git ls-files -s | sed s/{bad}/$stub/ | git update-index --index-info" -- desired actual
            git for-each-ref --format='delete %(refname)' refs/original refs/moments | git update-ref --stdin
            git reflog expire --expire=now --all && git gc --prune=now"""
        subprocess.run(["bash", "-ec", script], cwd=self.folder_of_state, check=True, capture_output=True, timeout=120,
                       env={"PATH": "/usr/bin:/bin", "FILTER_BRANCH_SQUELCH_WARNING": "1"})
        self.assertNotIn(bad, self.git("cat-file", "--batch-all-objects", "--batch-check"))
        before = self.tips(self.copy)
        self.hub.start_and_wait()
        revision = self.repo.push(version("10"), "version 10")
        self.wait(revision)
        self.wait_written(revision)
        self.assert_whole()
        told = wait_for(lambda: [event for event in self.hub.get("events", "--kind", "state.unpushed")
                                 if "nothing is ever forced" in event["message"]], PATIENT, "the copy to stay as it is", 0.2)
        self.assertTrue(told)
        self.assertEqual(self.tips(self.copy)["desired"], before["desired"])

    def test_a_cluster_that_goes_is_gone(self):
        self.repo.push({path: None for path in fleet(20) if path not in fleet(19)}, "without c20")
        wait_for(lambda: len(self.desired()) == 38, SOON, "the cluster to go", 0.2)
        self.assertIn("Holdfast-Action: remove", self.git("log", "-1", "--format=%B", "desired"))
        self.assertNotIn("c20/", self.git("ls-tree", "-r", "desired", "--name-only"))

    def test_without_it_all_is_written_anew(self):
        before = self.desired()
        self.hub.terminate()
        self.folder_of_state.rename(self.folder_of_state.with_name("old"))
        self.hub.start_and_wait()
        wait_for(lambda: self.git("branch", "--list", "desired", check=False) and self.desired() == before, SOON,
                 "all to be written anew", 0.2)
        self.assert_whole()


if __name__ == "__main__":
    story.main()
