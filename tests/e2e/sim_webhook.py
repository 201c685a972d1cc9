#!/usr/bin/env python3
"""A push tells the hub by webhook: it is there at once; who cannot sign is refused."""
import hashlib
import hmac
import json
import ssl
import urllib.error
import urllib.request
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.simstory import SimStory, files, fleet  # noqa: E402

SECRET = "between-the-two-of-us"
KEY = "ConfigMap/default/web"


class Webhook(SimStory):
    clusters = fleet(5)
    apps = files("web", m.config_map("web", x="1"))
    poll = "0s"

    @classmethod
    def repositories(cls):
        file = cls.folder / "webhook.secret"
        file.write_text(SECRET + "\n", encoding="utf-8")
        return super().repositories() + f"  webhookSecretFile: {file}\n"

    def tell(self, forge, headers, body=b"{}"):
        """Posts a webhook as a forge does; returns the status."""
        request = urllib.request.Request(f"{self.hub.api_url}/hooks/{forge}/fleet", data=body,
                                         headers=headers)
        tls = ssl.create_default_context(cafile=str(self.hub.ca_file))
        try:
            with urllib.request.urlopen(request, context=tls, timeout=20) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    def signed(self, body):
        return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    def arrives(self, x, *how):
        self.repo.push(files("web", m.config_map("web", x=x)))
        self.assertEqual(self.tell(*how), 202)
        for name in self.generations():
            self.wait_data(name, KEY, {"x": x})

    def test_one_signed_as_github_does(self):
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        self.arrives("2", "github", {"X-Hub-Signature-256": "sha256=" + self.signed(body)}, body)

    def test_one_with_gitlabs_token(self):
        self.arrives("3", "gitlab", {"X-Gitlab-Token": SECRET})

    def test_one_signed_as_gitea_does(self):
        body = b'{"ref": "refs/heads/main"}'
        self.arrives("4", "gitea", {"X-Gitea-Signature": self.signed(body)}, body)

    def test_who_cannot_sign_is_refused(self):
        self.assertEqual(self.tell("github", {"X-Hub-Signature-256": "sha256=" + "0" * 64}), 401)
        self.assertEqual(self.tell("gitlab", {"X-Gitlab-Token": "guess"}), 401)
        self.assertEqual(self.tell("gitlab", {}), 401)

    def test_many_at_once_cost_little(self):
        before = self.hub.log_text().count("sync.resolved")
        for _ in range(8):
            self.assertEqual(self.tell("gitlab", {"X-Gitlab-Token": SECRET}), 202)
        self.arrives("5", "gitlab", {"X-Gitlab-Token": SECRET})
        self.assertEqual(self.hub.log_text().count("sync.resolved"), before + 1)


if __name__ == "__main__":
    story.main()
