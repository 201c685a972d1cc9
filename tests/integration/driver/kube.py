#!/usr/bin/env python3
"""Runs the driver's contract against a real Kubernetes: kube.py CONTRACT.

Three times, each time as somebody else: with a token, with a client certificate, and as a pod with
its service account.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from support.kube import CannotRun, KubeCluster  # noqa: E402


def run(*words, **env):
    print("==", words[0], pathlib.Path(words[1]).name, flush=True)
    return subprocess.run([sys.argv[1], *map(str, words)], env={**os.environ, **env},
                          check=False).returncode


def main():
    with tempfile.TemporaryDirectory(prefix="contract.") as folder:
        try:
            cluster = KubeCluster(folder).start()
        except CannotRun as why:
            print(f"skipped: {why}")
            return 77
        try:
            codes = [run("kube", cluster.token_kubeconfig("agent")),
                     run("kube", cluster.certificate_kubeconfig()),
                     run("pod", cluster.service_account_folder("agents/holdfast"),
                         KUBERNETES_SERVICE_HOST="127.0.0.1",
                         KUBERNETES_SERVICE_PORT=str(cluster.port))]
            print("ended with codes", codes)
            return 1 if any(codes) else 0  # that of one that crashed is negative
        finally:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
