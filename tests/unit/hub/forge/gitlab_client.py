"""What GitLab's own client for Go says of GitLab's API, as OpenAPI.

No registry has GitLab's description of the API with merge requests in it; the client that GitLab
publishes has each request's method, path, parameters and members with their types, and what comes back.
What must be there, and what values a text may have, it does not say.
"""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3]))
from support import corpus  # noqa: E402
from support.kube import CannotRun  # noqa: E402, F401  pylint: disable=unused-import

MODULES = [corpus.Module("gitlab", "default", "gitlab.com/gitlab-org/api/client-go", "v1.46.0",
                         "h1:YxBWFZIFYKcGESCb9fpkwzouo+apyB9pr/XTWzNoL24=",
                         ["branches.go", "gitlab.go", "merge_requests.go"])]
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.M | re.S)
FIELD = re.compile(r'^\t\w+\s+(\S+)\s+`(?:url:"([^",]+)[^"]*" )?json:"([^",]+)', re.M)
EMBEDDED = re.compile(r"^\t(\w+)$", re.M)
OPTIONS = re.compile(r"opts? \*(\w+)")
CALL = re.compile(r'do\[(\[\])?\*?(\w+)\]\(s\.client,\s*withMethod\(http\.Method(\w+)\),\s*withPath\("([^"]+)"')
TYPES = {"string": "string", "int64": "integer", "bool": "boolean"}
DONE = {"get": "200", "put": "200", "post": "201", "delete": "204"}


def _schema(kind):
    name = kind.lstrip("*")
    made = {"type": "array"} if name.startswith("[]") else {"type": TYPES[name]} if name in TYPES else {}
    return {**made, "nullable": True} if made else {}


class _Source:
    def __init__(self, text):
        self.structs, self.text = dict(STRUCT.findall(text)), text

    def fields(self, struct):
        """[(name in a query, name in JSON, schema)]"""
        body = self.structs.get(struct, "")
        own = [(query or name, name, _schema(kind)) for kind, query, name in FIELD.findall(body)]
        return own + [field for base in EMBEDDED.findall(body) for field in self.fields(base)]

    def object(self, struct):
        return {"type": "object", "additionalProperties": False,
                "properties": {name: schema for _, name, schema in self.fields(struct)}}

    def operations(self):
        """[(path, method, operation)]"""
        for block in self.text.split("\nfunc ")[1:]:
            call, options = CALL.search(block), OPTIONS.search(block)
            if call is None:
                continue
            listed, result, verb, path = call.groups()
            count = iter(range(len(path)))
            path = re.sub(r"%[sd]", lambda _, count=count: f"{{p{next(count)}}}", "/" + path)
            method, given = verb.lower(), options.group(1) if options else ""
            shown = self.object(result)
            shown = {"type": "array", "items": shown} if listed else shown
            error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/basic-error"}}}}
            operation = {
                "parameters": [{"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
                               for name in re.findall(r"\{(\w+)\}", path)],
                "responses": {"409": error, DONE[method]: {} if method == "delete" else {
                    "content": {"application/json": {"schema": shown}}}}}
            if method == "get":
                operation["parameters"] += [
                    {"in": "query", "name": name, "schema": {k: v for k, v in schema.items() if k == "type"}}
                    for name, schema in {q: s for q, _, s in self.fields(given)}.items()]
            elif given:
                operation["requestBody"] = {"content": {"application/json": {"schema": self.object(given)}}}
            yield path, method, operation


def description():
    folder = corpus.ensure(MODULES)["gitlab"]
    source = _Source("\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.go"))))
    paths = {}
    for path, method, operation in source.operations():
        paths.setdefault(path, {})[method] = operation
    assert "post" in paths["/projects/{p0}/merge_requests"], "its form is another one"
    return {"paths": paths, "components": {"schemas": {"basic-error": {
        "type": "object", "required": ["message"]}}}}
