#!/usr/bin/env python3
"""What /metrics counts moves with what happens: agents, reports, commits, manifests, fetches."""
import json
import os
import pathlib
import re
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, raw_agent as raw, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.simstory import SOON, SimStory, cluster, files, fleet  # noqa: E402

CLUSTERS = 4
TABLE = pathlib.Path(__file__).resolve().parents[2] / "deploy/reference/metrics.md"
BEGIN = """# Metrics

What the hub serves at `GET /metrics`, in Prometheus' text format; it needs a token that may read.
[deploy/monitoring](../monitoring) has a scrape configuration, alert rules and a dashboard for Grafana.
Counts of the fleet are read from the database for each scrape; nothing of a hub that cannot read it is served.

| metric | type | labels | what |
|---|---|---|---|
"""
OF_AGENTS = """
## Of an agent

`holdfast-agent --metrics-file /var/lib/prometheus/node-exporter/holdfast.prom` writes these four times a minute for
node_exporter's textfile collector: agents are where nobody can connect to them, and do not listen. The file is removed
when the agent ends. How its hub sees it is above.

| metric | type | labels | what |
|---|---|---|---|
"""
OF_FLEET = '{repository="fleet"}'
OF_NOWHERE = '{repository="nowhere"}'


def row(name, kind, about, samples):
    """A row of the table; le is part of every histogram."""
    labels = {label for sample in samples if re.match(rf"{name}(_bucket)?{{", sample)
              for label in re.findall(r'([a-z_]+)="', sample)} - {"le"}
    return f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in sorted(labels))} | {about} |\n"


def table(text):
    """The rows of all that is served."""
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    helps = re.findall(r"^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$", text, re.M)
    return "".join(row(name, kind, about, samples) for name, about, kind in sorted(helps))


class Metrics(SimStory):
    clusters = {**fleet(CLUSTERS), **cluster("stranger", number="9")}
    apps = files("web", m.config_map("web", colour="green"))
    repo_more = "- name: nowhere\n  url: file:///nowhere/at/all.git\n  pollInterval: 1h\n"
    begins = None
    poll = "1h"

    before = of_agent = None

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim(*(f"c{i:02}" for i in range(1, CLUSTERS + 1)), name=name)

    def grown(self, name):
        """By how much a metric is more than when `before` was read."""
        return self.hub.metrics()[f"holdfast_{name}"] - self.before.get(f"holdfast_{name}", 0)

    def wait_grown(self, name):
        wait_for(lambda: self.grown(name) >= 1, SOON, f"{name} to grow", 0.1)

    def test_agents_that_connect_are_counted(self):
        self.wait_connected(*(f"c{i:02}" for i in range(1, CLUSTERS + 1)))
        counts = self.hub.metrics()
        self.assertEqual(counts["holdfast_agents_connected"], CLUSTERS)
        self.assertEqual(counts["holdfast_agents_refused_total"], 0)

    def test_the_fleet_is_told_in_one_screen(self):
        for name in self.connected():
            self.wait_status("web", name, upToDate=True, health="healthy")
        done = self.hub.run("fleet", "health", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)  # one repository cannot be fetched
        self.assertIn(f"{CLUSTERS} in sync, 0 progressing, 0 waiting, 0 degraded, 0 offline, 1 unknown",
                      done.stdout)
        self.assertIn("  unknown     stranger\n", done.stdout)
        self.assertTrue(done.stdout.endswith("what wants a person:\n  1 repository cannot be fetched\n"),
                        done.stdout)
        self.assertLessEqual(len(done.stdout.splitlines()), 24)
        told = json.loads(self.hub.run("fleet", "health", "-o", "json", check=False).stdout)
        counts = self.hub.metrics()
        for state in ("unknown", "offline", "degraded", "waiting", "progressing", "inSync"):
            self.assertEqual(told[state], counts[f'holdfast_clusters_by_state{{state="{state}"}}'])
        self.assertEqual((told["well"], told["skewed"], told["certificatesEnding"]), (False, 0, 0))
        self.assertGreater(told["hub"]["certificatesEndMs"], 0)

    def test_a_commit_moves_what_counts_commits_manifests_blobs_and_reports(self):
        for name in self.connected():
            self.wait_status("web", name, upToDate=True, health="healthy")
        type(self).before = self.hub.metrics()
        revision = self.commit(files("web", m.config_map("web", colour="blue")))
        for name in self.connected():
            self.wait_status("web", name, revision=revision, upToDate=True, health="healthy")
        self.assertEqual(self.grown("commits_resolved_total"), 1)
        self.assertEqual(self.grown("manifests_published_total"), CLUSTERS)
        self.assertGreaterEqual(self.grown("blobs_sent_total"), CLUSTERS)
        self.assertGreaterEqual(self.grown("reports_total"), CLUSTERS)
        self.assertGreaterEqual(self.grown("uptime_seconds"), 0)

    def test_fetches_are_counted_with_their_repository(self):
        type(self).before = self.hub.metrics()
        self.assertGreaterEqual(self.before[f"holdfast_git_fetch_failures_total{OF_NOWHERE}"], 1)
        self.assertEqual(self.before[f"holdfast_git_fetch_failures_total{OF_FLEET}"], 0)
        self.hub.run("sync", "--repository", "nowhere")
        self.wait_grown(f"git_fetch_failures_total{OF_NOWHERE}")  # it is tried again by itself, too
        self.assertGreaterEqual(self.grown(f"git_fetches_total{OF_NOWHERE}"), 1)
        self.assertGreaterEqual(self.grown(f"git_fetch_seconds_count{OF_NOWHERE}"), 1)
        self.assertEqual(self.grown(f"git_fetches_total{OF_FLEET}"), 0)
        self.hub.run("sync", "--repository", "fleet")
        self.wait_grown(f"git_fetch_seconds_count{OF_FLEET}")
        self.assertEqual(self.grown(f"git_fetches_total{OF_FLEET}"), 1)
        self.assertEqual(self.grown(f"git_fetch_failures_total{OF_FLEET}"), 0)

    def test_an_agent_that_may_not_connect_is_counted_as_refused(self):
        path = self.folder / "agent.prom"
        agent = Agent(self.folder, self.hub, "stranger", self.hub.join_token("stranger"),
                      options=["--metrics-file", path]).start()
        self.wait_status("web", "stranger", upToDate=True)
        type(self).of_agent = path.read_text(encoding="utf-8")
        agent.terminate()
        self.assertFalse(path.exists())
        identity = raw.write_identity(agent.data, self.folder / "stranger.pem")
        self.hub.run("revoke", "stranger")
        type(self).before = self.hub.metrics()
        with raw.RawAgent(self.hub.agent_port, identity) as refused:
            self.assertEqual(refused.greet(), raw.GOODBYE)
        self.assertEqual(self.grown("agents_refused_total"), 1)
        self.assertGreaterEqual(self.grown('agents_sent_away_total{reason="revoked"}'), 1)

    def test_the_table_of_metrics_is_what_hub_and_agent_serve(self):
        served = BEGIN + table(self.hub.metrics_text()) + OF_AGENTS + table(self.of_agent)
        if os.environ.get("HOLDFAST_GOLDEN") == "write":
            TABLE.write_text(served, encoding="utf-8")
        self.assertEqual(TABLE.read_text(encoding="utf-8"), served,
                         "HOLDFAST_GOLDEN=write with this story writes the table anew")

    def test_enrolments_and_connections_without_a_word_are_counted_by_reason(self):
        type(self).before = self.hub.metrics()
        token = self.hub.join_token("stranger", again=True)
        version, number, secret, pin = token.split("_")
        wrong = "_".join([version, number, secret[::-1], pin])
        agent = Agent(self.folder / "wrong", self.hub, "stranger", wrong).start()
        self.wait_grown('enrolments_total{result="refused"}')
        agent.terminate()
        self.assertEqual(self.grown('enrolments_total{result="enrolled"}'), 0)
        with socket.create_connection(("127.0.0.1", self.hub.agent_port), timeout=10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.wait_grown('connections_unused_total{listener="agents",reason="no_tls"}')
        with socket.create_connection(("127.0.0.1", self.hub.enroll_port), timeout=10):
            pass
        self.wait_grown('connections_unused_total{listener="enrolment",reason="gone"}')

    def test_agents_that_go_are_no_longer_counted(self):
        self.sim.terminate()

        def are_gone():
            counts = self.hub.metrics()
            self.assertEqual([counts[f"holdfast_{name}"] for name in (
                "agents_connected", "pairs_healthy", "pairs_applied", "pairs_offline")], [0, 0, CLUSTERS + 1, CLUSTERS + 1])
            return True
        wait_for(are_gone, SOON, "the agents to go", 0.1)


if __name__ == "__main__":
    story.main()
