#!/usr/bin/env python3
"""Shows that each rule sees what it is for: a small tree that breaks it, and one that does not."""
import pathlib
import tempfile
import unittest
import unittest.mock

import headers
import layers
import lengths
import logs
import messages
import metrics
import words


def check(rule, files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return list(rule.problems(root))


def include(here, what, there=None):
    """What layers.py says when the file `here` includes `what`; `there` exists too."""
    files = {here: f"#include {what}\n"}
    if there:
        files[there] = "#pragma once\n"
    return check(layers, files)


class Logs(unittest.TestCase):
    ROW = "| `a.done` | hub | warn | It is done. |\n"
    LINE = 'cm_log(CM_LOG_WARN, "a.done", "done", "what", name(1, "x.y"), NULL);'

    def check(self, code=LINE, table=ROW):
        return check(logs, {"hub/a.c": code, "deploy/reference/logs.md": table})

    def test_each_id_has_its_row_and_each_row_its_line(self):
        self.assertEqual(self.check(), [])
        self.assertEqual(self.check(table=""), ["deploy/reference/logs.md: no row for a.done"])
        self.assertEqual(self.check(code=""), ["deploy/reference/logs.md: nothing logs a.done"])

    def test_what_developers_see_only_needs_no_row(self):
        self.assertEqual(self.check(self.LINE + 'cm_log(CM_LOG_DEBUG, "a.look", "x", NULL);'), [])

    def test_programs_and_levels_are_right(self):
        self.assertEqual(self.check(self.LINE.replace("WARN", "ERROR")),
                         ["deploy/reference/logs.md: a.done is of hub at error"])
        self.assertEqual(self.check(table=self.ROW.replace("hub", "agent")),
                         ["deploy/reference/logs.md: a.done is of hub at warn"])

    def test_an_id_stands_in_the_call(self):
        self.assertEqual(len(self.check(self.LINE + "cm_log(CM_LOG_WARN, id, why, NULL);")), 1)


class Metrics(unittest.TestCase):
    TABLE = "| `holdfast_x_total` | counter | | X. |\n"

    def check(self, code='"holdfast_x_total"', table=TABLE, rule="rate(holdfast_x_total[5m])", not_shown=()):
        with unittest.mock.patch.object(metrics, "NOT_SHOWN", dict.fromkeys(not_shown, "why")):
            return check(metrics, {"hub/a.c": code, "deploy/reference/metrics.md": table,
                                   "deploy/monitoring/alerts.yaml": f"  expr: {rule}\n"})

    def test_each_metric_has_its_row_and_each_row_its_metric(self):
        self.assertEqual(self.check(), [])
        self.assertEqual(len(self.check(code='"holdfast_x_total" "holdfast_y"')), 1)
        self.assertEqual(len(self.check(table=self.TABLE + "| `holdfast_y` | gauge | | Y. |\n",
                                        not_shown=["holdfast_y"])), 1)

    def test_names_follow_the_conventions(self):
        self.assertEqual(len(self.check(table="| `holdfast_x_total` | gauge | | X. |\n")), 1)

    def test_alerts_ask_for_what_exists(self):
        self.assertEqual(self.check(rule="holdfast_z > holdfast_x_total"),
                         ["deploy/monitoring/alerts.yaml: there is no metric holdfast_z"])

    def test_each_metric_is_shown_or_it_is_said_why_not(self):
        found, = self.check(rule="vector(1)")
        self.assertIn("nothing in deploy/monitoring asks for holdfast_x_total", found)
        self.assertEqual(self.check(rule="vector(1)", not_shown=["holdfast_x_total"]), [])
        self.assertEqual(self.check(not_shown=["holdfast_x_total"]), ["NOT_SHOWN: holdfast_x_total is shown, or no metric"])
        parts = {"code": '"holdfast_x_seconds"', "table": "| `holdfast_x_seconds` | histogram | | X. |\n"}
        self.assertEqual(self.check(**parts, rule="rate(holdfast_x_seconds_bucket[5m])"), [])


class Layers(unittest.TestCase):
    def test_a_library_has_one_owner(self):
        self.assertEqual(include("hub/store/db.c", "<sqlite3.h>"), [])
        self.assertEqual(include("common/err.c", "<sqlite3.h>"),
                         ["common/err.c:1: sqlite3.h may be included only in hub/store"])
        self.assertEqual(include("common/net/a.c", "<nng/nng.h>"), [])
        self.assertEqual(len(include("hub/session/a.c", "<nng/nng.h>")), 1)
        self.assertEqual(include("common/yaml.c", "<yaml.h>"), [])
        self.assertEqual(len(include("common/object/a.c", "<yaml.h>")), 1)

    def test_a_library_without_an_owner_is_refused(self):
        self.assertEqual(len(include("common/err.c", "<jansson.h>")), 1)
        self.assertEqual(include("common/err.c", "<sys/stat.h>"), [])

    def test_unit_tests_see_the_libraries_of_their_room(self):
        self.assertEqual(include("tests/unit/common/tls/test_a.c", "<openssl/evp.h>"), [])
        self.assertEqual(len(include("tests/unit/hub/api/test_a.c", "<openssl/evp.h>")), 1)
        self.assertEqual(include("tests/unit/hub/api/test_a.c", "<cmocka.h>"), [])

    def test_hub_and_agent_do_not_meet(self):
        self.assertEqual(len(include("hub/session/a.c", '"agent/agent.h"', "agent/agent.h")), 1)
        self.assertEqual(len(include("agent/link/a.c", '"hub/jobs/a.h"', "hub/jobs/a.h")), 1)
        self.assertEqual(len(include("common/a.c", '"hub/jobs/a.h"', "hub/jobs/a.h")), 1)

    def test_pure_and_blocking_rooms_meet_in_jobs_only(self):
        for here in ("hub/fleet/a.c", "hub/render/a.c", "hub/access/a.c", "hub/session/a.c"):
            self.assertEqual(len(include(here, '"hub/store/db.h"', "hub/store/db.h")), 1, here)
        self.assertEqual(len(include("hub/store/a.c", '"hub/fleet/f.h"', "hub/fleet/f.h")), 1)
        for here in ("hub/jobs/a.c", "hub/api/a.c", "hub/main.c"):
            self.assertEqual(include(here, '"hub/store/db.h"', "hub/store/db.h"), [], here)

    def test_pure_rooms_do_not_reach_the_network(self):
        self.assertEqual(len(include("hub/render/a.c", '"common/http/http.h"',
                                     "common/http/http.h")), 1)
        self.assertEqual(len(include("common/a.c", '"common/net/net.h"', "common/net/net.h")), 1)

    def test_only_a_main_of_the_agent_knows_its_driver(self):
        self.assertEqual(include("agent/main.c", '"agent/kube/kube.h"', "agent/kube/kube.h"), [])
        for here in ("agent/agent.c", "agent/apply/a.c", "agent/sim/a.c", "agent/driver.h"):
            self.assertEqual(len(include(here, '"agent/kube/kube.h"', "agent/kube/kube.h")), 1, here)
        self.assertEqual(include("agent/apply/a.c", '"agent/driver.h"', "agent/driver.h"), [])

    def test_includes_exist_and_are_from_the_root(self):
        self.assertEqual(len(include("hub/jobs/a.c", '"hub/jobs/none.h"')), 1)
        self.assertEqual(len(include("hub/jobs/a.c", '"../store/db.h"', "hub/store/db.h")), 1)
        self.assertEqual(include("hub/jobs/a.c", '"proto/holdfast.pb-c.h"'), [])

    def test_a_new_room_must_be_in_the_table(self):
        self.assertEqual(len(include("hub/elsewhere/a.c", "<stdio.h>")), 1)


def function(lines):
    return "int f(int a,\n      int b) {\n" + "    a++;\n" * (lines - 3) + "}\n"


class Lengths(unittest.TestCase):
    def test_sixty_lines_are_the_limit(self):
        short = {f"common/{i}.c": function(5) for i in range(20)}
        self.assertEqual(check(lengths, {**short, "common/a.c": function(60)}), [])
        self.assertEqual(check(lengths, {**short, "common/a.c": function(61)}),
                         ["common/a.c:1: a function of 61 lines; the limit is 60"])

    def test_one_in_ten_may_have_more_than_thirty(self):
        long = {"common/a.c": function(31) * 2 + function(5) * 8}
        self.assertEqual(len(check(lengths, long)), 1)
        self.assertEqual(check(lengths, {"tests/unit/a.c": long["common/a.c"]}), [])

    def test_tables_are_no_functions(self):
        table = "static const int t[] = {\n" + "    1,\n" * 99 + "};\n"
        self.assertEqual(check(lengths, {"common/a.c": table + function(5)}), [])


class Headers(unittest.TestCase):
    GOOD = "// a: what it is.\n//\n// Threads: any.\n#pragma once\n"

    def test_a_header_says_what_it_is_and_who_may_call_it(self):
        self.assertEqual(check(headers, {"common/a.h": self.GOOD}), [])
        for line in self.GOOD.splitlines(keepends=True):
            if line != "//\n":
                bad = self.GOOD.replace(line, "")
                self.assertNotEqual(check(headers, {"common/a.h": bad}), [], line)


class Messages(unittest.TestCase):
    SOURCE = 'void f(void) {\n    hub_diags_add(d, p, 1, 2, "\'%s\' is wrong: "\n                  "mend it");\n}\n'

    def test_a_message_stands_whole_in_a_test_with_its_place(self):
        for text, shown in (("a.yaml:1:2: 'x' is wrong: mend it", True), ("'x' is wrong: mend it", False),
                            ("a.yaml:1:2: 'x' is wrong", False)):
            test = f'assert(s, "{text[:9]}"\n       "{text[9:]}");\n'
            found = check(messages, {"hub/fleet/a.c": self.SOURCE, "tests/unit/test_a.c": test})
            self.assertEqual(found == [], shown, text)
        self.assertIn("hub/fleet/a.c:2: no test shows", check(messages, {"hub/fleet/a.c": self.SOURCE})[0])


class Words(unittest.TestCase):
    def test_notes_need_an_issue(self):
        self.assertEqual(len(check(words, {"common/a.c": "// TODO: later\n"})), 1)
        self.assertEqual(len(check(words, {"README.md": "FIXME\n"})), 1)
        self.assertEqual(check(words, {"common/a.c": "// TODO #12: later\n"}), [])
        self.assertEqual(check(words, {"tests/fuzz/corpus/a/b.yaml": "TODO\n"}), [])

    def test_unbounded_calls_are_refused(self):
        self.assertEqual(len(check(words, {"common/a.c": "    strcpy(a, b);\n"})), 1)
        self.assertEqual(len(check(words, {"common/a.c": "    n = atoi (s);\n"})), 1)

    def test_sql_is_for_the_store_only(self):
        for text in ('    "SELECT name FROM app"\n', '    rc = hub_db_query(db, &stmt);\n',
                     '"DELETE FROM pair"\n'):
            self.assertEqual(len(check(words, {"hub/jobs/a.c": text})), 1, text)
            self.assertEqual(check(words, {"hub/store/a.c": text}), [])
            self.assertEqual(check(words, {"tests/unit/hub/jobs/test_a.c": text}), [])
        self.assertEqual(check(words, {"hub/ctl/a.c": 'call("DELETE", path); puts("DELETES 3");\n'}), [])

    def test_names_in_comments_and_strings_are_fine(self):
        self.assertEqual(check(words, {"common/a.c": '// strcpy(a)\nputs("atoi(1)");\n'}), [])
        self.assertEqual(check(words, {"common/a.c": "my_strcpy(a); snprintf(b);\n"}), [])


if __name__ == "__main__":
    unittest.main()
