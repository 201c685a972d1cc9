#!/usr/bin/env python3
"""Holds the JSON Schemas against the cases that the parser is held to, and against the examples.

schemas.py PROGRAM SCHEMAS EXAMPLES: the program that prints documents, two folders.
"""
import json
import pathlib
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("schemas: python3-jsonschema is not installed")
    sys.exit(77)

NAMES = {"Cluster": "cluster", "ClusterGroup": "clustergroup", "App": "app",
         "Confirmation": "confirmation", "Hold": "hold", "Ban": "ban", "Freeze": "freeze",
         "Exemption": "exemption"}


def load(folder):
    """A validator for each kind; a schema that is none fails here."""
    validators = {}
    for kind, name in NAMES.items():
        schema = json.loads((folder / f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        validators[kind] = jsonschema.Draft202012Validator(schema)
    return validators


def documents(program, *files):
    output = subprocess.run([program, *map(str, files)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in output.stdout.splitlines()]


def problems(validators, found):
    for item in found:
        kind = item.get("kind") or item["document"]["kind"]
        error = next(validators[kind].iter_errors(item["document"]), None)
        if (error is None) != item["right"]:
            yield f"{item['where']}\n  {error.message if error else 'is taken'}"


def editor_lines(files, folder):
    """Each example says where its schema is, for editors."""
    for file in files:
        first = file.read_text().splitlines()[0]
        name = NAMES[kind_of(file)]
        wanted = pathlib.Path(first.partition("$schema=")[2])
        if not first.startswith("# yaml-language-server: $schema="):
            yield f"{file}: its first line names no schema"
        elif (file.parent / wanted).resolve() != (folder / f"{name}.schema.json").resolve():
            yield f"{file}: its first line names another schema than {name}.schema.json"


def kind_of(file):
    for line in file.read_text().splitlines():
        if line.startswith("kind: "):
            return line[len("kind: "):]
    return ""


def main():
    program, folder, examples = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    validators = load(folder)
    files = sorted(file for file in examples.rglob("*.yaml") if kind_of(file) in NAMES)
    cases = documents(program)
    shown = documents(program, *files)
    found = [*problems(validators, cases), *problems(validators, shown),
             *editor_lines(files, folder)]
    if len(cases) < 100 or len(shown) < 50:
        found.append(f"only {len(cases)} cases and {len(shown)} documents were looked at")
    print("\n".join(found) or f"schemas: {len(cases)} cases and {len(shown)} documents are as told")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
