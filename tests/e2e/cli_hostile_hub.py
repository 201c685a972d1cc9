#!/usr/bin/env python3
"""The command line and a hub that answers what no hub should: it ends, says so, and shows nothing
that a terminal would obey."""
import http.server
import json
import pathlib
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import story  # noqa: E402
from support.hub import program  # noqa: E402

ESCAPES = "\x1b[31m\x07\x9b1m\u202e"
ODD = {"items": [{"name": 5, "labels": [], "connected": "yes", "generation": -1}, [[[]]], None],
       "objectList": {}, "drift": "x", "problems": [1], "events": {"a": 1}, "status": 7, "token": 5,
       "agents": "x", "clusters": None, "next": 7}
VERBS = (["get", "clusters"], ["get", "clusters", "-o", "wide"], ["get", "apps"], ["get", "drift"],
         ["get", "events"], ["describe", "cluster", "x"], ["describe", "app", "x"], ["diff"],
         ["logs"], ["token", "list"],
         ["token", "create", "x"], ["sync"], ["enroll", "x"], ["version"])


class Answers(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        says = self.server.says
        status, headers, body = says.pop(0) if len(says) > 1 else says[0]
        self.server.asked.append(self.path)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers,
                            "Content-Length": len(body)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *_words):
        pass


class HostileHub(story.Story):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.token = cls.folder / "token"
        cls.token.write_text("hft_0123456789abcdef_" + "5" * 64, encoding="ascii")
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()
        super().tearDownClass()

    def run_cli(self, body, *words, first=(), status=200, **headers):
        """Exit code, and all that is printed; a signal or an endless wait fails the test."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.server.says = [*first, (status, headers, body)]
        self.server.asked = []
        done = subprocess.run([program("holdfast"), "--server",
                               f"http://127.0.0.1:{self.server.server_port}",
                               "--token-file", self.token, *words], capture_output=True,
                              timeout=60, check=False, stdin=subprocess.DEVNULL)
        text = (done.stdout + done.stderr).decode()
        self.assertIn(done.returncode, (0, 1, 2), f"{words}: {text}")
        wrong = [c for c in text if (c < " " and c not in "\n\t") or "\x7f" <= c < "\xa0"]
        self.assertEqual(wrong, [], words)
        return done.returncode, text

    def test_members_of_the_wrong_types_end_no_verb_badly(self):
        for words in VERBS:
            self.run_cli(ODD, *words)
            self.run_cli(b"7", *words)
            self.run_cli(b"", *words)

    def test_what_is_no_json_is_an_error(self):
        for body in (b"<html>", b"[" * 100000, b'{"items": [', b"\xff\xfe"):
            self.assertEqual(self.run_cli(body, "get", "clusters")[0], 2)

    def test_what_is_no_list_does_not_look_like_an_empty_one(self):
        for body in (b"", b"7", b"[]", b"{}", b'{"items": 5}'):
            code, text = self.run_cli(body, "get", "drift")
            self.assertEqual(code, 2, body)
            self.assertIn("no list", text)

    def test_a_list_without_an_end_is_left(self):
        for items in ([{"name": "a"}], []):
            code, text = self.run_cli({"items": items, "next": "again"}, "get", "clusters")
            self.assertEqual(code, 2)
            self.assertIn("no end", text)
            self.assertLessEqual(len(self.server.asked), 2)

    def test_commands_to_a_terminal_are_not_passed_on(self):
        for words in VERBS:
            self.run_cli({"items": [{"name": ESCAPES, "app": ESCAPES, "message": ESCAPES}],
                          "name": ESCAPES, "token": ESCAPES, "message": ESCAPES}, *words)
        code, text = self.run_cli({"title": "no", "detail": f"go away{ESCAPES}"}, "get", "clusters",
                                  status=403)
        self.assertEqual(code, 2)
        self.assertIn("go away", text)

    def test_a_command_to_copy_holds_no_other_command(self):
        good = {"cluster": "x", "token": "hfj_1", "enrollAddresses": ["[::1]:7421"]}
        self.assertIn("hfj_1", self.run_cli(good, "enroll", "x")[1])
        for member in good:
            code, text = self.run_cli({**good, member: "$(reboot)"}, "enroll", "x")
            self.assertEqual(code, 2)
            self.assertNotIn("reboot", text)

    def test_a_token_follows_no_redirection(self):
        code, _text = self.run_cli(b"", "get", "clusters", status=302, Location="/elsewhere")
        self.assertEqual(code, 2)
        self.assertEqual(len(self.server.asked), 1)

    def test_a_hub_that_has_had_enough_is_asked_again_when_it_says_so(self):
        away = (429, {"Retry-After": "1"}, b'{"detail": "too many"}')
        code, text = self.run_cli({"items": [{"name": "a"}]}, "get", "clusters", first=[away, away])
        self.assertEqual((code, len(self.server.asked)), (0, 3), text)

    def test_a_hub_that_wants_a_long_pause_is_an_error_at_once(self):
        code, text = self.run_cli({"detail": "too many"}, "get", "clusters", status=429,
                                  **{"Retry-After": "60"})
        self.assertEqual((code, len(self.server.asked)), (2, 1))
        self.assertIn("too many", text)


if __name__ == "__main__":
    story.main()
