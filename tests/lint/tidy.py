#!/usr/bin/env python3
"""Runs clang-tidy over what the build folder compiles: tidy.py ROOT BUILD.

A file that was clean is not looked at again until it, a header of ours that it sees, its compile
command, the rules or clang-tidy change: BUILD/tidy-cache holds one empty file per clean state.
"""
import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

SKIP = 77
JOBS = 2
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)


@functools.lru_cache(maxsize=None)
def read(path):
    return path.read_bytes() if path.is_file() else b""


@functools.lru_cache(maxsize=None)
def includes(root, build, path):
    """The headers of ours, written or generated, that a file names."""
    names = [n.decode() for n in INCLUDE.findall(read(path))]
    return [p for n in names for p in (root / n, build / n) if p.is_file()]


def seen_by(root, build, path):
    """The file and all headers of ours that it sees, in a stable order."""
    seen, todo = set(), [path]
    while todo:
        file = todo.pop()
        if file not in seen:
            seen.add(file)
            todo.extend(includes(root, build, file))
    return sorted(seen)


def state(root, build, entry, rules):
    """A hash of all that decides what clang-tidy says about one entry of the database."""
    digest = hashlib.sha256(rules)
    digest.update(entry.get("command", " ".join(entry.get("arguments", []))).encode())
    for file in seen_by(root, build, pathlib.Path(entry["file"])):
        digest.update(str(file).encode() + b"\0" + read(file) + b"\0")
    return digest.hexdigest()


def rules_of(root):
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    own = [root / ".clang-tidy", *sorted(root.glob("*/.clang-tidy"))]
    return version + b"".join(read(file) for file in own)


def entries(root, build):
    """One entry a source file of ours; generated code is not ours to mend."""
    database = json.loads((build / "compile_commands.json").read_text())
    found = {}
    for entry in database:
        file = pathlib.Path(entry["file"])
        if file.is_relative_to(root) and not file.is_relative_to(build):
            found.setdefault(str(file), entry)
    return [found[name] for name in sorted(found)]


def check(root, build, entry, rules):
    """None if the file is clean, else what clang-tidy says."""
    clean = build / "tidy-cache" / state(root, build, entry, rules)
    if clean.exists():
        return None
    run = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), entry["file"]],
                         capture_output=True, text=True)
    if run.returncode == 0:
        clean.touch()
        return None
    return run.stdout + run.stderr


def main():
    root, build = (pathlib.Path(arg).resolve() for arg in sys.argv[1:3])
    if shutil.which("clang-tidy") is None:
        print("skipped: clang-tidy is not installed")
        return SKIP
    (build / "tidy-cache").mkdir(exist_ok=True)
    rules = rules_of(root)
    todo = entries(root, build)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        said = list(pool.map(lambda entry: check(root, build, entry, rules), todo))
    found = [text for text in said if text is not None]
    print("\n".join(found) or f"tidy: {len(todo)} files ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
