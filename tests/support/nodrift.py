"""That what was applied never differs, however often it is compared anew.

A story whose agent lists everything every second (`agent_options = LISTING`) calls

    check_nothing_differs(self, lists=60)

after it has delivered its Apps: for so many complete lists of each kind that the agent watches,
nothing may differ, be told as drift, or be written.
"""
import collections
import json

from support.process import wait_for

LISTING = ("--verify-interval=1s",)
AGENT = "agent"  # as whom it asks


def lists(cluster, since):
    """How often the agent has listed each kind: {resource: count}, by the audit log."""
    counted = collections.Counter()
    with open(cluster.audit_log, "rb") as log:
        log.seek(since)
        for line in log:
            if not line.endswith(b"\n"):
                break  # it is being written
            event = json.loads(line)
            query = event["requestURI"]
            if (event["verb"] == "list" and event["user"].get("username") == AGENT and
                    "part-of" in query and "continue=" not in query):  # not pods, asked why
                ref = event["objectRef"]
                counted[ref.get("apiGroup", ""), ref["resource"]] += 1
    return counted


def differences(story):
    """What differs and is not left to somebody: "KEY PATH: DESIRED -> ACTUAL (CLASS)"."""
    return [f"{row['key']} {row['path']}: {row['desired']} -> {row['actual']} ({row['class']})"
            for row in story.hub.get("differences", "--limit", "5000")
            if row["class"] in ("foreign", "noise")]


def check_nothing_differs(story, lists_each=60, kinds=1, timeout=240, allowed=()):
    """Waits for so many lists of each of so many kinds, and fails if anything ever differed.
    `allowed` are beginnings of what may differ as noise, with a reason beside them in the test."""
    mark = story.cluster.audit_mark()
    before = len(story.events("drift.found"))

    def is_listed():
        story.agent.check_alive()
        found = lists(story.cluster, mark)
        return len(found) >= kinds and min(found.values()) >= lists_each and found
    wait_for(is_listed, timeout, f"{lists_each} lists of {kinds} kinds", 1)
    told = [event["message"] for event in story.events("drift.found")[before:]]
    story.assertEqual(told, [])
    story.assertEqual([row for row in differences(story) if not row.startswith(tuple(allowed))
                       or not row.endswith("(noise)")], [])
    story.assertEqual(story.written(mark), {})
    story.assertLessEqual(story.inventory_writes(mark), 1)
