#!/usr/bin/env python3
"""Strangers and agents that misbehave: each of them is sent away, and all others are served."""
import contextlib
import os
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import raw_agent as raw, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.raw_agent import RawAgent, field  # noqa: E402
from support.simstory import SOON, SimStory, cluster, fleet  # noqa: E402

AGENTS = 20
STRANGERS = 300  # more than the hub lets in of agents and of those that enroll

OUT_OF_TURN = (0, raw.WELCOME, raw.PONG, raw.DESIRED, raw.BLOB, raw.ACK, 11, 12, 32, 33, 65535)
REPORT = field(1, raw.RUN) + field(2, 1)
WRONG_REPORTS = {
    "cut off": REPORT + b"\x42\x05ab",
    "nested": b"\x42\x80\x80\x40" * 1000,
    "too many objects": b"\x42\x00" * 100000,
    "unknown fields": b"\xf8\x7f\x01" * 17,
    "no UTF-8": field(1, b"\xff\xfe"),
    "a text too long": field(7, field(1, "a" * 254)),
}


class HostilePeers(SimStory):
    clusters = {**fleet(2), **cluster("evil", number="8"), **cluster("late", number="9")}
    hub_options = ("--max-agents", AGENTS)
    begins = None

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim("c01", "c02", name=name)

    def strangers(self, stack, port):
        """Connections that never say a word."""
        for _ in range(STRANGERS):
            plain = stack.enter_context(socket.socket())
            plain.setblocking(False)
            plain.connect_ex(("127.0.0.1", port))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.hub.pid}/fd"))

    def evil(self):
        return RawAgent(self.hub.agent_port, self.identity)

    def assert_sent_away(self, send, what):
        with self.evil() as agent:
            self.assertEqual(agent.greet(), raw.WELCOME)
            send(agent)
            self.assertTrue(agent.is_sent_away(), what)

    def test_an_agent_falls_into_wrong_hands(self):
        self.wait_connected("c01", "c02")
        agent = Agent(self.folder, self.hub, "evil", self.hub.join_token("evil")).start()
        self.wait_connected("evil")
        agent.kill()
        type(self).identity = raw.write_identity(agent.data, self.folder / "evil.pem")
        type(self).files = self.open_files()

    def is_welcome(self):
        """One try: among strangers who still come an agent may have to come again."""
        try:
            with self.evil() as agent:
                return agent.greet() == raw.WELCOME
        except OSError:
            return False

    def test_strangers_who_keep_silent_keep_nobody_out(self):
        with contextlib.ExitStack() as stack:
            self.strangers(stack, self.hub.agent_port)
            self.strangers(stack, self.hub.enroll_port)
            wait_for(self.is_welcome, SOON, "an agent to be let in among them")
            late = Agent(self.folder, self.hub, "late", self.hub.join_token("late")).start()
            self.wait_connected("late", "c01", "c02")
            late.kill()
        wait_for(lambda: self.open_files() <= self.files + 2, SOON, "descriptors to be given back")

    def test_without_a_certificate_nobody_gets_a_word_in(self):
        with RawAgent(self.hub.agent_port) as stranger:
            stranger.send(raw.HELLO, raw.hello())
            self.assertTrue(stranger.is_sent_away())

    def test_frames_of_the_wrong_kind_size_or_number_end_the_link(self):
        for kind in OUT_OF_TURN:
            self.assert_sent_away(lambda agent, kind=kind: agent.send(kind, b"\0" * 4), kind)
        for size in (1 + (1 << 20), 0xffffffff):
            self.assert_sent_away(lambda agent, size=size: agent.send(raw.REPORT, size=size), size)
        for number in (0, 1, 3, (1 << 64) - 1):
            self.assert_sent_away(lambda agent, n=number: agent.send(raw.PING, sequence=n), number)

    def test_malformed_messages_end_the_link(self):
        for what, report in WRONG_REPORTS.items():
            self.assert_sent_away(lambda agent, r=report: agent.send(raw.REPORT, r), what)
        for want in (field(1, b"short"), field(1, b"\1" * 32) * 1001):
            self.assert_sent_away(lambda agent, w=want: agent.send(raw.WANT, w), "Want")

    def test_what_an_agent_says_does_not_reach_a_terminal_as_commands(self):
        text = "\x1b]0;title\x07\x1b[2J\x9b31m\r\nlevel=error"
        app = field(1, "\x1b[31mweb") + field(4, 4) + field(5, text) + field(6, 3) + field(7, text)
        drift = field(1, "spec\x1b[1m") + field(2, text) + field(3, text) + field(4, text)
        thing = field(1, "web") + field(2, "ConfigMap/a/\x1b[1mx") + field(5, text)
        with self.evil() as agent:
            self.assertEqual(agent.greet(), raw.WELCOME)
            agent.send(raw.REPORT, field(1, raw.RUN) + field(2, 1) + field(7, app) +
                       field(8, thing + field(6, drift)))
            self.assertEqual(agent.until(raw.ACK), raw.ACK)
        for words in (["get", "status"], ["get", "drift"], ["get", "events"], ["logs"],
                      ["describe", "cluster", "evil"]):
            shown = self.hub.run(*words).stdout
            self.assertIn("web", shown, words)
            wrong = [c for c in shown if (c < " " and c not in "\n\t") or "\x7f" <= c < "\xa0"]
            self.assertEqual(wrong, [], words)
        self.assertNotIn("\x1b", self.hub.log_text())

    def test_nobody_else_noticed(self):
        self.wait_connected("c01", "c02")
        self.assertEqual(self.events("agent.disconnected", cluster="c01"), [])
        wait_for(lambda: self.open_files() <= self.files + 2, SOON, "descriptors to be given back")


if __name__ == "__main__":
    story.main()
