// Prints the API's description of itself.
#include <stdio.h>

#include "common/str.h"
#include "hub/api/openapi.h"

int main(void) {
    struct cm_str text = {0};

    hub_openapi_write(&text);
    (void)fputs(cm_str_get(&text), stdout);
    cm_str_done(&text);
    return 0;
}
