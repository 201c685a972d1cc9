#!/usr/bin/env python3
"""Checks that each header is included once and says who may call it from which thread."""
import pathlib
import re
import sys

from tree import sources

THREADS = re.compile(r"^// Threads: \S", re.M)
ONCE = re.compile(r"^#pragma once$", re.M)


def problems(root):
    for file, name in sources(root):
        if not name.endswith(".h"):
            continue
        text = file.read_text()
        once = ONCE.search(text)
        if not text.startswith("// "):
            yield f"{name}:1: begin with a comment that says what it is"
        if once is None:
            yield f"{name}:1: '#pragma once' is missing"
        elif not THREADS.search(text, 0, once.start()):
            yield f"{name}:1: the first comment has no line '// Threads: ...'"


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "headers: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
