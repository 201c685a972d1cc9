#include "agent/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 4 << 20, PAGE = 4096 };

static const char constants[SIZE] = {'a', [SIZE - 1] = 'z'};

static long read_constants(void) {
    const volatile char *at = constants;
    long sum = 0;

    for (size_t i = 0; i < SIZE; i += PAGE) {
        sum += at[i];
    }
    return sum + at[SIZE - 1];
}

// file_kib is how much of files is resident.
static long file_kib(void) {
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];
    long kib = -1;

    assert_non_null(status);
    while (kib < 0 && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "RssFile:", 8) == 0) {
            kib = strtol(line + 8, NULL, 10);
        }
    }
    (void)fclose(status);
    return kib;
}

static void constants_that_nobody_uses_are_given_back(void **state) {
    (void)state;
    assert_int_equal(read_constants(), 'a' + 'z');
    long before = file_kib();
    agent_memory_give_back();
    assert_in_range(before - file_kib(), SIZE / 1024, before);
}

static void what_was_given_back_is_there_when_it_is_used(void **state) {
    static char changed[PAGE] = "before";

    (void)state;
    memcpy(changed, "after", sizeof("after"));
    agent_memory_give_back();
    assert_int_equal(read_constants(), 'a' + 'z');
    assert_string_equal(changed, "after");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_that_nobody_uses_are_given_back),
        cmocka_unit_test(what_was_given_back_is_there_when_it_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
