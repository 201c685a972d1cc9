#!/usr/bin/env python3
"""What was so when is made anew of the state repository, and a value that must go goes from both."""
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.hub import program  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, files, fleet, path  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = "Deployment.apps/default/web"
POOL = "Deployment.apps/default/pool"
WORDS = "Failed checks threshold reached 5"
SECRET = "hunter2-of-the-database"
INDEX = ("past_cluster", "past_value", "past_image", "past_value_image", "past_now", "past_change", "past_checkpoint",
         "freeze_past", "freeze_past_cluster")


def web(version):
    return files("web", m.deployment("web", image=f"example.com/web:{version}"))


class Reindex(SimStory):
    clusters = fleet(3)
    apps = web("1")
    hub_options = ("--state-window", "100ms")
    then = answers = None

    @property
    def data_dir(self):
        return self.hub.data / "data"

    def git(self, *words):
        return subprocess.run(["git", "-C", self.data_dir / "state.git", *words], capture_output=True, text=True,
                              check=True, timeout=60).stdout

    def database(self):
        """Of a hub that does not run."""
        return sqlite3.connect(self.data_dir / "hub.db", isolation_level=None)

    def reindex(self, code=0):
        done = subprocess.run([program("holdfast-hub"), "reindex", "--data-dir", self.data_dir], capture_output=True,
                              text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout + done.stderr

    def lines(self):
        paths = self.git("ls-tree", "-r", "--name-only", "events", "changes").split()
        for path in paths:
            self.assertRegex(path, r"^changes/\d{4}-\d\d/\d\d/\d{5}\.jsonl$")
        return [json.loads(line) for path in paths for line in self.git("show", f"events:{path}").splitlines()]

    def ask(self, then):
        """What all verbs say about a moment, but for when they were asked."""
        at = f"@{{{then}}}"
        questions = (("show", at), ("show", f"c02:web{at}"), ("show", f"c02:web{at}", "--known"), ("log", at), ("log", f"c03{at}"),
                     ("why", f"c02:web{at}"), ("why", f"c03:web{at}"), ("where", "example.com/web:2", at),
                     ("where", "example.com/web:2", at, "--missing"), ("diff", f"c02{at}..c03{at}"))
        found = {}
        for words in questions:
            done = self.hub.run(*words, "-o", "json", check=False)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            answer = json.loads(done.stdout)
            answer.pop("atMs", None)
            found[words] = answer
        return found

    def same(self):
        now = self.ask(self.then)
        for words, answer in self.answers.items():
            with self.subTest(words):
                self.assertEqual(now[words], answer)

    def scaled_as(self, replicas, ill):
        """Has somebody scale on two clusters, and waits until both agents have seen it, with how it does."""
        kind = "app.degraded" if ill else "app.recovered"
        before = {name: len(self.events(kind, cluster=name, app="pool")) for name in ("c01", "c02")}
        for name in before:
            self.sim.ask("drift", name, POOL, "spec.replicas", replicas, "keda-operator")
            self.sim.ask("degrade", name, POOL, "on" if ill else "off")
        for name, count in before.items():
            wait_for(lambda name=name, count=count: len(self.events(kind, cluster=name, app="pool")) > count, PATIENT, kind, 0.1)

    def scaled(self, name):
        """What was told of how the replicas of a cluster changed, once that is all of it: one event for each window."""
        def all_told():
            events = self.events("app.scaled", cluster=name, app="pool")
            numbers = [list(map(int, re.match(r"(\d+) to (\d+) replicas \(at least (\d+), at most (\d+); changes: (\d+) within \d+ s\)$",
                                              event["message"]).groups())) for event in events]
            assert sum(changes for *_, changes in numbers) == 2, numbers
            first, last, least, most, _ = zip(*numbers)
            self.assertEqual((first[0], last[-1], min(least), max(most)), (3, 12, 3, 14))
            return events
        events = wait_for(all_told, SOON, f"all of {name} to be told", 0.1)
        self.assertEqual({(event["key"], event["actor"]) for event in events}, {(POOL, "keda-operator")})
        return events

    def test_0_somebody_scales_what_git_leaves_open(self):
        pool = m.deployment("pool")
        del pool["spec"]["replicas"]
        self.deliver(files("pool", pool, m.config_map("rest"), prune=True))
        for replicas, ill in ((3, True), (14, False), (12, True)):
            self.scaled_as(replicas, ill)
        self.deliver({path("pool", pool): None})  # what is gone is gathered no longer
        events = [event for name in ("c01", "c02") for event in self.scaled(name)]
        rows = json.loads(self.hub.run("log", "--kind", "scaled", "-o", "json").stdout)["items"]
        self.assertEqual(len(rows), len({event["happenedMs"] // 3600000 for event in events}))
        self.assertEqual({name for row in rows for name in row["names"]}, {"c01", "c02"})
        text = self.hub.run("log", "--kind", "scaled", "--expand").stdout
        told = re.findall(rf"scaled +pool +keda-operator: {POOL}: (.*?) +on 1 cluster", text)
        self.assertEqual(len(told), len(events), text)
        if len(events) == 2:  # else a window of minutes ended in between
            self.assertEqual(set(told), {"3 to 12, between 3 and 14, 2 changes"})
            self.assertEqual({row["text"].split(", ")[0] for row in rows}, {"3 to 12"})

    def test_1_much_happens(self):
        self.deliver(web("2"))
        self.sim.ask("decide", "c02", WEB, "rejected", WORDS)
        self.wait_event("release.held", cluster="c02", app="web")
        self.hub.run("freeze", "--app", "web", "--name", "stop", "--reason", f"the password was {SECRET}", "--for", "1h")
        self.hub.run("unfreeze", "stop")
        self.wait_event("freeze.ended")
        self.deliver(web("3"))
        self.sim.ask("kill", "c03")
        wait_for(lambda: "c03" not in self.connected(), SOON, "c03 to be away", 0.1)
        time.sleep(0.01)  # a moment of its own
        now = time.time()
        type(self).then = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"
        self.hub.terminate()  # of those that were connected it is told anew since when they were not
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02")
        type(self).answers = self.ask(self.then)
        told = json.dumps([answer for _, answer in sorted(self.answers.items())])
        for word in ("example.com/web:3", WORDS, SECRET, "disconnected", "rejected", "frozen", "unfrozen", "keda-operator"):
            self.assertIn(word, told)

    def test_2_each_change_is_a_line_in_the_order_of_its_number(self):
        wait_for(lambda: [line for line in self.lines() if line.get("axis") == "seen" and "value" not in line], PATIENT,
                 "the last change to be written", 0.1)
        lines = self.lines()
        self.assertEqual(lines[0]["kind"], "begin")
        numbers = [(line["epoch"], line["n"]) for line in lines]
        self.assertEqual(numbers, sorted(numbers))
        self.assertLessEqual({"cluster", "value", "image", "change", "decision", "freeze", "frozen"},
                             {line["kind"] for line in lines})
        trailers = self.git("log", "-1", "--format=%(trailers:key=Holdfast-Change,valueonly)", "events").split()
        self.assertEqual(trailers, [f"1/{lines[-1]['n']}"])

    def test_3_while_the_hub_runs_nothing_is_done(self):
        self.assertIn("stop it first", self.reindex(code=1))

    def test_4_an_index_that_is_lost_is_made_anew_and_says_the_same(self):
        self.hub.terminate()
        with self.database() as db:
            for table in INDEX:
                db.execute(f"DELETE FROM {table}")
            db.execute("DELETE FROM event WHERE number < (SELECT max(number) FROM event) - 5")
            db.execute("DELETE FROM verdict")
        db.close()
        told = self.reindex()
        self.assertRegex(told, r"made anew: 3 clusters, ([4-9]|1\d) releases, .*Passed over: 0 told before, 0 purged, 0 lost")
        self.hub.start_and_wait()
        self.same()

    def test_5_one_that_is_whole_stays_so_and_the_hub_goes_on(self):
        self.wait_connected("c01", "c02")
        self.hub.kill()
        with self.database() as db:
            before = {table: sorted(map(str, db.execute(f"SELECT * FROM {table}"))) for table in INDEX}
        self.reindex()
        with self.database() as db:
            self.assertEqual({table: sorted(map(str, db.execute(f"SELECT * FROM {table}"))) for table in INDEX}, before)
        db.close()
        self.hub.start_and_wait()
        self.same()

    def purge(self, value):
        """Does what the documentation says, word for word, but for folder and value."""
        text = (ROOT / "deploy/reference/state-repository.md").read_text(encoding="utf-8")
        script = next(block for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S) if "filter-branch" in block)
        script = script.replace("/var/lib/holdfast-hub", str(self.data_dir)).replace("hunter2", value)
        self.assertIn(value, script)
        done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, check=False, timeout=120,
                              env={"PATH": f"{program('holdfast-hub').parent}:/usr/bin:/bin", "HOME": str(self.folder), "FILTER_BRANCH_SQUELCH_WARNING": "1",
                                   "GIT_COMMITTER_NAME": "x", "GIT_COMMITTER_EMAIL": "x@example.com"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def everything(self):
        """All bytes of all objects of the state repository."""
        return subprocess.run(["git", "-C", self.data_dir / "state.git", "cat-file", "--batch-all-objects", "--batch"],
                              capture_output=True, check=True, timeout=60).stdout

    def test_6_a_value_that_must_go_goes_from_the_repository_and_the_index(self):
        wait_for(lambda: self.git("rev-list", "--count", "events"), SOON, "the branch")
        self.hub.terminate()
        self.assertIn(SECRET.encode(), self.everything())
        self.purge(SECRET)
        self.assertNotIn(SECRET.encode(), self.everything())
        self.assertIn("0 purged, 0 lost", self.reindex())
        self.hub.start_and_wait()
        now = json.loads(json.dumps(list(self.answers.values())).replace(SECRET, "[purged]"))
        self.assertEqual(list(self.ask(self.then).values()), now)

    def test_7_the_hub_goes_on_from_what_was_rewritten(self):
        before = len(self.lines())
        self.wait_connected("c01", "c02")
        self.sim.ask("start", "c03")
        self.deliver(web("4"))
        wait_for(lambda: [line for line in self.lines() if line.get("image") == "example.com/web:4"], SOON, "its line", 0.1)
        self.assertGreater(len(self.lines()), before)
        self.assertEqual(sum(line["kind"] == "begin" for line in self.lines()), 1)
        self.git("fsck", "--strict")
        self.hub.terminate()
        self.assertIn("0 told before", self.reindex())
        self.hub.start_and_wait()

    def test_8_without_a_state_repository_it_says_what_it_cannot_do(self):
        self.hub.terminate()
        (self.data_dir / "state.git").rename(self.folder / "away.git")
        self.assertIn("the past is in the database alone", self.reindex(code=1))
        (self.folder / "away.git").rename(self.data_dir / "state.git")

    def command(self, *words):
        subprocess.run([program("holdfast-hub"), *words, "--data-dir", self.data_dir], check=True, capture_output=True, timeout=60)

    def told_of(self, image):
        """The clusters that run it, as lines say."""
        lines = self.lines()
        values = [line["value"] for line in lines if line.get("image") == image]
        return {line["cluster"] for line in lines if line.get("axis") == "actual" and line.get("value") in values}

    def told_events(self):
        paths = self.git("ls-tree", "-r", "--name-only", "events", "events").split()
        return [json.loads(line) for path in paths for line in self.git("show", f"events:{path}").splitlines()]

    def applied(self, revision):
        """When agents said that they had applied a commit."""
        return {(event["cluster"], event["atMs"]) for event in self.events("app.applied", revision=revision)}

    def test_9_after_a_restore_it_tells_what_the_backup_is_too_old_to_know(self):
        backup, aside = self.folder / "hub.backup", self.folder / "aside.git"
        self.hub.start_and_wait()
        self.wait_connected("c01", "c02")
        self.command("backup", backup)
        revision = self.deliver(web("5"))
        asked = ("where", "example.com/web:5", "-o", "json")
        names = [item["names"] for item in json.loads(self.hub.run(*asked).stdout)["items"]]
        self.assertTrue(names)
        applied = self.applied(revision)
        self.assertTrue(applied)
        wait_for(lambda: self.told_of("example.com/web:5") == set(names[0]), SOON, "the lines", 0.1)
        wait_for(lambda: {cluster for cluster, _ in applied} <=
                 {event.get("cluster") for event in self.told_events() if event.get("revision") == revision}, SOON, "the events", 0.1)
        self.hub.kill()
        self.data_dir.joinpath("state.git").rename(aside)
        shutil.rmtree(self.data_dir)
        self.command("restore", backup)
        aside.rename(self.data_dir / "state.git")
        self.reindex()
        with self.database() as db:
            self.assertEqual(db.execute("SELECT count(*) FROM past_image WHERE image = 'example.com/web:5'").fetchall(), [(1,)])
        db.close()
        self.hub.start_and_wait()
        self.assertEqual([item["names"] for item in json.loads(self.hub.run(*asked).stdout)["items"]], names)
        self.assertLessEqual(applied, self.applied(revision))
        wait_for(lambda: self.lines()[-1]["epoch"] == 2, PATIENT, "lines of the new epoch", 0.1)
        self.hub.terminate()
        told = [(event["epoch"], event["n"]) for event in self.told_events() if event["kind"] != "state.gap"]
        self.assertEqual(len(told), len(set(told)))
        self.assertIn("0 lost", self.reindex())
        self.hub.start_and_wait()
        self.assertEqual([item["names"] for item in json.loads(self.hub.run(*asked).stdout)["items"]], names)


if __name__ == "__main__":
    story.main()
