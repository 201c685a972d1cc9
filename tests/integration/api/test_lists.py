#!/usr/bin/env python3
"""Lists: pages over many rows, and what has not changed."""
from rig import Api, main

ROWS = 10_000
COUNT = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"
FLEET = (
    f"INSERT INTO cluster {COUNT} SELECT printf('c%05d', i), json_object('env', iif(i % 10, "
    "'prod', 'test'), 'number', i || ''), 0, 'fleet', 'clusters/c' || i || '.yaml' FROM n",
    "INSERT INTO app VALUES ('web', 'fleet', 'apps/web', 'web', 'report', 1, 0, '[]')",
    f"INSERT INTO pair {COUNT} SELECT printf('c%05d', i), 'web', x'b1', 'fleet', "
    "'abcdef0123abcdef0123abcdef0123abcdef0123', 1, 1, 0, 0 FROM n",
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

    def test_what_has_not_changed_is_not_sent_again(self):
        first = self.ask("GET", "/api/v1/apps")
        tag = first.headers["ETag"]
        again = self.ask("GET", "/api/v1/apps", If_None_Match=tag)
        self.assertEqual((again.status, again.body, again.headers["ETag"]), (304, b"", tag))
        self.run_sql("UPDATE app SET namespace = 'shop'")
        changed = self.ask("GET", "/api/v1/apps", If_None_Match=tag)
        self.assertEqual(changed.status, 200)
        self.assertNotEqual(changed.headers["ETag"], tag)


if __name__ == "__main__":
    main()
