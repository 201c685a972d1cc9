#!/usr/bin/env python3
"""Lets promtool read the alert rules, of which no two may have one name and labels, and the scrape
configuration, and run the rules' own tests."""
import pathlib
import shutil
import subprocess
import sys

SKIP = 77


def main():
    tool = shutil.which("promtool")
    folder = pathlib.Path(sys.argv[1]) / "deploy/monitoring"
    if tool is None:
        print("promtool is not here: install prometheus")
        return SKIP
    failed = False
    for words in (("check", "rules", "--lint-fatal", "alerts.yaml"),
                  ("test", "rules", "alerts_test.yaml"),
                  ("check", "config", "--syntax-only", "prometheus.yaml")):
        done = subprocess.run([tool, *words], cwd=folder, capture_output=True, text=True, timeout=300,
                              check=False)
        print(f"promtool {' '.join(words)}: {done.stdout}{done.stderr}")
        failed = failed or done.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
