"""holdfast-agent and holdfast-sim as processes of a test."""
import pathlib

from support.hub import program
from support.process import Process


class Agent(Process):
    """One agent with its data in folder/NAME. It enrols with its token at its first start."""

    def __init__(self, folder, hub, cluster, token, driver="sim", kubeconfig=None, options=()):
        self.cluster = cluster
        self.data = pathlib.Path(folder) / f"agent-{cluster}"
        self.data.mkdir(parents=True, exist_ok=True)
        kube = ["--kubeconfig", kubeconfig] if kubeconfig else []
        super().__init__(f"agent-{cluster}", [
            program("holdfast-agent"),
            "--data-dir", self.data,
            "--join-token", token,
            "--enroll-hub", hub.enroll_address,
            "--driver", driver, *kube, *options], folder)

    def lose_disk(self, keep_identity=True):
        """Removes what the agent remembers, by default all but who it is. It must not run."""
        assert not self.alive(), "stop the agent before its disk goes"
        for path in self.data.iterdir():
            if not (keep_identity and path.name == "identity"):
                path.unlink()


class Sim(Process):
    """Many agents of simulated clusters in one process."""

    def __init__(self, folder, hub, options=(), name="sim"):
        self.data = pathlib.Path(folder) / name
        self.data.mkdir(parents=True, exist_ok=True)
        super().__init__(name, [program("holdfast-sim"), "--data-dir", self.data,
                                "--hub", hub.agent_address, *options], folder)
