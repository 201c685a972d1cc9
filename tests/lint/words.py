#!/usr/bin/env python3
"""Checks for words that may not be in the tree: notes to do later, calls that cannot be bounded."""
import pathlib
import re
import sys

from tree import SKIPPED, bare_code, sources

LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\)| #\d+)")
CALLS = re.compile(r"\b(strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|atoi|atol|atof|gets|"
                   r"alloca|scanf)\s*\(")
SQL = re.compile(r'"\s*(SELECT \S|INSERT (OR|INTO)\b|UPDATE \w+ SET\b|DELETE FROM\b|WITH \w+ AS\b|PRAGMA )|'
                 r"\bhub_(db_(query|query_texts|run)|stmt_\w+)\s*\(")
TEXT = {".c", ".h", ".py", ".sh", ".go", ".proto", ".cmake", ".md", ".txt", ".yaml", ".yml", ".js",
        ".css", ".html", ".sql"}
RULES = ("tests/lint/words.py", "tests/lint/test_lint.py")  # these name what they forbid


def text_files(root):
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        hidden = any(name.startswith(s) for s in SKIPPED if s != "tests/kube")
        if file.is_file() and file.suffix in TEXT and not hidden and name not in RULES:
            if "/corpus/" not in name and "/vendor/" not in name:
                yield file, name


def problems(root):
    for file, name in text_files(root):
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
            found = LATER.search(line)
            if found:
                yield f"{name}:{number}: {found.group(1)} without an issue: write {found.group(1)} #12"
    for file, name in sources(root):
        for number, line in enumerate(bare_code(file.read_text()).splitlines(), 1):
            found = CALLS.search(line)
            if found:
                yield f"{name}:{number}: {found.group(1)} is not used here; see common/str.h"
    yield from sql_problems(root)


def sql_problems(root):
    """Another store shall be able to stand in for hub/store, so nobody else speaks SQL."""
    for file, name in sources(root):
        if name.startswith(("hub/store/", "tests/")):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if SQL.search(line):
                yield f"{name}:{number}: SQL belongs into a function of hub/store"


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "words: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
