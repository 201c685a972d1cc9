#!/usr/bin/env python3
"""Builds programs of others for the tests, each once for a machine, as build.py does Kubernetes.

Each has a module of its own beside this file, which names and pins it.
"""
import fcntl
import hashlib
import os
import platform
import subprocess
import sys
import time

import build

PACKAGES = {"flagger": "github.com/fluxcd/flagger/cmd/flagger",
            "rollouts": "github.com/argoproj/argo-rollouts/cmd/rollouts-controller",
            "flux": "github.com/fluxcd/kustomize-controller",
            "gitea": "code.gitea.io/gitea"}
TAGS = {"gitea": "sqlite,sqlite_unlock_notify"}  # its database is in C, too
# Not optimized, and nothing for a debugger: two fifths less to do, for programs that do little. Gitea does much.
COMPILER = dict.fromkeys(("flagger", "flux", "rollouts"), "all=-N -l -dwarf=false")


def binary_path(name):
    made_by = PACKAGES[name] + TAGS.get(name, "") + COMPILER.get(name, "")
    digest = hashlib.sha256((platform.machine() + made_by).encode())
    for file in ("go.mod", "go.sum"):
        digest.update((build.HERE / name / file).read_bytes())
    # Its field manager is named after the file.
    return build.cache_dir() / digest.hexdigest()[:16] / PACKAGES[name].rpartition("/")[2]


def compile_to(name, binary):
    go = build.installed_go() or build.packaged_go()
    build.say(f"building {name} for the tests with {go}: two or three minutes, once")
    started = time.monotonic()
    unfinished = binary.with_suffix(".new")
    # Other tests run beside.
    subprocess.run(["nice", go, "build", "-trimpath", "-tags", TAGS.get(name, ""),
                    "-gcflags", COMPILER.get(name, ""), "-ldflags", "-s -w",
                    "-o", str(unfinished), PACKAGES[name]],
                   cwd=build.HERE / name, check=True, stdout=sys.stderr,
                   env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off",
                        "CGO_ENABLED": "1" if name in TAGS else "0"})
    unfinished.rename(binary)
    build.say(f"built in {time.monotonic() - started:.0f} s: {binary}")


def ensure(name):
    """The path of a program, built if need be. Raises OSError or CalledProcessError."""
    binary = binary_path(name)
    if binary.exists():
        return binary
    binary.parent.mkdir(parents=True, exist_ok=True)
    with open(build.cache_dir() / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not binary.exists():
            compile_to(name, binary)
    return binary


if __name__ == "__main__":
    try:
        print(ensure(sys.argv[1]))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: {sys.argv[1]} cannot be built: {error}")
        sys.exit(77)
