"""What well-known projects publish for Kubernetes, taken from their Go modules.

Each module is pinned by version and checksum. What is wanted of it is kept outside the source tree,
under the hash of this list, so that a second run needs neither Go nor a network. Proxies and
mirrors come from the environment, as always with Go.
"""
import collections
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from support.kube import KUBE_SOURCE, CannotRun

sys.path.insert(0, str(KUBE_SOURCE))
import build  # noqa: E402  finds or installs Go

FETCH_SECONDS = 900

Module = collections.namedtuple("Module", "app namespace path version sum globs")

# In the order in which a person would install them: kinds before their objects.
MODULES = [
    Module("istio", "default", "istio.io/api", "v1.32.0",
           "h1:37mJvg9I0biYZAEQF+MATs4FNeCpXEIVO3LFpVb6iNM=",
           ["kubernetes/customresourcedefinitions.gen.yaml"]),
    Module("gateway", "default", "sigs.k8s.io/gateway-api", "v1.4.0",
           "h1:ZwlNM6zOHq0h3WUX2gfByPs2yAEsy/EenYJB78jpQfQ=",
           ["config/crd/experimental/gateway*.yaml", "examples/experimental/http*.yaml",
            "examples/standard/basic-http.yaml"]),
    Module("cert-manager", "default", "github.com/cert-manager/cert-manager", "v1.21.2",
           "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=", ["deploy/crds/*.yaml"]),
    Module("prometheus", "default", "github.com/prometheus-operator/prometheus-operator", "v0.85.0",
           "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
           ["example/prometheus-operator-crd-full/*.yaml", "example/rbac/prometheus-operator/*.yaml",
            "example/thanos/prometheus*.yaml", "example/thanos/query*.yaml",
            "example/networkpolicies/*.yaml"]),
    Module("argo-cd", "argocd", "github.com/argoproj/argo-cd/v3", "v3.0.0",
           "h1:VG3KgvjQqD7nQ/xdPnNrvSz5yLraJxVCMljdkLET46I=", ["manifests/install.yaml"]),
    Module("rollouts", "argo-rollouts", "github.com/argoproj/argo-rollouts", "v1.9.2",
           "h1:NaAtrUjjm9AFAyurAEFRJjP54mk98s8007B3vsdFEbI=",
           ["manifests/install.yaml", "manifests/notifications-install.yaml",
            "examples/rollout-[abcers]*.yaml", "examples/analysis-templates.yaml"]),
    Module("flagger", "test", "github.com/fluxcd/flagger", "v1.44.0",
           "h1:JAb2mE3AAO5Y/JkfHy6xbFDPDPk9lGvqXwmtztNbdhw=",
           ["artifacts/flagger/*.yaml", "kustomize/podinfo/[dh]*.yaml",
            "artifacts/examples/istio-canary.yaml"]),
    Module("metallb", "default", "go.universe.tf/metallb", "v0.16.2",
           "h1:RCSAGoZmqcvTg0e56+Okbwz8iTuQVX30JpKX5mYEPUM=",
           ["config/manifests/metallb-frr-k8s.yaml"]),
    Module("keda", "default", "github.com/kedacore/keda/v2", "v2.21.0",
           "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
           ["config/crd/bases/*.yaml", "config/metrics-server/role*.yaml"]),
]


def ensure(modules=None):
    """{app: folder of its manifests}, fetched if this machine has them not yet."""
    modules = MODULES if modules is None else modules
    base = build.cache_dir().parent / "corpus"
    kept = base / hashlib.sha256(repr(modules).encode()).hexdigest()[:16]
    if not kept.exists():
        base.mkdir(parents=True, exist_ok=True)
        unfinished = pathlib.Path(tempfile.mkdtemp(dir=base))
        _fetch_into(modules, unfinished)
        try:
            unfinished.rename(kept)
        except OSError:  # another run was first
            shutil.rmtree(unfinished)
    return {module.app: kept / module.app for module in modules}


def _fetch_into(modules, folder):
    try:
        found = _download(modules)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotRun(f"the public manifests cannot be fetched: {error}") from error
    for module in modules:
        assert found[module.path]["Sum"] == module.sum, f"{module.path} is not what it was"
        _copy(module, pathlib.Path(found[module.path]["Dir"]), folder / module.app)


def _download(modules):
    """What Go says of each module: where it is, and its checksum."""
    words = [f"{module.path}@{module.version}" for module in modules]
    go = build.installed_go() or build.packaged_go()
    done = subprocess.run([go, "mod", "download", "-json", *words], cwd="/", check=True,
                          stdout=subprocess.PIPE, text=True, timeout=FETCH_SECONDS,
                          env={**os.environ, "GOTOOLCHAIN": "local", "GOWORK": "off"})
    answers, text, found = json.JSONDecoder(), done.stdout.strip(), {}
    while text:
        answer, end = answers.raw_decode(text)
        found[answer["Path"]] = answer
        text = text[end:].strip()
    return found


def _copy(module, source, target):
    target.mkdir()
    if module.namespace != "default":
        (target / "0-namespace.yaml").write_text(
            f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {module.namespace}}}\n",
            encoding="utf-8")
    for pattern in module.globs:
        paths = sorted(source.glob(pattern))
        assert paths, f"{module.path} has no {pattern}"
        for path in paths:
            name = str(path.relative_to(source)).replace("/", "_")
            shutil.copyfile(path, target / name)
