#!/usr/bin/env python3
"""Checks that every C file is as clang-format would write it."""
import pathlib
import shutil
import subprocess
import sys

from tree import sources

SKIP = 77


def main():
    if shutil.which("clang-format") is None:
        print("skipped: clang-format is not installed")
        return SKIP
    root = pathlib.Path(sys.argv[1])
    files = [str(file) for file, _ in sources(root)]
    run = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=root)
    print("format: ok" if run.returncode == 0 else "run: clang-format -i FILE")
    return 1 if run.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
