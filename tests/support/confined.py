#!/usr/bin/env python3
"""Runs a program inside the filter of system calls that a systemd unit asks for, without systemd.

    confined.py UNIT PROGRAM [WORD]...

The unit's groups are those of the systemd that is here (systemd-analyze syscall-filter).
"""
import ctypes
import os
import pathlib
import re
import subprocess
import sys

ALLOW = 0x7fff0000
ERRNO = 0x00050000
EPERM = 1


def group(name):
    """The names of the system calls of a group, and of the groups in it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, text=True,
                          capture_output=True, env={**os.environ, "SYSTEMD_COLORS": "0"}).stdout
    words = [line.strip() for line in text.splitlines()[1:]]
    return expand(word for word in words if word and not word.startswith("#"))


def expand(words):
    found = set()
    for word in words:
        found |= group(word) if word.startswith("@") else {word}
    return found


def allowed(unit):
    """The system calls that the lines of a unit let through, in their order."""
    names = group("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        listed = expand(line.removeprefix("~").split())
        names = names - listed if line.startswith("~") else names | listed
    return names


def confine(names):
    """From here on this process and its children get EPERM from all others."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(ERRNO | EPERM)))
    for name in sorted(names):
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # else this machine has none of that name
            code = lib.seccomp_rule_add_array(context, ctypes.c_uint32(ALLOW), number, 0, None)
            assert code == 0, f"{name}: {os.strerror(-code)}"
    code = lib.seccomp_load(context)
    assert code == 0, os.strerror(-code)


def main(unit, *argv):
    names = allowed(pathlib.Path(unit).read_text(encoding="utf-8"))
    assert "execve" in names, f"{unit} has no filter that a program could run in"
    confine(names)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main(*sys.argv[1:])
