#!/usr/bin/env python3
"""Random texts planted where secrets are: nothing tells them on, the support bundle neither. And the
programs are built to be hard to take over, and leave no core behind."""
import base64
import json
import os
import pathlib
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, cluster, files, path  # noqa: E402

PROGRAMS = ("holdfast", "holdfast-hub", "holdfast-agent", "holdfast-sim")
READELF = shutil.which("readelf")
SECRET = "Secret/default/login"


def canary(what):
    return f"canary{what}{secrets.token_hex(16)}"


def encoded(text):
    """As it stands in a Secret."""
    return base64.b64encode(text.encode())


def readelf(*words):
    return subprocess.run([READELF, "-W", *map(str, words)], capture_output=True, text=True,
                          check=True, timeout=60).stdout


class Secrets(SimStory):
    clusters = {**cluster("c01", number="1"), **cluster("c02", number="2")}
    in_git, drifted, of_repository, of_webhook, in_environment = (
        canary(what) for what in ("git", "drift", "repository", "webhook", "environment"))
    apps = files("web", m.secret("login", password=in_git), m.config_map("shown", colour="green"),
                 drift="report", plainSecrets="allow")
    poll = "1h"
    begins = None

    @classmethod
    def setUpClass(cls):
        os.environ["CANARY"] = cls.in_environment  # of every program that is started from here
        super().setUpClass()

    @classmethod
    def repositories(cls):
        cls.credentials = {name: cls.folder / name for name in ("token", "hook")}
        cls.credentials["token"].write_text(cls.of_repository, encoding="ascii")
        cls.credentials["hook"].write_text(cls.of_webhook, encoding="ascii")
        cls.repo_more = ("- name: closed\n  url: https://127.0.0.1:1/closed.git\n"
                         f"  allowPrivateHosts: true\n  tokenFile: {cls.credentials['token']}\n"
                         f"  webhookSecretFile: {cls.credentials['hook']}\n")
        return super().repositories()

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        cls.join_token = cls.hub.join_token("c02")
        token = cls.folder / "join"
        token.write_text(cls.join_token, encoding="ascii")
        cls.agent = Agent(cls.folder, cls.hub, "c02", "", options=("--join-token-file", token))
        cls.agent.start()
        return super().make_sim("c01", name=name)

    # What nobody may be told

    def canaries(self):
        """{what: text}"""
        keys = self.hub.data / "data" / "keys"
        made = self.hub.run("token", "create", f"t{secrets.token_hex(4)}", "--role", "read").stdout.strip()
        found = {"a Secret in Git": self.in_git, "a Secret that drifted": self.drifted,
                 "a repository's token": self.of_repository, "a webhook's secret": self.of_webhook,
                 "the environment": self.in_environment,
                 "the secret of a join token": self.join_token.split("_")[2],
                 "the administrator's token": self.hub.token_file.read_text(encoding="ascii").strip(),
                 "an API token": made}
        for key in [*keys.glob("*.key"), *self.agent.data.glob("identity*")]:
            for line in re.findall(r"^[A-Za-z0-9+/=]{40,}$", self.private_part(key), re.M):
                found[f"{key.name}: {line[:6]}"] = line
        return found

    @staticmethod
    def private_part(path):
        text = path.read_bytes().decode(errors="replace")
        return "\n".join(re.findall(r"PRIVATE KEY-----(.*?)-----END", text.replace("\\n", "\n"), re.S))

    def assert_silent(self, where, data, but=()):
        """That `data` has no canary, as it is or in base64."""
        for what, text in self.canaries_made.items():
            for form in (text.encode(), encoded(text), text.encode().hex().encode()):
                if what not in but:
                    self.assertNotIn(form, data, f"{where} tells {what}")

    def test_a_secret_arrives_and_drifts(self):
        for name in ("c01", "c02"):
            self.wait_status("web", name, upToDate=True, health="healthy")
        self.sim.ask("drift", "c01", SECRET, "data.password", encoded(self.drifted).decode(),
                     "kubectl-edit")
        wait_for(self.drift, SOON, "the drift of a Secret to be told", 0.1)
        self.hub.run("sync", "--cluster", "c01", "--app", "web")
        type(self).canaries_made = self.canaries()
        self.assertGreater(len(self.canaries_made), 10)

    def test_what_is_planted_is_found_where_it_belongs(self):
        held = b"".join(path.read_bytes() for path in self.agent.data.iterdir() if path.is_file())
        self.assertIn(encoded(self.in_git), held)
        self.assertEqual({path.stat().st_mode & 0o077 for path in self.agent.data.iterdir()}, {0})

    def test_no_log_tells_them(self):
        for log in sorted(self.folder.glob("*.log")):
            self.assert_silent(log.name, log.read_bytes())

    def test_no_row_of_the_database_holds_them(self):
        for file in sorted((self.hub.data / "data").glob("hub.db*")):
            self.assert_silent(file.name, file.read_bytes())

    def test_no_object_of_the_state_repository_holds_them(self):
        state = self.hub.data / "data" / "state.git"

        def git(*words):
            return subprocess.run(["git", "-C", state, *words], capture_output=True, check=False, timeout=60).stdout
        for branch, word in (("events", "drift.found"), ("desired", "hmac")):  # they move one after the other
            wait_for(lambda b=branch, w=word: git("grep", "-h", "-e", w, b, "--"), SOON,
                     f"{word} to be in the state repository", 0.1)
        self.assertIn(b"Secret", git("cat-file", "--batch-all-objects", "--batch"))
        self.assert_silent("the state repository", git("cat-file", "--batch-all-objects", "--batch"))

    def ask(self, path):
        request = urllib.request.Request(self.hub.api_url + path, headers={
            "Authorization": "Bearer " + self.hub.token_file.read_text(encoding="ascii").strip()})
        trust = ssl.create_default_context(cafile=str(self.hub.ca_file))
        try:
            with urllib.request.urlopen(request, context=trust, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            return error.read()

    def test_no_answer_of_the_api_and_no_metric_tells_them(self):
        described = json.loads(self.ask("/api/v1/openapi.json"))
        paths = [path for path, of in described["paths"].items()
                 if "get" in of and "{" not in path and not path.endswith("/watch")]
        self.assertGreater(len(paths), 15)
        asked = [*paths, "/api/v1/objects?cluster=c01", "/api/v1/apps/web", "/api/v1/clusters/c01",
                 "/api/v1/status/c01/web", "/api/v1/repositories?name=closed",
                 f"/api/v1/objects/desired?cluster=c01&key={SECRET}"]
        for path in asked:
            self.assert_silent(path, self.ask(path))

    def test_the_command_line_does_not_tell_them(self):
        for words in (["diff"], ["describe", "app", "web"], ["get", "objects", "--cluster", "c01", "-o", "yaml"],
                      ["fleet", "health"], ["logs"], ["token", "list", "-o", "json"]):
            done = self.hub.run(*words, check=False)
            self.assert_silent(" ".join(words), (done.stdout + done.stderr).encode())

    def test_the_support_bundle_has_what_helps_and_no_secret(self):
        path = self.folder / "bundle.tar.gz"
        done = self.hub.run("debug", "bundle", "--file", path)
        self.assertEqual((done.stdout, done.stderr), (f"{path}\n", ""))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        with tarfile.open(path, "r:gz") as bundle:
            parts = {member.name: bundle.extractfile(member).read() for member in bundle}
        self.assertEqual(set(parts), {
            "about.txt", "apps.json", "clusters.json", "events.json", "health.json", "hub.json", "hub.log",
            "metrics.txt", "not-healthy.json", "problems.json", "repositories.json", "revisions.json",
            "version.json"})
        for name, data in parts.items():
            self.assert_silent(f"{name} of the bundle", data)
        hub = json.loads(parts["hub.json"])
        self.assertEqual(hub["config"]["data-dir"], str(self.hub.data / "data"))
        closed = hub["repositories"]["closed"]
        self.assertEqual((closed["hasToken"], closed["hasPassword"], closed["hasWebhookSecret"]),
                         (True, False, True))
        self.assertEqual(hub["store"]["rows"]["cluster"], 2)
        self.assertIn(b"id=hub.ready", parts["hub.log"])
        self.assertIn(b"holdfast_agents_connected 2\n", parts["metrics.txt"])
        self.assertEqual([row["name"] for row in json.loads(parts["clusters.json"])], ["c01", "c02"])
        again = self.hub.run("debug", "bundle", "--file", path, check=False)
        self.assertEqual(again.returncode, 2)

    def test_who_may_only_read_gets_a_bundle_without_the_hubs_own_part(self):
        token = self.folder / "reader"
        token.write_text(self.hub.run("token", "create", "reader", "--role", "read").stdout, encoding="ascii")
        done = self.hub.run("--token-file", token, "debug", "bundle", "--file", self.folder / "less.tar.gz")
        self.assertIn("hub.json is left out", done.stderr)

    # What is over is over

    def found_in(self, program, *texts):
        """Which of them are in its memory, in any form."""
        memory = program.memory()
        return [text for text in texts if any(form in memory for form in (text.encode(), encoded(text)[:-4]))]

    def wait_gone(self, *texts):
        """Until they are in no memory. All work meanwhile: threads do, before they wait, what they put off,
        and what libraries gave back without a word is used again."""
        shown = m.config_map("shown")

        def gone(program):
            shown["data"] = {"colour": secrets.token_hex(16)}
            self.deliver({path("web", shown): m.text(shown)})
            return not self.found_in(program, *texts)
        for program in (self.hub, self.agent):
            wait_for(lambda p=program: gone(p), SOON, f"{program.name} to forget")

    def test_what_enrolment_needed_is_gone_from_memory(self):
        self.wait_gone(self.canaries_made["the secret of a join token"])

    def test_a_secret_that_is_not_wanted_any_more_is_gone_from_memory(self):
        for program in (self.hub, self.agent):
            self.assertEqual(self.found_in(program, self.in_git), [self.in_git], program.name)
        after = m.secret("login", password=canary("next"))
        self.deliver({path("web", after): m.text(after)})
        self.wait_gone(self.in_git, self.drifted)

    # How the programs are built, and what daemons leave behind

    @story.unittest.skipUnless(READELF, "readelf is not here")
    def test_programs_move_about_and_what_they_need_not_write_is_read_only(self):
        for name in PROGRAMS:
            path = program(name)
            self.assertIn("DYN (Position-Independent Executable", readelf("-h", path), name)
            self.assertRegex(readelf("-d", path), r"\(FLAGS_1\).*NOW", name)
            segments = readelf("-l", path)
            self.assertIn("GNU_RELRO", segments, name)
            self.assertRegex(segments, r"GNU_STACK\s.*\sRW ", name)
            self.assertNotRegex(segments, r"LOAD\s.*\sRWE", name)

    @story.unittest.skipUnless(READELF, "readelf is not here")
    def test_programs_watch_their_stack_and_the_sizes_of_what_they_copy_to(self):
        if re.search(r"lib[at]san", readelf("-d", program("holdfast-hub"))):
            self.skipTest("the sanitizers watch that, and more")
        for name in PROGRAMS:
            symbols = readelf("--dyn-syms", program(name))
            self.assertIn("__stack_chk_fail", symbols, name)
            self.assertRegex(symbols, r"__(memcpy|snprintf|fprintf|vsnprintf)_chk", name)

    def test_daemons_leave_no_core(self):
        for process in (self.hub, self.agent):
            limits = pathlib.Path(f"/proc/{process.child.pid}/limits").read_text(encoding="ascii")
            self.assertRegex(limits, r"Max core file size +0 +0 ")


if __name__ == "__main__":
    story.main()
