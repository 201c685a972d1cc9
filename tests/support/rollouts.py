"""Argo Rollouts as a process beside a test Kubernetes, and what its kubectl plugin does.

No traffic is routed: a canary is a share of the pods, which kwok lets run at once, or of weights in
Istio's objects, of which only the definitions are there.
"""
import datetime
import subprocess
import sys

from support import corpus, manifests as m
from support.kube import KUBE_SOURCE, CannotRun
from support.process import Process, free_port

sys.path.insert(0, str(KUBE_SOURCE))
import controllers  # noqa: E402

API = "argoproj.io/v1alpha1"
PLUGIN = "kubectl-argo-rollouts"
ISTIO = "networking.istio.io/v1"
CANARY = {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}
# A canary by weights, with a route of its own for who asks for it.
ROUTED = {"canary": {
    "stableService": "routed", "canaryService": "routed-canary",
    "trafficRouting": {
        "managedRoutes": [{"name": "testers"}],
        "istio": {"virtualService": {"name": "routed", "routes": ["main"]}}},
    "steps": [{"setCanaryScale": {"weight": 50}},
              {"setHeaderRoute": {"name": "testers", "match": [
                  {"headerName": "tester", "headerValue": {"exact": "yes"}}]}},
              {"setWeight": 50}, {"pause": {}}]}}


def definitions():
    """The files of an App with the definitions of the controller's kinds."""
    made = {"apps/kinds/app.yaml": m.text(m.app("kinds", substitute=False))}
    install, = corpus.ensure()["rollouts"].rglob("manifests_install.yaml")
    made["apps/kinds/istio.yaml"] = next(corpus.ensure()["istio"].rglob("*.yaml")).read_text(
        encoding="utf-8")
    kinds = [part for part in install.read_text(encoding="utf-8").split("\n---\n")
             if "\nkind: CustomResourceDefinition\n" in part]
    made["apps/kinds/kinds.yaml"] = "\n---\n".join(kinds)
    return made


def rollout(name, image, strategy, **env):
    template = m.pod_template(name, image)
    template["spec"]["serviceAccountName"] = "default"
    template["spec"]["containers"][0]["env"] = [
        {"name": key, "value": value} for key, value in env.items()]
    return m.thing(API, "Rollout", name, spec={
        "replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template,
        "strategy": strategy})


def referring(name, strategy):
    """A Rollout of a Deployment, which has the template."""
    return m.thing(API, "Rollout", name, spec={
        "replicas": 2, "selector": {"matchLabels": {"app": name}}, "strategy": strategy,
        "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}})


def virtual_service(name, *routes):
    """One with the weights of a stable service and its canary: routes as (name, retries)."""
    to = [{"destination": {"host": host}, "weight": weight}
          for host, weight in ((name, 100), (f"{name}-canary", 0))]
    return m.thing(ISTIO, "VirtualService", name, spec={"hosts": [f"{name}.example.com"], "http": [
        {"name": route, "retries": {"attempts": retries}, "route": to} for route, retries in routes]})


class Rollouts(Process):

    def __init__(self, folder, cluster):
        try:
            binary = controllers.ensure("rollouts")
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotRun(f"Argo Rollouts cannot be built: {error}") from error
        super().__init__("rollouts-controller", [
            binary, "--kubeconfig", cluster.token_kubeconfig("admin"), "--leader-elect=false",
            f"--metricsPort={free_port()}", f"--healthzPort={free_port()}"], folder)


class Plugin:
    """The verbs of `kubectl argo rollouts` that a story needs: the same patches, the same name."""

    def __init__(self, admin):
        self.admin = admin
        self.shown = 0

    def _patch(self, name, patch, **more):
        self.admin.patch("Rollout", name, patch, PLUGIN, API, **more)

    def abort(self, name):
        """Ask again if nothing comes of it, as of a promotion."""
        for value in (None, True):
            self._patch(name, {"status": {"abort": value}}, subresource="status")

    def promote(self, name):
        """`promote --full`; ask again if nothing comes of it: its controller may miss it."""
        for value in (None, True):
            self._patch(name, {"status": {"promoteFull": value}}, subresource="status")

    def undo(self, name, template):
        self._patch(name, [{"op": "replace", "path": "/spec/template", "value": template}],
                    content_type="application/json-patch+json")

    def restart(self, name):
        at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._patch(name, {"spec": {"restartAt": at}})

    def show_again(self, name):
        """Not of the plugin: a change that means nothing."""
        self.shown += 1
        self.admin.patch("Rollout", name, {"metadata": {"annotations": {"shown": str(self.shown)}}},
                         "test", API)
