"""What kwok does with pods, by image: the life of a pod as Stages.

An image is named without its tag. Images that are not mentioned run; these always misbehave:
test/crash, test/never-ready, test/pull-fails and so on (BEHAVIOURS). Some write an Event, too.
test/sick-as-primary runs, but is never ready where the label app ends with "-primary".
"""
import json

BEHAVIOURS = ("crash", "never-ready", "pull-fails", "oom", "init-crash", "probe-fails", "no-volume")
BUILT_IN = {f"test/{behaviour}": behaviour for behaviour in BEHAVIOURS}

IMAGE = '.spec.containers[0].image | sub(":[^/]*$"; "")'
SICK_AS_PRIMARY = "test/sick-as-primary"
IS_PRIMARY = '.metadata.labels.app // "" | endswith("-primary") | tostring'
DIGEST = "sha256:" + 64 * "4"  # what every tag means here
OWNER = '.metadata.ownerReferences.[].kind'


def _condition(kind, status):
    return (f'- {{type: {kind}, status: "{status}", '
            'lastTransitionTime: {{ $now | Quote }}}')


ADDRESSES = """\
{{ with NodeIPWith .spec.nodeName }}
hostIP: {{ . | Quote }}
{{ end }}
{{ with PodIPWith .spec.nodeName (or .spec.hostNetwork false) (or .metadata.uid "") \
(or .metadata.name "") (or .metadata.namespace "") }}
podIP: {{ . | Quote }}
podIPs:
- ip: {{ . | Quote }}
{{ end }}"""


def _status(phase, ready, state, restarts=0, more=ADDRESSES, last=""):
    """The status of a pod, each container in the same state."""
    word = "True" if ready else "False"
    return "\n".join([
        "{{ $now := Now }}",
        f"phase: {phase}",
        "startTime: {{ $now | Quote }}",
        "conditions:",
        _condition("Initialized", "True"),
        _condition("Ready", word),
        _condition("ContainersReady", word),
        more,
        "containerStatuses:",
        "{{ range .spec.containers }}",
        "- name: {{ .name | Quote }}",
        "  image: {{ .image | Quote }}",
        f"  imageID: example.com/any@{DIGEST}",
        f"  ready: {str(ready).lower()}",
        f"  restartCount: {restarts}",
        f"  state: {{{state}}}",
        *([f"  lastState: {{{last}}}"] if last else []),
        "{{ end }}",
    ])


RUNNING = "running: {startedAt: {{ $now | Quote }}}"
EXITED = ("terminated: {{exitCode: {code}, reason: {reason}, startedAt: {{{{ $now | Quote }}}}, "
          "finishedAt: {{{{ $now | Quote }}}}}}")
CRASHING = 'waiting: {reason: CrashLoopBackOff, message: "back-off restarting"}'
CREATING = "waiting: {reason: ContainerCreating}"


def _init_crash():
    return "\n".join([
        _status("Pending", False, "waiting: {reason: PodInitializing}"),
        "initContainerStatuses:",
        "{{ range .spec.initContainers }}",
        "- name: {{ .name | Quote }}",
        "  image: {{ .image | Quote }}",
        "  ready: false",
        "  restartCount: 3",
        f"  state: {{{CRASHING}}}",
        f"  lastState: {{{EXITED.format(code=2, reason='Error')}}}",
        "{{ end }}"])


STATUSES = {
    "run": _status("Running", True, RUNNING),
    "never-ready": _status("Running", False, RUNNING),
    "pull-fails": _status("Pending", False,
                          'waiting: {reason: ImagePullBackOff, message: "image not found"}'),
    "crash": _status("Running", False, CRASHING, 3),
    "oom": _status("Running", False, CRASHING, 3, last=EXITED.format(code=137, reason="OOMKilled")),
    "init-crash": _init_crash(),
    "probe-fails": _status("Running", False, RUNNING),
    "no-volume": _status("Pending", False, CREATING),
}
EVENTS = {
    "probe-fails": ("Unhealthy",
                    "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    "no-volume": ("FailedMount",
                  'MountVolume.SetUp failed for volume "data": secret "data" not found'),
}
# A job's pod has run before, so it has its addresses.
JOB_DONE = _status("Succeeded", False, EXITED.format(code=0, reason="Completed"), more="")
JOB_FAILED = _status("Failed", False, EXITED.format(code=1, reason="Error"), more="")


def _stage(name, matches, **then):
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name},
            "spec": {"resourceRef": {"apiGroup": "v1", "kind": "Pod"},
                     "selector": {"matchExpressions": [_match(*words) for words in matches]},
                     "next": then}}


def _match(key, operator, *values):
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def _event(behaviour):
    if behaviour not in EVENTS:
        return {}
    reason, message = EVENTS[behaviour]
    return {"event": {"type": "Warning", "reason": reason, "message": message}}


def _pod_stages(behaviours):
    alive = (".metadata.deletionTimestamp", "DoesNotExist")
    fresh = (".status.containerStatuses", "DoesNotExist")
    running = (".status.phase", "In", "Running")
    yield _stage("pod-delete", [(".metadata.deletionTimestamp", "Exists")], delete=True)
    yield _stage("pod-run", [alive, fresh, (IMAGE, "NotIn", *behaviours, SICK_AS_PRIMARY)],
                 statusTemplate=STATUSES["run"])
    for primary, status in (("true", "never-ready"), ("false", "run")):
        yield _stage(f"pod-sick-{primary}", [
            alive, fresh, (IMAGE, "In", SICK_AS_PRIMARY), (IS_PRIMARY, "In", primary)],
            statusTemplate=STATUSES[status])
    yield _stage("job-done", [alive, running, (OWNER, "In", "Job"),
                              (IMAGE, "NotIn", *behaviours)], statusTemplate=JOB_DONE)
    for image, behaviour in behaviours.items():
        name = f"{behaviour}-{image.replace('/', '-')}"
        yield _stage(f"pod-{name}", [alive, fresh, (IMAGE, "In", image)],
                     statusTemplate=STATUSES[behaviour], **_event(behaviour))
        if behaviour == "crash":
            yield _stage(f"job-{name}", [alive, running, (OWNER, "In", "Job"),
                                         (IMAGE, "In", image)], statusTemplate=JOB_FAILED)


NODE_STAGE = """
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata:
  name: node-initialize
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
    - key: '.status.conditions.[] | select( .type == "Ready" ) | .status'
      operator: NotIn
      values: ["True"]
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      allocatable: {cpu: 1k, memory: 1Ti, pods: 1M}
      capacity: {cpu: 1k, memory: 1Ti, pods: 1M}
      conditions:
      {{ range NodeConditions }}
      - type: {{ .type | Quote }}
        status: {{ .status | Quote }}
        reason: {{ .reason | Quote }}
        message: {{ .message | Quote }}
        lastHeartbeatTime: {{ $now | Quote }}
        lastTransitionTime: {{ $now | Quote }}
      {{ end }}
"""


def config(images, extra=""):
    """kwok's configuration: {image: behaviour} on top of the built-in ones, and further Stages."""
    unknown = set(images.values()) - set(BEHAVIOURS)
    assert not unknown, f"unknown behaviour {unknown}: use one of {BEHAVIOURS}"
    stages = [json.dumps(stage, indent=1) for stage in _pod_stages({**BUILT_IN, **images})]
    return "\n---\n".join([NODE_STAGE, *stages, *([extra] if extra else [])])
