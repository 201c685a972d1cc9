#include "hub/session/framed.h"

#include "common/buf.h"

#define PIECES (sizeof(((struct hub_framed *)NULL)->pieces) / sizeof(struct hub_framed_piece))

// Names are hashes already; pieces of one blob lie side by side.
static size_t place_of(const struct cm_sha256 *name, size_t offset) {
    return (name->bytes[0] + offset / 4096) % PIECES;
}

struct cm_buf *hub_framed_find(const struct hub_framed *f, const struct cm_sha256 *name,
                               size_t offset) {
    const struct hub_framed_piece *piece = &f->pieces[place_of(name, offset)];

    return piece->payload != NULL && piece->offset == offset && cm_sha256_equal(&piece->name, name)
               ? piece->payload
               : NULL;
}

static void let_go(struct hub_framed *f, struct hub_framed_piece *piece) {
    if (piece->payload != NULL) {
        f->bytes -= piece->payload->size;
        cm_buf_unref(piece->payload);
        piece->payload = NULL;
    }
}

void hub_framed_keep(struct hub_framed *f, const struct cm_sha256 *name, size_t offset,
                     struct cm_buf *payload) {
    struct hub_framed_piece *piece = &f->pieces[place_of(name, offset)];

    if (payload->size > HUB_FRAMED_BYTES) {
        return;
    }
    if (f->bytes + payload->size > HUB_FRAMED_BYTES) {
        hub_framed_clear(f);
    }
    let_go(f, piece);
    *piece =
        (struct hub_framed_piece){.name = *name, .offset = offset, .payload = cm_buf_ref(payload)};
    f->bytes += payload->size;
}

void hub_framed_clear(struct hub_framed *f) {
    for (size_t i = 0; i < PIECES; i++) {
        let_go(f, &f->pieces[i]);
    }
}
