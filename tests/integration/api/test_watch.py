#!/usr/bin/env python3
"""Watching: what happens is told as it happens, once, and who was away goes on where he was."""
import json
import socket
import time
import urllib.parse

from rig import PATIENCE, Api, main, wait_for

REVISION = "abcdef0123abcdef0123abcdef0123abcdef0123"
FLEET = (
    "INSERT INTO cluster VALUES ('oslo', '{\"env\":\"prod\"}', 0, 'fleet', 'x'),"
    " ('rome', '{\"env\":\"test\"}', 0, 'fleet', 'x')",
    "INSERT INTO app VALUES ('web', 'fleet', 'apps/web', 'web', 'report', 1, 0, '[]', 0, 0, '', 0)",
    f"INSERT INTO revision VALUES ('fleet', '{REVISION}', 'ann', 'first', 1, 2, 2, 0, 1)",
    f"INSERT INTO pair VALUES ('oslo', 'web', x'b1', 'fleet', '{REVISION}', 1, 1, 0, 0, '', ''),"
    f" ('rome', 'web', x'b1', 'fleet', '{REVISION}', 1, 1, 0, 0, '', '')",
)


def event(kind, cluster="", app="", message=""):
    return ("INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message) VALUES "
            f"(5, '{kind}', '{cluster}', '{app}', '', '', 'agent', '{message}')")


class Stream:
    """Server-sent events as they come."""

    def __init__(self, answer):
        self.answer = answer
        self.last_id = None

    def block(self):
        """The next block, {"id", "event", "data"}, or None at the end."""
        block = {}
        while line := self.answer.readline().decode():
            name, _, value = line.rstrip("\n").partition(":")
            if line == "\n":
                self.last_id = block.get("id", self.last_id)
                return block
            block[name] = value.strip()
        return None

    def next(self):
        """The next event: its name and its data."""
        while (block := self.block()) is not None:
            if "event" in block:
                return block["event"], json.loads(block["data"])
        return None


class Watching(Api):
    limits = ("beat-ms=400",)
    seed = FLEET

    def watch(self, last_id=None, **params):
        link = self.connection()
        headers = {"Authorization": "Bearer " + self.admin}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        link.request("GET", "/api/v1/watch?" + urllib.parse.urlencode(params), headers=headers)
        answer = link.getresponse()
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
        stream = Stream(answer)
        stream.link = link
        self.assertIn("id", stream.block())
        return stream

    def newest(self):
        return self.run_sql("SELECT ifnull(max(number), 0) FROM event")[0][0]

    def test_an_event_is_told_as_it_happens(self):
        stream = self.watch()
        self.run_sql(event("drift.found", "oslo", "web", "it drifted"))
        name, row = stream.next()
        self.assertEqual((name, row["kind"], row["message"]), ("event", "drift.found", "it drifted"))
        self.assertEqual(stream.last_id, str(row["number"]))
        self.assertEqual(row, self.get("/events", limit=1)["items"][0])

    def test_who_was_away_gets_what_he_missed_once(self):
        begun = self.newest()
        self.run_sql(*(event("a.b", message=str(i)) for i in range(130)))
        stream = self.watch(last_id=begun)
        got = [stream.next()[1] for _ in range(70)]
        stream.link.close()
        again = self.watch(last_id=stream.last_id)
        got += [again.next()[1] for _ in range(60)]
        self.assertEqual([row["message"] for row in got], [str(i) for i in range(130)])
        self.run_sql(event("a.b", message="new"))
        self.assertEqual(again.next()[1]["message"], "new")

    def test_only_what_is_asked_for_is_told_and_the_rest_is_passed(self):
        begun = self.newest()
        self.run_sql(event("app.failed", "rome", "web"), event("app.failed", "oslo", "web"),
                     event("app.healthy", "oslo", "web"), event("a.b"))
        stream = self.watch(after=begun, selector="env=prod", kind="app.failed")
        self.assertEqual(stream.next()[1]["cluster"], "oslo")
        while stream.block().get("id") != str(self.newest()):
            pass

    def test_rows_come_with_the_events_that_tell_of_them(self):
        stream = self.watch(kinds="status,clusters,events")
        self.run_sql(
            "INSERT INTO presence (cluster, connected, seen_ms, version, driver, target, address, "
            "generation, run, report) VALUES ('oslo', 1, 7, '1.0', 'sim', 'v1', 'a', 1, '', 0)",
            "INSERT INTO status (cluster, app, bundle, revision, applied, message, health, "
            "health_message, objects, drifted, at_ms) VALUES "
            f"('oslo', 'web', x'b1', '{REVISION}', 3, '', 2, '', 1, 0, 9)", event("app.applied", "oslo", "web"), event("app.healthy", "oslo", "web"))
        got = [stream.next() for _ in range(4)]
        self.assertEqual([name for name, _ in got], ["status", "cluster", "event", "event"])
        self.assertEqual((got[0][1]["applied"], got[0][1]["health"]), ("applied", "healthy"))
        self.assertEqual((got[1][1]["name"], got[1][1]["connected"]), ("oslo", True))

    def test_counts_are_told_at_once_and_when_they_change(self):
        stream = self.watch(kinds="rollout", revision=REVISION[:7])
        name, counts = stream.next()
        self.assertEqual((name, counts["pairs"], counts["applied"]), ("rollout", 2, 1))
        self.run_sql("UPDATE status SET health = 3")  # without an event
        self.assertEqual(stream.next()[1]["degraded"], 1)
        self.run_sql("UPDATE app SET path = 'elsewhere'", "UPDATE status SET health = 2")
        self.assertEqual(stream.next()[1]["degraded"], 0)

    def test_a_gap_is_told(self):
        self.run_sql(*(event("a.b") for _ in range(5)))
        newest = self.newest()
        self.run_sql(f"DELETE FROM event WHERE number < {newest}")
        stream = self.watch(last_id=1)
        name, gap = stream.next()
        self.assertEqual((name, gap), ("gap", {"after": 1, "oldest": newest, "newest": newest}))
        self.assertEqual(stream.next()[1]["number"], newest)

    def test_numbers_from_a_store_that_is_gone_are_a_gap_too(self):
        stream = self.watch(last_id=10 ** 9)
        self.assertEqual(stream.next()[0], "gap")
        self.assertEqual(stream.last_id, str(self.newest()))
        self.run_sql(event("a.b", message="after it"))
        self.assertEqual(stream.next()[1]["message"], "after it")

    def test_a_token_that_expires_ends_the_watch(self):
        stream = self.watch()
        self.run_sql("UPDATE api_token SET expires_ms = 5 WHERE name = 'admin'")
        self.assertIsNone(stream.next())
        self.run_sql("UPDATE api_token SET expires_ms = 0 WHERE name = 'admin'")

    def test_what_is_wrong_is_said_at_once(self):
        self.refused("/watch", 400, "did you mean 'status'?", kinds="events,stauts")
        self.refused("/watch", 400, "after: 'x' is not the number", after="x")
        self.refused("/watch", 400, "selector: column", selector="a b")
        self.refused("/watch", 400, "did you mean 'cluster'?", clutser="oslo")
        self.refused("/watch", 404, "no App is named 'nobody'", kinds="rollout", app="nobody")

    def test_the_server_ends_while_some_watch(self):
        streams = [self.watch() for _ in range(5)]
        self.assertEqual(self.server.terminate(), 0)  # it is killed if it waits for them
        self.assertEqual({stream.next() for stream in streams}, {None})
        type(self).start()


class Limits(Api):
    limits = ("watchers=2", "idle-s=3", "request-ms=3000")  # to say the first word, on a slow machine
    seed = FLEET

    def begin(self, link, after=""):
        link.sendall(f"GET /api/v1/watch?kinds=events{after} HTTP/1.1\r\nHost: a\r\n"
                     f"Authorization: Bearer {self.admin}\r\n\r\n".encode())
        return link

    def small(self):
        """A connection that takes little before it must be read from."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(PATIENCE)
        plain.connect(("127.0.0.1", self.port))
        link = self.tls.wrap_socket(plain, server_hostname="127.0.0.1")
        self.addCleanup(link.close)
        return link

    def watchers(self):
        """Tells whether one more may watch."""
        link = self.begin(self.raw())
        said = link.recv(100)
        link.close()
        return b" 200 " in said

    def test_so_many_watch_and_no_more_and_they_outlast_a_request(self):
        links = [self.begin(self.raw()) for _ in range(2)]
        for link in links:
            self.assertIn(b" 200 ", link.recv(100))
        answer = self.ask("GET", "/api/v1/watch")
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"))
        self.assertIn("2 watch already", answer.detail)
        time.sleep(4)  # longer than a request may take, or may be idle
        self.run_sql(event("a.b", message="still here"))
        for link in links:
            said = b""
            while b"still here" not in said:
                piece = link.recv(10000)
                self.assertTrue(piece, said)
                said += piece

    def test_one_who_does_not_read_costs_a_page_and_is_closed(self):
        self.run_sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                     "60000) INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, "
                     "message) SELECT 1, 'a.b', '', '', '', '', '', printf('%1000d', i) FROM n")
        before = self.server.rss_kib()
        slow = [self.begin(self.small(), "&after=1") for _ in range(2)]
        self.assertTrue(all(slow))
        wait_for(self.watchers, PATIENCE, "a slow reader to be closed", 0.2)
        self.assertLess(self.server.rss_kib() - before, 40_000)


if __name__ == "__main__":
    main()
