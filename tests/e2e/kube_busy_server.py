#!/usr/bin/env python3
"""An API server that has too much to do, and webhooks that nobody answers for: the agent asks no more
than so much at once, waits as long as it is told, and tries again soon when something only was away.
"""
import base64
import http.server
import pathlib
import ssl
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.agent import Agent  # noqa: E402
from support.kubeproxy import KubeProxy, Refusal  # noqa: E402
from support.kubestory import CLUSTER, KubeStory, files, path  # noqa: E402
from support.process import wait_for  # noqa: E402

AT_ONCE = 16 + 2  # operations, and lists and looks beside them
OF_ALL = 3 * 16  # more, of those that take long
OF_ONE = 16  # that one App has at most, of which nothing has succeeded yet
HANGING = 40  # Apps whose requests hang
LARGE = 700_000  # bytes, so that only one goes at a time
RETRY_AFTER = 3
WEBHOOK = "ValidatingWebhookConfiguration"
ADMISSION = "admissionregistration.k8s.io/v1"


def webhook(name, policy, timeout=2, **client):
    """Asks a Service that does not exist about each ConfigMap with the label guarded=NAME."""
    return m.thing(ADMISSION, WEBHOOK, name, webhooks=[{
        "name": f"{name}.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "failurePolicy": policy, "timeoutSeconds": timeout,
        "clientConfig": client or {"service": {"namespace": "default", "name": name, "path": "/"}},
        "objectSelector": {"matchLabels": {"guarded": name}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                   "resources": ["configmaps"]}]}])


class Hole:
    """A webhook that takes requests and does not answer."""

    def __init__(self, cluster):
        self.go_on = threading.Event()
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,),
                       {"do_POST": lambda _: self.go_on.wait()})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cluster.folder / "server.crt", cluster.folder / "server.key")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.client = {"url": f"https://127.0.0.1:{server.server_address[1]}/",
                       "caBundle": base64.b64encode(cluster.ca_file.read_bytes()).decode()}


class BusyServer(KubeStory):

    @classmethod
    def make_agent(cls):
        cls.proxy = KubeProxy(cls.cluster).start()
        return Agent(cls.folder, cls.hub, CLUSTER, cls.hub.join_token(CLUSTER), driver="kube",
                     kubeconfig=cls.proxy.kubeconfig("agent"))

    def test_no_more_than_so_many_requests_are_under_way(self):
        self.proxy.delay_s = 0.05
        self.deliver({name: text for app in range(10) for name, text in files(
            f"app-{app}", *(m.config_map(f"c-{app}-{i}", x="1") for i in range(10)),
            namespace="default").items()})
        self.proxy.delay_s = 0
        self.assertLessEqual(self.proxy.most, AT_ONCE + OF_ALL, "though some may have taken long")
        self.assertGreaterEqual(self.proxy.most, 8)

    def test_few_large_objects_are_under_way(self):
        self.proxy.most, self.proxy.delay_s = 0, 0.1
        self.deliver({name: text for app in range(6) for name, text in files(
            f"large-{app}", m.config_map(f"large-{app}", x="1" * LARGE),
            namespace="default").items()})
        self.proxy.delay_s = 0
        self.assertLessEqual(self.proxy.most, 1 + 2)

    def test_what_is_refused_for_now_is_not_sent_sooner_than_the_server_says(self):
        busy = {"busy-1", "busy-2"}

        def rule(method, path_):
            name = path_.split("?")[0].rsplit("/", 1)[1]
            if method == "PATCH" and name in busy:
                busy.remove(name)
                return Refusal(429, retry_after=RETRY_AFTER)
            return None
        self.proxy.rule = rule
        revision = self.commit(files("busy", m.config_map("busy-1", x="1"),
                                     m.config_map("busy-2", x="1"), namespace="default"))
        self.wait_status("busy", applied="failed", message="too much to do")
        self.wait_until(revision)
        for name in ("busy-1", "busy-2"):
            first, second = self.proxy.times("PATCH", f"/{name}?")
            self.assertGreaterEqual(second - first, RETRY_AFTER)

    def test_an_app_whose_requests_hang_keeps_no_other_waiting(self):
        go_on = threading.Event()
        self.addCleanup(go_on.set)

        def rule(method, path_):
            if method == "PATCH" and "/hangs-" in path_:
                go_on.wait()
        self.proxy.rule = rule
        revision = self.commit(files("hanging", *(m.config_map(f"hangs-{i}", x="1")
                                                  for i in range(40)), namespace="default"))
        self.cluster.wait_for(lambda: len(self.proxy.times("PATCH", "/hangs-")) >= OF_ONE,
                              what="requests to hang")
        self.commit(files("quick", *(m.config_map(f"quick-{i}", x="1") for i in range(20)),
                          namespace="default"))
        self.wait_status("quick", 20, applied="applied", health="healthy")
        go_on.set()
        self.wait_until(revision)

    def change_quick(self, x):
        """Changes an App and waits for it; returns how many of the others' requests ended then."""
        before = self.proxy.ended("PATCH", "/hang-")
        more = m.config_map("quick-more", x=x)
        self.commit({path("quick", more): m.text(more)})
        self.cluster.wait_for(
            lambda: (self.admin.find("ConfigMap", "quick-more") or {}).get("data") == {"x": x},
            what="the other App")
        return self.proxy.ended("PATCH", "/hang-") - before

    def test_however_many_apps_wait_for_a_webhook_that_hangs_another_does_not(self):
        hole = Hole(self.cluster)
        self.addCleanup(hole.go_on.set)
        self.admin.apply(webhook("hole", "Fail", 30, **hole.client))
        self.addCleanup(self.admin.apply, webhook("hole", "Ignore"))
        revision = self.commit({name: text for i in range(HANGING) for name, text in files(
            f"hang-{i}", m.thing("v1", "ConfigMap", f"hang-{i}", labels={"guarded": "hole"},
                                 data={"x": "1"}), namespace="default").items()})
        self.cluster.wait_for(lambda: len(self.proxy.times("PATCH", "/hang-"))
                              - self.proxy.ended("PATCH", "/hang-") >= HANGING,
                              what="requests of all to hang at once")
        # On a slow machine some time out meanwhile, which says nothing; so it may change again.
        self.assertIn(0, (self.change_quick(str(x)) for x in range(5)),
                      "of the requests that hang none had ended when the other App was changed")
        self.assertFalse([i for i in range(HANGING) if self.admin.find("ConfigMap", f"hang-{i}")])
        self.admin.apply(webhook("hole", "Ignore"))
        hole.go_on.set()
        self.wait_until(revision)

    def test_an_app_that_loops_keeps_no_other_waiting(self):
        self.proxy.rule = lambda method, path_: None
        self.deliver(files("fights", m.config_map("contested", x="git"), namespace="default",
                           drift="correct"))
        revision = self.commit(files("calm", m.deployment("calm"), namespace="default"))

        def calm():
            self.admin.patch("ConfigMap", "contested", {"data": {"x": str(time.monotonic())}})
            row = self.status("calm")
            return row and row["revision"] == revision and row["health"] == "healthy"
        wait_for(calm, 15, "the other App")

    def test_a_webhook_that_nobody_answers_for_is_waited_for(self):
        self.admin.apply(webhook("gone", "Fail"))
        guarded = m.thing("v1", "ConfigMap", "guarded", labels={"guarded": "gone"}, data={"x": "1"})
        self.commit(files("guarded", guarded, m.config_map("beside", x="1"), namespace="default"))
        self.wait_status("guarded", applied="failed", message="webhook does not answer.*'?gone")
        self.assertTrue(self.find("ConfigMap", "beside"))

    def test_it_is_tried_again_soon(self):
        before = len(self.proxy.times("PATCH", "/guarded?"))
        self.cluster.wait_for(lambda: len(self.proxy.times("PATCH", "/guarded?")) >= before + 3, 20,
                              "three tries")
        self.admin.apply(webhook("gone", "Ignore"))
        self.wait_status("guarded", 15, applied="applied", health="healthy")

    def test_a_webhook_of_an_app_comes_after_all_else_of_it(self):
        own = webhook("own", "Fail")
        guarded = m.thing("v1", "ConfigMap", "own", labels={"guarded": "own"}, data={"x": "1"})
        self.deliver(files("own", own, guarded, namespace="default"))
        changed = m.thing("v1", "ConfigMap", "own", labels={"guarded": "own"}, data={"x": "2"})
        self.commit({path("own", changed): m.text(changed)})
        self.wait_status("own", applied="failed", message="webhook does not answer")
        open_ = webhook("own", "Ignore")
        self.commit({path("own", open_): m.text(open_)})
        self.admin.apply(open_)
        self.wait_status("own", 15, applied="applied", health="healthy")


if __name__ == "__main__":
    story.main()
