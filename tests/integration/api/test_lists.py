#!/usr/bin/env python3
"""Lists: pages over many rows, their order and members; single things; what has not changed."""
from rig import Api, main

ROWS = 10_000
REVISION = "abcdef0123abcdef0123abcdef0123abcdef0123"
COUNT = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
FLEET = (
    f"INSERT INTO cluster {COUNT} SELECT printf('c%05d', i), json_object('env', iif(i % 10, "
    "'prod', 'test'), 'number', i || ''), 0, 'fleet', 'clusters/c' || i || '.yaml' FROM n",
    "INSERT INTO app VALUES ('web', 'fleet', 'apps/web', 'web', 'report', 1, 0, '[]', 0, 0, '', 0)",
    f"INSERT INTO pair {COUNT} SELECT printf('c%05d', i), 'web', x'b1', 'fleet', "
    f"'{REVISION}', 1, 1, 0, 0, '', '' FROM n",
    f"INSERT INTO presence (cluster, connected, seen_ms, version, driver, target, address, "
    f"generation, run, report) {COUNT} SELECT printf('c%05d', i), i % 3 = 0, i % 7, '1.0', 'sim', "
    "'v1.' || (i % 5), 'a', 1, '', 0 FROM n WHERE i % 2",
    f"INSERT INTO status (cluster, app, bundle, revision, applied, message, health, "
    f"health_message, objects, drifted, at_ms) {COUNT} SELECT printf('c%05d', i), 'web', x'b1', '{REVISION}', "
    "iif(i = 7, 4, 3), iif(i = 7, 'no room', ''), 2, '', 1, i = 7, 9 FROM n WHERE i < 9000",
    "INSERT INTO cluster_group VALUES ('few', 'fleet', 'groups/few.yaml')",
    "INSERT INTO group_member VALUES ('few', 'c00007'), ('few', 'c09999')",
    "INSERT INTO object (cluster, app, key, sha256, health, message, at_ms, full, drift_more) "
    "VALUES ('c00007', 'web', 'ConfigMap/web/a', x'c1', 2, '', 9, 0, 1)",
    "INSERT INTO drift (cluster, key, path, app, desired, actual, manager, operation, at_ms) "
    "VALUES ('c00007', 'ConfigMap/web/a', 'data.x', 'web', '1', '2', 'me', "
    "'Update', 9)",
    f"INSERT INTO revision VALUES ('fleet', '{REVISION}', 'ann', 'first', 1, 2, {ROWS}, 0, 1)",
    "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message) VALUES "
    f"(5, 'app.failed', 'c00007', 'web', '', '{REVISION}', 'agent', 'no room')",
)


class Lists(Api):
    seed = FLEET

    def test_pages_cover_every_row_once_and_in_order(self):
        pages = list(self.pages("/status", limit=3000))
        self.assertEqual([len(page) for page in pages], [3000, 3000, 3000, 1000])
        names = [row["cluster"] for page in pages for row in page]
        self.assertEqual(names, [f"c{i:05}" for i in range(1, ROWS + 1)])

    def test_a_page_has_500_rows_unless_asked_for_more(self):
        self.assertEqual(len(self.get("/status")["items"]), 500)
        self.assertEqual(len(self.get("/status", limit=5000)["items"]), 5000)
        self.refused("/status", 400, "limit: '5001'", limit=5001)

    def test_rows_that_come_and_go_disturb_no_page(self):
        pages = self.pages("/clusters", limit=4000, selector="env=prod")
        names = [row["name"] for row in next(pages)]
        self.run_sql("INSERT INTO cluster VALUES ('a0', '{\"env\":\"prod\"}', 0, 'fleet', 'x')",
                     f"DELETE FROM cluster WHERE name = '{names[0]}'")
        names += [row["name"] for page in pages for row in page]
        self.assertEqual(names, [f"c{i:05}" for i in range(1, ROWS + 1) if i % 10])

    def test_a_cursor_of_somebody_else_is_refused(self):
        self.refused("/status", 400, "cursor: not one of ours", cursor="WyJhIl0")
        page = self.get("/clusters", limit=1, sort="-name")
        self.refused("/clusters", 400, "in another order", cursor=page["next"])
        self.refused("/status", 400, "cursor: ", cursor=page["next"])

    # Order

    def check_order(self, path, sort, key, limit):
        """The pages of a sorted list are the whole, sorted here."""
        names = ",".join({name.lstrip("-") for name in sort.split(",")} | {"name"})
        rows = [row for page in self.pages(path, limit=5000, fields=names) for row in page]
        pages = self.pages(path, limit=limit, fields=names, sort=sort)
        self.assertEqual([row for page in pages for row in page], sorted(rows, key=key))

    def test_rows_come_in_the_order_that_is_asked_for(self):
        self.check_order("/clusters", "-lastSeenMs,name",
                         lambda row: (-row["lastSeenMs"], row["name"]), 1500)
        self.check_order("/clusters", "targetVersion,-lastSeenMs",
                         lambda row: (row["targetVersion"], -row["lastSeenMs"], row["name"]), 1700)
        self.check_order("/clusters", "connected", lambda row: (row["connected"], row["name"]),
                         4000)

    def test_an_order_that_is_none_is_refused(self):
        self.refused("/clusters", 400, "did you mean 'lastSeenMs'?", sort="-lastSeenM")
        self.refused("/clusters", 400, "there is no order of 'labels'", sort="labels")
        self.refused("/clusters", 400, "sort: at most 7 members", sort="name," * 8 + "name")
        self.refused("/clusters", 400, "sort: '' is no member", sort="name,")

    def test_events_sort_by_number_both_ways(self):
        numbers = [row["number"] for row in self.get("/events", sort="number")["items"]]
        self.assertEqual(numbers, sorted(numbers))

    # Members and counts

    def test_only_the_members_that_are_asked_for_are_told(self):
        row = self.get("/clusters", limit=1, fields="labels,name,labels")["items"][0]
        self.assertEqual(list(row), ["labels", "name"])
        self.refused("/clusters", 400, "did you mean 'labels'?", fields="name,lables")

    def test_the_rows_of_all_pages_are_counted_when_asked_for(self):
        first = self.get("/status", limit=10, total="true", selector="env in (test)")
        self.assertEqual(first["total"], ROWS // 10)
        again = self.get("/status", limit=10, total="true", selector="env in (test)",
                         cursor=first["next"])
        self.assertEqual(again["total"], ROWS // 10)
        self.assertNotIn("total", self.get("/status", total="false"))
        self.refused("/status", 400, "total: 'yes' is neither", total="yes")

    def test_filters_go_together(self):
        self.assertEqual(self.get("/status", total="true", state="not-applied", revision="abcdef0",
                                  group="few")["total"], 2)
        self.assertEqual(self.get("/clusters", connected="true", total="true")["total"], 1667)
        self.assertEqual(self.get("/clusters", connected="false", group="few")["items"][0]["name"],
                         "c00007")
        self.assertEqual(self.get("/rollout", group="few")["pairs"], 2)
        self.assertEqual(self.get("/rollout", selector="env=test", revision="abcdef0")["pairs"],
                         ROWS // 10)
        self.assertEqual(self.get("/events", since=6, cluster="c00007")["items"], [])
        self.refused("/clusters", 400, "connected: 'yes' is neither", connected="yes")
        self.refused("/status", 400, "revision: 'main' is no commit id", revision="main")

    # Single things

    def test_a_cluster_is_told_with_what_belongs_to_it(self):
        got = self.get("/clusters/c00007")
        self.assertEqual((got["name"], got["groups"], got["failed"]), ("c00007", ["few"], 1))
        self.assertEqual([row["message"] for row in got["status"]], ["no room"])
        self.assertEqual([row["path"] for row in got["drift"]], ["data.x"])
        self.assertEqual([row["kind"] for row in got["events"]], ["app.failed"])

    def test_an_app_is_told_with_where_it_is_not_well(self):
        got = self.get("/apps/web")
        self.assertEqual(got["revisions"],
                         [{"repository": "fleet", "revision": REVISION, "clusters": ROWS}])
        self.assertEqual(len(got["status"]), 100)
        self.assertTrue(all(row["connected"] for row in got["status"]))
        self.assertEqual((got["driftMode"], got["drift"][0]["path"]), ("report", "data.x"))
        self.assertEqual((got["writeBack"], got["onFailure"]), ("hold", "report"))

    def test_a_group_is_told_with_its_counts(self):
        got = self.get("/groups/few")
        self.assertEqual((got["pairs"], got["failed"], got["applied"]), (2, 1, 0))
        self.assertEqual([row["cluster"] for row in got["status"]], ["c09999", "c00007"])

    def test_metrics_count_the_fleet_as_the_summary_does(self):
        lines = self.ask("GET", "/metrics").body.decode().splitlines()
        counts = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        for name, count in (("clusters", ROWS), ("apps", 1), ("problems", 0), ("pairs", ROWS),
                            ("pairs_applied", 8998), ("pairs_failed", 1), ("pairs_healthy", 1500),
                            ("pairs_degraded", 0), ("pairs_offline", ROWS - 1667),
                            ("objects_drifted", 1)):
            self.assertEqual(counts[f"holdfast_{name}"], str(count), name)
        self.assertIn("# TYPE holdfast_objects_drifted gauge", lines)
        for name in ("holdfast_api_request_seconds_sum", "process_open_fds", "process_threads",
                     "process_resident_memory_bytes"):
            self.assertGreater(float(counts[name]), 0)

    def test_a_pair_is_told_with_its_objects(self):
        got = self.get("/status/c00007/web")
        self.assertEqual((got["revision"], got["desiredBundle"]), (REVISION, "b1"))
        self.assertEqual([row["key"] for row in got["objectList"]], ["ConfigMap/web/a"])

    def test_a_revision_is_told_with_how_far_it_is(self):
        got = self.get("/revisions/abcdef0")
        self.assertEqual((got["id"], got["rollout"]["pairs"]), (REVISION, ROWS))
        self.assertEqual(len(got["status"]), 100)

    def test_who_misspells_a_name_is_told_the_nearest(self):
        self.refused("/apps/wbe", 404, "no App is named 'wbe'; did you mean 'web'?")
        self.refused("/groups/xyzzy", 404, "no group is named 'xyzzy'")
        self.refused("/status/c00007/db", 404, "cluster 'c00007' is not to run an App 'db'")
        self.refused("/status/c00007", 404, "use /status/cluster/app")
        self.refused("/revisions/0000000", 404, "no revision is named '0000000'")
        self.refused("/revisions/main", 400, "'main' is no commit id")
        self.refused("/clusters/a%2Fb", 404, "no cluster is named 'a/b'")
        self.refused("/apps/web", 400, "'limit' is no parameter", limit=1)

    # What has not changed

    def test_what_has_not_changed_is_not_sent_again(self):
        for path in ("apps", "apps/web", "summary"):
            first = self.ask("GET", "/api/v1/" + path)
            tag = first.headers["ETag"]
            self.assertEqual(self.ask("HEAD", "/api/v1/" + path).headers["ETag"], tag)
            again = self.ask("GET", "/api/v1/" + path, If_None_Match='"other", ' + tag)
            self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag))
        tag = self.ask("GET", "/api/v1/apps").headers["ETag"]
        self.run_sql("UPDATE app SET namespace = 'shop'")
        changed = self.ask("GET", "/api/v1/apps", If_None_Match=tag)
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.headers["ETag"], tag)

    def test_a_problem_names_its_kind_its_request_and_the_field(self):
        problem = self.refused("/clusters", 400, "limit: '0' is not a number", limit=0)
        self.assertEqual((problem["type"], problem["title"], problem["status"], problem["field"]),
                         ("urn:holdfast:problem:invalid", "Bad Request", 400, "limit"))
        self.assertRegex(problem["instance"], "^urn:holdfast:request:[0-9]+$")
        problem = self.refused("/clusters", 400, "'limt' is no parameter", limt=0)
        self.assertEqual(problem["field"], "limt")
        self.assertEqual(self.ask("POST", "/api/v1/sync", {"app": 5}).json["field"], "app")
        self.assertNotIn("field", self.refused("/clusters/x0", 404, "no cluster is named"))


if __name__ == "__main__":
    main()
