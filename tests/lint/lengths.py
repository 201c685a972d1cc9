#!/usr/bin/env python3
"""Checks how long functions are: none over 60 lines, 90 of 100 at most 30."""
import pathlib
import sys

from tree import sources

HARD = 60
P90 = 30


def functions(text):
    """(line, length) of each function. clang-format makes this easy: a body ends with a lone }."""
    start = signature = None
    for number, line in enumerate(text.splitlines(), 1):
        if start is None:
            if line and not line[0].isspace() and line[0] not in "#/}":
                signature = number
            if line.endswith("{"):
                start = signature
        elif line.startswith("}"):
            if line == "}":
                yield start, number - start + 1
            start = None


def percentile(lengths, part):
    ordered = sorted(lengths)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def problems(root):
    lengths = []
    for file, name in sources(root):
        for line, length in functions(file.read_text()):
            if length > HARD:
                yield f"{name}:{line}: a function of {length} lines; the limit is {HARD}"
            if not name.startswith("tests/"):
                lengths.append(length)
    if lengths and percentile(lengths, 0.9) > P90:
        yield f"one function in ten has more than {P90} lines ({percentile(lengths, 0.9)})"
    elif lengths:
        print(f"{len(lengths)} functions: median {percentile(lengths, 0.5)} lines, "
              f"p90 {percentile(lengths, 0.9)}, longest {max(lengths)}")


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "lengths: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
