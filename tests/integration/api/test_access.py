#!/usr/bin/env python3
"""Who may ask for what, and what is said to who asks wrongly."""
import hashlib
import secrets

from rig import Api, main


def token(name, role, expires_ms=0):
    """A token and the statement that makes it known."""
    number, secret = secrets.token_hex(8), secrets.token_bytes(32)
    row = (f"INSERT INTO api_token (id, name, role, secret, expires_ms) VALUES ('{number}', "
           f"'{name}', '{role}', x'{hashlib.sha256(secret).hexdigest()}', {expires_ms})")
    return f"hft_{number}_{secret.hex()}", row


READER, READER_ROW = token("reader", "read")
EXPIRED, EXPIRED_ROW = token("old", "admin", 1000)


class Access(Api):
    seed = (READER_ROW, EXPIRED_ROW)

    def test_who_shows_no_token_learns_how_to(self):
        answer = self.ask("GET", "/api/v1/version", token=None)
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers["WWW-Authenticate"], 'Bearer realm="holdfast"')
        self.assertIn("Authorization: Bearer TOKEN", answer.detail)

    def test_health_needs_no_token(self):
        for path in ("/healthz", "/readyz"):
            answer = self.ask("GET", path, token=None)
            self.assertEqual((answer.status, answer.body), (200, b"ok\n"))

    def test_a_reader_reads_and_changes_nothing(self):
        self.assertEqual(self.ask("GET", "/api/v1/clusters", token=READER).status, 200)
        self.assertEqual(self.ask("GET", "/metrics", token=READER).status, 200)
        for method, path in (("POST", "/api/v1/sync"), ("POST", "/api/v1/enrollments"),
                             ("DELETE", "/api/v1/enrollments/a")):
            answer = self.ask(method, path, token=READER)
            self.assertEqual(answer.status, 403)
            self.assertIn("'reader' may only read", answer.detail)

    def test_a_reader_may_ask_an_agent_whose_objects_are(self):
        what = {"cluster": "nowhere", "objects": ["ConfigMap/shop/web"]}
        answer = self.ask("POST", "/api/v1/owners", what, token=READER)
        self.assertEqual((answer.status, answer.json),
                         (200, {"owners": {}, "notLooked": "no agent is connected"}))
        for objects in (["web"], [1], ["ConfigMap/shop/web"] * 101):
            answer = self.ask("POST", "/api/v1/owners", {**what, "objects": objects})
            self.assertEqual(answer.status, 400)
            self.assertIn("objects:", answer.detail)
        for member in ("cluster", "namespace"):
            answer = self.ask("POST", "/api/v1/owners", {**what, member: "../x"})
            self.assertEqual(answer.status, 400)
            self.assertIn(f"{member}:", answer.detail)

    def test_an_administrator_changes_things_and_it_is_on_record(self):
        self.assertEqual(self.ask("POST", "/api/v1/sync", {"repository": "fleet"}).status, 202)
        event = self.get("/events", kind="api.changed")["items"][0]
        self.assertEqual(event["actor"], "admin")
        self.assertIn("sync of repository 'fleet'", event["message"])

    def test_what_is_not_there_is_said_so(self):
        answer = self.ask("GET", "/api/v1/clutsers")
        self.assertEqual(answer.status, 404)
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        self.assertEqual(self.ask("POST", "/api/v1/sync", {"cluster": "nobody"}).status, 404)

    def test_a_method_that_does_not_fit_learns_which_do(self):
        answer = self.ask("DELETE", "/api/v1/clusters")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "GET, HEAD"))
        answer = self.ask("GET", "/api/v1/sync")
        self.assertEqual((answer.status, answer.headers["Allow"]), (405, "POST"))

    def test_what_a_stranger_writes_is_no_page(self):
        for path in ("/<script>", "/api/v1/clusters/%3Cscript%3E", "/api/v1/apps?name=%3Cscript%3E"):
            answer = self.ask("GET", path)
            self.assertIn("json", answer.headers["Content-Type"], path)
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff", path)

    def test_head_is_get_without_its_body(self):
        full, head = self.ask("GET", "/api/v1/version"), self.ask("HEAD", "/api/v1/version")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["Content-Length"], str(len(full.body)))

    def test_an_unknown_parameter_is_refused_with_the_nearest(self):
        self.refused("/status", 400, "did you mean 'cluster'?", clutser="a")
        self.refused("/rollout", 400, "did you mean 'revision'?", revison="abcdef01")
        self.refused("/version", 400, "'x' is no parameter", x="1")

    def test_a_parameter_is_given_once_and_percent_encoded(self):
        self.assertIn("given twice", self.ask("GET", "/api/v1/apps?name=a&name=b").detail)
        self.assertIn("percent-encoded", self.ask("GET", "/api/v1/apps?name=%zz").detail)
        self.assertIn("percent-encoded", self.ask("GET", "/api/v1/apps?name=%00").detail)
        self.assertIn("percent-encoded", self.ask("GET", "/api/v1/apps?name=%ff").detail)

    def test_a_body_is_a_json_object_of_known_members(self):
        for body, words in (("{", "line 1"), ("[]", "a list where an object is expected"),
                            ('{"repo": "a"}', "'repo'"), ('{"cluster": 5}', "cluster")):
            answer = self.ask("POST", "/api/v1/sync", body)
            self.assertEqual(answer.status, 400, body)
            self.assertIn(words, answer.detail)

    def test_a_join_token_says_whether_a_person_has_the_last_word(self):
        for more, needs in (({}, False), ({"needsApproval": True}, True)):
            answer = self.ask("POST", "/api/v1/enrollments", {"cluster": "paris-7", "again": True, **more})
            self.assertEqual((answer.status, answer.json["needsApproval"]), (201, needs))
        self.assertIn("the key is to be accepted",
                      self.get("/events", kind="api.changed")["items"][0]["message"])
        answer = self.ask("POST", "/api/v1/enrollments", {"cluster": "paris-7", "needsApproval": "yes"})
        self.assertIn("needsApproval:", answer.detail)

    def test_an_expired_token_is_as_good_as_none(self):
        answer = self.ask("GET", "/api/v1/version", token=EXPIRED)
        self.assertEqual(answer.status, 401)
        self.assertIn("unknown, wrong or expired", answer.detail)

    def test_who_guesses_tokens_is_slowed_down_and_nobody_else(self):
        answers = [self.ask("GET", "/api/v1/version", token="hft_guess") for _ in range(15)]
        self.assertEqual(answers[-1].status, 429)
        self.assertEqual(answers[-1].headers["Retry-After"], "60")
        self.assertEqual(self.ask("GET", "/api/v1/version").status, 200)


if __name__ == "__main__":
    main()
