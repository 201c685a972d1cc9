#include "hub/session/framed.h"

#include "common/buf.h"

#define PIECES (sizeof(((struct hub_framed *)NULL)->pieces) / sizeof(struct hub_framed_piece))

// Names are hashes already; pieces of one blob lie side by side.
static size_t place_of(const struct hub_framed_key *key) {
    return (key->name.bytes[0] + key->offset / 4096 + (key->squeezed ? 1 : 0) +
            key->base.bytes[0]) %
           PIECES;
}

static bool is_same(const struct hub_framed_key *a, const struct hub_framed_key *b) {
    return a->offset == b->offset && a->squeezed == b->squeezed &&
           cm_sha256_equal(&a->name, &b->name) && cm_sha256_equal(&a->base, &b->base);
}

struct cm_buf *hub_framed_find(const struct hub_framed *f, const struct hub_framed_key *key) {
    const struct hub_framed_piece *piece = &f->pieces[place_of(key)];

    return piece->payload != NULL && is_same(&piece->key, key) ? piece->payload : NULL;
}

static void let_go(struct hub_framed *f, struct hub_framed_piece *piece) {
    if (piece->payload != NULL) {
        f->bytes -= piece->payload->size;
        cm_buf_unref(piece->payload);
        piece->payload = NULL;
    }
}

void hub_framed_keep(struct hub_framed *f, const struct hub_framed_key *key,
                     struct cm_buf *payload) {
    struct hub_framed_piece *piece = &f->pieces[place_of(key)];

    if (payload->size > HUB_FRAMED_BYTES) {
        return;
    }
    if (f->bytes + payload->size > HUB_FRAMED_BYTES) {
        hub_framed_clear(f);
    }
    let_go(f, piece);
    *piece = (struct hub_framed_piece){.key = *key, .payload = cm_buf_ref(payload)};
    f->bytes += payload->size;
}

void hub_framed_clear(struct hub_framed *f) {
    for (size_t i = 0; i < PIECES; i++) {
        let_go(f, &f->pieces[i]);
    }
}
