// Prints the reference of the fleet repository.
#include <stdio.h>

#include "common/str.h"
#include "hub/fleet/reference.h"

int main(void) {
    struct cm_str page = {0};

    hub_reference_write(&page);
    (void)fputs(cm_str_get(&page), stdout);
    cm_str_done(&page);
    return 0;
}
