#!/usr/bin/env python3
"""Installs schemathesis once for a machine, as requirements.txt pins it, and prints its path.

It is kept outside the source tree, under the hash of what it is made from. Which index packages
come from is pip's own configuration. Exit code 77: it cannot be installed here.
"""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

WANTED = pathlib.Path(__file__).resolve().parent / "requirements.txt"
SKIPPED = 77


def path():
    """Where the program is, or will be."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    digest = hashlib.sha256(WANTED.read_bytes() + sys.version.encode()).hexdigest()[:16]
    return pathlib.Path(base) / "holdfast" / "schemathesis" / digest / "bin" / "schemathesis"


def install():
    """Makes the venv beside its place and moves nothing: a mark says that it is whole."""
    folder = path().parents[1]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "whole").exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--requirement", WANTED], check=True)
        (folder / "whole").touch()


def main():
    try:
        install()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: schemathesis cannot be installed: {error}")
        sys.exit(SKIPPED)
    print(path())


if __name__ == "__main__":
    main()
