#!/usr/bin/env python3
"""Checks that each metric of the daemons stands in deploy/reference/metrics.md, that each row there is one, that
what deploy/monitoring asks for exists, and that each metric is asked for there, by a rule or by the dashboard."""
import json
import pathlib
import re
import sys

from tree import sources

NAME = re.compile(r'"((?:holdfast|process)_[a-z0-9_]+)"')
ROW = re.compile(r"^\| `((?:holdfast|process)_[a-z0-9_]+)` \| (\w+) \|", re.M)
USED = re.compile(r"\b((?:holdfast|process)_[a-z0-9_]+)\b")
# What Prometheus makes of a histogram.
PARTS = re.compile(r"_(bucket|sum|count)$")
UNITS = ("_seconds", "_bytes", "_total", "_info")
TABLE = "deploy/reference/metrics.md"
NOT_SHOWN = {  # why neither a rule nor the dashboard asks for it
    "holdfast_agent_generation": "a number that only means something beside the one that the hub made for this cluster",
    "process_start_time_seconds": "Prometheus itself wants it; of the hub holdfast_uptime_seconds is shown",
    "process_threads": "as many as the options say",
    "process_virtual_memory_bytes": "address space costs nothing; process_resident_memory_bytes is shown",
}


def made(root):
    """{name: where} of what the daemons make."""
    found = {}
    for file, name in sources(root):
        if not name.startswith("tests/"):
            for match in NAME.finditer(file.read_text()):
                found.setdefault(match.group(1), name)
    return found


def expressions(root):
    """(file, expression) of all that is asked of Prometheus."""
    folder = root / "deploy/monitoring"
    for file in sorted(folder.glob("alerts*.yaml")):
        for match in re.finditer(r"(?:expr|series): (.*)", file.read_text()):
            yield file, match.group(1)
    for file in sorted(folder.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield file, target["expr"]


def metric_of(name, rows):
    """The metric that an expression means by a name, or None."""
    whole = PARTS.sub("", name)
    return name if name in rows else whole if rows.get(whole) == "histogram" else None


def shown(root, rows):
    return {metric_of(name, rows) for file, expression in expressions(root) if file.name != "alerts_test.yaml"
            for name in USED.findall(expression)}


def wrong_showing(root, rows):
    asked = shown(root, rows)
    for name in sorted(rows.keys() - asked - NOT_SHOWN.keys()):
        yield (f"{TABLE}: nothing in deploy/monitoring asks for {name}: show it in dashboard.json, or say in "
               "NOT_SHOWN why not")
    for name in sorted(NOT_SHOWN.keys() & asked | NOT_SHOWN.keys() - rows.keys()):
        yield f"NOT_SHOWN: {name} is shown, or no metric"


def wrong_name(name, kind):
    """What Prometheus' conventions say against a name, or None."""
    if kind == "counter" and not name.endswith("_total"):
        return "a counter ends with _total"
    if kind != "counter" and name.endswith("_total"):
        return "only a counter ends with _total"
    if kind == "histogram" and not name.endswith(UNITS):
        return "a histogram ends with its unit"
    return None


def problems(root):
    table = root / TABLE
    rows = dict(ROW.findall(table.read_text())) if table.exists() else {}
    there = made(root)
    for name in sorted(there.keys() - rows.keys()):
        yield f"{there[name]}: {name} has no row in {TABLE}; HOLDFAST_GOLDEN=write with tests/e2e/sim_metrics.py makes it"
    for name in sorted(rows.keys() - there.keys()):
        yield f"{TABLE}: {name} is made nowhere"
    for name, kind in sorted(rows.items()):
        if wrong_name(name, kind):
            yield f"{TABLE}: {name}: {wrong_name(name, kind)}"
    for file, expression in expressions(root):
        for name in USED.findall(expression):
            if metric_of(name, rows) is None:
                yield f"{file.relative_to(root)}: there is no metric {name}"
    yield from wrong_showing(root, rows)


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) or "metrics: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
