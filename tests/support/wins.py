"""What wins where several things speak of the same field: deploy/reference/exemptions.md, as tests read it.

A test says which row of the document it walks, by its number and words of its first cell, and between
which two of the last table that is:

    @row(3, "is suspended or [frozen]", "report + freeze", "correct + freeze")
    def test_...

tests/test_wins.py holds that each row has one, and that each row which that table names for a pair is
walked with this pair. What is `above` there is the row "above", by words of the page.
"""
import pathlib
import re

PAGE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "reference" / "exemptions.md"


def row(_number, _words, *_pairs):
    return lambda test: test


def section():
    return PAGE.read_text(encoding="utf-8").partition("\n## What wins\n")[2].partition("\n## ")[0]


def tables():
    """The tables below `What wins`: modes, rows, pairs; each as lists of cells, heads first."""
    found = [part for part in section().split("\n\n") if part.startswith("|")]
    made = [[[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
             for line in part.strip().splitlines() if not re.fullmatch(r"[|-]+", line)]
            for part in found]
    modes, rows, pairs = made
    return modes, rows, pairs


def modes():
    """{what it says: (told, put right, stays)}, by the first word of each cell."""
    return {cells[0]: tuple(cell.partition(",")[0].partition(" ")[0] == "yes" for cell in cells[1:])
            for cells in tables()[0][1:]}
