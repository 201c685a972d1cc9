#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/api/peers.h"

static void an_address_has_room_until_it_holds_the_most(void **state) {
    struct hub_peers *p = hub_peers_new(2);

    (void)state;
    hub_peers_add(p, "a");
    assert_true(hub_peers_has_room(p, "a"));
    hub_peers_add(p, "a");
    assert_false(hub_peers_has_room(p, "a"));
    assert_true(hub_peers_has_room(p, "b"));
    hub_peers_free(p);
}

static void one_that_goes_makes_room(void **state) {
    struct hub_peers *p = hub_peers_new(1);

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(hub_peers_has_room(p, "a"));
        hub_peers_add(p, "a");
        assert_false(hub_peers_has_room(p, "a"));
        hub_peers_remove(p, "a");
    }
    hub_peers_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_room_until_it_holds_the_most),
        cmocka_unit_test(one_that_goes_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
