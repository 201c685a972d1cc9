"""What is between hub and agents in a fault run: a proxy with weather, or namespaces with a router.

Both offer the same: addresses for the agents, how their program is started, and what may go wrong.

    spoil    something happens to what is on its way, and nobody is told
    heal     that is over
    reset    all connections end
    refuse   nobody gets through, and everybody is told; until heal
"""
import ctypes
import os
import shutil
import signal
import subprocess

from proxy import CALM, Proxy, Weather
from support.process import wait_for

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
HUB, AGENTS = "10.99.1.1", "10.99.2.1"
NEAR, FAR = "10.99.1.2", "10.99.2.2"  # of the router

_libc = ctypes.CDLL(None, use_errno=True)


class Proxied:
    """A proxy (proxy.py) on the loopback."""

    host = "127.0.0.1"  # where the hub listens
    longest = 3  # seconds that something is spoilt

    def connect(self, hub, chance):
        self.proxy = Proxy(hub.agent_port, chance.random())
        self.hub_address = f"127.0.0.1:{self.proxy.port}"
        self.enroll_address = hub.enroll_address

    def command(self, argv):
        return argv

    def spoil(self, chance):
        share = chance.choice((0.3, 1))
        self.proxy.weather = chance.choice((
            Weather(delay=0.3, share=share), Weather(piece=1, share=share),
            Weather(rate=2000, share=share), Weather(flip=0.3, share=share),
            Weather(loss=0.3, share=share), Weather(up=False, share=share),
            Weather(down=False, share=share), Weather(up=False, down=False, share=share)))

    def heal(self):
        self.proxy.refuses = False
        if self.proxy.weather != CALM:
            self.proxy.weather = CALM
            self.proxy.reset_all()  # what was held or lost is not made good

    def reset(self):
        self.proxy.reset_all()

    def refuse(self):
        self.proxy.refuses = True
        self.proxy.reset_all()


class Namespaces:
    """The agents live in a network namespace behind a router, which is one, too.

    The router drops packets, so the kernels at both ends do what they do on a bad network: send
    again, wait, and know nothing. Who makes one is in a namespace of his own from then on, and
    nothing on the machine's own network changes. All is gone with the process.
    """

    host = "0.0.0.0"
    longest = 8  # longer than a hub or an agent waits for a sign of life

    def __init__(self):
        """Fails with OSError or CalledProcessError where this cannot be done."""
        if not shutil.which("ip"):
            raise OSError("there is no program ip; install iproute2")
        if _libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no network namespace can be made")
        run("ip", "link", "set", "lo", "up")
        self.router, self.agents = hold_namespace(), hold_namespace()
        self._connect("hub0", None, HUB, "near0", self.router, NEAR)
        self._connect("far0", self.router, FAR, "agents0", self.agents, AGENTS)
        self.in_router("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        run("ip", "route", "add", f"{AGENTS}/32", "via", NEAR)
        self._route_back()

    def connect(self, hub, _chance):
        self.hub_address = f"{HUB}:{hub.agent_port}"
        self.enroll_address = f"{HUB}:{hub.enroll_port}"

    def command(self, argv):
        return [*inside(self.agents), *argv]

    def spoil(self, chance):
        """A partition, or a half-open link."""
        for address in chance.choice(((HUB,), (AGENTS,), (HUB, AGENTS))):
            self.in_router("ip", "route", "add", "blackhole", f"{address}/32")

    def heal(self):
        for kind in ("blackhole", "prohibit"):
            self.in_router("ip", "route", "flush", "type", kind)

    def reset(self):
        """A cable is taken out and put in again."""
        run(*inside(self.agents), "ip", "link", "set", "agents0", "down")
        run(*inside(self.agents), "ip", "link", "set", "agents0", "up")
        self._route_back()

    def refuse(self):
        self.in_router("ip", "route", "add", "prohibit", f"{HUB}/32")

    def in_router(self, *argv):
        run(*inside(self.router), *argv)

    def _route_back(self):
        run(*inside(self.agents), "ip", "route", "replace", "default", "via", FAR)

    @staticmethod
    def _connect(near, near_holder, near_address, far, far_holder, far_address):
        """A cable between two namespaces."""
        at_near = inside(near_holder) if near_holder else []
        run(*at_near, "ip", "link", "add", near, "type", "veth", "peer", "name", far)
        run(*at_near, "ip", "link", "set", far, "netns", str(far_holder.pid))
        for at, link, address in ((at_near, near, near_address),
                                  (inside(far_holder), far, far_address)):
            run(*at, "ip", "address", "add", f"{address}/24", "dev", link)
            run(*at, "ip", "link", "set", link, "up")
        run(*inside(far_holder), "ip", "link", "set", "lo", "up")


def inside(holder):
    """What a command begins with that shall run in a namespace."""
    return ["nsenter", "--net", "--target", str(holder.pid), "--"]


def hold_namespace():
    """A process that keeps a network namespace of its own until this one ends."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"], stdin=subprocess.DEVNULL,
                              preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    ours = os.readlink("/proc/self/ns/net")
    wait_for(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != ours, 10, "a namespace")
    return holder


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
