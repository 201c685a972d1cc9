#!/usr/bin/env python3
"""Runs the random faults against a real Kubernetes: kube_faults.py TEST. HOLDFAST_RUNS and
HOLDFAST_SEED are the test's."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support.kube import CannotRun, KubeCluster  # noqa: E402


def main():
    with tempfile.TemporaryDirectory(prefix="faults.") as folder:
        try:
            cluster = KubeCluster(folder).start()
        except CannotRun as why:
            print(f"skipped: {why}")
            return 77
        try:
            code = subprocess.run([sys.argv[1], cluster.token_kubeconfig("agent")],
                                  check=False).returncode
            return 1 if code else 0  # that of one that crashed is negative
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
