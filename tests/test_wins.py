#!/usr/bin/env python3
"""Every row of the document that says what wins is walked by a test, and every pair has a row."""
import itertools
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from support import wins  # noqa: E402

CLAIM = re.compile(r"^ +@row\((\d+), \"(.*)\"\)\n(?=(?: +@row.*\n)* +def test_)", re.M)


def claims():
    """[(file, number, words)] of all tests that walk a row."""
    return [(path.name, number, words) for path in sorted((HERE / "e2e").glob("*.py"))
            for number, words in CLAIM.findall(path.read_text(encoding="utf-8"))]


def wrong_rows(rows, claimed):
    texts = {number: cell for number, cell, _ in rows}
    for name, number, words in claimed:
        if words not in texts.get(number, ""):
            yield f"{name}: row {number} is not about '{words}'"
    for number in texts.keys() - {number for _, number, _ in claimed}:
        yield f"row {number} ('{texts[number]}') is walked by no test"
    if list(texts) != [str(n + 1) for n in range(len(rows))]:
        yield "the rows are not 1, 2 and so on"


def wrong_pairs(head, lines, rows):
    known = {number for number, _, _ in rows} | {"above"}
    names = [lines[0][0], *head[1:]]
    found = {frozenset((cells[0], other)): cell for cells in lines
             for other, cell in zip(head[1:], cells[1:]) if cell}
    for pair in itertools.combinations(names, 2):
        cell = found.pop(frozenset(pair), "")
        if not cell or not set(cell.split(", ")) <= known:
            yield f"{pair[0]} and {pair[1]}: '{cell}' is no row"
    for pair in found:
        yield f"{sorted(pair)} is said twice, or of itself"


def main():
    _, (_, *rows), (head, *lines) = wins.tables()
    wrong = [*wrong_rows(rows, claims()), *wrong_pairs(head, lines, rows)]
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
