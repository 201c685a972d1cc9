// What was squeezed comes out as it was, against any base; whatever else is taken for it is a
// frame of today's format and fills the room that it is given, or is refused, and says the same
// each time.
//
// The input is two sizes in a byte each, of the base and of what comes out, then the base, then the
// bytes.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "proto/squeeze.h"

#define UNIT 16 // bytes for each of a size

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok) {
    if (!ok) {
        abort();
    }
}

static void check_there_and_back(struct wire_bytes bytes, struct wire_bytes base) {
    static struct wire_squeezer *squeezer;
    CM_AUTOFREE uint8_t *out = cm_new(1, bytes.size + 1);
    struct cm_err err;

    squeezer = squeezer == NULL ? wire_squeezer_new() : squeezer;
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *squeezed = wire_squeeze(squeezer, bytes, base);
    if (squeezed != NULL) {
        require(squeezed->size < bytes.size);
        require(wire_unsqueeze((struct wire_bytes){squeezed->data, squeezed->size}, base, out,
                               bytes.size, &err) == CM_OK);
        require(memcmp(out, bytes.data, bytes.size) == 0);
    }
}

static void check_any(struct wire_bytes squeezed, struct wire_bytes base, size_t size) {
    CM_AUTOFREE uint8_t *once = cm_new(1, size + 1);
    CM_AUTOFREE uint8_t *twice = cm_new(1, size + 1);
    struct cm_err err = {0};

    memset(twice, 0xaa, size); // what is left of it would not be the same
    enum cm_rc rc = wire_unsqueeze(squeezed, base, once, size, &err);

    require(rc == CM_OK || (rc == CM_EINVAL && err.msg[0] != '\0'));
    require(once[size] == 0);
    require(rc < 0 || memcmp(squeezed.data, "\x28\xb5\x2f\xfd", 4) == 0);
    require(wire_unsqueeze(squeezed, base, twice, size, &err) == rc);
    require(rc < 0 || memcmp(once, twice, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    size_t base_size = (size_t)data[0] * UNIT;
    size_t out_size = (size_t)data[1] * UNIT;
    base_size = base_size < size - 2 ? base_size : size - 2;
    struct wire_bytes base = wire_base_slice((struct wire_bytes){data + 2, base_size}, 0);
    struct wire_bytes rest = {data + 2 + base_size, size - 2 - base_size};

    check_there_and_back(rest, base);
    check_any(rest, base, out_size);
    return 0;
}
