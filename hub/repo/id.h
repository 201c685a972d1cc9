// id: the name of a Git object.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define HUB_REPO_ID_SIZE 20
#define HUB_REPO_ID_HEX_MAX 41

struct hub_repo_id {
    uint8_t bytes[HUB_REPO_ID_SIZE]; // SHA-1
};

// hub_repo_id_parse reads 40 hexadecimal digits. It tells whether the text was that.
bool hub_repo_id_parse(const char *hex, struct hub_repo_id *out);
void hub_repo_id_hex(const struct hub_repo_id *id, char out[HUB_REPO_ID_HEX_MAX]);
bool hub_repo_id_equal(const struct hub_repo_id *a, const struct hub_repo_id *b);
