#!/usr/bin/env python3
"""The checker finds a violation of each invariant, and none in a history that is right."""
import unittest

from checker import Checker, find_leaks

WEB, OLD = "ConfigMap/shop/web", "ConfigMap/shop/old"


def commit(**objects):
    """A commit for the clusters a and b: {key: version}."""
    names = {"web": WEB, "old": OLD}
    data = {names[n]: {"version": v, "colour": "green"} for n, v in objects.items()}
    return {"what": "commit", "desired": {"a": data, "b": data}}


def deed(what, cluster="a", key=WEB, version=None, generation=1, **data):
    item = {"data": {"version": version, "colour": "green", **data}} if version else None
    return {"what": what, "cluster": cluster, "key": key, "generation": generation, "object": item}


def write(cluster="a", version="1", key=WEB, generation=1, **data):
    return deed("write", cluster, key, version, generation, **data)


def final(cluster="a", **objects):
    names = {"web": WEB, "old": OLD, "foreign": "ConfigMap/shop/foreign"}
    return {"what": "final", "cluster": cluster, "objects": {
        names[n]: {"data": {"version": v, "colour": "green"}} for n, v in objects.items()}}


def hub(*drift, unsettled=""):
    return {"what": "hub", "drift": [list(row) for row in drift], "unsettled": unsettled}


BEGIN = [{"what": "canary", "cluster": "a", "text": "of-a-alone"},
         {"what": "canary", "cluster": "b", "text": "of-b-alone"},
         {"what": "begin", "cluster": "a"}, {"what": "begin", "cluster": "b"},
         commit(web="1", old="1")]
ALL = [write(), write("b"), write(key=OLD), write("b", key=OLD)]
END = [final("a", web="1", old="1"), final("b", web="1", old="1"), hub()]


class Histories(unittest.TestCase):
    def violated(self, *entries):
        return sorted({invariant for invariant, _words in Checker().check([*entries])})

    def assert_right(self, *entries):
        self.assertEqual(Checker().check([*entries]), [])

    def test_a_history_in_which_all_goes_well_is_right(self):
        self.assert_right(*BEGIN, *ALL, *END)

    def test_what_others_do_and_the_agent_undoes_is_right(self):
        self.assert_right(*BEGIN, *ALL, deed("change", version="1", colour="red"), write(),
                          deed("delete"), write(), *END)

    def test_what_happened_without_a_hub_is_told_once_or_is_a_gap(self):
        away = [{"what": "away", "cluster": "a", "key": WEB, "value": "away-1"}]

        def told(*values, **gaps):
            return {"what": "events", "gaps": gaps,
                    "messages": [f'data.colour: "green" -> "{value}"' for value in values]}

        self.assert_right(*BEGIN, *ALL, *away, told("away-1", "away-11"), *END)
        self.assert_right(*BEGIN, *ALL, *away, told(a=1), *END)
        for wrong in (told("away-11"), told("away-1", "away-1", a=1), told(b=1)):
            self.assertEqual(self.violated(*BEGIN, *ALL, *away, wrong, *END), ["I8"])

    def test_a_version_may_be_left_out(self):
        self.assert_right(*BEGIN, *ALL, commit(web="2", old="1"), commit(web="3", old="1"),
                          write("a", "3"), write("b", "2"), write("b", "3"),
                          final("a", web="3", old="1"), final("b", web="3", old="1"), hub())

    def test_a_process_that_lost_its_clusters_writes_all_once_more(self):
        self.assert_right(*BEGIN, *ALL, {"what": "begin", "cluster": "a"}, deed("adopt", version="1"),
                          write(key=OLD), *END)

    def test_what_a_commit_takes_out_is_removed(self):
        self.assert_right(*BEGIN, *ALL, commit(web="1"), deed("remove", key=OLD),
                          deed("remove", "b", key=OLD), final("a", web="1"), final("b", web="1"),
                          hub())

    def test_drift_that_the_hub_knows_is_right(self):
        end = [final("a", web="1", old="1"), final("b", web="1", old="1")]
        end[0]["objects"][WEB]["data"]["colour"] = "red"
        change = deed("change", version="1", colour="red")
        self.assert_right(*BEGIN, *ALL, change, *end, hub(("a", WEB, "data.colour")))
        self.assertEqual(self.violated(*BEGIN, *ALL, change, *end, hub()), ["I2"])
        self.assertEqual(self.violated(*BEGIN, *ALL, *END[:2], hub(("a", WEB, "data.colour"))),
                         ["I2"])

    def test_i1_what_was_committed_is_not_there(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, final("a", web="1"), *END[1:]), ["I1"])

    def test_i1_an_old_version_is_still_there(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, commit(web="2", old="1"), *END), ["I1"])

    def test_i1_what_git_took_out_is_still_there(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, commit(web="1"), *END), ["I1"])

    def test_i1_something_else_was_applied(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, write("a", "9"), *END), ["I1"])

    def test_i1_the_hub_never_comes_to_rest(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, *END[:2], hub(unsettled="c01")), ["I1"])

    def test_i1_a_history_without_an_end_says_nothing(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, *END[:2]), ["I1"])

    def test_i1_a_process_ends_by_itself(self):
        self.assertEqual(self.violated(*BEGIN, {"what": "died", "name": "hub", "words": ""}, *ALL,
                                       *END), ["I1"])

    def test_i2_what_is_on_the_hubs_disk_cannot_be_read(self):
        broken = {"what": "broken", "where": "the state repository", "words": "bad HEAD"}
        self.assertEqual(self.violated(*BEGIN, *ALL, broken, *END), ["I2"])

    def test_i2_an_acknowledged_report_is_lost(self):
        acked = {"what": "acked", "cluster": "a", "run": "r", "number": 7}
        known = {"what": "known", "cluster": "a", "run": "r", "number": 7}
        self.assert_right(*BEGIN, *ALL, acked, known, *END)
        self.assertEqual(self.violated(*BEGIN, *ALL, acked, {**known, "number": 6}, *END), ["I2"])

    def test_manifests_of_another_agent_are_counted_anew(self):
        new = [deed("change", version="1", colour="red"), write(generation=1)]
        self.assertEqual(self.violated(*BEGIN, write(generation=6), *ALL[1:], *new, *END), ["I3"])
        self.assert_right(*BEGIN, write(generation=6), *ALL[1:2], write("b", key=OLD),
                          write(key=OLD, generation=6), {"what": "enrolled", "cluster": "a"}, *new,
                          *END)

    def test_what_a_restored_hub_was_told_after_the_backup_it_need_not_know(self):
        acked = {"what": "acked", "cluster": "a", "run": "r", "number": 7}
        known = {"what": "known", "cluster": "a", "run": "r", "number": 3}
        away = {"what": "away", "cluster": "a", "key": WEB, "value": "away-1"}
        told = {"what": "events", "messages": [], "gaps": {}}
        restored = [{"what": "restored"}, acked, known]
        self.assert_right(*BEGIN, *ALL, acked, away, *restored, told, *END)
        self.assertEqual(self.violated(*BEGIN, *ALL, *restored, away, told, *END), ["I2", "I8"])
        self.assertEqual(self.violated(*BEGIN, *ALL, acked, *restored, {**acked, "number": 9},
                                       {**known, "number": 8}, *END), ["I2"])

    def test_i3_a_generation_goes_back(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, commit(web="2", old="1"),
                                       write("a", "2", generation=3), write("b", "2"),
                                       deed("change", version="2", generation=2),
                                       write("a", "2", generation=2), final("a", web="2", old="1"),
                                       final("b", web="2", old="1"), hub()), ["I3"])

    def test_i3_an_older_version_comes_after_a_newer_one(self):
        self.assertEqual(self.violated(*BEGIN, commit(web="2", old="1"), write("a", "2"),
                                       write("a", "1"), deed("change", version="1"),
                                       write("a", "2"), write("b", "2"), *ALL[2:],
                                       final("a", web="2", old="1"), final("b", web="2", old="1"),
                                       hub()), ["I3"])

    def test_i4_what_is_of_one_cluster_reaches_another(self):
        self.assertEqual(self.violated(*BEGIN, *ALL[1:], write(note="it is of-b-alone"), *END),
                         ["I4"])

    def test_i5_an_object_is_written_twice(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, write(), *END), ["I5"])

    def test_i6_a_secret_is_found(self):
        found = find_leaks(["hunter2"], {"hub.log": b"password=hunter2", "sim.log": b"nothing"})
        self.assertEqual(found, [("hub.log", "hunter2")])
        self.assertEqual(self.violated(*BEGIN, *ALL, {"what": "leak", "where": "hub.log"}, *END),
                         ["I6"])

    def test_i7_what_git_has_is_removed(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, deed("remove"), write(), *END), ["I7"])

    def test_i7_what_came_back_is_removed(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, commit(web="1"), commit(web="1", old="2"),
                                       write("a", "2", OLD), write("b", "2", OLD),
                                       deed("remove", key=OLD), write("a", "2", OLD),
                                       final("a", web="1", old="2"), final("b", web="1", old="2"),
                                       hub()), ["I7"])

    def test_i7_what_is_somebody_else_s_is_removed(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, deed("create", key=OLD, version="x"),
                                       commit(web="1"), deed("remove", key=OLD),
                                       deed("remove", "b", key=OLD), final("a", web="1"),
                                       final("b", web="1"), hub()), ["I7"])

    def test_i9_who_was_revoked_is_let_in_again(self):
        let_in, revoked = {"what": "let_in", "key": "k"}, {"what": "revoked", "key": "k"}
        other = {"what": "let_in", "key": "of another"}
        self.assert_right(*BEGIN, *ALL, let_in, let_in, revoked, other, *END)
        self.assertEqual(self.violated(*BEGIN, *ALL, let_in, revoked, let_in, *END), ["I9"])

    def test_i9_that_a_key_is_refused_says_nothing_if_it_always_was(self):
        self.assertEqual(self.violated(*BEGIN, *ALL, {"what": "revoked", "key": "k"}, *END), ["I9"])


VAULT = "Namespace//vault"
GUEST, GEAR = "ConfigMap/vault/guest", "Gear.fault.example/shop/gear"
GEARS = "CustomResourceDefinition.apiextensions.k8s.io//gears.fault.example"
CLAIM = "PersistentVolumeClaim/shop/claim"
KEEPS = {"precious": False}
ON_TARGET_LOSS_PRUNE = {"on": [], "loss": "prune"}


class Removals(unittest.TestCase):
    """Of what is in Git at first, and is written: who may remove what, once Git has it no more."""

    def removing(self, key, *others, left=(), said=None, by_others=(), also=(), kept=()):
        """What is violated when `key` is removed; `left` of it and `others` are still in Git."""
        keys = (key, *others)

        def git(of):
            return {"what": "commit", "kept": list(kept),
                    "desired": {"a": {k: {"version": "1"} for k in of}},
                    "owners": {"a": {k: "of-" + k for k in keys}},
                    "apps": {"of-" + k: {"on": ["a"]} for k in keys}}

        after = git(left)
        after["apps"]["of-" + key] |= said or {}
        entries = [{"what": "begin", "cluster": "a"}, git(keys),
                   *(write(key=k, version="1") for k in keys), *by_others, after, *also,
                   deed("remove", key=key)]
        judge = Checker()
        judge.read(entries)
        return sorted({invariant for invariant, _words in judge.violations})

    def test_what_git_lets_go_is_removed(self):
        for key in (WEB, CLAIM, VAULT, GEARS):
            self.assertEqual(self.removing(key), [])

    def test_what_its_app_does_not_prune_stays(self):
        self.assertEqual(self.removing(WEB, said={"prune": False}), ["I7"])

    def test_what_an_annotation_keeps_stays(self):
        self.assertEqual(self.removing(WEB, kept=[WEB]), ["I7"])

    def test_what_is_precious_stays_unless_its_app_says_otherwise(self):
        for key in (CLAIM, VAULT, GEARS):
            self.assertEqual(self.removing(key, said=KEEPS), ["I7"])
        self.assertEqual(self.removing(WEB, said=KEEPS), [])

    def test_what_an_app_leaves_on_a_cluster_stays_unless_it_prunes_there(self):
        self.assertEqual(self.removing(WEB, said={"on": []}), ["I7"])
        self.assertEqual(self.removing(WEB, said=ON_TARGET_LOSS_PRUNE), [])
        self.assertEqual(self.removing(CLAIM, said=ON_TARGET_LOSS_PRUNE), ["I7"])

    def test_nothing_is_taken_along_that_git_has(self):
        self.assertEqual(self.removing(VAULT, GUEST, left=[GUEST]), ["I7"])
        self.assertEqual(self.removing(GEARS, GEAR, left=[GEAR]), ["I7"])
        self.assertEqual(self.removing(VAULT, GEAR, left=[GEAR]), [])
        self.assertEqual(self.removing(GEARS, GUEST, left=[GUEST]), [])

    def test_nothing_is_taken_along_that_stays_for_another_reason(self):
        self.assertEqual(self.removing(VAULT, GUEST, kept=[GUEST]), ["I7"])
        self.assertEqual(self.removing(VAULT, GUEST), [])

    def test_what_others_made_anew_or_took_our_label_off_stays(self):
        for what in ("create", "unlabel"):
            by_others = [deed(what, key=WEB, version="1")]
            self.assertEqual(self.removing(WEB, by_others=by_others), ["I7"])
            self.assertEqual(self.removing(WEB, by_others=[*by_others, write(key=WEB)]), [])

    def test_what_was_left_to_others_stays(self):
        self.assertEqual(self.removing(WEB, also=[deed("release", key=WEB)]), ["I7"])

    def test_what_moves_to_another_namespace_or_app_is_removed_only_where_it_was(self):
        moved = "ConfigMap/shop-2/web"
        self.assertEqual(self.removing(WEB, moved, left=[moved]), [])
        self.assertEqual(self.removing(WEB, left=[WEB]), ["I7"])

    def test_an_app_that_has_had_it_since_may_let_it_go(self):
        """The agent may know any of two commits: the one that took it to the other App, or not."""
        def git(app, desired, prune):
            return {"what": "commit", "desired": {"a": {WEB: {"version": "1"}} if desired else {}},
                    "owners": {"a": {WEB: app}}, "apps": {app: {"prune": prune}}}

        def judged(*apps):
            judge = Checker()
            judge.read([{"what": "begin", "cluster": "a"}, git(*apps[0]), write(key=WEB),
                        *(git(*app) for app in apps[1:]), deed("remove", key=WEB)])
            return sorted({invariant for invariant, _words in judge.violations})

        self.assertEqual(judged(("x", True, False), ("y", True, True), ("y", False, True)), [])
        self.assertEqual(judged(("x", True, False), ("x", False, False)), ["I7"])
        self.assertEqual(judged(("x", True, False), ("x", False, True)), [])


if __name__ == "__main__":
    unittest.main()
