#!/usr/bin/env python3
"""The API is as it describes itself: schemathesis asks it what the description allows and what not.

Left out of the description for this: the cursor, of which only one that the hub gave is right
(test_lists.py), and the watch, which does not end (test_watch.py).
"""
import json
import os
import subprocess
import sys

from rig import Api, main
from schemathesis_tool import path
from test_watch import FLEET, REVISION, event

SECONDS = int(os.environ.get("HOLDFAST_SCHEMATHESIS_SECONDS", "45"))

CONFIG = """
[generation]
deterministic = true
database = "none"

[checks.positive_data_acceptance]
# 401: webhooks are not signed here
expected-statuses = ["2xx", "401", "404", "409"]

# Just one of two members is needed, which the description cannot say; and the repository that would
# be written to is not there.
[[operations]]
include-name = "POST /api/v1/writes"

[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "404", "409", "503"]

[operations.checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", "503"]

# At most one of three members, and a time that is to come.
[[operations]]
include-name = "POST /api/v1/freezes"

[operations.checks.positive_data_acceptance]
expected-statuses = ["2xx", "400", "401", "404", "409"]

# One that was only tried (dryRun) is not there.
[[operations]]
include-name = "GET /api/v1/freezes/{name}"

[operations.checks.ensure_resource_availability]
enabled = false
"""


# What there is, so that not only the answer 404 is looked at.
EXAMPLES = {
    "/api/v1/clusters/{name}": {"name": "oslo"},
    "/api/v1/apps/{name}": {"name": "web"},
    "/api/v1/groups/{name}": {"name": "few"},
    "/api/v1/status/{cluster}/{app}": {"cluster": "oslo", "app": "web"},
    "/api/v1/revisions/{id}": {"id": REVISION},
    "/api/v1/objects/desired": {"cluster": "oslo", "key": "ConfigMap/web/a"},
    "/api/v1/objects": {"cluster": "oslo"},
    "/api/v1/rollout": {"revision": REVISION[:7], "selector": "env in (prod,test), !old"},
    "/api/v1/events": {"after": 1, "sort": "-atMs,number", "fields": "number,message"},
}


class Described(Api):
    limits = ("per-s=1000000", "wrong=1000000", "connections=200", "per-address=200")
    seed = (*FLEET, "INSERT INTO cluster_group VALUES ('few', 'fleet', 'g')",
            "INSERT INTO object (cluster, app, key, sha256, health, message, at_ms, full, "
            "drift_more) VALUES ('oslo', 'web', 'ConfigMap/web/a', x'c1', 2, '', 9, 0, 0)",
            "INSERT INTO blob VALUES (x'c1', '{\"kind\":\"ConfigMap\"}')",
            *(event("app.applied", "oslo", "web", str(i)) for i in range(20)))

    def setUp(self):
        if not path().exists():
            self.skipTest("schemathesis is not installed: run schemathesis_tool.py")

    def description(self):
        document = self.ask("GET", "/api/v1/openapi.json", token=None).json
        del document["paths"]["/api/v1/watch"]
        for address, methods in document["paths"].items():
            for operation in methods.values():
                operation["parameters"] = [p for p in operation["parameters"]
                                           if p["name"] != "cursor"]
                for parameter in operation["parameters"]:
                    if parameter["name"] in EXAMPLES.get(address, {}):
                        parameter["example"] = EXAMPLES[address][parameter["name"]]
        return document

    def test_the_api_is_as_it_describes_itself(self):
        file, config = self.folder / "openapi.json", self.folder / "schemathesis.toml"
        file.write_text(json.dumps(self.description()), encoding="utf-8")
        config.write_text(CONFIG, encoding="utf-8")
        done = subprocess.run(
            [path(), "--config-file", config, "run", file, "--url",
             f"https://127.0.0.1:{self.port}", "--tls-verify", self.folder / "keys" / "root.crt",
             "--header", f"Authorization: Bearer {self.admin}", "--max-time",
             str(SECONDS), "--request-timeout", "20", "--continue-on-failure", "--no-color"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            cwd=self.folder, timeout=SECONDS + 120)
        if done.returncode != 0:
            print(done.stdout[-20000:], file=sys.stderr)
        self.assertEqual(done.returncode, 0)
        self.assertTrue(self.server.alive())


if __name__ == "__main__":
    main()
