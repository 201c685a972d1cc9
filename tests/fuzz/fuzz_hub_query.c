// Whatever parameters a list is asked with, the answer is rows or words for who asked, never an
// error of the database; and a page goes on with its own cursor.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/store/db.h"
#include "hub/store/query.h"
#include "hub/store/query_details.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth) {
    if (!truth) {
        abort();
    }
}

static const char *const rows[] = {
    "INSERT INTO cluster VALUES ('a', '{\"env\":\"prod\"}', 0, 'r', 'c'), ('b', '{}', 1, 'r', 'c')",
    "INSERT INTO cluster_group VALUES ('g', 'r', 'g')",
    "INSERT INTO group_member VALUES ('g', 'a')",
    "INSERT INTO app VALUES ('w', 'r', 'w', 'w', 'report', 1, 0, '[]', 0, 0, '', 0)",
    "INSERT INTO pair VALUES ('a', 'w', x'b1', 'r', 'abcdef01', 5, 3, 0, 0, '', ''),"
    " ('b', 'w', x'b1', 'r', 'abcdef01', 4, 3, 0, 0, '', '')",
    "INSERT INTO event (at_ms, kind, cluster, app, key, revision, actor, message) VALUES"
    " (1, 'k', 'a', 'w', '', '', '', ''), (2, 'k', '', '', '', '', '', '')",
    "INSERT INTO revision VALUES ('r', 'abcdef01abcdef01', 'ann', 'first', 1, 2, 2, 0, 1)",
};

static struct hub_db *database(void) {
    static struct hub_db *db;
    struct cm_err err;

    if (db == NULL) {
        require(hub_db_open(":memory:", HUB_DB_WRITER, &db, &err) == CM_OK);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            require(hub_db_run(db, &err, rows[i], "") == CM_OK);
        }
    }
    return db;
}

// "list?a=b&c=d", without escapes.
static struct hub_query read_query(char *text) {
    struct hub_query query = {.list = strsep(&text, "?")};
    char *param;

    while (query.param_count < HUB_QUERY_PARAMS_MAX - 1 && (param = strsep(&text, "&")) != NULL) {
        const char *name = strsep(&param, "=");

        query.params[query.param_count++] =
            (struct hub_query_param){name, param == NULL ? "" : param};
    }
    return query;
}

static void check_code(enum cm_rc rc, const struct cm_err *err) {
    require(rc == CM_OK || rc == CM_EINVAL || rc == CM_ENOTFOUND);
    require(rc == CM_OK || err->msg[0] != '\0');
}

static void run_list(struct cm_arena *a, struct hub_query *query) {
    struct cm_json *answer = NULL;
    struct cm_err err = {0};
    enum cm_rc rc = hub_query_run(database(), a, query, &answer, &err);

    check_code(rc, &err);
    const char *next = rc == CM_OK ? cm_json_string(cm_json_get(answer, "next")) : NULL;
    if (next == NULL) {
        return;
    }
    for (size_t i = 0; i < query->param_count; i++) {
        if (strcmp(query->params[i].name, "cursor") == 0) {
            return;
        }
    }
    query->params[query->param_count++] = (struct hub_query_param){"cursor", next};
    require(hub_query_run(database(), a, query, &answer, &err) == CM_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    struct hub_query query = read_query(cm_arena_strndup(a, (const char *)data, size));
    const struct hub_detail *detail = hub_detail_find(query.list);
    struct cm_json *answer = NULL;
    struct cm_err err = {0};

    run_list(a, &query);
    check_code(hub_query_rollout(database(), a, &query, &answer, &err), &err);
    if (detail != NULL && query.param_count > 1) {
        const char *names[] = {query.params[0].value, query.params[1].value};

        check_code(hub_query_detail(database(), a, detail, names, &answer, &err), &err);
    }
    return 0;
}
