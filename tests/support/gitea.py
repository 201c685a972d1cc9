"""A real Gitea with one organization's worth of people: `platform` owns the repository, `holdfast` is
what the hub comes as, and may push to what is not protected."""
import getpass
import json
import os
import pathlib
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "kube"))
import build  # noqa: E402
import controllers  # noqa: E402

from support.gitservers import Authority  # noqa: E402
from support.process import Process, free_port, wait_for  # noqa: E402

PASSWORD = "correct-horse-1"
INI = """\
APP_NAME = Gitea
RUN_USER = {user}
RUN_MODE = prod
WORK_PATH = {folder}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
PROTOCOL = https
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
DOMAIN = localhost
ROOT_URL = https://localhost:{port}/
CERT_FILE = {cert}
KEY_FILE = {key}
STATIC_ROOT_PATH = {module}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[repository]
ROOT = {folder}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = k
INTERNAL_TOKEN =
[service]
DISABLE_REGISTRATION = true
[mailer]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[log]
LEVEL = Warn
[cron]
ENABLED = false
[cron.update_checker]
ENABLED = false
"""


def module_folder():
    """Where the sources are that the binary was built from: templates and translations."""
    go = build.installed_go() or build.packaged_go()
    return subprocess.run([go, "list", "-m", "-f", "{{.Dir}}", "code.gitea.io/gitea"],
                          cwd=build.HERE / "gitea", capture_output=True, text=True,
                          check=True).stdout.strip()


class Gitea(Process):
    def __init__(self, folder, git_folder):
        self.folder = pathlib.Path(folder) / "gitea"
        self.folder.mkdir()
        self.port = free_port()
        authority = Authority(folder, "gitea-ca")
        self.ca = authority.cert
        cert, key = authority.issue("localhost")
        self.ini = self.folder / "app.ini"
        self.ini.write_text(INI.format(user=getpass.getuser(), folder=self.folder, port=self.port,
                                       cert=cert, key=key, module=module_folder()),
                            encoding="utf-8")
        self.binary = controllers.ensure("gitea")
        self.url = f"https://localhost:{self.port}"
        self.context = ssl.create_default_context(cafile=str(self.ca))
        super().__init__("gitea", [self.binary, "--config", self.ini, "web"], git_folder)

    def start_and_wait(self):
        self.admin("migrate")
        self.admin("admin", "user", "create", "--username", "platform", "--password", PASSWORD,
                   "--email", "platform@example.com", "--admin", "--must-change-password=false")
        said = self.admin("admin", "user", "create", "--username", "holdfast", "--password", PASSWORD,
                          "--email", "holdfast@example.com", "--must-change-password=false",
                          "--access-token", "--access-token-name", "hub",
                          "--access-token-scopes", "write:repository,read:user")
        self.token = said.strip().rsplit(" ", 1)[-1]
        self.start()
        wait_for(lambda: self.call("GET", "/version"), 60, "Gitea to answer", 0.1)

    def admin(self, *words):
        return subprocess.run([self.binary, "--config", self.ini, *words], check=True,
                              capture_output=True, text=True).stdout

    def call(self, method, path, **body):
        """What the API answers to the owner; None if it does not."""
        manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
        manager.add_password(None, self.url, "platform", PASSWORD, is_authenticated=True)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.context),
                                             urllib.request.HTTPBasicAuthHandler(manager))
        request = urllib.request.Request(f"{self.url}/api/v1{path}", method=method,
                                         data=json.dumps(body).encode() if body else None,
                                         headers={"Content-Type": "application/json"})
        try:
            with opener.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"true")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from error
        except OSError:
            return None

    def adopt(self, repo):
        """Makes platform/fleet of a GitRepo, which pushes there as its owner from now on."""
        self.call("POST", "/user/repos", name="fleet", private=True, default_branch="main")
        self.call("PUT", "/repos/platform/fleet/collaborators/holdfast", permission="write")
        os.environ["GIT_SSL_CAINFO"] = str(self.ca)  # stronger than what is configured
        repo.git("remote", "set-url", "origin",
                 f"https://platform:{PASSWORD}@localhost:{self.port}/platform/fleet.git")
        repo.push()
        self.call("POST", "/repos/platform/fleet/branch_protections", rule_name="main",
                  enable_push=True, enable_push_whitelist=True,
                  push_whitelist_usernames=["platform"])

    def unprotect(self):
        self.call("DELETE", "/repos/platform/fleet/branch_protections/main")

    def pulls(self, state="all"):
        """Pull requests, oldest first."""
        return self.call("GET", f"/repos/platform/fleet/pulls?state={state}")[::-1]

    def merge(self, number):
        # Whether it can be merged is worked out in the background; until then it says 405.
        wait_for(lambda: self.call("POST", f"/repos/platform/fleet/pulls/{number}/merge", Do="merge"),
                 30, "the pull request to be merged", 0.2)

    def close(self, number):
        self.call("PATCH", f"/repos/platform/fleet/pulls/{number}", state="closed")


class OnGitea:
    """A story of which the repository is a real Gitea's, where main takes pull requests alone."""

    @classmethod
    def repositories(cls):
        cls.gitea = Gitea(cls.folder, cls.folder)
        cls.gitea.start_and_wait()
        cls.gitea.adopt(cls.repo)
        (cls.folder / "token").write_text(cls.gitea.token, encoding="ascii")
        return (f"repositories:\n- name: fleet\n  url: {cls.gitea.url}/platform/fleet.git\n"
                f"  tokenFile: {cls.folder}/token\n  caFile: {cls.gitea.ca}\n  allowPrivateHosts: true\n"
                f"  pollInterval: {cls.poll}\n  write: direct\n  provider: gitea\n")

    def holds(self, branch, app=""):
        """Texts of the Holds on a branch, of all Apps or one."""
        paths = self.git("ls-tree", "-r", "--name-only", f"origin/{branch}", f"holds/{app}").split()
        return [self.repo.git("show", f"origin/{branch}:{path}") for path in paths]
