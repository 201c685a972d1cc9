#!/usr/bin/env python3
"""Somebody changes the cluster behind Git's back: it is seen in seconds, with field, old value, new
value and who did it, put right where the App says so, and taken over into Git where people say so.
"""
import base64
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.kubestory import KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.wins import row  # noqa: E402

PART_OF = "applyset.kubernetes.io/part-of"
STRATEGIC = "application/strategic-merge-patch+json"
KUBECTL_SET = "kubectl-set"
HAND = """\
# the shop, as it is run
apiVersion: apps/v1
kind: Deployment
metadata: {name: hand}   # found by this
spec:
  replicas: 2   # as agreed
  selector: {matchLabels: &labels {app: hand}}
  template:
    metadata: {labels: *labels}
    spec:
      containers:
      - name: main
        image: 'example.com/hand:1'   # the tested one
        env:
        - {name: LOGIN, value: one}
"""
SECONDS = 10  # in which drift is to be known, on a busy machine; half a second on an idle one


class Drift(KubeStory):
    repo_more = {"write": "direct"}

    def test_three_apps_are_installed(self):
        objects = (m.config_map("SELF", colour="green", size="1"), m.secret("SELF", password="one"),
                   m.deployment("SELF", replicas=2))
        container = objects[2]["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [{"name": "LOGIN", "value": "one"}]
        fleet = {}
        for name, drift in (("watched", "report"), ("kept", "correct"), ("free", "off")):
            own = [{**item, "metadata": {"name": name}} for item in objects]
            fleet.update(files(name, *own, namespace="default", drift=drift, plainSecrets="allow",
                               showValues=["colour"]))
        self.deliver(fleet)
        self.assertEqual(self.drift(), {})

    def added(self):
        """What is told as added: {(object, field): row}."""
        return {at: row for at, row in self.drift().items() if row["desired"] == ""}

    @row(27, "people added it where Git says nothing")  # with `report`
    def test_what_people_add_is_told_with_who_and_stays(self):
        web, settings = "Deployment.apps/default/watched", "ConfigMap/default/watched"
        self.cluster.kubectl("rollout", "restart", "deployment/watched")  # which says nothing of what shall be
        self.cluster.kubectl("annotate", "deployment/watched", "kubernetes.io/change-cause=INC-1")
        self.admin.patch("Deployment", "watched", {"metadata": {"annotations": {"a-robot": "1"}}}, "robot")
        self.cluster.kubectl("set", "env", "deployment/watched", "NEW=canary-of-an-addition")
        self.cluster.kubectl("annotate", "deployment/watched", "note=mine")
        self.cluster.kubectl("label", "configmap/watched", "tier=front")
        self.admin.patch("ConfigMap", "watched", {"data": {"another": "1"}}, manager="k9s")
        expected = {(web, "spec.template.spec.containers[name=main].env[name=NEW]"): "kubectl-set",
                    (web, "metadata.annotations.note"): "kubectl-annotate",
                    (settings, "metadata.labels.tier"): "kubectl-label", (settings, "data.another"): "k9s"}
        rows = wait_for(lambda: len(self.added()) == len(expected) and self.added(), SECONDS, "all of it", 0.2)
        self.assertEqual({at: row["manager"] for at, row in rows.items()}, expected)
        self.assertEqual(rows[web, "metadata.annotations.note"]["actual"], '"mine"')
        self.assertRegex(rows[web, "spec.template.spec.containers[name=main].env[name=NEW]"]["actual"],
                         '^{"name":"NEW","value":"hmac:[0-9a-f]{32}"}$')
        shown = self.hub.run("diff", check=False).stdout
        self.assertRegex(shown, r'metadata.annotations.note  \(added by kubectl-annotate, .* ago\)\n    \+ "mine"\n')
        self.assertIn('metadata.annotations.note: added "mine"', [row["message"] for row in self.events("drift.found")])
        self.assertEqual(self.told("canary-of-an-addition"), set())
        other = m.config_map("beside", x="1")
        self.deliver({path("watched", other): m.text(other)})  # what Git says of others takes nothing away
        self.assertEqual(set(self.added()), set(expected))

    def test_what_people_take_away_again_is_told_no_more(self):
        self.cluster.kubectl("set", "env", "deployment/watched", "NEW-")
        self.cluster.kubectl("annotate", "deployment/watched", "note-", "kubernetes.io/change-cause-", "a-robot-")
        self.cluster.kubectl("label", "configmap/watched", "tier-")
        self.admin.patch("ConfigMap", "watched", {"data": {"another": None}})
        self.admin.patch("Deployment", "watched", {"spec": {"template": {"metadata": {"annotations": None}}}})
        wait_for(lambda: not self.added(), SECONDS, "nothing of it", 0.2)
        self.assertEqual([row["message"] for row in self.events("drift.cleared") if "note" in row["message"] and
                          "the agent" in row["message"]], [])

    def test_a_changed_field_is_told_with_old_new_and_who(self):
        self.admin.patch("ConfigMap", "watched", {"data": {"colour": "red"}})
        row = self.wait_drift("ConfigMap/default/watched", "data.colour", SECONDS)
        self.assertEqual((row["desired"], row["actual"]), ('"green"', '"red"'))
        self.assertEqual((row["manager"], row["operation"]), ("kubectl-edit", "Update"))
        self.assertLess(abs(row["atMs"] / 1000 - time.time()), 60)
        self.assertEqual(self.status("watched")["drifted"], 1)
        self.assertTrue(any("watched" in event["key"] for event in self.events("drift.found")))

    def test_the_command_line_shows_it_to_people(self):
        shown = self.hub.run("diff", check=False)
        self.assertEqual(shown.returncode, 1)
        for word in ("ConfigMap/default/watched", "data.colour", '"green"', '"red"',
                     "kubectl-edit"):
            self.assertIn(word, shown.stdout)

    def test_a_removed_field_and_an_added_replica_are_told(self):
        self.admin.patch("ConfigMap", "watched", {"data": {"size": None}})
        self.assertEqual(self.wait_drift("ConfigMap/default/watched", "data.size")["actual"], "")
        self.admin.patch("Deployment", "watched", {"spec": {"replicas": 5}}, manager="scaler")
        row = self.wait_drift("Deployment.apps/default/watched", "spec.replicas")
        self.assertEqual((row["desired"], row["actual"], row["manager"]), ("2", "5", "scaler"))

    def test_a_changed_secret_is_told_without_its_value(self):
        self.admin.patch("Secret", "watched", {"data": {"password": "aGFja2Vk"}})
        row = self.wait_drift("Secret/default/watched", "data.password")
        self.assertEqual((row["desired"], row["actual"]), ("***", "***"))

    def set_login(self, container, value):
        """As `kubectl set env` does."""
        self.admin.patch("Deployment", "watched", {"spec": {"template": {"spec": {"containers": [
            {"name": container, "env": [{"name": "LOGIN", "value": value}]}]}}}}, content_type=STRATEGIC)

    def test_a_password_in_an_environment_is_told_nowhere(self):
        found = self.find("Deployment", "watched")["spec"]["template"]["spec"]["containers"][0]["name"]
        self.set_login(found, "canary-of-a-hand")
        row = self.wait_drift("Deployment.apps/default/watched",
                              f"spec.template.spec.containers[name={found}].env[name=LOGIN].value")
        self.assertRegex(row["actual"], '^"hmac:[0-9a-f]{32}"$')
        self.admin.patch("ConfigMap", "watched", {"data": {"size": "canary-of-a-hand"}})
        wait_for(lambda: self.drift()[("ConfigMap/default/watched", "data.size")]["actual"].startswith('"hmac:'),
                 SECONDS, "a hash of the other", 0.2)
        self.admin.patch("ConfigMap", "watched", {"data": {"size": None}})
        self.set_login(found, "one")
        wait_for(lambda: not any("env" in field for _, field in self.drift()), SECONDS, "it to be right again", 0.2)
        self.assertEqual([str(file) for folder in (self.hub.data, self.agent.data) for file in folder.rglob("*")
                          if file.is_file() and b"canary-of-a-hand" in file.read_bytes()], [])

    def test_what_controllers_add_is_no_drift(self):
        self.admin.patch("ConfigMap", "free", {"data": {"colour": "blue"}})
        self.admin.patch("ConfigMap", "kept", {"data": {"another": "1"}, "metadata": {"annotations": {"note": "mine"}}},
                         manager="robot")
        self.admin.patch("Deployment", "watched", {"spec": {"replicas": 2}})
        wait_for(lambda: ("Deployment.apps/default/watched", "spec.replicas") not in self.drift(),
                 SECONDS, "the replicas to be right again", 0.2)
        self.assertEqual({key for key, _ in self.drift()},
                         {"ConfigMap/default/watched", "Secret/default/watched"})

    def state(self, *words):
        return subprocess.run(["git", "-C", self.hub.data / "data" / "state.git", *words], capture_output=True, text=True,
                              check=True, timeout=60).stdout

    def difference(self):
        """{file: [changed line]} of the state repository."""
        found, file = {}, None
        for line in self.state("diff", "-U0", "desired", "actual").splitlines():
            if line.startswith("+++ "):
                file = line.rpartition("/")[2]
            elif line.startswith(("+ ", "- ")):
                found.setdefault(file, []).append(re.sub("hmac:[0-9a-f]{32}", "hmac:", line[0] + line[1:].strip().rstrip(",")))
        return {file: sorted(lines) for file, lines in found.items()}

    def test_what_is_there_is_the_difference_of_two_branches(self):
        expected = {
            "ConfigMap.core.watched.json": ['+"colour": "red"', '-"colour": "green"', '-"size": "1"'],
            "ConfigMap.core.kept.json": ['+"another": "hmac:"', '+"annotations": {', '+"note": "mine"', "+}"],
            "Secret.core.watched.json": sorted(['+"actual": {', '+"apiVersion": "v1"', '+"data": {', '+"password": "hmac:"', "+}",
                                                '+"kind": "Secret"', '+"metadata": {', '+"name": "watched"', "+}", "+}",
                                                '+"changed": [', '+"data.password"', "+]"])}
        open_ones = {name: sorted(lines) for name, lines in expected.items() if "Secret" not in name}

        def all_told():
            found = self.difference()
            self.assertEqual(set(found), set(expected))
            self.assertEqual({name: found[name] for name in open_ones}, open_ones)
            return found
        found = wait_for(all_told, SECONDS, "all that differs to be written", 0.5)
        for line in expected["Secret.core.watched.json"]:
            self.assertIn(line, found["Secret.core.watched.json"])
        self.assertNotIn("aGFja2Vk", self.state("log", "--all", "-p"))

    def test_what_is_reported_only_stays_as_it_is(self):
        self.assertEqual(self.find("ConfigMap", "watched")["data"], {"colour": "red"})

    @row(27, "people added it where Git says nothing")  # with `off`
    def test_where_nothing_is_compared_an_edit_stays_until_git_says_something_else_there(self):
        self.cluster.kubectl("label", "configmap/free", "mine=1")
        self.admin.patch("Deployment", "free", {"spec": {"replicas": 3}})
        other = m.config_map("free-too", a="1")
        self.deliver({path("free", other): m.text(other)})
        self.assertEqual((self.find("ConfigMap", "free")["data"], self.find("Deployment", "free")["spec"]["replicas"]),
                         ({"colour": "blue", "size": "1"}, 3))
        self.assertEqual([key for key, _ in self.drift() if "free" in key], [])
        said = m.config_map("free", colour="white", size="1")
        self.deliver({path("free", said): m.text(said)})
        self.assertEqual((self.find("ConfigMap", "free")["data"], self.find("Deployment", "free")["spec"]["replicas"]),
                         (said["data"], 3))
        self.assertEqual(self.find("ConfigMap", "free")["metadata"]["labels"]["mine"], "1")
        self.assertEqual([row for row in self.events("drift.found") if "free" in row["key"]], [])

    def test_a_change_is_put_right_where_the_app_says_so(self):
        mark = self.cluster.audit_mark()
        self.admin.patch("ConfigMap", "kept", {"data": {"colour": "red"}})
        self.cluster.wait_for(
            lambda: self.find("ConfigMap", "kept")["data"]["colour"] == "green", SECONDS)
        self.assert_written(mark, {("patch", "configmaps"): 1})
        self.assertEqual(self.find("ConfigMap", "kept")["data"]["another"], "1")

    def test_what_people_add_is_taken_away_where_the_app_says_so_and_nothing_else(self):
        """Entries of lists that have keys, members of maps, whole fields, also while their neighbours change."""
        self.admin.patch("Deployment", "kept", {"metadata": {"annotations": {"a-robot": "1"}}}, "robot")
        self.admin.patch("Deployment", "kept", {"spec": {"template": {"spec": {"containers": [
            {"name": "main", "env": [{"name": "ROBOT", "value": "1"}]}]}}}}, "robot", content_type=STRATEGIC)
        self.admin.patch("ConfigMap", "kept", {"metadata": {"finalizers": ["example.com/by-hand"]}})
        before = self.find("Deployment", "kept")
        self.cluster.kubectl("set", "env", "deployment/kept", "NEW=1", "LOGIN=two")
        self.cluster.kubectl("annotate", "deployment/kept", "note=mine")
        self.cluster.kubectl("label", "configmap/kept", "tier=front")
        self.admin.patch("ConfigMap", "kept", {"data": {"more": "1"}}, "k9s")
        self.admin.patch("Deployment", "kept", {"spec": {"template": {"spec": {
            "nodeSelector": {}, "tolerations": [{"key": "x", "operator": "Exists"}],
            "containers": [{"name": "debug", "image": "example.com/debug:1", "volumeMounts": [
                {"name": "extra", "mountPath": "/extra"}]}],
            "volumes": [{"name": "extra", "emptyDir": {}}]}}}}, content_type=STRATEGIC)

        def is_right():
            web, settings = self.find("Deployment", "kept"), self.find("ConfigMap", "kept")
            metadata = settings["metadata"]
            return (web["spec"] == before["spec"] and "tier" not in metadata["labels"] and
                    "more" not in settings["data"] and "note" not in web["metadata"]["annotations"])
        self.cluster.wait_for(is_right, 60)
        wait_for(lambda: not any("kept" in key for key, _ in self.drift()), SECONDS, "no drift", 0.2)
        env = self.find("Deployment", "kept")["spec"]["template"]["spec"]["containers"][0]["env"]
        self.assertEqual(sorted(each["name"] for each in env), ["LOGIN", "ROBOT"])
        self.assertEqual(self.find("Deployment", "kept")["metadata"]["annotations"]["a-robot"], "1")
        self.assertEqual(self.find("ConfigMap", "kept")["data"]["another"], "1")
        self.assertEqual(self.find("ConfigMap", "kept")["metadata"]["finalizers"], ["example.com/by-hand"])
        self.admin.patch("ConfigMap", "kept", {"metadata": {"finalizers": None}})
        wait_for(lambda: any(re.search("debug|NEW|note|tier|more", row["message"]) and  # which of them is told before it goes is open
                             row["message"].endswith("the agent put it right")
                             for row in self.events("drift.cleared") if "kept" in row["key"]), SECONDS, "it to be told", 0.2)

    def test_what_is_added_goes_in_one_change_with_all_else_also_where_only_both_together_are_valid(self):
        """No form between: it would be a release of its own, of which nobody has written anything."""
        fixed = m.deployment("union", replicas=1)
        fixed["spec"]["strategy"] = {"type": "Recreate"}
        container = fixed["spec"]["template"]["spec"]["containers"][0]
        container["env"] = [{"name": "FROM", "value": "git"}]
        loose = m.deployment("loose", replicas=1)
        self.deliver({path("kept", each): m.text(each) for each in (fixed, loose)})
        self.cluster.wait_ready("Deployment", "union")
        before = {name: self.find("Deployment", name)["spec"] for name in ("union", "loose")}
        self.admin.patch("Deployment", "union", {"spec": {"strategy": {"type": "RollingUpdate"}, "template": {"spec": {
            "containers": [{"name": container["name"], "env": [{"name": "FROM", "value": None, "valueFrom": {
                "fieldRef": {"fieldPath": "metadata.name"}}}]}]}}}}, content_type=STRATEGIC)
        self.admin.patch("Deployment", "loose", {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 1}}}})
        self.admin.patch("Deployment", "loose", {"spec": {"strategy": {"rollingUpdate": {"maxSurge": "25%"}}}})  # as by default
        self.cluster.wait_for(lambda: {name: self.find("Deployment", name)["spec"] for name in before} == before, 60)
        wait_for(lambda: not any(name in key for key, _ in self.drift() for name in before), SECONDS, "no drift", 0.2)
        self.assertEqual(self.find("Deployment", "union")["metadata"]["generation"], 3)  # made, changed by hand, put right
        self.cluster.wait_for(lambda: "f:maxSurge" not in json.dumps(
            self.find("Deployment", "loose")["metadata"]["managedFields"]), 60)
        self.commit({path("kept", each): None for each in (fixed, loose)})
        for name in before:
            self.wait_gone("Deployment", f"default/{name}")

    def test_what_cannot_be_taken_away_keeps_nothing_else_from_being_put_right(self):
        fixed = m.config_map("fixed", colour="green")
        fixed["metadata"]["annotations"] = {"said": "by git"}
        self.deliver({path("kept", fixed): m.text(fixed)})
        self.admin.patch("ConfigMap", "fixed", {"immutable": True, "metadata": {"annotations": {"said": "by hand"}}})
        self.cluster.wait_for(lambda: self.find("ConfigMap", "fixed")["metadata"]["annotations"]["said"] == "by git", 60)
        self.wait_drift("ConfigMap/default/fixed", "immutable")
        wait_for(lambda: "id=agent.added_stays" in self.agent.log.read_text(), SECONDS, "the log to say why", 0.2)
        owner = [entry["manager"] for entry in self.find("ConfigMap", "fixed")["metadata"]["managedFields"]
                 if "f:immutable" in entry.get("fieldsV1", {})]
        self.assertEqual(owner, ["kubectl-edit"])  # it is his again
        self.commit({path("kept", fixed): None})
        self.wait_gone("ConfigMap", "default/fixed")

    def test_a_deleted_object_is_missing_or_made_again(self):
        for name in ("watched", "kept"):
            self.admin.delete("Deployment", name)
        self.wait_object("Deployment.apps/default/watched", SECONDS, health="missing")
        self.cluster.wait_ready("Deployment", "kept")
        self.assertFalse(self.find("Deployment", "watched"))
        self.wait_object("Deployment.apps/default/kept", health="healthy")
        self.assertEqual(self.status("watched")["health"], "missing")

    def test_a_job_that_goes_after_its_end_is_not_missing(self):
        once = m.job("once")
        once["spec"]["ttlSecondsAfterFinished"] = 1
        self.deliver(files("seeds", once, m.config_map("seeds", x="1"), namespace="default",
                           drift="correct"))
        self.wait_gone("Job", "default/once")
        self.wait_object("Job.batch/default/once", health="healthy", message="ran to its end")
        mark = self.cluster.audit_mark()
        self.agent.terminate()
        self.agent.start()
        self.wait_connected()
        self.admin.delete("ConfigMap", "default/seeds")
        self.cluster.wait_for(lambda: self.admin.find("ConfigMap", "default/seeds"), SECONDS,
                              "it to be made again")
        self.wait_status("seeds", applied="applied", health="healthy")
        self.assert_written(mark, {("patch", "configmaps"): 1})
        self.wait_object("Job.batch/default/once", health="healthy", message="ran to its end")

    def test_a_lost_label_is_drift_and_put_right(self):
        for name in ("watched", "kept"):
            self.admin.patch("ConfigMap", name, {"metadata": {"labels": {PART_OF: None}}})
        wait_for(lambda: any(PART_OF in field for key, field in self.drift()
                             if key == "ConfigMap/default/watched"), SECONDS, "it", 0.2)
        self.cluster.wait_for(lambda: PART_OF in self.find("ConfigMap", "kept")["metadata"]
                              .get("labels", {}), 30)
        self.admin.patch("ConfigMap", "kept", {"data": {"size": "9"}})
        self.cluster.wait_for(lambda: self.find("ConfigMap", "kept")["data"]["size"] == "1", 30)

    def own_watches(self):
        """Watches of the agent of one object each."""
        return self.cluster.open_watches("agent", lambda uri: "fieldSelector" in uri)

    def test_what_has_lost_its_label_is_watched_all_the_same(self):
        wait_for(lambda: self.own_watches() == 1, SECONDS, "a watch of its own", 0.2)
        self.admin.patch("ConfigMap", "watched", {"data": {"colour": "white"}})
        wait_for(lambda: self.drift()[("ConfigMap/default/watched", "data.colour")]["actual"] ==
                 '"white"', SECONDS, "the change to be known", 0.2)

    def test_a_commit_puts_everything_right(self):
        maps = m.config_map("watched", colour="green", size="2")
        self.deliver({path("watched", maps): m.text(maps)})
        self.assertEqual(self.find("ConfigMap", "watched")["data"], maps["data"])
        self.assertTrue(self.find("Deployment", "watched"))
        self.wait_no_drift()
        self.wait_status("watched", health="healthy", drifted=0)
        wait_for(lambda: self.own_watches() == 0, SECONDS, "its own watch to end", 0.2)

    def test_somebody_who_fights_is_given_more_time_and_then_left_alone(self):
        fought = m.config_map("fought", colour="green")
        self.deliver({path("kept", fought): m.text(fought)})
        mark = self.cluster.audit_mark()
        began = time.monotonic()

        def undo():
            if self.find("ConfigMap", "fought")["data"]["colour"] == "green":
                self.admin.patch("ConfigMap", "fought", {"data": {"colour": "red"}}, manager="robot")
            return self.events("drift.fight")
        wait_for(undo, 200, "the fight to be given up", 0.2)
        self.assertGreater(time.monotonic() - began, 4)
        self.assertEqual(self.find("ConfigMap", "fought")["data"]["colour"], "red")
        self.assert_written(mark, {("patch", "configmaps"): 5})
        self.assertIn("robot changed data.colour again after each of 5 corrections",
                      self.object_report("ConfigMap/default/fought")["message"])

    def test_a_commit_takes_what_is_left_alone_back(self):
        more = m.config_map("more", colour="green")
        self.deliver({path("kept", more): m.text(more)})
        self.assertEqual(self.find("ConfigMap", "fought")["data"]["colour"], "green")
        self.wait_no_drift()

    def test_one_object_that_cannot_be_applied_keeps_no_other_from_being_corrected(self):
        bad = {**m.config_map("bad"), "data": {"not a key": "1"}}
        self.commit({path("kept", bad): m.text(bad)})
        self.wait_status("kept", applied="failed")
        self.admin.patch("ConfigMap", "kept", {"data": {"colour": "red"}})
        self.cluster.wait_for(
            lambda: self.find("ConfigMap", "kept")["data"]["colour"] == "green", 40)

    def set_in(self, container, manager):
        """As `kubectl set image` and `kubectl set env` do."""
        self.admin.patch("Deployment", "hand", {"spec": {"template": {"spec": {"containers": [
            {"name": "main", **container}]}}}}, manager, content_type=STRATEGIC)

    def git(self, *words):
        self.repo.git("fetch", "--quiet", "origin")
        return self.repo.git(*words)

    def test_what_kubectl_changed_is_taken_over_into_its_document(self):
        self.commit({path("kept", m.config_map("bad")): None})
        self.deliver({**files("hand", m.secret("hand", password="one"), namespace="default", plainSecrets="allow",
                              showValues=["LEVEL"]),
                      "apps/hand/hand.yaml": HAND})
        self.admin.patch("Deployment", "hand", {"spec": {"replicas": 5}})
        self.set_in({"image": "example.com/hand:2"}, KUBECTL_SET)
        self.cluster.kubectl("set", "env", "deployment/hand", "LEVEL=debug")
        self.cluster.kubectl("annotate", "deployment/hand", "note=mine")
        field = "spec.template.spec.containers[name=main].image"
        self.assertEqual(self.wait_drift("Deployment.apps/default/hand", field)["manager"], KUBECTL_SET)
        self.wait_drift("Deployment.apps/default/hand", "spec.replicas")
        wait_for(lambda: len(self.added()) == 2, SECONDS, "what was added", 0.2)
        self.hub.run("capture", "hand", "--cluster", "real", "--object", "Deployment/hand", "--reason", "INC-1",
                     "--wait")
        self.assertEqual(self.git("show", "origin/main:apps/hand/hand.yaml"),
                         HAND.replace("replicas: 2", "replicas: 5").replace("hand:1'", "hand:2'")
                         .replace("{name: hand}", '{name: hand, "annotations": {"note":"mine"}}', 1) +
                         "        - name: LEVEL\n          value: debug\n")
        message = self.git("log", "-1", "--format=%B", "origin/main")
        self.assertIn("\nHoldfast-Manager: kubectl-annotate, kubectl-edit, kubectl-set (claimed)\n", message)
        wait_for(lambda: not any("hand" in key for key, _ in self.drift()), SECONDS, "no drift", 0.2)
        self.assertEqual(self.find("Deployment", "hand")["spec"]["replicas"], 5)

    def test_what_was_added_is_ignored_or_exempted_by_its_path(self):
        hand = "Deployment.apps/default/hand"
        fields = ("metadata.annotations.once", "spec.template.spec.containers[name=main].env[name=FOR]")
        self.cluster.kubectl("annotate", "deployment/hand", "once=1")
        self.cluster.kubectl("set", "env", "deployment/hand", "FOR=now")
        wait_for(lambda: set(self.added()) == {(hand, field) for field in fields}, SECONDS, "both", 0.2)
        self.hub.run("ignore", "hand", fields[0], "--object", hand, "--reason", "INC-2", "--wait")
        self.hub.run("exempt", "hand", "inc-3", "--object", hand, "--field", fields[1], "--for", "2h",
                     "--reason", "INC-3", "--wait")
        wait_for(lambda: [row["path"] for row in self.added().values() if row["exemption"] == "inc-3: INC-3"] ==
                 [fields[1]] and len(self.added()) == 1, SECONDS, "the one to be exempted, the other ignored", 0.2)
        self.cluster.kubectl("annotate", "deployment/hand", "once-")
        self.cluster.kubectl("set", "env", "deployment/hand", "FOR-")
        wait_for(lambda: not self.added(), SECONDS, "nothing more", 0.2)

    def told(self, word):
        """Where a word is: files of the hub and the agent, Git repositories, and what people are answered."""
        found = {file.name for folder in (self.hub.data, self.agent.data) for file in folder.rglob("*")
                 if file.is_file() and word.encode() in file.read_bytes()}
        for head in [*self.hub.data.rglob("HEAD"), self.repo.bare / "HEAD"]:
            if (head.parent / "objects").is_dir():
                held = subprocess.run(["git", "-C", head.parent, "cat-file", "--batch", "--batch-all-objects"],
                                      capture_output=True, check=True, timeout=60).stdout
                found |= {head.parent.name} if word.encode() in held else set()
        events = json.dumps(self.hub.get("events", "--limit", "5000"))
        said = {"events": events, "metrics": self.hub.metrics_text()}
        for words in (("get", "drift"), ("diff",), ("describe", "app", "hand")):  # diff says 1 for what differs
            said[words[0]] = self.hub.run(*words, "--cluster", "real", "-o", "json", check=False).stdout
        return found | {where for where, text in said.items() if word in text}

    def test_what_may_be_a_secret_is_taken_over_in_no_way_and_told_nowhere(self):
        self.set_in({"env": [{"name": "LOGIN", "value": "canary-in-a-login"}]}, KUBECTL_SET)
        self.admin.patch("Secret", "hand", {"stringData": {"password": "canary-in-a-secret"}})
        self.wait_drift("Deployment.apps/default/hand")
        self.wait_drift("Secret/default/hand", "data.password")
        for kind, why in (("Deployment", "may be a secret, and is not known here"),
                          ("Secret", "is a Secret, of which no value is known here")):
            done = self.hub.run("capture", "hand", "--cluster", "real", "--object", f"{kind}/hand", check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(why, done.stderr)
        wait_for(lambda: "LOGIN" in self.state("diff", "desired", "actual"), SECONDS, "it to be written", 0.2)
        for value in ("canary-in-a-login", "canary-in-a-secret"):
            encoded = base64.b64encode(value.encode()).decode()
            self.assertEqual((self.told(value), self.told(encoded)), (set(), set()))
        everywhere = {name.removesuffix("-wal") for name in self.told("example.com/hand:2")}
        self.assertLessEqual({"hub.db", "state.git", "fleet.git", "log"}, everywhere, everywhere)
        self.assertLessEqual({"get", "diff", "describe"}, self.told("LOGIN"))


if __name__ == "__main__":
    story.main()
