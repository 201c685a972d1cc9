// What is left by one commit and met by the next: files that break, move, go and come back.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/str.h"
#include "hub/render/bundle.h"
#include "world.h"

#define ALL "  targets: [{clusterSelector: {}}]"
#define APP(name) "apiVersion: holdfast/v1alpha1\nkind: App\nmetadata: {name: " name "}\n"

static int set_up(void **state) {
    static struct world w;

    world_init(&w);
    *state = &w;
    return 0;
}

static int tear_down(void **state) {
    world_done(*state);
    return 0;
}

// ---- Documents that are wrong

static void a_document_is_wrong_too_when_there_is_no_room_to_say_so(void **state) {
    struct world *w = *state;
    struct cm_str file = {0};

    for (int i = 0; i < 101; i++) {
        cm_str_addf(&file,
                    "---\napiVersion: holdfast/v1alpha1\nkind: Cluster\nmetadata: {name: c%d}\n"
                    "bad: 1\n",
                    i);
    }
    cm_str_add(&file, "---\napiVersion: holdfast/v1alpha1\nkind: Cluster\n");
    world_put(w, "clusters/all.yaml", cm_str_get(&file));
    (void)world_commit_all(w);
    assert_null(hub_fleet_desired(w->fleet, "c100"));
    cm_str_done(&file);
}

// ---- Files

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_document_is_wrong_too_when_there_is_no_room_to_say_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
