#!/usr/bin/env python3
"""Strangers and agents that misbehave: each of them is sent away, and all others are served."""
import contextlib
import functools
import os
import pathlib
import re
import resource
import socket
import ssl
import struct
import subprocess
import sys
import threading
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, raw_agent as raw, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.process import wait_for  # noqa: E402
from support.raw_agent import RawAgent, field  # noqa: E402
from support.simstory import PATIENT, SOON, SimStory, cluster, files, fleet  # noqa: E402
from support.tls_peer import TLS_1_2, TlsPeer  # noqa: E402

AGENTS = 20
STRANGERS = int(os.environ.get("HOLDFAST_STRANGERS", "300"))  # more than the hub lets in of agents and of those that enroll
FLOOD = int(os.environ.get("HOLDFAST_FLOOD", "100"))  # connections of each kind, one after the other
RENEGOTIATIONS = 30  # tries on each port
FIRST_UPDATES, UPDATES = 10, 5000  # of keys, on one connection
MEMORY_KIB = 32 * 1024  # more than the hub may have grown by all of that

OUT_OF_TURN = (0, raw.WELCOME, raw.PONG, raw.DESIRED, raw.BLOB, raw.ACK, 11, 12, 32, 33, 65535)
REPORT = field(1, raw.RUN) + field(2, 1)
WRONG_REPORTS = {
    "cut off": REPORT + b"\x42\x05ab",
    "nested": b"\x42\x80\x80\x40" * 1000,
    "too many objects": b"\x42\x00" * 100000,
    "unknown fields": b"".join(field(1000 + n, 1) for n in range(17)),
    "no UTF-8": field(1, b"\xff\xfe"),
    "a text too long": field(7, field(1, "a" * 254)),
}


def allow_files(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(count, hard)), hard))


class HostilePeers(SimStory):
    clusters = {**fleet(2), **cluster("evil", number="8"), **cluster("late", number="9")}
    hub_options = ("--max-agents", AGENTS)
    begins = None
    served = 0  # commits that went round while somebody attacked

    @classmethod
    def make_sim(cls, *_which, name="sim"):
        return super().make_sim("c01", "c02", name=name)

    def strangers(self, stack, port):
        """Connections that never say a word, or nothing after the first."""
        hello = self.client_hello()
        for i in range(STRANGERS):
            plain = stack.enter_context(socket.socket())
            plain.setblocking(False)
            plain.connect_ex(("127.0.0.1", port))
            with contextlib.suppress(OSError):
                plain.send(hello if i % 2 else b"")

    def wait_given_back(self):
        wait_for(lambda: self.hub.sockets() <= self.held + 2, SOON, "connections to be given back")

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
        type(self).held = self.hub.sockets()

    def is_welcome(self):
        """One try: among strangers who still come an agent may have to come again."""
        try:
            with self.evil() as agent:
                return agent.greet() == raw.WELCOME
        except OSError:
            return False

    def test_strangers_who_keep_silent_keep_nobody_out(self):
        allow_files(2 * STRANGERS + 200)
        with contextlib.ExitStack() as stack:
            self.strangers(stack, self.hub.agent_port)
            self.strangers(stack, self.hub.enroll_port)
            wait_for(self.is_welcome, SOON, "an agent to be let in among them")
            self.serve()
            late = Agent(self.folder, self.hub, "late", self.hub.join_token("late")).start()
            self.wait_connected("late", "c01", "c02")
            late.kill()
        type(self).late = raw.write_identity(late.data, self.folder / "late.pem")
        self.wait_given_back()

    def test_without_a_certificate_nobody_gets_a_word_in(self):
        with RawAgent(self.hub.agent_port) as stranger:
            stranger.send(raw.HELLO, raw.hello())
            self.assertTrue(stranger.is_sent_away())

    # What a stranger may do with a connection, before TLS is up or instead of it.

    def client_hello(self, newest=ssl.TLSVersion.TLSv1_3):
        """The first flight of a handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.maximum_version = newest
        sent = ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
        return sent.read()

    def attacks(self):
        hello = self.client_hello()
        return {"reset at once": b"", "reset after ClientHello": hello,
                "half a ClientHello": hello[:40], "garbage": os.urandom(2000),
                "a record that never ends": b"\x16\x03\x01\x3f\xff\x01", "HTTP": b"GET / HTTP/1.1",
                "an old version": self.client_hello(ssl.TLSVersion.TLSv1_2)}

    def flood(self, port, said):
        for _ in range(FLOOD):
            with socket.socket() as plain:
                plain.settimeout(60)
                plain.connect(("127.0.0.1", port))
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with contextlib.suppress(OSError):
                    plain.sendall(said)
        return ()

    def serve(self):
        """A commit goes round: the hub tells who is connected, and takes in what they report of it."""
        type(self).served += 1
        revision = self.commit(files("web", m.config_map("web", version=str(self.served)), namespace="shop"))
        for name in ("c01", "c02"):
            wait_for(lambda n=name: self.events("app.applied", cluster=n, revision=revision), PATIENT,
                     f"{name} to run it", 0.1)

    def attack(self, *attacks, serve=True):
        """Lets an agent in, and serves the others, while they run, each in a thread; they give out what they
        found wrong."""
        wrong = []

        def run(attack):
            try:
                wrong.extend(attack())
            except Exception as error:  # it is no attack then
                wrong.append(repr(error))
        threads = [threading.Thread(target=run, args=(attack,)) for attack in attacks]
        for thread in threads:
            thread.start()
        wait_for(self.is_welcome, SOON, "an agent to be let in meanwhile")
        if serve:
            self.serve()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_broken_handshakes_on_any_port_do_no_harm(self):
        before = self.hub.rss_kib()
        for port in (self.hub.agent_port, self.hub.enroll_port, self.hub.api_port):
            for number, said in enumerate(self.attacks().values()):
                self.attack(functools.partial(self.flood, port, said), serve=number == 0)
        self.wait_given_back()
        self.assertLess(self.hub.rss_kib() - before, MEMORY_KIB)
        self.assertTrue(self.hub.get("clusters"))

    # What a peer may do with TLS once it is up.

    def assert_no_harm(self, attack):
        """All ports are attacked at once, and all is given back."""
        before = self.hub.rss_kib()
        ports = (self.hub.agent_port, self.hub.enroll_port, self.hub.api_port)
        self.attack(*(functools.partial(attack, port) for port in ports))
        self.wait_given_back()
        self.assertLess(self.hub.rss_kib() - before, MEMORY_KIB)

    def renegotiate(self, port):
        for _ in range(RENEGOTIATIONS):
            with TlsPeer(port, self.identity, newest=TLS_1_2) as peer:
                up = peer.handshake()
                if up and port != self.hub.api_port:
                    yield f"port {port} speaks TLS 1.2"
                if up and peer.renegotiate():
                    yield f"port {port} renegotiates"

    def test_nobody_renegotiates(self):
        self.assert_no_harm(self.renegotiate)

    def update_keys(self, port):
        with TlsPeer(port, self.late, timeout=SOON) as peer:
            if not peer.handshake():
                yield f"port {port} speaks no TLS 1.3"
            if port == self.hub.agent_port:  # else it would be for its silence that it has to go
                peer.send(raw.frame(raw.HELLO, raw.hello(), sequence=1))
                peer.receive()
            if not all(peer.update_keys() for _ in range(FIRST_UPDATES)):
                yield f"port {port} changes no keys"
            if all(peer.update_keys() for _ in range(UPDATES)) and not peer.is_sent_away():
                yield f"port {port} has its keys changed without end"

    def test_keys_are_not_changed_without_end(self):
        self.assert_no_harm(self.update_keys)

    def test_what_does_not_belong_to_enrolment_ends_it(self):
        for kind, payload, size in ((raw.HELLO, raw.hello(), None), (32, b"\xff" * 100, None),
                                    (32, b"", 0xffffffff), (32, b"\x12\x80\x80\x40" * 100, None),
                                    (33, b"", None), (200, b"", None)):
            with RawAgent(self.hub.enroll_port) as stranger:
                stranger.send(kind, payload, size=size)
                self.assertIn(stranger.until(33), (None, raw.GOODBYE, 33), kind)
        self.wait_given_back()

    # Certificates that the hub's own authority made, but not for who shows them.

    def issued(self, uri, name):
        """A certificate for the present key, with another URI name; the file with both."""
        keys = self.hub.data / "data" / "keys"
        request, extra = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        made = self.folder / f"{name}.pem"
        extra.write_text(f"subjectAltName=URI:{uri}\nextendedKeyUsage=clientAuth\n"
                         "keyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n",
                         encoding="ascii")
        self.openssl("req", "-new", "-key", self.identity, "-subj", "/CN=evil", "-out", request)
        self.openssl("x509", "-req", "-in", request, "-CA", keys / "issuer.crt", "-CAkey",
                     keys / "issuer.key", "-CAcreateserial", "-days", "2", "-extfile", extra,
                     "-out", made)
        key = self.identity.read_text(encoding="ascii")
        with open(made, "a", encoding="ascii") as file:
            file.write((keys / "issuer.crt").read_text(encoding="ascii"))
            file.write(key[key.index("-----BEGIN PRIVATE KEY"):])
        return made

    def openssl(self, *words):
        return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True,
                              text=True).stdout

    def uri_of(self, name):
        """The URI name in the certificate of an agent of the simulation."""
        path = raw.write_identity(self.sim.data / name, self.folder / f"{name}-own.pem")
        shown = self.openssl("x509", "-in", path, "-noout", "-ext", "subjectAltName")
        return re.search(r"URI:(\S+)", shown).group(1)

    def test_a_right_certificate_with_a_wrong_name_gets_nobody_in(self):
        other = self.uri_of("c01")
        hub = other.split("/")[2]
        shown = self.openssl("x509", "-in", self.identity, "-noout", "-ext", "subjectAltName")
        own = re.search(r"URI:(\S+)", shown).group(1)
        for n, (uri, let_in) in enumerate({
                own: True, other: False, own[:-1]: False, own + "0": False, own.upper(): False,
                own + "/..": False, f"holdfast://{hub}/hub": False,
                f"holdfast://{hub}/cluster/{uuid.uuid4()}": False,
                own.replace(hub, str(uuid.uuid4())): False, "spiffe://x/evil": False}.items()):
            with RawAgent(self.hub.agent_port, self.issued(uri, f"issued-{n}")) as agent:
                try:
                    greeted = agent.greet()
                except (ConnectionError, ssl.SSLError):
                    greeted = None
                self.assertEqual(greeted == raw.WELCOME, let_in, uri)

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
        for name in ("c01", "c02"):  # the hub never missed a sign of life, nor sent one away
            self.assertEqual(self.events("agent.disconnected", cluster=name), [])
        self.assertGreater(self.served, 5)
        self.wait_given_back()


if __name__ == "__main__":
    story.main()
