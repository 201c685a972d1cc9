"""Kubernetes objects and fleet documents as dicts, as short as a test wants them.

Without namespace=... an object names none, as manifests in Git do: the App's is used.
"""
import json


def meta(name, namespace=None, **more):
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def thing(api_version, kind, name, namespace=None, labels=None, **fields):
    """An object of any kind; fields beside metadata are given by name."""
    more = {"labels": labels} if labels else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta(name, namespace, **more),
            **fields}


def namespace(name):
    return thing("v1", "Namespace", name)


def config_map(name, namespace=None, **data):
    return thing("v1", "ConfigMap", name, namespace, data=data)


def secret(name, **data):
    return thing("v1", "Secret", name, stringData=data)


def service(name, port=80):
    return thing("v1", "Service", name, spec={"selector": {"app": name}, "ports": [{"port": port}]})


def pod_template(name, image):
    return {"metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "main", "image": image}]}}


def deployment(name, image="example.com/web:1", replicas=1, **spec):
    return thing("apps/v1", "Deployment", name, spec={
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": pod_template(name, image), **spec})


def stateful_set(name, image="example.com/db:1", replicas=1, **spec):
    return thing("apps/v1", "StatefulSet", name, spec={
        "replicas": replicas, "serviceName": name, "selector": {"matchLabels": {"app": name}},
        "template": pod_template(name, image), **spec})


def daemon_set(name, image="example.com/agent:1"):
    return thing("apps/v1", "DaemonSet", name, spec={
        "selector": {"matchLabels": {"app": name}}, "template": pod_template(name, image)})


def job(name, image="example.com/migrate:1"):
    return thing("batch/v1", "Job", name, spec={"backoffLimit": 0, "template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}}})


def crd(plural, kind, group="example.com", scope="Namespaced"):
    """A kind of its own, whose spec takes anything."""
    schema = {"type": "object", "properties": {
        "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}
    return thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", spec={
        "group": group, "scope": scope,
        "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
        "versions": [{"name": "v1", "served": True, "storage": True,
                      "schema": {"openAPIV3Schema": schema}}]})


def cluster(name, **values):
    return thing("holdfast/v1alpha1", "Cluster", name, spec={"values": values})


def app(name, **spec):
    """An App for all clusters."""
    return thing("holdfast/v1alpha1", "App", name,
                 spec={"targets": [{"clusterSelector": {}}], **spec})


def text(*objects):
    """Objects as one file; JSON is YAML."""
    return "\n---\n".join(json.dumps(item, indent=1) for item in objects) + "\n"
