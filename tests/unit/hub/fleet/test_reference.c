#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/fleet/doc.h"
#include "hub/fleet/reference.h"
#include "hub/render/diag.h"

static void the_page_in_the_repository_is_what_the_tables_say(void **state) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *kept = NULL;
    struct cm_str page = {0};
    struct cm_err err;

    (void)state;
    hub_reference_write(&page);
    assert_int_equal(cm_fsys_read(REFERENCE_PAGE, 1 << 20, &kept, &err), CM_OK);
    if (kept->size != page.len || memcmp(kept->data, page.data, page.len) != 0) {
        fail_msg("run: hub.fleet.reference > deploy/reference/fleet-repository.md");
    }
    cm_str_done(&page);
}

static void the_examples_are_right(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_KINDS; i++) {
        const struct hub_kind_table *kind = &hub_kind_tables[i];
        struct hub_diags diags = {0};
        struct hub_doc_list list;

        hub_docs_read((enum hub_kind)i, kind->name, kind->example, strlen(kind->example), &list,
                      &diags);
        assert_int_equal(diags.count, 0);
        assert_int_equal(list.count, 1);
        hub_doc_free(list.items[0]);
        cm_freep(&list.items);
    }
}

static void check_fields(const struct hub_field *fields) {
    for (; fields->name != NULL; fields++) {
        assert_non_null(fields->doc);
        assert_false(fields->required && fields->otherwise != NULL);
        assert_int_equal(fields->choices != NULL, fields->type == HUB_FIELD_CHOICE);
        if (fields->type == HUB_FIELD_OBJECT || fields->type == HUB_FIELD_OBJECTS) {
            check_fields(fields->fields);
        }
    }
}

static void every_field_is_described(void **state) {
    (void)state;
    for (size_t i = 0; i < HUB_KINDS; i++) {
        check_fields(hub_kind_tables[i].fields);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_in_the_repository_is_what_the_tables_say),
        cmocka_unit_test(the_examples_are_right),
        cmocka_unit_test(every_field_is_described),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
