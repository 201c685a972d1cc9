#!/usr/bin/env python3
"""Every row of the document that says what wins is walked by a test, and every pair has rows, which are walked
with that pair."""
import ast
import itertools
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from support import wins  # noqa: E402


def claims():
    """[(file, row, words, pairs)] of all tests that walk a row; a pair is a set of two names."""
    found = []
    for path in sorted((HERE / "e2e").glob("*.py")):
        for test in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for call in getattr(test, "decorator_list", []):
                if test.name.startswith("test_") and isinstance(call, ast.Call) and ast.unparse(call.func) == "row":
                    number, words, *pairs = map(ast.literal_eval, call.args)
                    found.append((path.name, str(number), words, [frozenset(pair.split(" + ")) for pair in pairs]))
    return found


def said(pair):
    return " + ".join(sorted(pair))


def wrong_rows(rows, claimed):
    texts = {number: cell for number, cell, _ in rows}
    for name, number, words, _ in claimed:
        if words not in (wins.section() if number == "above" else texts.get(number, "")):
            yield f"{name}: row {number} is not about '{words}'"
    for number in texts.keys() - {number for _, number, _, _ in claimed}:
        yield f"row {number} ('{texts[number]}') is walked by no test"
    if list(texts) != [str(n + 1) for n in range(len(rows))]:
        yield "the rows are not 1, 2 and so on"


def wrong_table(head, lines, rows):
    known = {number for number, _, _ in rows} | {"above"}
    names = [lines[0][0], *head[1:]]
    found = cells(head, lines)
    for pair in itertools.combinations(names, 2):
        numbers = found.pop(frozenset(pair), [""])
        if not set(numbers) <= known:
            yield f"{pair[0]} and {pair[1]}: '{', '.join(numbers)}' is no row"
    for pair in found:
        yield f"{said(pair)} is said twice, or of itself"


def cells(head, lines):
    """{pair: rows} of the last table."""
    return {frozenset((line[0], other)): cell.split(", ") for line in lines
            for other, cell in zip(head[1:], line[1:]) if cell}


def wrong_pairs(table, claimed):
    wanted = {(pair, number) for pair, numbers in table.items() for number in numbers}
    walked = {(pair, number): name for name, number, _, pairs in claimed for pair in pairs}
    for pair, number in wanted - walked.keys():
        yield f"{said(pair)}: no test walks row {number} with them"
    for pair, number in walked.keys() - wanted:
        yield f"{walked[pair, number]}: {said(pair)}: row {number} is not about them"


def main():
    _, (_, *rows), (head, *lines) = wins.tables()
    claimed = claims()
    wrong = [*wrong_rows(rows, claimed), *wrong_table(head, lines, rows), *wrong_pairs(cells(head, lines), claimed)]
    print("\n".join(sorted(wrong)))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
