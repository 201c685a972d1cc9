#include "hub/repo/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

// What libgit2 makes of a name (pack-objects.c).
static uint32_t hash_of(const char *name) {
    uint32_t hash = 0;

    for (; *name != '\0'; name++) {
        hash = (hash >> 2) + ((uint32_t)(unsigned char)*name << 24);
    }
    return hash;
}

static void names_sort_as_their_bits_do(void **state) {
    static const unsigned bits[] = {0, 1, 2, 3, 4, 255, 8191, 8192, 1 << 20, (1 << 26) - 1};
    char name[HUB_ORDER_NAME_MAX];

    (void)state;
    hub_order_name(0, name);
    uint32_t none = hash_of(name);
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        hub_order_name(bits[i], name);
        assert_int_equal(hash_of(name) - none, bits[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_sort_as_their_bits_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
