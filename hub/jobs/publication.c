#include "hub/jobs/publication.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "hub/fleet/fleet.h"
#include "hub/jobs/answers.h"
#include "hub/render/bundle.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

// protobuf-c's fields are not const, though packing only reads them.
static char *unconst(const char *text) {
    return (char *)(uintptr_t)text;
}

static ProtobufCBinaryData hash_field(const struct cm_sha256 *hash) {
    return (ProtobufCBinaryData){.len = sizeof(hash->bytes),
                                 .data = (uint8_t *)(uintptr_t)hash->bytes};
}

static void fill_app(Holdfast__V1__ManifestApp *app, const struct hub_pair *pair) {
    holdfast__v1__manifest_app__init(app);
    app->name = unconst(pair->app);
    app->revision = unconst(pair->revision);
    app->bundle_sha256 = hash_field(&pair->bundle->sha256);
    app->bundle_size = (uint32_t)pair->bundle->bytes->size;
}

static void fill_gone(Holdfast__V1__GoneApp *app, const struct hub_gone *gone) {
    holdfast__v1__gone_app__init(app);
    app->name = unconst(gone->app);
    app->revision = unconst(gone->revision);
    app->prune = gone->prune && !gone->held;
    app->held = gone->held;
    app->account = unconst(gone->account);
}

// fill_answers uses room for as many ids as there are answers.
static void fill_answers(Holdfast__V1__ManifestApp *app, const struct hub_pair *pair,
                         const struct hub_answers *answers, ProtobufCBinaryData *room) {
    app->answered = room;
    for (size_t i = 0; answers != NULL && i < answers->count; i++) {
        if (hub_answers_is_given(&answers->items[i], pair)) {
            app->answered[app->n_answered++] = hash_field(&answers->items[i].id);
        }
    }
}

static struct cm_buf *encode(const struct hub_publication *p, const struct hub_answers *answers) {
    const struct hub_desired *d = p->desired;
    Holdfast__V1__Manifest manifest;
    CM_AUTOFREE Holdfast__V1__ManifestApp *apps = cm_new(d->pair_count + 1, sizeof(*apps));
    CM_AUTOFREE Holdfast__V1__ManifestApp **app_list = cm_new(d->pair_count + 1, sizeof(*app_list));
    size_t most = answers == NULL ? 0 : answers->count;
    CM_AUTOFREE ProtobufCBinaryData *ids = cm_new(most + 1, sizeof(*ids));
    CM_AUTOFREE Holdfast__V1__GoneApp *gone = cm_new(d->gone_count + 1, sizeof(*gone));
    CM_AUTOFREE Holdfast__V1__GoneApp **gone_list = cm_new(d->gone_count + 1, sizeof(*gone_list));

    size_t used = 0;

    holdfast__v1__manifest__init(&manifest);
    for (size_t i = 0; i < d->pair_count; i++) {
        fill_app(&apps[i], &d->pairs[i]);
        fill_answers(&apps[i], &d->pairs[i], answers, ids + used);
        used += apps[i].n_answered;
        app_list[i] = &apps[i];
    }
    for (size_t i = 0; i < d->gone_count; i++) {
        fill_gone(&gone[i], &d->gone[i]);
        gone_list[i] = &gone[i];
    }
    manifest.version = 1;
    manifest.cluster_id = unconst(p->cluster_id);
    manifest.cluster_name = p->cluster;
    manifest.epoch = p->epoch;
    manifest.generation = p->generation;
    manifest.n_apps = d->pair_count;
    manifest.apps = app_list;
    manifest.n_gone = d->gone_count;
    manifest.gone = gone_list;
    return wire_pack(&manifest.base);
}

static void sign(const struct hub_authority *authority, struct hub_publication *p) {
    CM_CLEANUP(cm_buf_unrefp)
    struct cm_buf *to_sign =
        wire_desired_to_be_signed(p->cluster_id, p->epoch, p->generation, p->sha256.bytes);

    p->signature_size =
        hub_authority_sign(authority, to_sign->data, to_sign->size, p->signature, &p->signer);
}

struct hub_publication *hub_publication_new(const struct hub_authority *authority,
                                            struct hub_desired *desired,
                                            const struct hub_answers *answers,
                                            const char *cluster_id, uint64_t epoch,
                                            uint64_t generation) {
    struct hub_publication *p = cm_new(1, sizeof(*p));

    p->refs = 1;
    p->cluster = cm_strdup(desired->cluster);
    (void)snprintf(p->cluster_id, sizeof(p->cluster_id), "%s", cluster_id);
    p->epoch = epoch;
    p->generation = generation;
    p->desired = hub_desired_ref(desired);
    p->manifest = encode(p, answers);
    p->sha256 = cm_sha256(p->manifest->data, p->manifest->size);

    sign(authority, p);
    return p;
}

static bool is_signers(const struct hub_authority *authority, const struct hub_publication *p) {
    size_t size;
    const uint8_t *der = hub_authority_signer(authority, &size);

    return p->signer.size == size && memcmp(p->signer.der, der, size) == 0;
}

struct hub_publication *hub_publication_signed(const struct hub_authority *authority,
                                               struct hub_publication *p) {
    if (is_signers(authority, p)) {
        return hub_publication_ref(p);
    }
    struct hub_publication *other = cm_new(1, sizeof(*other));

    other->refs = 1;
    other->cluster = cm_strdup(p->cluster);
    memcpy(other->cluster_id, p->cluster_id, sizeof(p->cluster_id));
    other->epoch = p->epoch;
    other->generation = p->generation;
    other->manifest = cm_buf_ref(p->manifest);
    other->sha256 = p->sha256;
    other->desired = hub_desired_ref(p->desired);
    sign(authority, other);
    return other;
}

struct hub_publication *hub_publication_ref(struct hub_publication *p) {
    p->refs++;
    return p;
}

void hub_publication_unref(struct hub_publication *p) {
    if (p == NULL || --p->refs > 0) {
        return;
    }
    cm_buf_unref(p->manifest);
    hub_desired_unref(p->desired);
    free(p->cluster);
    free(p);
}
