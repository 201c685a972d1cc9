#include "hub/render/annotations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"

// The page that says what each of them means.
static void all_that_are_known_are_documented_and_no_others(void **state) {
    size_t count;
    const char *const *known = hub_annotations_known(&count);
    size_t documented = 0;
    char line[2000];
    FILE *page = fopen(ANNOTATIONS_PAGE, "r");

    (void)state;
    assert_non_null(page);
    while (fgets(line, sizeof(line), page) != NULL) {
        if (strncmp(line, "| `" HUB_ANNOTATION_PREFIX, 3 + strlen(HUB_ANNOTATION_PREFIX)) != 0) {
            continue;
        }
        char *name = line + 3;
        name[strcspn(name, "`")] = '\0';
        size_t i = 0;
        while (i < count && strcmp(known[i], name) != 0) {
            i++;
        }
        if (i == count) {
            fail_msg("%s is documented and not known", name);
        }
        documented++;
    }
    (void)fclose(page);
    assert_int_equal(documented, count);
}

static void what_is_not_known_has_an_advice(void **state) {
    static const char *const others[] = {"holdfast.dev/wave", "example.com/wav", "wav"};
    CM_AUTOFREE char *advice = hub_annotations_advice("holdfast.dev/wav");

    (void)state;
    assert_string_equal(advice, "did you mean 'holdfast.dev/wave'?");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_null(hub_annotations_advice(others[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_are_known_are_documented_and_no_others),
        cmocka_unit_test(what_is_not_known_has_an_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
