#!/usr/bin/env python3
"""The first minutes with the command line: each verb against a real hub and simulated clusters."""
import json
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.agent import Sim  # noqa: E402
from support.gitrepo import GitRepo  # noqa: E402
from support.hub import Hub, program  # noqa: E402
from support.process import wait_for  # noqa: E402

CLUSTERS = """\
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata: {name: paris, labels: {env: production}}
---
apiVersion: holdfast/v1alpha1
kind: Cluster
metadata: {name: rome, labels: {env: staging}}
"""

GROUPS = """\
apiVersion: holdfast/v1alpha1
kind: ClusterGroup
metadata: {name: live}
spec: {clusterSelector: {matchLabels: {env: production}}}
"""

APP = """\
apiVersion: holdfast/v1alpha1
kind: App
metadata: {name: shop}
spec:
  namespace: default
  showValues: [colour]
  targets:
  - clusterSelector: {}
"""

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: shop}
data: {colour: COLOUR}
"""

REPOSITORIES = """\
repositories:
- name: fleet
  url: URL
  branch: main
  pollInterval: 0s
"""


def config_map(colour):
    return {"apps/shop/config.yaml": CONFIG_MAP.replace("COLOUR", colour)}


class FirstMinutes(story.Story):

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.repo = GitRepo(cls.folder)
        cls.repo.push({"clusters/all.yaml": CLUSTERS, "groups/all.yaml": GROUPS,
                       "apps/shop/app.yaml": APP, **config_map("blue")})
        cls.hub = Hub(cls.folder,
                      repositories=REPOSITORIES.replace("URL", cls.repo.url)).start_and_wait()
        wait_for(lambda: cls.hub.run("get", "clusters", "-o", "name").stdout, 20, "a commit")
        cls.control = cls.folder / "sim.sock"

    def says(self, code, *words):
        """Runs holdfast, which must end with this code; returns both outputs as one text."""
        done = self.hub.run(*words, check=False)
        self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def hub_words(self, *words):
        """holdfast with the settings of this hub, for a process of its own."""
        return [program("holdfast"), "--server", self.hub.api_url, "--ca-file", self.hub.ca_file,
                "--token-file", self.hub.token_file, *words]

    def test_enroll_prints_tokens_that_agents_join_with(self):
        self.assertIn("holdfast-agent --enroll-hub ", self.says(0, "enroll", "paris"))
        self.assertEqual(json.loads(self.says(0, "enroll", "rome", "-o", "json"))[0]["cluster"],
                         "rome")
        self.assertIn("name clusters, or say --all", self.says(2, "enroll"))
        tokens = self.folder / "tokens"
        tokens.write_text(self.says(0, "enroll", "--all", "--tokens"), encoding="utf-8")
        Sim(self.folder, self.hub, [
            "--tokens", tokens, "--enroll-hub", self.hub.enroll_address,
            "--control", self.control]).start()
        self.says(0, "wait", "--timeout", "30s")
        self.assertIn("enrolled already", self.says(2, "enroll", "paris"))
        self.assertEqual(self.says(0, "enroll", "--all", "--tokens"), "")

    def test_get_lists_what_there_is_in_each_form(self):
        for what in ("clusters", "groups", "apps", "status", "events", "revisions"):
            self.assertRegex(self.says(0, "get", what), r"\A[A-Z]+ ")
            self.assertTrue(json.loads(self.says(0, "get", what, "-o", "json"))["items"])
            self.assertTrue(self.says(0, "get", what, "-oyaml").startswith("items:\n"))
            self.assertTrue(self.says(0, "get", what, "--output=name").strip())
        named = ("get", "clusters", "-o", "name")
        self.assertEqual(self.says(0, *named, "-l", "env=staging"), "rome\n")
        self.assertEqual(self.says(0, *named, "--group", "live"), "paris\n")
        self.assertEqual(self.says(0, "get", "cluster", "rome", "-o", "name"), "rome\n")
        self.assertEqual(self.says(0, "get", "cluster/rome", "-o", "name"), "rome\n")
        self.assertEqual(self.says(0, "get", "cl", "rome", "paris", "-o", "name"), "rome\nparis\n")
        self.assertEqual(json.loads(self.says(0, "get", "ClusterGroup", "live", "-o", "json"))["name"],
                         "live")
        self.assertEqual(self.says(0, "get", "app", "shop", "-o", "jsonpath={.namespace}"),
                         "default")
        self.assertEqual(self.says(0, "get", "clusters", "-o",
                                   "jsonpath={range .items[*]}{.name}{';'}{end}"), "paris;rome;")
        self.assertRegex(self.says(0, "get", "apps", "-o", "wide"), "DEPENDS ON")
        self.assertNotIn("NAME", self.says(0, "get", "apps", "--no-headers"))
        self.assertEqual(self.says(0, "get", "clusters", "--sort-by", "-name", "-o", "name"),
                         "rome\nparis\n")
        self.assertEqual(self.says(0, "get", "status", "shop", "-o", "name", "--limit", "1"),
                         "shop/paris\n")
        self.assertEqual(self.says(0, "get", "objects", "--cluster", "rome", "-o", "name"),
                         "ConfigMap/default/shop\n")
        self.assertEqual(self.says(0, "get", "drift"), "nothing to show\n")
        self.assertEqual(self.says(0, "get", "drift", "-o", "jsonpath={.items}"), "[]")

    def test_a_name_that_there_is_not_is_an_error(self):
        for words in (["get", "clusters", "pariss"], ["get", "status", "--cluster", "pariss"],
                      ["get", "drift", "--cluster", "pariss"], ["diff", "--cluster", "pariss"],
                      ["wait", "--cluster", "pariss"], ["sync", "--cluster", "pariss"]):
            self.assertIn("no cluster is named 'pariss'", self.says(2, *words))
        self.assertIn("did you mean 'paris'?", self.says(2, "get", "clusters", "pariss"))
        self.assertIn("did you mean 'shop'?", self.says(2, "diff", "--app", "shopp"))
        for words in (["get", "apps", "shopp"], ["get", "status", "shopp"],
                      ["diff", "--app", "shopp"], ["wait", "--app", "shopp"], ["sync", "--app", "shopp"]):
            self.assertRegex(self.says(2, *words), "no [Aa]pp is named 'shopp'")
        self.assertIn("no group is named 'dead'",
                      self.says(2, "get", "clusters", "--group", "dead"))
        self.assertIn("no agent is enrolled", self.says(2, "revoke", "pariss"))

    def test_words_that_mean_nothing_are_refused(self):
        for words, answer in ((["gett"], "did you mean 'get'"),
                              (["get", "clustrs"], "did you mean 'clusters'"),
                              (["get"], "get what?"),
                              (["get", "clusters", "--grup", "x"], "did you mean '--group'"),
                              (["get", "clusters", "--app", "shop"], "get status --app"),
                              (["get", "groups", "--app", "shop"], "cannot be filtered by --app"),
                              (["get", "clusters", "--kind", "x"], "cannot be filtered by --kind"),
                              (["get", "objects"], "say --cluster NAME"),
                              (["get", "apps", "-o", "jsn"],
                               "use table, wide, json, yaml, name or jsonpath; did you mean json"),
                              (["get", "apps", "-o", "jsonpath={.a"], "column 4: '}' is missing"),
                              (["get", "status", "--state", "odd"], "is none of not-applied"),
                              (["sync", "shopp"], "no App, cluster or group is named"),
                              (["get", "status", "paris"], "get status --cluster paris"),
                              (["get", "cluster", "pa"], "these begin so: paris"),
                              (["get", "events", "shop"], "use --app, --cluster, --kind"),
                              (["get", "apps", "-A"], "have no namespaces here"),
                              (["get", "apps,clusters"], "one type at a time"),
                              (["logs", "--tail=3"], "use --limit"),
                              (["wait", "--for=condition=Ready"], "did you mean healthy"),
                              (["--app", "shop"], "say a verb"),
                              (["revoke", "-o", "json"], "does not take -o"),
                              (["get", "pods"], "get objects --cluster NAME"),
                              (["reconcile"], "use 'holdfast sync'"),
                              (["get", "apps", "--color", "red"], "use auto, always or never"),
                              (["wait", "--for", "ever"], "use rendered, delivered"),
                              (["wait", "--timeout", "soon"], "is no duration"),
                              (["wait", "-l", "env=nowhere"], "no cluster has the labels"),
                              (["diff", "-l", "env=nowhere"], "no cluster has the labels"),
                              (["get", "status", "-l", "env=nowhere"], "no cluster has the labels"),
                              (["diff", "--app", "a", "--app", "b"], "--app is there twice"),
                              (["token", "delete", "ci"], "did you mean 'token revoke'?"),
                              (["context", "current"], "did you mean 'context list'?"),
                              (["context", "set", "a b"], "use one word"),
                              (["context", "set", "a", "--server", "http://a"], "TLS only"),
                              (["version", "--client"], "needs no hub"),
                              (["exec"], "use kubectl with that cluster"),
                              (["help", "gett"], "did you mean 'get'")):
            self.assertIn(answer, self.says(2, *words))

    def test_help_and_versions(self):
        for words in (["help"], ["--help"], ["-h"], []):
            self.assertIn("Usage: holdfast VERB", self.says(0, *words))
        for verb in ("get", "describe", "diff", "watch", "logs", "sync", "wait", "enroll",
                     "revoke", "token", "validate", "context", "version"):
            self.assertIn(f"Usage: holdfast {verb}", self.says(0, verb, "--help"))
            self.assertIn(f"Usage: holdfast {verb}", self.says(0, "help", verb))
            self.assertNotIn("json='{", self.says(0, "help", verb))
        self.assertEqual(self.says(0, "version"), self.says(0, "--version"))
        self.assertTrue(json.loads(self.says(0, "version", "-o", "json"))["hub"]["hubId"])
        self.assertRegex(self.says(0, "version"), r"\Aholdfast [0-9.]+\nhub [0-9.]+ \(")

    def test_a_commit_is_waited_for(self):
        self.assertEqual(self.says(0, "diff"), "")
        revision = self.repo.push(config_map("red"))
        late = self.says(1, "wait", "--revision", revision, "--timeout", "300ms")
        self.assertIn("has not resolved that commit", late)
        self.assertEqual(self.says(0, "sync"), "fetching\n")
        self.assertRegex(self.says(0, "sync", "app", "shop", "--wait"),
                         r"(?s)asked to apply again\n.*healthy")
        self.assertIn("healthy 2 of 2", self.says(0, "wait", "--revision", revision[:8],
                                                  "--timeout", "30s"))
        self.assertIn("is no commit id", self.says(2, "wait", "--revision", "main"))

    def test_sync_waits_for_what_was_pushed_a_moment_ago(self):
        revision = self.repo.push(config_map("green"))
        self.assertIn("healthy 2 of 2", self.says(0, "sync", "--wait"))
        self.assertEqual(self.says(0, "get", "repositories", "-o", "jsonpath={.items[0].revision}"),
                         revision)
        self.assertIn(revision[:8], self.says(0, "get", "revisions"))

    def test_a_commit_is_waited_for_that_was_pushed_over(self):
        first = self.repo.commit(config_map("amber"))
        second = self.repo.push(config_map("white"))
        self.says(0, "sync")
        waited = json.loads(self.says(0, "wait", "--revision", first, "--timeout", "30s",
                                      "-o", "json"))
        self.assertEqual((waited["revision"], waited["pairs"]), (second, 2))

    def test_sync_tells_what_keeps_it_from_fetching(self):
        away = self.repo.bare.rename(self.repo.bare.with_suffix(".away"))
        said = self.says(2, "sync", "--wait")
        self.assertIn("there is no such folder", said)
        self.assertIn("there is no such folder", self.says(0, "get", "repo", "fleet"))
        away.rename(self.repo.bare)
        self.says(0, "sync", "--wait")
        self.assertNotIn("no such folder", self.says(0, "get", "repo", "fleet", "-o", "yaml"))

    def test_wait_tells_programs_what_it_came_to(self):
        result = json.loads(self.says(0, "wait", "app", "shop", "-o", "json", "--timeout", "30s"))
        self.assertEqual((result["reached"], result["for"], result["pairs"]), (True, "healthy", 2))
        self.assertEqual(self.says(0, "wait", "-o", "jsonpath={.healthy}"), "2")
        self.assertEqual(self.says(0, "wait", "shop", "-o", "jsonpath={.healthy}"), "2")
        self.assertEqual(self.says(0, "wait", "cluster/rome", "-o", "jsonpath={.healthy}"), "1")

    def test_describe_tells_all_of_one_thing(self):
        shown = self.says(0, "describe", "cluster", "paris")
        for part in ("Name:         paris\n", "Labels:       env=production\n", "Ready:        1/1\n",
                     "Apps:\nAPP ", "Events:\nTIME "):
            self.assertIn(part, shown)
        self.assertRegex(self.says(0, "describe", "app/shop"), "Ready: +2/2\n")
        self.assertRegex(self.says(0, "describe", "cg", "live"), "Members: +paris\n")
        self.assertRegex(self.says(0, "describe", "commit", self.repo.head()[:9]),
                         "Rollout: +rendered 2, delivered 2, applied 2, healthy 2 of 2\n")
        self.assertRegex(self.says(0, "describe", "app", "shop", "--cluster", "rome"),
                         "Objects:\nOBJECT .*\nConfigMap/default/shop ")
        shown = self.says(0, "describe", "object", "ConfigMap/default/shop", "--cluster", "rome")
        self.assertIn("Desired:\n  apiVersion: v1\n", shown)
        self.assertEqual(self.says(0, "describe", "cluster", "rome", "-o", "jsonpath={.labels.env}"),
                         "staging")
        for words, answer in ((["pariss"], "did you mean 'paris'"), ([], "describe which cluster?")):
            self.assertIn(answer, self.says(2, "describe", "cluster", *words))
        self.assertEqual(self.says(0, "describe", "paris", "-o", "jsonpath={.labels.env}"),
                         "production")
        self.assertIn("no App, cluster or group", self.says(2, "describe", "pariss"))
        self.assertIn("say --cluster NAME", self.says(2, "describe", "object", "x"))
        for name, answer in (("configmap/shop", "did you mean 'ConfigMap/default/shop'?"),
                             ("x", "write KIND.GROUP/NAMESPACE/NAME")):
            self.assertIn(answer, self.says(2, "describe", "object", name, "--cluster", "rome"))
        self.assertIn("cannot be described", self.says(2, "describe", "events", "1"))
        self.assertIn("did you mean 'group'", self.says(2, "describe", "grup", "live"))

    def test_logs_are_events_as_lines(self):
        lines = self.says(0, "logs", "app", "shop").splitlines()
        self.assertRegex(lines[0], r"\A[0-9:]{8}  app\.\w+ +\w+/shop  at [0-9a-f]{8}")
        self.assertEqual(len(self.says(0, "logs", "--limit", "2").splitlines()), 2)
        event = json.loads(self.says(0, "logs", "--limit", "1", "-o", "json"))
        self.assertGreater(event["number"], 2)

    def test_logs_say_that_there_is_nothing(self):
        self.assertEqual(self.says(0, "logs", "--kind", "foo"), "nothing to show\n")

    def test_logs_follow_what_comes(self):
        with subprocess.Popen(self.hub_words("logs", "-f", "--kind", "app.applied"), text=True,
                              stdout=subprocess.PIPE) as following:
            for line in following.stdout:
                limits = pathlib.Path(f"/proc/{following.pid}/limits").read_text(encoding="ascii")
                self.assertRegex(limits, r"Max core file size +0 +0 ")  # it holds a token
                revision = self.repo.push(config_map("pink"))
                self.says(0, "sync")
                break
            for line in following.stdout:
                if revision[:8] in line:
                    break
            following.terminate()
        self.says(0, "wait", "--revision", revision, "--timeout", "30s")

    def test_get_goes_on_with_what_changes(self):
        with subprocess.Popen(self.hub_words("get", "status", "-w", "-o", "json"), text=True,
                              stdout=subprocess.PIPE) as watching:
            text = ""
            for line in watching.stdout:
                text += line
                if text.count("\n}\n") == 2:
                    break
            revision = self.repo.push(config_map("red"))
            self.says(0, "sync")
            for line in watching.stdout:
                if revision in line:
                    break
            watching.terminate()
        self.says(0, "wait", "--revision", revision, "--timeout", "30s")

    def test_watch_without_a_terminal_prints_lines_and_ends(self):
        self.assertIn("healthy 2 of 2", self.says(0, "watch", self.repo.head()))
        self.assertNotIn("\x1b", self.says(0, "watch", "--cluster", "paris"))

    def test_drift_is_a_difference(self):
        subprocess.run([program("holdfast-sim"), "--control", self.control, "--command",
                        "drift paris ConfigMap/default/shop data.colour green kubectl-edit"],
                       check=True, stdout=subprocess.DEVNULL)
        wait_for(lambda: self.hub.get("drift"), 20, "the drift to be reported")
        shown = self.says(1, "diff")
        for part in ("paris  ConfigMap/default/shop", "data.colour", "- \"red\"", "+ \"green\"",
                     "kubectl-edit"):
            self.assertIn(part, shown)
        self.assertEqual(self.says(1, "diff", "-o", "name"),
                         "paris/ConfigMap/default/shop/data.colour\n")
        self.assertEqual(len(json.loads(self.says(1, "diff", "-o", "json"))["drift"]), 1)
        self.assertEqual(self.says(0, "diff", "--cluster", "rome"), "")

    def test_who_is_revoked_is_away_and_what_it_lacks_is_not_in_time(self):
        self.assertIn("no agent may connect as rome", self.says(0, "revoke", "rome"))
        wait_for(lambda: not self.hub.get("clusters", "rome")[0]["connected"], 20, "rome to go")
        # What nobody can know now does not look well.
        self.assertRegex(self.says(0, "get", "cluster", "rome"), r"\nrome +no +\(1/1\) ")
        self.assertRegex(self.says(0, "get", "status", "--cluster", "rome"), r"\(healthy\)")
        self.assertRegex(self.says(0, "get", "apps"), r"\nshop +1/2 ")
        self.assertRegex(self.says(0, "describe", "app", "shop"), "Offline: +1\n")
        self.assertRegex(self.says(1, "wait", "--timeout", "300ms"),
                         "healthy 1 of 2, 1 not connected(.|\n)*not in time: 1 of 2 are not healthy")
        counts = self.hub.metrics()
        self.assertEqual((counts["holdfast_pairs_healthy"], counts["holdfast_pairs_offline"]), (1, 1))
        self.repo.push(config_map("white"))
        self.says(0, "sync")
        wait_for(lambda: self.hub.run("wait", "--cluster", "paris", "--revision", self.repo.head(),
                                      "--timeout", "30s"), 30, "the new commit")
        late = self.says(1, "wait", "--timeout", "300ms")
        self.assertRegex(late, "not in time: 1 of 2 are not healthy, 1 not connected")
        self.assertIn("rome  App shop  is not at", self.says(1, "diff", "--cluster", "rome"))

    def test_settings_that_are_wrong_are_named(self):
        self.assertIn("No such file",
                      self.says(2, "get", "apps", "--token-file", "/no/such/file"))
        wrong = self.folder / "wrong.token"
        wrong.write_text("hft_wrong\n", encoding="utf-8")
        self.assertIn("is not valid", self.says(2, "get", "apps", "--token-file", wrong))
        self.assertIn("--token-file", self.says(2, "get", "apps", "--token-file", ""))
        self.assertIn("--ca-file", self.says(2, "get", "apps", "--ca-file", ""))
        self.assertIn("which hub?", self.says(2, "get", "apps", "--server", ""))
        self.assertIn("--server must be https",
                      self.says(2, "get", "apps", "--server", self.hub.api_url.replace("s:", ":")))

    def test_a_ca_file_may_have_lines_of_windows(self):
        windows = self.folder / "windows.pem"
        windows.write_bytes(self.hub.ca_file.read_bytes().replace(b"\n", b"\r\n"))
        self.assertIn("shop", self.says(0, "get", "apps", "--ca-file", windows))

    def test_settings_may_come_from_a_file(self):
        settings = self.folder / "holdfast.yaml"
        settings.write_text(f"server: {self.hub.api_url}\nca-file: {self.hub.ca_file}\n"
                            f"token-file: {self.hub.token_file}\n", encoding="utf-8")
        done = subprocess.run([program("holdfast"), "get", "apps", "-o", "name",
                               "--config", settings], capture_output=True, text=True,
                              check=True)
        self.assertEqual(done.stdout, "shop\n")

    def test_hubs_have_names(self):
        home = {**os.environ, "XDG_CONFIG_HOME": str(self.folder / "config")}

        def says(code, *words):
            done = subprocess.run([program("holdfast"), *words], capture_output=True, text=True,
                                  check=False, env=home)
            self.assertEqual(done.returncode, code, f"{words}: {done.stdout}{done.stderr}")
            return done.stdout + done.stderr

        self.assertEqual(says(0, "context"), "nothing to show\n")
        self.assertIn("which hub?", says(2, "get", "apps"))
        self.assertIn("in use", says(0, "context", "set", "here", "--server", self.hub.api_url,
                                     "--ca-file", self.hub.ca_file,
                                     "--token-file", self.hub.token_file, "--embed"))
        self.assertEqual(says(0, "get", "apps", "-o", "name"), "shop\n")
        file = self.folder / "config" / "holdfast" / "config.yaml"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        says(0, "context", "set", "nowhere", "--server", "https://127.0.0.1:1")
        says(0, "context", "use", "nowhere")
        self.assertIn("nowhere", says(2, "get", "apps", "--context", "nowher"))
        says(2, "get", "apps")
        self.assertEqual(says(0, "get", "apps", "-o", "name", "--context", "here"), "shop\n")
        self.assertEqual(says(0, "context", "list", "-o", "name"), "here\nnowhere\n")
        says(0, "context", "delete", "nowhere")
        self.assertIn("which hub?", says(2, "get", "apps"))
        file.chmod(0o644)
        self.assertIn("chmod 600", says(2, "get", "apps", "--context", "here"))

    def test_filters_are_on_the_command_line_and_settings_may_be_in_the_environment(self):
        settings = {"HOLDFAST_SERVER": self.hub.api_url, "HOLDFAST_CA_FILE": str(self.hub.ca_file),
                    "HOLDFAST_TOKEN_FILE": str(self.hub.token_file), "HOLDFAST_OUTPUT": "name"}
        filters = {"HOLDFAST_APP": "nothing", "HOLDFAST_CLUSTER": "nothing"}
        done = subprocess.run([program("holdfast"), "get", "status"], capture_output=True,
                              text=True, check=True, env={**os.environ, **settings, **filters})
        self.assertEqual(done.stdout, "shop/paris\nshop/rome\n")

    def test_validate_needs_no_hub(self):
        def validate(folder):
            return subprocess.run([program("holdfast"), "validate", folder], capture_output=True,
                                  text=True, check=False)

        good = validate(self.repo.work)
        self.assertEqual((good.returncode, good.stdout), (0, "1 App on 2 clusters: no problems\n"))
        self.repo.write({"apps/shop/app.yaml": APP.replace("targets", "tragets")})
        bad = validate(self.repo.work)
        self.assertEqual(bad.returncode, 1)
        self.assertTrue(re.search(r"apps/shop/app.yaml:7:3: .*tragets", bad.stdout), bad.stdout)
        self.assertIn("\n1 problem\n", bad.stdout)
        self.assertEqual(validate("/no/such/folder").returncode, 2)

    def test_tokens_are_made_and_revoked(self):
        made = self.hub.run("token", "create", "ci", "--life", "1h")
        self.assertRegex(made.stdout, r"\Ahft_\w+\n\Z")
        file = self.folder / "ci.token"
        file.write_text(made.stdout, encoding="utf-8")
        self.assertEqual(self.says(0, "get", "apps", "-o", "name", "--token-file", file), "shop\n")
        self.assertIn("may only read", self.says(2, "sync", "--token-file", file))
        self.assertIn("is in use", self.says(2, "token", "create", "ci"))
        self.assertRegex(self.says(0, "token", "list"), r"\nci +read +yes ")
        self.assertIn("opens nothing", self.says(0, "token", "revoke", "ci"))
        self.assertIn("is not valid", self.says(2, "get", "apps", "--token-file", file))
        self.assertIn("'ci'", self.says(2, "token", "revoke", "ci"))
        self.assertIn("say 'holdfast token create NAME'", self.says(2, "token", "create"))
        self.assertIn("did you mean 'token revoke'?", self.says(2, "token", "revok", "ci"))

    def test_wait_outlives_a_restart_of_the_hub(self):
        self.repo.git("checkout", "--quiet", ".")  # what was written to be validated
        revision = self.repo.commit(config_map("grey"))  # and pushed later
        with subprocess.Popen([program("holdfast"), "--server", self.hub.api_url,
                               "--ca-file", self.hub.ca_file, "--token-file", self.hub.token_file,
                               "wait", "--cluster", "paris", "--revision", revision,
                               "--timeout", "300s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as waiting:
            self.assertIn("waiting for the hub to resolve", waiting.stdout.readline())
            self.hub.terminate()
            self.assertIn("Failed to connect", self.says(2, "get", "apps"))
            self.hub.start_and_wait()
            self.repo.push()
            self.says(0, "sync")
            _, errors = waiting.communicate(timeout=320)
        self.assertEqual(waiting.returncode, 0, errors)


if __name__ == "__main__":
    story.main()
