#!/usr/bin/env python3
"""Two thousand clusters reject the same release: one commit with one file, and each runs the one before."""
import pathlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

KEY = "Deployment.apps/default/web"
CLUSTERS = 2000
NAMED = 50  # in a commit's message
LONG = 120  # seconds; a bound for a busy machine


def web(image):
    return files("web", m.deployment("web", f"reg/web:{image}"))


class AllReject(SimStory):
    clusters = fleet(CLUSTERS)
    apps = web("1")
    repo_more = "  write: direct\n"
    begins = None

    def asked(self):
        """What waits to be written: how many clusters each has."""
        database = sqlite3.connect(self.hub.data / "data" / "hub.db", isolation_level=None)
        try:
            rows = database.execute("SELECT args FROM intent WHERE state = 'waiting'")
            return [args.count("\\n  - c") for (args,) in rows]
        finally:
            database.close()

    def runs(self):
        return {self.image(name) for name in self.generations()}

    def test_1_all_run_the_release(self):
        self.wait(timeout=LONG)
        self.wait(self.commit(web("2")), timeout=LONG)

    def test_2_all_reject_it_and_it_is_one_commit_with_one_file(self):
        base = self.git("rev-parse", "origin/main").strip()
        _, bring_back = self.away()  # until all are heard, however long that takes
        self.sim.ask("decide", "*", KEY, "rejected", "Failed checks threshold reached 5")
        wait_for(lambda: len(self.events("release.held")) == CLUSTERS, LONG, "all to be on record", 0.5)
        wait_for(lambda: CLUSTERS in self.asked(), LONG, "all to be on record as to be written", 0.5)
        bring_back()
        self.hub.run("sync")
        wait_for(lambda: self.git("rev-parse", "origin/main").strip() != base, LONG, "it to be in Git", 0.2)
        wait_for(lambda: self.runs() == {"1"}, LONG, "all to run what is good", 0.5)
        self.wait_written()
        self.assertEqual(self.git("rev-list", "--count", f"{base}..origin/main").strip(), "1")
        path, = self.git("diff", "--name-only", base, "origin/main").split()
        text = self.git("show", f"origin/main:{path}")
        names = sorted(self.generations())
        self.assertEqual([line[4:] for line in text.splitlines() if line.startswith("  - c")], names)
        said = self.git("log", "-1", "--format=%B", "origin/main")
        self.assertIn(f"\nHoldfast-Clusters: {' '.join(names[:NAMED])}\nHoldfast-Clusters-Count: {CLUSTERS}\n", said)
        self.assertEqual(len(self.events("release.rejected")), CLUSTERS)


if __name__ == "__main__":
    story.main()
