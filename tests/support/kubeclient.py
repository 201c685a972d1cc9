"""A small client of the Kubernetes API for tests: no kubectl, standard library only.

Objects are named as people do: get("Deployment", "shop/web"), get("Namespace", "shop").
"""
import http.client
import json
import ssl
import urllib.parse

# Where to look for a kind; others are given with api_version=.
API_VERSIONS = {
    "Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1",
    "Ingress": "networking.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1",
    "Role": "rbac.authorization.k8s.io/v1", "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2", "PodDisruptionBudget": "policy/v1",
}
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class KubeError(Exception):
    """An answer of the API server that is not a success."""

    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class KubeClient:
    """Talks to one API server as one user. For one thread."""

    def __init__(self, server, ca_file, token=None, cert=None):
        self.address = urllib.parse.urlsplit(server).netloc
        self.tls = ssl.create_default_context(cafile=str(ca_file))
        if cert:
            self.tls.load_cert_chain(*map(str, cert))
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.resources = {}

    @classmethod
    def from_kubeconfig(cls, file):
        """A client with what KubeCluster wrote into a kubeconfig."""
        with open(file, encoding="utf-8") as text:
            config = json.load(text)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        cert = (user["client-certificate"], user["client-key"]) if "client-key" in user else None
        return cls(cluster["server"], cluster["certificate-authority"], user.get("token"), cert)

    def request(self, method, path, body=None, content_type="application/json", timeout=120):
        """One request, of a text or of a value as JSON; returns the decoded answer, or its text."""
        connection = http.client.HTTPSConnection(self.address, context=self.tls, timeout=timeout)
        try:
            text = json.dumps(body) if body is not None and not isinstance(body, str) else body
            connection.request(method, path, text,
                               {**self.headers, "Content-Type": content_type,
                                "User-Agent": "test", "Accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        value = _decode(text)
        if answer.status >= 400:
            raise KubeError(answer.status,
                            value.get("message", text) if isinstance(value, dict) else text)
        return value

    def ready(self):
        """Whether the API server says that it is ready."""
        try:
            return self.request("GET", "/readyz", timeout=20) == "ok"
        except (OSError, http.client.HTTPException, KubeError):
            return False

    def get(self, kind, name, api_version=None):
        """The object; a KubeError with status 404 if there is none."""
        return self.request("GET", self.path(kind, name, api_version))

    def find(self, kind, name, api_version=None):
        """The object, or None."""
        try:
            return self.get(kind, name, api_version)
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    def list(self, kind, namespace=None, labels="", api_version=None):
        path = self.path(kind, f"{namespace}/" if namespace else "", api_version)
        query = "?" + urllib.parse.urlencode({"labelSelector": labels}) if labels else ""
        return self.request("GET", path + query)["items"]

    def apply(self, *objects, manager="test", force=True):
        """Server-side apply, in the order given. Returns the last answer."""
        answer = None
        for item in objects:
            query = urllib.parse.urlencode({"fieldManager": manager, "force": str(force).lower()})
            answer = self.request("PATCH", f"{self.path_of(item)}?{query}", item, APPLY)
        return answer

    def patch(self, kind, name, patch, manager="kubectl-edit", api_version=None, content_type=MERGE,
              subresource=""):
        """Changes fields behind everyone's back, as `kubectl edit` would."""
        query = urllib.parse.urlencode({"fieldManager": manager})
        path = self.path(kind, name, api_version) + (f"/{subresource}" if subresource else "")
        return self.request("PATCH", f"{path}?{query}", patch, content_type)

    def delete(self, kind, name, api_version=None, propagation="Background"):
        return self.request("DELETE", self.path(kind, name, api_version),
                            {"kind": "DeleteOptions", "apiVersion": "v1",
                             "propagationPolicy": propagation})

    def path_of(self, item):
        meta = item["metadata"]
        name = f"{meta['namespace']}/{meta['name']}" if "namespace" in meta else meta["name"]
        return self.path(item["kind"], name, item["apiVersion"])

    def path(self, kind, name="", api_version=None):
        """The URL path of an object; of all of a kind if name is empty or ends with '/'."""
        api_version = api_version or API_VERSIONS.get(kind, "v1")
        resource = self._resource(api_version, kind)
        root = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
        namespace, slash, plain = name.rpartition("/")
        if resource["namespaced"] and name and not slash:
            namespace, plain = "default", name
        middle = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{middle}/{resource['name']}" + (f"/{plain}" if plain else "")

    def _resource(self, api_version, kind):
        if (api_version, kind) not in self.resources:
            root = "/api/v1" if api_version == "v1" else f"/apis/{api_version}"
            for resource in self.request("GET", root)["resources"]:
                if "/" not in resource["name"]:
                    self.resources[api_version, resource["kind"]] = resource
        if (api_version, kind) not in self.resources:
            raise KubeError(404, f"the server has no {kind} in {api_version}")
        return self.resources[api_version, kind]


def condition(item, kind):
    """The status of a condition of an object: 'True', 'False', 'Unknown', or None."""
    for entry in item.get("status", {}).get("conditions", []):
        if entry["type"] == kind:
            return entry["status"]
    return None


def _decode(text):
    try:
        return json.loads(text)
    except ValueError:
        return text
