#!/usr/bin/env python3
"""Runs the driver's contract against a real Kubernetes: kube.py CONTRACT."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support.kube import CannotRun, KubeCluster  # noqa: E402


def main():
    with tempfile.TemporaryDirectory(prefix="contract.") as folder:
        try:
            cluster = KubeCluster(folder).start()
        except CannotRun as why:
            print(f"skipped: {why}")
            return 77
        try:
            return subprocess.run([sys.argv[1], "kube", str(cluster.token_kubeconfig("agent"))],
                                  check=False).returncode
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
