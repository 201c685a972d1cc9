// Prints the reference of the fleet repository, or the JSON Schema that is named:
//     hub.fleet.reference > deploy/reference/fleet-repository.md
//     hub.fleet.reference app.schema.json > deploy/reference/schemas/app.schema.json
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/str.h"
#include "hub/fleet/json_schema.h"
#include "hub/fleet/reference.h"

int main(int argc, char **argv) {
    static const char *const names[HUB_KINDS] = {
        [HUB_CLUSTER] = "cluster.schema.json", [HUB_GROUP] = "clustergroup.schema.json",
        [HUB_APP] = "app.schema.json",         [HUB_CONFIRMATION] = "confirmation.schema.json",
        [HUB_HOLD] = "hold.schema.json",       [HUB_BAN] = "ban.schema.json",
        [HUB_FREEZE] = "freeze.schema.json",   [HUB_EXEMPTION] = "exemption.schema.json"};
    struct cm_str page = {0};

    if (argc == 1) {
        hub_reference_write(&page);
    }
    for (int kind = 0; argc > 1 && kind < HUB_KINDS; kind++) {
        if (strcmp(argv[1], names[kind]) == 0) {
            hub_json_schema_write((enum hub_kind)kind, &page);
        }
    }
    bool known = page.len > 0;
    (void)fputs(cm_str_get(&page), stdout);
    cm_str_done(&page);
    return known ? 0 : 1;
}
