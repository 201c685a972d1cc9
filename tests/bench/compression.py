"""What a change costs on the wire as it is, and what it would cost compressed.

The manifests are what well-known projects publish. Each project is an App of one cluster, and its
dictionaries are made of what the others publish, never of its own.
"""
import bench
from support import corpus


def run(folder):
    apps = corpus.ensure()
    result = bench.run_json("bench.compression", folder, *apps.values())
    for change in result["changes"].values():
        plain = change["as it is"]["bytes"]
        for way in change.values():
            way["of what it is"] = round(way["bytes"] / plain, 3)
    return result
