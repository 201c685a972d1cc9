#!/usr/bin/env python3
"""What a client may cost: bodies, headers, connections, time."""
import contextlib
import socket
import ssl
import time
import warnings

from rig import PATIENCE, Api, main, read_all, wait_for


class Sizes(Api):
    def test_a_body_beyond_64_kib_is_refused(self):
        answer = self.ask("POST", "/api/v1/sync", b" " * (64 * 1024 + 1))
        self.assertEqual(answer.status, 413)
        self.assertIn("65536 bytes", answer.detail)

    def test_a_body_that_does_not_say_its_size_is_bounded_too(self):
        link = self.connection()
        link.putrequest("POST", "/api/v1/sync")
        link.putheader("Authorization", "Bearer " + self.admin)
        link.putheader("Transfer-Encoding", "chunked")
        link.endheaders()
        for _ in range(20):
            link.send(b"2000\r\n" + b" " * 0x2000 + b"\r\n")
        link.send(b"0\r\n\r\n")
        self.assertEqual(link.getresponse().status, 413)

    def test_who_waits_for_a_word_before_a_large_body_gets_the_refusal(self):
        link = self.raw()
        link.sendall(b"POST /api/v1/sync HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                     + self.admin.encode() + b"\r\nContent-Length: 100000000\r\n"
                     b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
        self.assertIn(b"HTTP/1.1 413 ", read_all(link))

    def test_a_get_takes_no_body(self):
        self.assertEqual(self.ask("GET", "/api/v1/version", b"x").status, 413)

    def test_headers_beyond_32_kib_are_refused(self):
        answer = self.ask("GET", "/api/v1/version", X_Long="x" * 40_000)
        self.assertEqual(answer.status, 431)

    def test_an_address_beyond_8_kib_is_refused(self):
        self.refused("/clusters", 400, "longer than 8192 bytes", name="x" * 9000)

    def test_parameters_are_counted(self):
        self.refused("/clusters", 400, "parameters", **{f"p{i}": "x" for i in range(40)})

    def test_what_is_no_http_is_answered_and_closed(self):
        link = self.raw()
        link.sendall(b"\x16\x03\x01 what is this\r\n\r\n")
        self.assertNotIn(b"200", read_all(link))

    def test_the_server_serves_on(self):
        self.assertEqual(self.ask("GET", "/healthz").status, 200)


class Framing(Api):
    NEXT = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    def say(self, *headers, body=b""):
        link = self.raw()
        link.sendall(b"POST /api/v1/sync HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                     + self.admin.encode() + b"\r\n" + b"".join(h + b"\r\n" for h in headers)
                     + b"\r\n" + body + self.NEXT)
        return read_all(link)

    def test_a_body_ends_where_its_length_or_its_last_chunk_says(self):
        said = self.say(b"Content-Length: 2", body=b"{}")
        self.assertEqual((said.count(b"HTTP/1.1 202 "), said.count(b"HTTP/1.1 200 ")), (1, 1))
        said = self.say(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n")
        self.assertEqual((said.count(b"HTTP/1.1 202 "), said.count(b"HTTP/1.1 200 ")), (1, 1))

    def test_who_says_it_twice_is_refused_and_what_follows_is_no_request(self):
        chunk = b"0\r\n\r\n"
        for headers in ((b"Content-Length: 5", b"Transfer-Encoding: chunked"),
                        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
                        (b"Content-Length: 0", b"Content-Length: 5"),
                        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
                        (b"Transfer-Encoding: xchunked",), (b"Transfer-Encoding: gzip, chunked",),
                        (b"Transfer-Encoding: identity",), (b"Content-Length: +5",),
                        (b"Content-Length: 5, 5",), (b"Content-Length:",),
                        (b"Content-Length : 5",), (b"Transfer-Encoding : chunked",),
                        (b"Content-Length: 5", b"Transfer-Encoding : chunked"),
                        (b"Content-Length: 5", b"X: y", b" Transfer-Encoding: chunked")):
            said = self.say(*headers, body=chunk)
            self.assertTrue(said.startswith(b"HTTP/1.1 400 "), (headers, said))
            self.assertNotIn(b"HTTP/1.1 2", said, headers)


class Connections(Api):
    limits = ("connections=12", "per-address=6")

    def is_served(self, link):
        try:
            link.request("GET", "/healthz")
            return link.getresponse().read() == b"ok\n"
        except (OSError, ssl.SSLError):
            return False

    def test_one_address_gets_so_many_and_no_more(self):
        served = [self.is_served(self.connection()) for _ in range(10)]
        self.assertEqual(served.count(True), 6)

    def test_they_are_free_again_once_closed(self):
        wait_for(lambda: self.is_served(self.connection()), PATIENCE, "a place", 0)


class Old(Api):
    def speaks(self, version):
        tls = ssl.create_default_context(cafile=str(self.folder / "keys" / "root.crt"))
        tls.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            tls.minimum_version = tls.maximum_version = version
        plain = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        self.addCleanup(plain.close)
        try:
            with tls.wrap_socket(plain, server_hostname="127.0.0.1") as link:
                return link.version()
        except (OSError, ssl.SSLError):
            return None

    def test_tls_1_2_and_1_3_are_spoken_and_nothing_older(self):
        self.assertEqual(self.speaks(ssl.TLSVersion.TLSv1_3), "TLSv1.3")
        self.assertEqual(self.speaks(ssl.TLSVersion.TLSv1_2), "TLSv1.2")
        self.assertIsNone(self.speaks(ssl.TLSVersion.TLSv1_1))
        self.assertIsNone(self.speaks(ssl.TLSVersion.TLSv1))


def is_cut_off(link, head, pause):
    """Tells whether a connection is closed that says this, and then a byte now and then."""
    link.settimeout(pause)
    until = time.monotonic() + PATIENCE
    with contextlib.suppress(OSError, ssl.SSLError):
        link.sendall(head)
        while time.monotonic() < until:
            link.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                if not link.recv(1000):
                    return True
        return False
    return True


class Stranger(Api):
    limits = ("head-ms=2000",)  # time for a slow machine to say the first word

    def test_headers_without_an_end_are_cut_off(self):
        self.assertTrue(is_cut_off(self.raw(), b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ", 0.1))

    def test_a_body_without_an_end_is_cut_off(self):
        length = b"Host: a\r\nContent-Length: 60000\r\n\r\n"
        for path in (b"/api/v1/sync", b"/hooks/github/fleet"):
            self.assertTrue(is_cut_off(self.raw(), b"POST " + path + b" HTTP/1.1\r\n" + length, 0.1))

    def says_nothing(self, link, seconds):
        link.settimeout(seconds)
        with self.assertRaises(TimeoutError):
            link.recv(1000)
        link.settimeout(PATIENCE)

    def test_who_is_known_may_take_longer(self):
        head = (b"POST /api/v1/sync HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "
                + self.admin.encode() + b"\r\nContent-Length: 8\r\n\r\n")
        link = self.raw()
        link.sendall(head)
        for piece in (b"{", b" ", b" ", b" ", b" ", b" ", b" "):
            link.sendall(piece)
            self.says_nothing(link, 0.4)
        link.sendall(b"}")
        self.assertTrue(link.recv(1000).startswith(b"HTTP/1.1 202 "))

    def test_who_is_refused_has_to_come_again(self):
        link = self.raw()
        link.sendall(b"GET /api/v1/version HTTP/1.1\r\nHost: a\r\n\r\n")
        said = read_all(link)
        self.assertTrue(said.startswith(b"HTTP/1.1 401 "), said)

    def test_who_does_not_say_what_he_wants_loses_his_place_first(self):
        link = self.connection()
        link.request("GET", "/healthz")
        self.assertEqual(link.getresponse().read(), b"ok\n")
        silent = [self.raw() for _ in range(10)]
        self.assertEqual({read_all(other) for other in silent}, {b""})
        link.request("GET", "/healthz")  # who has asked once may pause
        self.assertEqual(link.getresponse().read(), b"ok\n")


class Slow(Api):
    limits = ("idle-s=2", "request-ms=3000")  # likewise

    def test_who_says_nothing_is_cut_off(self):
        self.assertEqual(read_all(self.raw()), b"")

    def test_who_trickles_is_cut_off(self):
        self.assertTrue(is_cut_off(self.raw(), b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ", 0.3))

    def test_others_are_served_meanwhile(self):
        idle = [self.raw() for _ in range(20)]
        self.assertEqual(self.ask("GET", "/healthz").status, 200)
        self.assertEqual({read_all(link) for link in idle}, {b""})


if __name__ == "__main__":
    main()
