#!/usr/bin/env python3
"""API tokens: made, shown once, listed, used, expired, revoked; each change on record."""
import time

from rig import Api, main


class Tokens(Api):
    def make(self, name, role="read", **more):
        answer = self.ask("POST", "/api/v1/tokens", {"name": name, "role": role, **more})
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json

    def row(self, name, **params):
        return self.get("/tokens", name=name, **params)["items"][0]

    def status(self, token, method="GET", path="/api/v1/version"):
        return self.ask(method, path, token=token).status

    def test_a_token_is_shown_once_and_known_by_its_digest_only(self):
        made = self.make("ci", "read", lifeMs=3600_000)
        self.assertEqual(self.status(made["token"]), 200)
        row = self.row("ci")
        self.assertEqual(list(row), ["id", "name", "role", "active", "expiresMs", "lastUsedMs",
                                     "createdMs", "createdBy"])
        self.assertEqual((row["id"], row["role"], row["active"], row["createdBy"]),
                         (made["id"], "read", True, "admin"))
        self.assertEqual(row["expiresMs"], made["expiresMs"])
        self.assertAlmostEqual(row["expiresMs"], time.time() * 1000 + 3600_000, delta=60_000)
        secret = made["token"].rpartition("_")[2]
        for file in self.folder.glob("hub.db*"):
            self.assertNotIn(secret.encode(), file.read_bytes())
            self.assertNotIn(bytes.fromhex(secret), file.read_bytes())
        self.assertNotIn(secret, self.server.log_text())

    def test_a_reader_neither_makes_nor_lists_nor_revokes_tokens(self):
        reader = self.make("reader")["token"]
        self.assertEqual(self.status(reader, path="/api/v1/tokens"), 403)
        self.assertEqual(self.status(reader, "POST", "/api/v1/tokens"), 403)
        self.assertEqual(self.status(reader, "DELETE", "/api/v1/tokens/admin"), 403)

    def test_a_token_that_is_revoked_opens_nothing_more(self):
        made = self.make("brief", "admin")
        self.assertEqual(self.status(made["token"], path="/api/v1/tokens"), 200)
        self.assertEqual(self.ask("DELETE", "/api/v1/tokens/brief").status, 204)
        self.assertEqual(self.status(made["token"]), 401)
        self.assertFalse(self.row("brief")["active"])
        self.assertEqual(self.get("/tokens", name="brief", active="true")["items"], [])
        answer = self.ask("DELETE", "/api/v1/tokens/brief")
        self.assertEqual(answer.status, 404)
        self.assertIn("no API token that is good is named 'brief'", answer.detail)

    def test_a_token_that_has_expired_opens_nothing(self):
        made = self.make("moment", lifeMs=60_000)
        self.assertEqual(self.status(made["token"]), 200)
        self.run_sql("UPDATE api_token SET expires_ms = made_ms + 1 WHERE name = 'moment'")
        self.assertEqual(self.status(made["token"]), 401)

    def test_a_name_is_used_by_one_good_token_at_a_time(self):
        first = self.make("twice")
        answer = self.ask("POST", "/api/v1/tokens", {"name": "twice", "role": "read"})
        self.assertEqual(answer.status, 409)
        self.assertIn("'twice' is in use", answer.detail)
        self.assertEqual(self.ask("DELETE", "/api/v1/tokens/" + first["id"]).status, 204)
        self.assertNotEqual(self.make("twice")["id"], first["id"])

    def test_the_last_administrator_stays(self):
        answer = self.ask("DELETE", "/api/v1/tokens/admin")
        self.assertEqual(answer.status, 409)
        self.assertIn("the last API token with the role admin", answer.detail)

    def test_each_change_is_on_record_with_who_what_and_from_where(self):
        boss = self.make("boss", "admin")
        self.ask("POST", "/api/v1/tokens", {"name": "hers", "role": "read"}, boss["token"])
        self.ask("DELETE", "/api/v1/tokens/hers", token=boss["token"])
        events = self.get("/events", kind="api.changed", limit=2)["items"]
        self.assertEqual([event["actor"] for event in events], ["boss", "boss"])
        self.assertRegex(events[1]["message"],
                         r"^the API token 'hers' \([0-9a-f]{16}\) was made, with the role read "
                         r"\(from 127\.0\.0\.1\)$")
        self.assertIn("was revoked (from 127.0.0.1)", events[0]["message"])
        before = len(self.get("/events", kind="api.changed")["items"])
        self.ask("POST", "/api/v1/tokens", {"name": "boss", "role": "read"})
        self.assertEqual(len(self.get("/events", kind="api.changed")["items"]), before)

    def test_what_is_wrong_is_named(self):
        for body, field, words in (
                ({}, "name", "missing"), ({"name": "a"}, "role", "missing"),
                ({"name": "a", "role": "root"}, "role", "'root' is none of: read admin"),
                ({"name": "a b", "role": "read"}, "name", "cannot name a token"),
                ({"name": "-a", "role": "read"}, "name", "cannot name a token"),
                ({"name": "a" * 64, "role": "read"}, "name", "1 to 63 characters"),
                ({"name": "a", "role": "read", "lifeMs": 0}, "lifeMs", "from 60000 to"),
                ({"name": "a", "role": "read", "lifeMs": "1h"}, "lifeMs", "a string where"),
                ({"name": "a", "role": "read", "lifeM": 1}, "lifeM", "did you mean 'lifeMs'?")):
            answer = self.ask("POST", "/api/v1/tokens", body)
            self.assertEqual((answer.status, answer.json["field"]), (400, field), answer.body)
            self.assertIn(words, answer.detail)

    def test_when_a_token_was_last_used_survives_the_server(self):
        used = self.make("used")["token"]
        self.assertEqual(self.row("used")["lastUsedMs"], 0)
        self.assertEqual(self.status(used), 200)
        self.assertEqual(self.server.terminate(), 0)
        type(self).start()
        self.assertAlmostEqual(self.row("used")["lastUsedMs"], time.time() * 1000, delta=60_000)


class Rates(Api):
    limits = ("per-s=2",)

    def ask_until_refused(self, path, token, link):
        """Asks faster than the limit is filled again, and returns all answers."""
        answers = [self.ask("GET", path, None, token, link)]
        while answers[-1].status == 200 and len(answers) < 500:
            answers.append(self.ask("GET", path, None, token, link))
        return answers

    def test_a_token_that_asks_too_often_waits_and_others_do_not(self):
        made = self.ask("POST", "/api/v1/tokens", {"name": "eager", "role": "read"}).json["token"]
        link = self.connection()
        answers = self.ask_until_refused("/api/v1/version", made, link)
        self.assertGreater(len(answers), 10)
        self.assertEqual((answers[-1].status, answers[-1].headers["Retry-After"]), (429, "1"))
        self.assertIn("with this API token", answers[-1].detail)
        self.assertEqual(self.ask("GET", "/api/v1/version").status, 200)

    def test_an_address_that_asks_too_often_waits(self):
        link = self.connection()
        answers = self.ask_until_refused("/healthz", None, link)
        self.assertEqual((answers[-1].status, answers[-1].headers["Retry-After"]), (429, "1"))
        self.assertIn("from this address", answers[-1].detail)


if __name__ == "__main__":
    main()
