"""Somebody who speaks the agents' protocol by hand, so that he can do it wrongly.

Frames and messages are written out here: what a hostile program sends is no business of ours.
"""
import json
import socket
import ssl
import struct

HELLO, WELCOME, GOODBYE, PING, PONG, DESIRED, WANT, BLOB, REPORT, ACK = range(1, 11)
RUN = "00000000-0000-4000-8000-000000000001"


def _varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """A field of a protobuf message: a number, a text, or bytes (a message is bytes, too)."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def hello():
    texts = field(3, "raw") + field(4, "sim") + field(5, "v1")
    return field(1, 1) + field(2, 1) + texts + field(9, RUN)


def frame(kind, payload, sequence, size=None):
    """A frame, which may claim another size than it has."""
    return struct.pack(">IHHQ", len(payload) if size is None else size, kind, 0, sequence) + payload


def write_identity(agent_data, path):
    """Writes the certificate and key that an agent was given, for RawAgent. Returns the path."""
    identity = json.loads((agent_data / "identity").read_text(encoding="utf-8"))
    path.write_text("".join(identity["certificates"]) + identity["key"], encoding="utf-8")
    return path


class RawAgent:
    """One connection; without an identity it shows no certificate."""

    def __init__(self, port, identity=None, timeout=60):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if identity is not None:
            context.load_cert_chain(identity)
        plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.tls = context.wrap_socket(plain)
        self.sequence = 0
        self.read = b""

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.tls.close()

    def send(self, kind, payload=b"", size=None, sequence=None):
        self.sequence += 1
        self.tls.sendall(frame(kind, payload, self.sequence if sequence is None else sequence, size))

    def _take(self, size):
        while len(self.read) < size:
            more = self.tls.recv(65536)
            if not more:
                return None
            self.read += more
        taken, self.read = self.read[:size], self.read[size:]
        return taken

    def next(self):
        """(type, payload) of the next frame, or (None, b"") at the end of the connection."""
        head = self._take(16)
        if head is None:
            return None, b""
        size, kind = struct.unpack(">IH", head[:6])
        return kind, self._take(size)

    def until(self, *kinds):
        """The type of the next frame that is one of these or a Goodbye; None at the end."""
        while True:
            kind, _payload = self.next()
            if kind is None or kind in kinds or kind == GOODBYE:
                return kind

    def greet(self):
        self.send(HELLO, hello())
        return self.until(WELCOME)

    def is_sent_away(self):
        """Whether the hub ends the connection, with or without a word."""
        try:
            return self.until() in (None, GOODBYE)
        except (ConnectionError, ssl.SSLError):
            return True
