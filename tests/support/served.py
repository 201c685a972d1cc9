"""The fleet's repository on a server of its own."""
from support import gitservers
from support.gitservers import Authority, Https


class Served:
    """A story of which the repository is read and written over HTTPS: only a server runs hooks."""

    @classmethod
    def repositories(cls):
        (cls.folder / "token").write_text(gitservers.TOKEN, encoding="ascii")
        authority = Authority(cls.folder, "authority")
        cls.server = Https(cls.folder, *authority.issue("localhost"))
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)
        cls.repo.git("-C", cls.repo.bare, "config", "http.receivepack", "true")
        return (f"repositories:\n- name: fleet\n  url: {cls.server.url}/auth/fleet.git\n"
                f"  tokenFile: {cls.folder}/token\n  caFile: {authority.cert}\n"
                f"  pollInterval: {cls.poll}\n  allowPrivateHosts: true\n{cls.repo_more}")

    def hook(self, name, text):
        """Runs a script in the server's next hook of that name, once."""
        hook = self.repo.bare / "hooks" / name
        hook.write_text(f"#!/bin/sh\nrm -f $0\n{text}\n", encoding="ascii")
        hook.chmod(0o755)
