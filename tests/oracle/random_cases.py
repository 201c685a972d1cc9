#!/usr/bin/env python3
"""Random overlays on random Deployments: ours against the real kustomize's.

    random_cases.py TEST_KUSTOMIZE [SEED [COUNT]]

TEST_KUSTOMIZE is the program of the unit test hub.render.test_kustomize, which compares the cases of
the folder HOLDFAST_CASES. A case that differs is printed with both outcomes.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import check

NAMES = ["a", "b", "c", "d"]
KEYS = {"containers": ("name",), "initContainers": ("name",), "env": ("name",), "volumes": ("name",),
        "imagePullSecrets": ("name",), "volumeMounts": ("mountPath",), "hostAliases": ("ip",),
        "ports": ("containerPort", "protocol")}
KEPT = {"apiVersion", "kind", "metadata", "annotations", "labels"} | {k for ks in KEYS.values() for k in ks}


class Maker:
    """Makes objects and patches of one random sequence."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.protocols = self.chance(0.7)  # kustomize errs where only one side says the protocol

    def chance(self, p):
        return self.random.random() < p

    def pick(self, *choices):
        return self.random.choice(choices)

    def name(self):
        return self.pick(*NAMES)

    def entries(self, field, make):
        """A list without two entries of one key."""
        found = {}
        for _ in range(self.random.randint(0, 3)):
            entry = make()
            found.setdefault(tuple(str(entry.get(key)) for key in KEYS[field]), entry)
        return list(found.values())

    def env(self):
        source = {"valueFrom": {"secretKeyRef": {"name": self.name(), "key": "k"}}}
        return {"name": self.name(), **({"value": self.pick("1", "2")} if self.chance(0.7) else source)}

    def port(self):
        protocol = {"protocol": self.pick("TCP", "UDP")} if self.protocols else {}
        return {"containerPort": self.pick(80, 81, 82), **protocol,
                **({"name": self.name()} if self.chance(0.5) else {})}

    def mount(self):
        return {"mountPath": self.pick("/a", "/b", "/c"), "name": self.name()}

    def container(self):
        made = {"name": self.name()}
        if self.chance(0.6):
            made["image"] = self.pick("x:1", "x/z:2", "w", "x", "x/z@sha256:ab", "r:5000/x:1")
        for field, make in (("env", self.env), ("ports", self.port), ("volumeMounts", self.mount)):
            if self.chance(0.3):
                made[field] = self.entries(field, make)
        if self.chance(0.3):
            made["args"] = [self.name() for _ in range(2)]
        if self.chance(0.3):
            made["resources"] = {"limits": {self.pick("cpu", "memory"): self.pick("1", "2")}}
        return made

    def volume(self):
        return {"name": self.name(),
                self.pick("emptyDir", "configMap"): self.pick({}, {"name": "q"}, {"medium": "Memory"})}

    def alias(self):
        return {"ip": self.pick("1.1.1.1", "2.2.2.2"), "hostnames": [self.name()]}

    def pod(self):
        made = {"containers": self.entries("containers", self.container)}
        for field, make in (("initContainers", self.container), ("volumes", self.volume),
                            ("imagePullSecrets", lambda: {"name": self.name()}),
                            ("hostAliases", self.alias)):
            if self.chance(0.3):
                made[field] = self.entries(field, make)
        if self.chance(0.3):
            made["tolerations"] = [{"key": self.name()}]
        if self.chance(0.3):
            made["nodeSelector"] = {self.name(): self.pick("1", "2") for _ in range(2)}
        return made

    def deployment(self):
        metadata = {"name": "web"}
        for field in ("labels", "annotations"):
            if self.chance(0.3):
                metadata[field] = {self.name(): self.pick("1", "2")}
        if self.chance(0.3):
            metadata["finalizers"] = sorted({self.pick("a.io/a", "b.io/b", "c.io/c") for _ in range(2)})
        spec = {"replicas": self.pick(1, 2), "template": {"spec": self.pod()}}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}

    def spoil(self, value, field="", depth=0):
        """Puts nulls and directives into a patch."""
        if isinstance(value, list):
            made = [self.spoil(entry, "", depth + 1) for entry in value]
            for entry in made:
                if field in KEYS and self.chance(0.12):
                    entry["$patch"] = "delete"
            return made
        if not isinstance(value, dict):
            return value
        made = {}
        for name, below in value.items():
            # kustomize drops annotations altogether when the last one goes, but no other map.
            kept = name in KEPT or field == "annotations" or depth == 0
            gone = not kept and self.chance(0.08)
            made[name] = None if gone else self.spoil(below, name, depth + 1)
        if field in ("limits", "nodeSelector", "resources") and self.chance(0.2):
            made["$patch"] = self.pick("replace", "merge", "delete")
        return made

    def case(self):
        base, patch = self.deployment(), self.spoil(self.deployment())
        patch["metadata"]["name"] = "web"
        spec = {"overlays": [{"merge": patch}]}
        return json.dumps(spec) + "\n---\n" + json.dumps(base) + "\n"


def main(program, seed=1, count=300):
    try:
        binary = check.ensure()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"skipped: the oracle cannot be built: {error}")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        for number in range(int(count)):
            path = pathlib.Path(folder) / f"{number}.yaml"
            path.write_text(Maker(f"{seed}-{number}").case(), encoding="utf-8")
        subprocess.run([str(binary), "kustomize", folder, folder], check=True)
        return subprocess.run([program], check=False,
                              env={**os.environ, "HOLDFAST_CASES": folder}).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
