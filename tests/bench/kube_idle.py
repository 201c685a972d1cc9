"""What an agent costs that has nothing to do: memory, processor, requests to the API server."""
import collections
import json
import pathlib
import time

MINUTE = 60


def memory(agent):
    """What the kernel counts as the agent's, in KiB.

    Of pages that it shares with other programs (libraries) pss has a part and private has none.
    """
    rollup = pathlib.Path(f"/proc/{agent.pid}/smaps_rollup").read_text(encoding="ascii")
    fields = {line.split(":")[0]: int(line.split()[1]) for line in rollup.splitlines()[1:]}
    return {"resident": fields["Rss"], "proportional (pss)": fields["Pss"],
            "private": fields["Private_Dirty"] + fields["Private_Clean"]}


def forget_peak(agent):
    pathlib.Path(f"/proc/{agent.pid}/clear_refs").write_text("5", encoding="ascii")


def peak(agent):
    """The most that was resident since forget_peak, in KiB."""
    status = pathlib.Path(f"/proc/{agent.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def cpu_nanoseconds(agent):
    """What all threads have run so far."""
    return sum(int(path.read_text(encoding="ascii").split()[0])
               for path in pathlib.Path(f"/proc/{agent.pid}/task").glob("*/schedstat"))


def requests(cluster, mark):
    """Requests of the agent since then, watches aside: {verb and what: count}."""
    counted = collections.Counter()
    with open(cluster.audit_log, "rb") as log:
        log.seek(mark)
        for event in map(json.loads, log):
            if (event["user"].get("username") == "agent" and event["verb"] != "watch"
                    and event["stage"] == "ResponseComplete"):
                counted[f"{event['verb']} {event['requestURI'].split('?')[0]}"] += 1
    return dict(counted)


def minute(cluster, agent):
    """A minute of it: the most memory of its looks, the processor, and what it asked."""
    mark, before, began = cluster.audit_mark(), cpu_nanoseconds(agent), time.monotonic()
    looks = []
    while time.monotonic() - began < MINUTE:
        time.sleep(5)  # a look costs the agent nothing
        looks.append(memory(agent))
    share = (cpu_nanoseconds(agent) - before) / 1e9 / (time.monotonic() - began)
    return {"memory": {name: max(look[name] for look in looks) for name in looks[0]},
            "cpu percent": round(100 * share, 3), "requests": requests(cluster, mark)}
