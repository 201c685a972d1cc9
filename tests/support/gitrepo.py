"""A bare Git repository and a clone to work in, as a team would have them."""
import os
import pathlib
import subprocess


class GitRepo:
    """folder/NAME.git is what a hub reads; commits are made in folder/NAME and pushed."""

    def __init__(self, folder, name="fleet", branch="main"):
        self.bare = pathlib.Path(folder) / f"{name}.git"
        self.work = pathlib.Path(folder) / name
        self.branch = branch
        _git(None, "init", "--quiet", "--bare", f"--initial-branch={branch}", self.bare)
        _git(None, "init", "--quiet", f"--initial-branch={branch}", self.work)
        self.git("remote", "add", "origin", self.bare)

    @property
    def url(self):
        return f"file://{self.bare}"

    def git(self, *words):
        """Runs git in the working clone and returns what it prints."""
        return _git(self.work, *words)

    def write(self, files):
        """Writes {path: text}; None removes the file."""
        for path, text in files.items():
            target = self.work / path
            if text is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def commit(self, files, message="change"):
        """Commits {path: text or None}, without pushing. Returns the commit's id."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.head()

    def push(self, files=None, message="change", force=False):
        """Commits files, if there are any, and pushes the branch. Returns the commit's id."""
        if files is not None:
            self.commit(files, message)
        self.git("push", "--quiet", *(["--force"] if force else []), "origin", self.branch)
        return self.head()

    def rewrite(self, files, message="rewritten"):
        """Replaces the last commit by another one and force-pushes it."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--amend", "--allow-empty", "-m", message)
        return self.push(force=True)

    def head(self):
        return self.git("rev-parse", "HEAD").strip()

    def checkout_branch(self, branch):
        """Makes a branch from where we are and pushes to it from now on."""
        self.git("checkout", "--quiet", "-B", branch)
        self.branch = branch

    def tag(self, name, annotated=False):
        """Tags the present commit and pushes the tag. Returns the commit's id."""
        self.git("tag", *(["--annotate", "--message", name] if annotated else []), name)
        self.git("push", "--quiet", "origin", f"refs/tags/{name}")
        return self.head()

    def delete_branch(self, branch):
        """Deletes a branch of the bare repository."""
        _git(self.bare, "update-ref", "-d", f"refs/heads/{branch}")


def _git(folder, *words):
    # The machine's own Git configuration must not decide how a test ends.
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
           "GIT_AUTHOR_NAME": "A Developer", "GIT_AUTHOR_EMAIL": "dev@example.com",
           "GIT_COMMITTER_NAME": "A Developer", "GIT_COMMITTER_EMAIL": "dev@example.com",
           "GIT_TERMINAL_PROMPT": "0"}
    where = ["-C", str(folder)] if folder else []
    done = subprocess.run(["git", *where, *map(str, words)], env=env, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"git {' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout
