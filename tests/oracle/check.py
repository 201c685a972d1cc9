#!/usr/bin/env python3
"""Makes the answers of the real kustomize and the real YAML reader anew and compares them.

With --write they are written instead, for a case that is new. The program is built once for a
machine and kept beside the test Kubernetes; without a Go, or modules to build it from, the test is
skipped.
"""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "kube"))
sys.dont_write_bytecode = True
import build  # noqa: E402  finds or installs Go

KINDS = ("kustomize", "yaml")


def ensure():
    """The path of the program, built if need be."""
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((HERE / name).read_bytes())
    binary = build.cache_dir().parent / "oracle" / digest.hexdigest()[:16] / "oracle"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        unfinished = binary.with_suffix(f".{os.getpid()}")
        subprocess.run([build.installed_go() or build.packaged_go(), "build", "-trimpath", "-o",
                        str(unfinished), "."], cwd=HERE, check=True, stdout=sys.stderr,
                       env={**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0",
                            "GOWORK": "off"})
        unfinished.rename(binary)
    return binary


def answers(binary, kind, folder):
    """Writes the answers for all cases of a kind into a folder."""
    subprocess.run([str(binary), kind, str(HERE / kind), str(folder)], check=True,
                   stderr=subprocess.DEVNULL)


def differing(kind, folder):
    """The names of the cases whose answer is missing, another one, or left over."""
    kept = {path.name: path.read_bytes() for path in (HERE / kind).glob("*.json")}
    made = {path.name: path.read_bytes() for path in pathlib.Path(folder).glob("*.json")}
    return sorted(name for name in kept.keys() | made.keys() if kept.get(name) != made.get(name))


def main():
    try:
        binary = ensure()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: the oracle cannot be built: {error}")
        return 77
    wrong = []
    for kind in KINDS:
        if "--write" in sys.argv[1:]:
            answers(binary, kind, HERE / kind)
            continue
        with tempfile.TemporaryDirectory() as folder:
            answers(binary, kind, folder)
            wrong += [f"{kind}/{name}" for name in differing(kind, folder)]
    for name in wrong:
        print(f"tests/oracle/{name} is not what the real one says: run tests/oracle/check.py --write")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
