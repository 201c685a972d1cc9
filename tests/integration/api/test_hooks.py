#!/usr/bin/env python3
"""Webhooks: who knows the secret is heard, however often; who does not is slowed down."""
import hashlib
import hmac
import signal

from rig import SECRET, Api, main, wait_for


def signed(body, secret=SECRET):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Hooks(Api):
    def tell(self, forge, body=b"{}", repository="fleet", **headers):
        return self.ask("POST", f"/hooks/{forge}/{repository}", body, None, **headers)

    def test_each_forge_proves_itself_in_its_own_way(self):
        body = b'{"ref": "refs/heads/main"}'
        for forge, header, value in (("github", "X_Hub_Signature_256", "sha256=" + signed(body)),
                                     ("gitea", "X_Gitea_Signature", signed(body)),
                                     ("gitlab", "X_Gitlab_Token", SECRET)):
            self.assertEqual(self.tell(forge, body, **{header: value}).status, 202, forge)

    def test_the_signature_covers_a_body_in_many_pieces(self):
        body = b"x" * 900_000
        self.assertEqual(
            self.tell("github", body, X_Hub_Signature_256="sha256=" + signed(body)).status, 202)
        self.assertEqual(
            self.tell("github", body[:-1], X_Hub_Signature_256="sha256=" + signed(body)).status,
            401)

    def test_a_body_that_is_too_large_is_refused(self):
        body = b"x" * (1024 * 1024 + 1)
        answer = self.tell("github", body, X_Hub_Signature_256="sha256=" + signed(body))
        self.assertEqual(answer.status, 413)

    def test_a_repository_without_a_secret_takes_none(self):
        self.assertEqual(self.tell("github", repository="other").status, 404)
        self.assertEqual(self.tell("sourceforge").status, 404)

    def test_many_that_are_signed_are_all_taken(self):
        link = self.connection()
        for _ in range(200):
            answer = self.ask("POST", "/hooks/gitlab/fleet", b"{}", None, link,
                              X_Gitlab_Token=SECRET)
            self.assertEqual(answer.status, 202)

    def test_who_cannot_sign_is_slowed_down_and_who_can_is_not(self):
        wrong = ({}, {"X_Hub_Signature_256": "sha256=" + "0" * 64},
                 {"X_Hub_Signature_256": signed(b"{}")},
                 {"X_Hub_Signature_256": "sha256=" + signed(b"{}", "guess")})
        self.assertEqual({self.tell("github", **headers).status for headers in wrong}, {401})
        answers = [self.tell("github") for _ in range(10)]
        self.assertEqual((answers[-1].status, answers[-1].headers["Retry-After"]), (429, "60"))
        self.assertEqual(self.tell("gitlab", X_Gitlab_Token=SECRET).status, 202)

    def test_nobody_waits_for_a_loop_that_is_busy_and_it_hears_of_all_later(self):
        link = self.connection()
        self.server.signal(signal.SIGUSR1)
        wait_for(lambda: "busy\n" in self.server.log_text(), 20, "the loop to be busy")
        before = self.fetches()
        try:
            for _ in range(20):
                answer = self.ask("POST", "/hooks/gitlab/fleet", b"{}", None, link,
                                  X_Gitlab_Token=SECRET)
                self.assertEqual(answer.status, 202)
        finally:
            self.server.signal(signal.SIGUSR2)
        wait_for(lambda: self.fetches() > before, 20, "a fetch")

    def fetches(self):
        return self.run_sql("SELECT checked_ms FROM repository")[0][0]


class Many(Api):
    limits = ("per-s=2", "wrong=3")

    def test_webhooks_count_like_all_other_requests_of_an_address(self):
        link = self.connection()
        said = [self.tell(link, "guess").status for _ in range(4)]
        self.assertEqual(said, [401, 401, 401, 429])
        self.assertEqual(self.server.log_text().count("api.hook_refused"), 3)
        answers = [self.tell(link, SECRET)]
        while answers[-1].status == 202 and len(answers) < 500:  # faster than it fills again
            answers.append(self.tell(link, SECRET))
        self.assertEqual((answers[-1].status, answers[-1].headers["Retry-After"]), (429, "1"))

    def tell(self, link, token):
        return self.ask("POST", "/hooks/gitlab/fleet", b"{}", None, link, X_Gitlab_Token=token)


if __name__ == "__main__":
    main()
