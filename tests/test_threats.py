#!/usr/bin/env python3
"""Every test that threats.md names is in the tree, and every threat has one."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent


def tests():
    """The names of all tests: functions of C and Python, files, and fuzz targets."""
    names = set()
    for path in HERE.rglob("*"):
        if path.suffix in (".c", ".py") and path.is_file():
            names.add(path.name)
            names.add(path.stem.removeprefix("fuzz_"))
            names |= set(re.findall(r"^(?:static void|\s+def) (\w+)\(", path.read_text("utf-8"), re.M))
    return names


def main():
    known = tests()
    wrong = []
    rows = re.findall(r"^\| (T\d+) \|.*\| (.*) \|$", (HERE / "threats.md").read_text("utf-8"), re.M)
    for number, cell in rows:
        wrong += [f"{number}: there is no test '{name}'" for name in re.findall(r"`([^`]+)`", cell)
                  if name not in known and f"test_{name}" not in known]
    if len(rows) < 27 or [number for number, _ in rows] != [f"T{n + 1}" for n in range(len(rows))]:
        wrong.append("the rows are not T1, T2 and so on, to T27 at least")
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
