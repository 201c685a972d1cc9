// The JSON Schemas are what the tables say, and the parser agrees with the cases that schemas.py
// holds against them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/doc.h"
#include "hub/fleet/json_schema.h"
#include "hub/render/diag.h"

static void check_file(enum hub_kind kind, const char *path, const char *name) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *kept = NULL;
    struct cm_str schema = {0};
    struct cm_err err;

    hub_json_schema_write(kind, &schema);
    assert_int_equal(cm_fsys_read(path, 1 << 20, &kept, &err), CM_OK);
    if (kept->size != schema.len || memcmp(kept->data, schema.data, schema.len) != 0) {
        fail_msg("run: hub.fleet.reference %s > deploy/reference/schemas/%s", name, name);
    }
    cm_str_done(&schema);
}

static void the_schemas_in_the_repository_are_what_the_tables_say(void **state) {
    (void)state;
    check_file(HUB_CLUSTER, SCHEMAS "/cluster.schema.json", "cluster.schema.json");
    check_file(HUB_GROUP, SCHEMAS "/clustergroup.schema.json", "clustergroup.schema.json");
    check_file(HUB_APP, SCHEMAS "/app.schema.json", "app.schema.json");
    check_file(HUB_CONFIRMATION, SCHEMAS "/confirmation.schema.json", "confirmation.schema.json");
    check_file(HUB_HOLD, SCHEMAS "/hold.schema.json", "hold.schema.json");
    check_file(HUB_BAN, SCHEMAS "/ban.schema.json", "ban.schema.json");
    check_file(HUB_FREEZE, SCHEMAS "/freeze.schema.json", "freeze.schema.json");
    check_file(HUB_EXEMPTION, SCHEMAS "/exemption.schema.json", "exemption.schema.json");
}

static void the_parser_agrees_with_the_cases(void **state) {
    size_t failures = 0;

    (void)state;
    for (size_t i = 0; i < fleet_case_count; i++) {
        const struct fleet_case *c = &fleet_cases[i];
        struct hub_diags diags = {0};
        struct hub_doc_list list;

        hub_docs_read(c->kind, "case.yaml", c->text, strlen(c->text), &list, &diags);
        if ((diags.count == 0) != c->right) {
            print_error("%s is %s\n", c->text, c->right ? diags.items[0].message : "taken");
            failures++;
        }
        for (size_t k = 0; k < list.count; k++) {
            hub_doc_free(list.items[k]);
        }
        cm_freep(&list.items);
        hub_diags_done(&diags);
    }
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schemas_in_the_repository_are_what_the_tables_say),
        cmocka_unit_test(the_parser_agrees_with_the_cases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
