#!/usr/bin/env python3
"""A change of one file reaches the clusters that it touches, and nobody else hears of it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import manifests as m, story  # noqa: E402
from support.simstory import SimStory, cluster, files, fleet, path  # noqa: E402

ODD = {"targets": [{"clusterSelector": {"matchLabels": {"odd": "yes"}}}]}


class OneFile(SimStory):
    revision = None
    clusters = fleet(8)
    apps = {**files("all", m.config_map("all", colour="green")),
            **files("odd", m.config_map("odd", colour="green"), **ODD)}

    def changed_by(self, changes):
        """Delivers and returns the clusters that got a new manifest."""
        before = self.generations()
        type(self).revision = self.deliver(changes)
        after = self.generations()
        return sorted(name for name in after if after[name] != before.get(name))

    def test_an_apps_manifest_goes_to_its_clusters_only(self):
        blue = m.config_map("odd", colour="blue")
        writes = self.sim.state()["writes"]
        self.assertEqual(self.changed_by({path("odd", blue): m.text(blue)}),
                         ["c01", "c03", "c05", "c07"])
        self.assertEqual(self.data("c03", "ConfigMap/default/odd"), {"colour": "blue"})
        self.assertEqual(self.sim.state()["writes"] - writes, 4)

    def test_the_revision_is_shown_where_it_came_to(self):
        rows = {(row["cluster"], row["app"]): row["revision"] for row in self.rows("status")}
        self.assertEqual(rows["c03", "odd"], self.revision)
        self.assertEqual(rows["c03", "all"], self.first)

    def test_a_clusters_value_goes_to_that_cluster_only(self):
        self.assertEqual(self.changed_by(files("number", m.config_map("n", n="${number}"))),
                         sorted(self.generations()))
        self.assertEqual(self.changed_by(cluster("c04", {"odd": "no"}, number="44")), ["c04"])
        self.assertEqual(self.data("c04", "ConfigMap/default/n"), {"n": "44"})

    def test_a_label_brings_an_app_to_one_more_cluster(self):
        self.assertEqual(self.changed_by(cluster("c02", {"odd": "yes"}, number="2")), ["c02"])
        self.assertEqual(self.data("c02", "ConfigMap/default/odd"), {"colour": "blue"})

    def test_a_file_that_is_no_manifest_changes_nothing(self):
        self.assertEqual(self.changed_by({"README.md": "About this fleet.\n"}), [])


if __name__ == "__main__":
    story.main()
