"""What Git says in a fault run of Apps whose objects leave in all ways in which objects can leave.

    moves    gets another namespace
    left, right   run where a cluster's label says so; `handed` is an object of both, and what else
             they leave there is pruned (left) or orphaned (right)
    data     has what is precious, what an annotation keeps, and `loose`, which others make anew
    guest    has something in data's Namespace, and something of its CustomResourceDefinition;
             `loose` is handed to it and back
    many     loses most of its objects, which waits for a confirmation

Nothing here knows what an agent makes of it: checker.py judges by what is told to it (facts).
"""
from support import manifests as m
from support.simstory import files

VAULT = "Namespace//vault"
GEARS = "CustomResourceDefinition.apiextensions.k8s.io//gears.fault.example"
GUEST = "ConfigMap/vault/visitor"
GEAR = "Gear.fault.example/shop/gear"
CLAIM = "PersistentVolumeClaim/shop/claim"
MARKED = "ConfigMap/shop/marked"
LOOSE = "ConfigMap/shop/loose"
HANDED = "ConfigMap/shop/handed"
MANY = tuple(f"ConfigMap/shop/many-{i:02}" for i in range(12))
NEEDS = {GUEST: VAULT, GEAR: GEARS}
SIDES = ("left", "right")
OUT_MAX = 3  # of data's: removals of more than that could come together, and wait
NOT_BOUND = "data"  # the App whose claim nobody binds


class Leaving:

    def __init__(self, chance, next_version, clusters):
        self.random = chance
        self.next_version = next_version
        self.space = "shop"  # of `moves`
        self.side = {name: SIDES[(i + 1) % 2] for i, name in enumerate(clusters)}
        self.prune = self.precious = True
        self.lost = {"left": "prune", "right": "orphan"}
        self.objects = {"left": self.some(HANDED, "ConfigMap/shop/left"),
                        "right": self.some(HANDED, "ConfigMap/shop/right"),
                        "moves": self.some(*self.of_moves()),
                        "data": self.some("ConfigMap/shop/data", VAULT, GEARS, CLAIM, MARKED, LOOSE),
                        "guest": self.some("ConfigMap/shop/guest", GUEST, GEAR),
                        "many": self.some(*MANY)}
        self.in_git = set(MANY)  # of `many`; what is not waits, and is in force
        self.confirmations = {}
        self.keys = {key for objects in self.objects.values() for key in objects}
        self.keys |= {f"ConfigMap/shop-2/moves-{i}" for i in range(2)}

    def some(self, *keys):
        version = self.next_version()
        return {key: version for key in keys}

    def of_moves(self):
        return [f"ConfigMap/{self.space}/moves-{i}" for i in range(2)]

    # What Git says

    def runs_on(self, app, name):
        return app not in SIDES or self.side[name] == app

    def desired(self, name, canary):
        return {key: content(key, version, canary) for app, objects in self.objects.items()
                if self.runs_on(app, name) for key, version in objects.items()}

    def facts(self):
        """What is said of Apps, for the checker: {cluster: {key: App}} and options."""
        of_data = {"prune": self.prune, "precious": self.precious}
        return {
            "owners": {name: {key: app for app, objects in self.objects.items()
                              if self.runs_on(app, name) for key in objects} for name in self.side},
            "apps": {app: {"on": [name for name in self.side if self.runs_on(app, name)],
                           "loss": self.lost.get(app, "orphan"), **(of_data if app == "data" else {})}
                     for app in self.objects},
            "kept": [MARKED]}

    def files(self):
        made = dict(self.confirmations)
        for app, objects in self.objects.items():
            more = {"prune": self.prune, "prunePrecious": self.precious} if app == "data" else {}
            if app in SIDES:
                more = {"targets": [{"clusterSelector": {"matchLabels": {"side": app}}}],
                        "onTargetLoss": self.lost[app]}
            space = self.space if app == "moves" else "shop"
            made |= files(app, *(manifest(key, version, space) for key, version in objects.items()
                                 if app != "many" or key in self.in_git),
                          namespace=space, drift="report", **more)
        return made

    # What people change

    def move(self):
        self.space = "shop-2" if self.space == "shop" else "shop"
        self.objects["moves"] = self.some(*self.of_moves())

    def flip_label(self):
        name = self.random.choice(sorted(self.side))
        self.side[name] = "right" if self.side[name] == "left" else "left"
        version = self.next_version()
        for app in SIDES:
            self.objects[app] = dict.fromkeys(self.objects[app], version)

    def set_options(self):
        self.prune = self.random.random() < 0.8
        self.precious = self.random.random() < 0.6

    def hand_over(self):
        giver, taker = ("data", "guest") if LOOSE in self.objects["data"] else ("guest", "data")
        self.objects[giver].pop(LOOSE, None)
        self.objects[taker] |= self.some(LOOSE)

    def take_out(self, key):
        for app in ("data", "guest"):
            self.objects[app].pop(key, None)

    def bring_in(self, key):
        app = "guest" if key in NEEDS else "data"
        self.objects[app] |= self.some(key)
        if key in NEEDS and NEEDS[key] not in self.objects["data"]:
            self.objects["data"] |= self.some(NEEDS[key])

    def toggle(self):
        """Takes one thing out or brings it back; what goes is removed, if at all, in any order."""
        there = {**self.objects["data"], **self.objects["guest"]}
        toggled = (VAULT, GEARS, CLAIM, MARKED, LOOSE, GUEST, GEAR)
        out = [key for key in toggled if key not in there]
        key = self.random.choice(toggled)
        if len(out) >= OUT_MAX:
            key = self.random.choice(out)
        (self.take_out if key in there else self.bring_in)(key)

    # What waits

    def take_many_out(self):
        self.in_git = {MANY[0]}

    def put_many_back(self):
        self.in_git = set(MANY)
        self.confirmations.clear()  # one works once
        for key in MANY:
            self.objects["many"].setdefault(key, self.next_version())

    def confirm(self, removal):
        self.objects["many"] = {MANY[0]: self.objects["many"][MANY[0]]}
        self.confirmations[f"confirmations/{removal}.yaml"] = m.text(m.thing(
            "holdfast/v1alpha1", "Confirmation", f"go-{removal}",
            spec={"app": "many", "removal": removal}))


def content(key, version, canary):
    if key.startswith("ConfigMap/"):
        return {"version": version, "colour": "green", "canary": canary}
    return {"version": version}


def manifest(key, version, default_space):
    """What a file has; its namespace is left to the App where that is the same."""
    kind, space, name = key.split("/")
    space = "" if space == default_space else space
    if kind == "ConfigMap":
        item = m.config_map(name, space, **content(key, version, "${canary}"))
    elif kind == "Namespace":
        item = m.namespace(name)
    elif kind.startswith("CustomResourceDefinition"):
        item = m.crd("gears", "Gear", "fault.example")
    elif kind.startswith("Gear"):
        item = m.thing("fault.example/v1", "Gear", name, space)
    else:
        item = m.thing("v1", "PersistentVolumeClaim", name, space, spec={
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}})
    if kind != "ConfigMap":
        item["metadata"]["annotations"] = {"version": version}
    if key == MARKED:
        item["metadata"]["annotations"] = {"holdfast.dev/prune": "disabled"}
    return item
