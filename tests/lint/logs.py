#!/usr/bin/env python3
"""Checks that each id of a log line at info or above stands in deploy/reference/logs.md, with its programs and levels,
and that each row there is one."""
import pathlib
import re
import sys

from tree import sources

CALL = re.compile(r"\bcm_log\(")
ID = re.compile(r'"([a-z_]+\.[a-z_]+)"')
LEVEL = re.compile(r"\bCM_LOG_(ERROR|WARN|INFO)\b")
ROW = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \| ([a-z, ]+) \| ([a-z, ]+) \| (\S.*) \|$", re.M)
LEVELS = ("error", "warn", "info")
TABLE = "deploy/reference/logs.md"
SKIPPED = ("tests/", "common/log.")


def arguments(text, at):
    """The first two arguments of the call whose bracket opens before `at`."""
    out, depth, start = [], 1, at
    while depth > 0 and len(out) < 2:
        char = text[at]
        if char == '"':
            at = re.compile(r'"(?:\\.|[^"\\])*"').match(text, at).end()
            continue
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth == 0 or (depth == 1 and char == ","):
            out.append(text[start:at])
            start = at + 1
        at += 1
    return out


def program(name):
    if name.startswith("hub/"):
        return "hub"
    return "sim" if name.startswith("agent/sim_") else "agent" if name.startswith("agent/") else "both"


def lines(root):
    """(file, ids, levels at info or above) of each call."""
    for file, name in sources(root):
        text = file.read_text()
        for call in CALL.finditer("" if name.startswith(SKIPPED) else text):
            level, which = arguments(text, call.end())
            yield name, ID.findall(which), {word.lower() for word in LEVEL.findall(level)}


def problems(root):
    table = root / TABLE
    rows = {row[0]: row[1:] for row in ROW.findall(table.read_text())} if table.exists() else {}
    used = {}
    for name, ids, levels in lines(root):
        if not ids:
            yield f"{name}: a log line needs its id as it is, \"room.what\""
        for word in ids if levels else []:
            programs, known = used.setdefault(word, (set(), set()))
            programs.add(program(name))
            known |= levels if len(ids) == 1 else set(rows.get(word, ("", ""))[1].split(", ")) & levels
    for word in sorted(used):
        if word not in rows:
            yield f"{TABLE}: no row for {word}"
            continue
        programs = ", ".join(p for p in ("hub", "agent", "sim") if p in used[word][0])
        levels = ", ".join(level for level in LEVELS if level in used[word][1])
        if rows[word][:2] != (programs, levels):
            yield f"{TABLE}: {word} is of {programs} at {levels}"
    for word in sorted(rows.keys() - used.keys()):
        yield f"{TABLE}: nothing logs {word}"


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "logs: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
