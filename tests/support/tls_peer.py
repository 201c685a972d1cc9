"""Somebody who knows more of TLS than Python lets him: OpenSSL's own functions, called directly."""
import contextlib
import ctypes
import ctypes.util
import socket

TLS_1_2, TLS_1_3 = 0x0303, 0x0304
_SET_MAX_VERSION = 124  # SSL_CTRL_SET_MAX_PROTO_VERSION
_PEM = 1
_UPDATE_REQUESTED = 1

_ssl = ctypes.CDLL(ctypes.util.find_library("ssl"))
_ssl.TLS_client_method.restype = _ssl.SSL_CTX_new.restype = _ssl.SSL_new.restype = ctypes.c_void_p


class TlsPeer:
    """One connection. `newest` is the highest version of TLS that it offers."""

    def __init__(self, port, identity=None, newest=TLS_1_3, timeout=60):
        self.plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.plain.settimeout(None)
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout.to_bytes(8, "little") + bytes(8))
        self.context = ctypes.c_void_p(_ssl.SSL_CTX_new(ctypes.c_void_p(_ssl.TLS_client_method())))
        _ssl.SSL_CTX_ctrl(self.context, _SET_MAX_VERSION, ctypes.c_long(newest), None)
        if identity is not None:
            path = str(identity).encode()
            assert _ssl.SSL_CTX_use_certificate_chain_file(self.context, path) == 1
            assert _ssl.SSL_CTX_use_PrivateKey_file(self.context, path, _PEM) == 1
        self.tls = ctypes.c_void_p(_ssl.SSL_new(self.context))
        _ssl.SSL_set_fd(self.tls, self.plain.fileno())

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        _ssl.SSL_free(self.tls)
        _ssl.SSL_CTX_free(self.context)
        self.plain.close()

    def handshake(self):
        """Whether TLS came up, as far as this end knows."""
        return _ssl.SSL_connect(self.tls) == 1

    def renegotiate(self):
        """Asks for another handshake (TLS 1.2); whether it was done."""
        return _ssl.SSL_renegotiate(self.tls) == 1 and _ssl.SSL_do_handshake(self.tls) == 1

    def update_keys(self):
        """Sends a KeyUpdate that asks for one; whether it could be sent."""
        return (_ssl.SSL_key_update(self.tls, _UPDATE_REQUESTED) == 1
                and _ssl.SSL_do_handshake(self.tls) == 1)

    def send(self, data):
        return _ssl.SSL_write(self.tls, data, len(data)) == len(data)

    def receive(self):
        """What comes next; empty at the end, and if nothing comes."""
        room = ctypes.create_string_buffer(65536)
        return room.raw[:max(0, _ssl.SSL_read(self.tls, room, len(room)))]

    def is_sent_away(self):
        """Reads until the other end closes; whether it does."""
        with contextlib.suppress(ConnectionError):
            try:
                while self.plain.recv(65536):
                    pass
            except BlockingIOError:
                return False
        return True
