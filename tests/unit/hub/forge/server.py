#!/usr/bin/env python3
"""Pull requests as GitHub and GitLab document them, strictly: what their API does not describe is
answered with 418. Prints its port; ends with its standard input.

With what they publish at hand (published.py), each request to it and each answer is held against
that, too, and answers have all that they have there."""
import http.server
import json
import os
import re
import sys
import threading
import urllib.parse

sys.dont_write_bytecode = True
import published  # noqa: E402  the tree of sources stays clean

PUBLISHED = [published.Published(os.environ[name]) for name in published.VARIABLES if name in os.environ]
TOKEN = "Bearer s3cret"
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
pulls = []  # of both


class Strange(Exception):
    pass


def need(truth, words):
    if not truth:
        raise Strange(words)


def check_query(query, required, optional):
    need(set(required) <= set(query) <= set(required) | set(optional), f"query {sorted(query)}")
    need(1 <= int(query.get("per_page", ["30"])[0]) <= 100, "per_page is at most 100")
    need(all(len(values) == 1 for values in query.values()), "a parameter twice")


def check_body(body, required, optional=()):
    need(isinstance(body, dict), "the body is no object")
    need(set(required) <= set(body) <= set(required) | set(optional), f"body {sorted(body)}")
    need(all(isinstance(value, str) for value in body.values()), "a member is no string")


def find(number):
    return next((pull for pull in pulls if pull["number"] == number), None)


class GitHub:
    root = "/github"
    headers = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
    change = "PATCH"
    list = re.compile(r"/repos/([\w.-]+)/([\w.-]+)/pulls")
    one = re.compile(r"/repos/[\w.-]+/[\w.-]+/pulls/(\d+)")
    ref = re.compile(r"/repos/[\w.-]+/[\w.-]+/git/refs/heads/(.+)")
    branch = re.compile(r"/repos/[\w.-]+/[\w.-]+/branches/(.+)")

    @staticmethod
    def show(pull, listed=False):
        out = {"url": "http://x", "id": 1, "number": pull["number"],
               "html_url": f"https://github.com/octo/fleet/pull/{pull['number']}",
               "state": "open" if pull["state"] == "open" else "closed", "locked": False,
               "title": pull["title"], "body": pull["body"], "draft": False, "requested_teams": [],
               "merged_at": "2026-11-29T02:00:00Z" if pull["state"] == "merged" else None,
               "merge_commit_sha": SHA[::-1], "head": {"label": f"octo:{pull['branch']}",
                                                       "ref": pull["branch"], "sha": SHA,
                                                       "repo": {"full_name": "octo/fleet"}},
               "base": {"label": "octo:main", "ref": pull["base"], "sha": SHA,
                        "repo": {"full_name": "octo/fleet"}}}
        return out if listed else {**out, "merged": pull["state"] == "merged", "mergeable": None}

    @classmethod
    def search(cls, match, query):
        check_query(query, (), ("state", "head", "base", "sort", "direction", "per_page", "page"))
        need(query.get("state", ["open"])[0] in ("open", "closed", "all"), "state")
        owner, _, branch = query.get("head", [":"])[0].partition(":")
        need(owner == match.group(1), "head is user:ref-name")
        wanted = query.get("state", ["open"])[0]
        return 200, [cls.show(p, True) for p in pulls if wanted in ("all", p["state"])
                     and p["branch"] == branch and p["base"] == query["base"][0]]

    @classmethod
    def create(cls, body):
        check_body(body, ("head", "base"), ("title", "head_repo", "body", "maintainer_can_modify",
                                            "draft", "issue"))
        if any(p["branch"] == body["head"] and p["state"] == "open" for p in pulls):
            return 422, {"message": "Validation Failed", "errors": [
                {"resource": "PullRequest", "code": "custom",
                 "message": f"A pull request already exists for octo:{body['head']}."}],
                "documentation_url": "https://docs.github.com", "status": "422"}
        return 201, cls.show(make(body["head"], body["base"], body["title"], body["body"]))

    @staticmethod
    def edit(pull, body):
        check_body(body, (), ("title", "body", "state", "base", "maintainer_can_modify"))
        need(body.get("state", "open") in ("open", "closed"), "state")
        pull.update({k: body[k] for k in ("title", "body", "state") if k in body})

    @staticmethod
    def gone(found):
        return (204, None) if found else (422, {"message": "Reference does not exist"})


class GitLab:
    root = "/gitlab/api/v4"
    states = {"open": "opened", "closed": "closed", "merged": "merged"}
    headers = {}
    change = "PUT"
    list = re.compile(r"/projects/((?:\d+|[\w.-]+(?:%2F[\w.-]+)+))()/merge_requests")
    one = re.compile(r"/projects/[\w.%-]+/merge_requests/(\d+)")
    ref = branch = re.compile(r"/projects/[\w.%-]+/repository/branches/([^/]+)")

    @staticmethod
    def show(pull, listed=False):
        return {"id": 100 + pull["number"], "iid": pull["number"], "project_id": 3,
                "title": pull["title"], "description": pull["body"],
                "state": GitLab.states[pull["state"]], "target_branch": pull["base"],
                "source_branch": pull["branch"], "source_project_id": 3, "target_project_id": 3,
                "sha": SHA, "merge_commit_sha": None,
                "squash_commit_sha": SHA[::-1] if pull["state"] == "merged" else None,
                "web_url": f"https://gitlab.com/octo/sub/fleet/-/merge_requests/{pull['number']}"}

    @classmethod
    def search(cls, match, query):
        check_query(query, (), ("state", "source_branch", "target_branch", "order_by", "sort",
                                "per_page", "page"))
        need(query["state"][0] in ("all", "closed", "locked", "merged", "opened"), "state")
        wanted = query["state"][0]
        return 200, [cls.show(p) for p in pulls if wanted in ("all", cls.states[p["state"]])
                     and p["branch"] == query["source_branch"][0]
                     and p["base"] == query["target_branch"][0]]

    @classmethod
    def create(cls, body):
        check_body(body, ("source_branch", "target_branch", "title"), ("description", "labels"))
        if any(p["branch"] == body["source_branch"] and p["state"] == "open" for p in pulls):
            return 409, {"message": ["Another open merge request already exists for this source "
                                     "branch: !1"]}
        return 201, cls.show(make(body["source_branch"], body["target_branch"], body["title"],
                                  body["description"]))

    @staticmethod
    def edit(pull, body):
        check_body(body, (), ("title", "description", "state_event", "target_branch"))
        need(body.get("state_event", "close") in ("close", "reopen"), "state_event")
        pull["title"] = body.get("title", pull["title"])
        pull["body"] = body.get("description", pull["body"])
        pull["state"] = "closed" if body.get("state_event") == "close" else pull["state"]

    @staticmethod
    def gone(found):
        return (204, None) if found else (404, {"message": "404 Branch Not Found"})


def make(branch, base, title, body):
    pulls.append({"number": len(pulls) + 1, "state": "open", "branch": branch, "base": base,
                  "title": title, "body": body})
    return pulls[-1]


def route(provider, method, path, query, body):
    """Status and what is answered."""
    if match := provider.list.fullmatch(path):
        if method == "GET":
            return provider.search(match, query)
        need(method == "POST", method)
        return provider.create(body)
    if match := provider.one.fullmatch(path):
        pull = find(int(match.group(1)))
        if pull is None:
            return 404, {"message": "Not Found"}
        if method != "GET":
            need(method == provider.change, method)
            provider.edit(pull, body)
        return 200, provider.show(pull)
    if (match := provider.branch.fullmatch(path)) and method == "GET":
        name = urllib.parse.unquote(match.group(1))
        if any(p["branch"] == name and p.get("dropped") for p in pulls):
            return 404, {"message": "Branch not found"}
        return 200, {"name": name, "commit": {"id": SHA}, "protected": name == "main"}
    match = provider.ref.fullmatch(path)
    need(match and method == "DELETE", f"{method} {path}")
    name = urllib.parse.unquote(match.group(1))
    return provider.gone(any(p["branch"] == name and not p.get("dropped") and p.update(
        dropped=True) is None for p in pulls))


def ask(provider, method, path, query, body):
    if not PUBLISHED:
        return route(provider, method, path, query, body)
    said = PUBLISHED[0 if provider is GitHub else 1]
    said.check_request(method, path, query, body)
    status, answer = route(provider, method, path, query, body)
    answer = said.whole(method, path, status, answer)
    said.check_answer(method, path, status, answer)
    return status, answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, content, **headers):
        data = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_one(self):
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        split = urllib.parse.urlsplit(self.path)
        provider = next(p for p in (GitHub, GitLab) if split.path.startswith(p.root + "/"))
        path = split.path[len(provider.root):]
        for name, value in provider.headers.items():
            need(self.headers.get(name) == value, f"header {name}")
        need(self.headers.get("User-Agent"), "GitHub wants a User-Agent")
        need((self.headers.get("Content-Type") == "application/json") == bool(data), "content type")
        if self.headers.get("Authorization") != TOKEN:
            self.answer(401, {"message": "Bad credentials"})
        elif "limited" in path:
            self.answer(403, {"message": "You have exceeded a secondary rate limit"}, Retry_After="7")
        elif "merge-it" in path:  # the test's own: somebody merges the last one
            pulls[-1]["state"] = "merged"
            self.answer(204, None)
        else:
            if "racing" in path and self.command == provider.change:  # somebody is quicker
                pulls[-1]["state"] = "merged"
            self.answer(*ask(provider, self.command, path, urllib.parse.parse_qs(
                split.query, strict_parsing=bool(split.query)), json.loads(data or "null")))

    def do_any(self):
        try:
            self.handle_one()
        except (Strange, KeyError, ValueError) as strange:
            self.answer(418, {"message": f"not as documented: {strange}"})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


main()
