// bench.compression: what a change costs on the wire, as it is and packed in several ways.
//
// Each folder of manifests is an App, all of them run on one cluster. Then one App at a time is
// changed, in several ways; what the hub would send to an agent that has all that was before goes
// into frames (hub/session/serve.c says which): the bundle, the objects that are new, Desired with
// the manifest. One JSON object comes out: for each change and way of packing the mean over the
// Apps of the frames' bytes, and the processor time to pack and to unpack them once.
//
// "What it has" is the version before, or of a small object the one that was sent just before where
// there is none; either is named by its hash. A dictionary is made of the other Apps. All of it
// goes in the pieces in which the hub sends it.
//
//     bench.compression EMPTY_FOLDER MANIFESTS...
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/net/net.h"
#include "common/str.h"
#include "hub/access/authority.h"
#include "hub/jobs/publication.h"
#include "hub/render/bundle.h"
#include "proto/holdfast.pb-c.h"
#include "proto/squeeze.h"
#include "proto/wire.h"
#include "tests/bench/memory_fleet.h"
#include "tests/bench/squeeze.h"

#define CLUSTER "one"
#define CLUSTER_ID "11111111-2222-4333-8444-555555555555"
#define FILE_MAX ((size_t)16 << 20)
#define SAMPLE_MAX ((size_t)16 << 10) // of an object, for a dictionary
#define SAMPLES_MAX 4000
#define MEASURED_US 20000
#define VERSION_LABEL "\"app.kubernetes.io/version\": \"v2.0.%d\""
#define IMAGE "\"image\": \""
#define SPEC "\n  \"spec\": {\n"
#define REPLICAS "\"replicas\": "
#define METADATA "\n  \"metadata\": {\n"
#define LABELS "    \"labels\": {\n"
#define CHAIN_MAX ((size_t)8 * 1024) // as hub/session/serve.c has it
#define NAMED 34 // what naming the base takes in a message: tag, length, SHA-256

static void must(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        (void)fprintf(stderr, "bench.compression: %s\n", err->msg);
        exit(1);
    }
}

// ---- Public manifests as Apps

static const char *name_of(const char *folder) {
    const char *slash = strrchr(folder, '/');

    return slash == NULL ? folder : slash + 1;
}

static void put_files(struct bench *b, const char *folder) {
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        CM_AUTOFREE char *path = cm_strf("%s/%s", folder, entry->d_name);
        CM_CLEANUP(cm_buf_unrefp) struct cm_buf *text = NULL;
        struct cm_err err;

        if (entry->d_name[0] != '.') {
            must(cm_fsys_read(path, FILE_MAX, &text, &err), &err);
            put(b, cm_strf("apps/%s/%s", name_of(folder), entry->d_name),
                cm_strndup((const char *)text->data, text->size));
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static struct hub_desired *load(struct bench *b, char **folders, int count) {
    put(b, cm_strdup("clusters/" CLUSTER ".yaml"),
        cm_strdup("{apiVersion: holdfast/v1alpha1, kind: Cluster, metadata: {name: " CLUSTER "}}"));
    for (int i = 0; i < count; i++) {
        put(b, cm_strf("apps/%s/app.yaml", name_of(folders[i])),
            cm_strf("{apiVersion: holdfast/v1alpha1, kind: App, metadata: {name: %s}, spec: "
                    "{namespace: default, plainSecrets: allow, targets: [{clusterSelector: {}}]}}",
                    name_of(folders[i])));
        put_files(b, folders[i]);
    }
    (void)commit(b, true);
    return hub_fleet_desired(b->fleet, CLUSTER);
}

// ---- Changes, made to the canonical forms

typedef char *(*edit_fn)(const char *text, size_t size);

static char *replace(const char *text, const char *at, size_t gone, const char *with) {
    return cm_strf("%.*s%s%s", (int)(at - text), text, with, at + gone);
}

// With another last character of the first image's tag.
static char *edit_image(const char *text, size_t size) {
    const char *image = strstr(text, IMAGE);
    const char *end = image == NULL ? NULL : strchr(image + strlen(IMAGE), '"');

    (void)size;
    return end == NULL ? NULL : replace(text, end - 1, 1, end[-1] == '7' ? "8" : "7");
}

static char *edit_replicas(const char *text, size_t size) {
    const char *spec = strstr(text, SPEC);
    const char *replicas = strstr(text, REPLICAS);

    (void)size;
    if (spec == NULL || strstr(text, "\"kind\": \"Deployment\"") == NULL) {
        return NULL;
    }
    return replicas != NULL ? replace(text, replicas + strlen(REPLICAS), 1, "7")
                            : replace(text, spec + strlen(SPEC), 0, "    " REPLICAS "7,\n");
}

static char *label(const char *text, int version) {
    CM_AUTOFREE char *has = cm_strf(VERSION_LABEL, version - 1);
    CM_AUTOFREE char *says = cm_strf(VERSION_LABEL, version);
    CM_AUTOFREE char *more = cm_strf("      %s,\n", says);
    CM_AUTOFREE char *labels = cm_strf(LABELS "      %s\n    },\n", says);
    const char *old = strstr(text, has);
    const char *metadata = strstr(text, METADATA);
    const char *others = strstr(text, "\n" LABELS);

    if (old != NULL) {
        return replace(text, old, strlen(has), says);
    }
    if (metadata == NULL) {
        return NULL;
    }
    return others != NULL ? replace(text, others + 1 + strlen(LABELS), 0, more)
                          : replace(text, metadata + strlen(METADATA), 0, labels);
}

// As charts do: each object names the chart's version.
static char *edit_labelled(const char *text, size_t size) {
    (void)size;
    return label(text, 0);
}

static char *edit_upgrade(const char *text, size_t size) {
    CM_AUTOFREE char *image = edit_image(text, size);

    return label(image == NULL ? text : image, 1);
}

static struct hub_bundle *edit_bundle(const struct hub_bundle *bundle, edit_fn edit, bool once) {
    struct hub_bundle_spec spec = bundle->spec;
    CM_AUTOFREE struct hub_object *objects = cm_new(spec.object_count + 1, sizeof(*objects));
    CM_AUTOFREE struct cm_buf **made = cm_new(spec.object_count + 1, sizeof(struct cm_buf *));
    bool done = false;

    for (size_t i = 0; i < spec.object_count; i++) {
        const struct cm_buf *bytes = spec.objects[i].bytes;
        CM_AUTOFREE char *text = cm_strndup((const char *)bytes->data, bytes->size);
        CM_AUTOFREE char *edited = once && done ? NULL : edit(text, bytes->size);

        objects[i] = spec.objects[i];
        if (edited != NULL) {
            made[i] = cm_buf_copy(edited, strlen(edited));
            objects[i].bytes = made[i];
            objects[i].sha256 = cm_sha256(edited, strlen(edited));
            done = true;
        }
    }
    spec.objects = objects;
    struct hub_bundle *out = hub_bundle_new(&spec);
    for (size_t i = 0; i < spec.object_count; i++) {
        cm_buf_unref(made[i]);
    }
    return out;
}

static struct hub_bundle *without_definitions(const struct hub_bundle *bundle) {
    struct hub_bundle_spec spec = bundle->spec;
    CM_AUTOFREE struct hub_object *objects = cm_new(spec.object_count + 1, sizeof(*objects));

    spec.objects = objects;
    spec.object_count = 0;
    for (size_t i = 0; i < bundle->spec.object_count; i++) {
        if (strncmp(bundle->spec.objects[i].key, "CustomResourceDefinition.", 25) != 0) {
            objects[spec.object_count++] = bundle->spec.objects[i];
        }
    }
    return hub_bundle_new(&spec);
}

// ---- What goes out

// A piece of a blob.
struct piece {
    struct cm_sha256 name;
    struct wire_bytes bytes;
    struct wire_bytes base;
    size_t total; // of the blob
    size_t offset;
    bool manifest; // it comes with Desired
};

struct going {
    struct piece *pieces;
    size_t count;
    const struct cm_buf *last; // sent, if it is a small object
    const struct hub_publication *publication;
};

static struct wire_bytes whole(const struct cm_buf *buf) {
    return buf == NULL ? (struct wire_bytes){0} : (struct wire_bytes){buf->data, buf->size};
}

static void send(struct going *g, const struct cm_sha256 *name, const struct cm_buf *bytes,
                 const struct cm_buf *base) {
    for (size_t at = 0; at < bytes->size; at += WIRE_BLOB_PIECE) {
        size_t left = bytes->size - at;
        size_t size = left < WIRE_BLOB_PIECE ? left : WIRE_BLOB_PIECE;

        g->pieces = cm_resize(g->pieces, (g->count + 1) * sizeof(*g->pieces));
        g->pieces[g->count++] = (struct piece){.name = *name,
                                               .bytes = {bytes->data + at, size},
                                               .base = wire_base_slice(whole(base), at),
                                               .total = bytes->size,
                                               .offset = at};
    }
    g->last = NULL;
}

static void send_object(struct going *g, const struct hub_object *object,
                        const struct hub_object *old) {
    bool small = object->bytes->size <= CHAIN_MAX;

    send(g, &object->sha256, object->bytes, old != NULL ? old->bytes : small ? g->last : NULL);
    g->last = small ? object->bytes : NULL;
}

static void send_bundle(struct going *g, const struct hub_bundle *now,
                        const struct hub_bundle *before) {
    send(g, &now->sha256, now->bytes, before == NULL ? NULL : before->bytes);
    for (size_t i = 0; i < now->spec.object_count; i++) {
        const struct hub_object *object = &now->spec.objects[i];
        const struct hub_object *old =
            before == NULL ? NULL : hub_bundle_find_key(before, object->key);

        if (old == NULL || !cm_sha256_equal(&old->sha256, &object->sha256)) {
            send_object(g, object, old);
        }
    }
}

static size_t frame_of_piece(const struct piece *piece, size_t size, size_t more) {
    Holdfast__V1__Blob message;

    holdfast__v1__blob__init(&message);
    message.sha256 = (ProtobufCBinaryData){.len = sizeof(piece->name.bytes)};
    message.total_size = (uint32_t)piece->total;
    message.offset = (uint32_t)piece->offset;
    message.data = (ProtobufCBinaryData){.len = size};
    return CM_NET_HEADER_SIZE + holdfast__v1__blob__get_packed_size(&message) + more;
}

static size_t frame_of_desired(const struct hub_publication *p, size_t size, size_t more) {
    Holdfast__V1__Desired message;

    holdfast__v1__desired__init(&message);
    message.epoch = p->epoch;
    message.generation = p->generation;
    message.manifest_sha256 = (ProtobufCBinaryData){.len = sizeof(p->sha256.bytes)};
    message.manifest_size = (uint32_t)p->manifest->size;
    message.signature = (ProtobufCBinaryData){.len = p->signature_size};
    message.signer_sha256 = (ProtobufCBinaryData){.len = sizeof(p->signer.sha256.bytes)};
    message.manifest = (ProtobufCBinaryData){.len = size};
    return CM_NET_HEADER_SIZE + holdfast__v1__desired__get_packed_size(&message) + more;
}

static size_t frame_of(const struct going *g, const struct piece *piece, size_t size, size_t more) {
    return piece->manifest ? frame_of_desired(g->publication, size, more)
                           : frame_of_piece(piece, size, more);
}

// ---- Measuring

struct figures {
    double bytes;
    double pack_us;
    double unpack_us;
    size_t count;
};

struct packed {
    uint8_t *bytes;
    size_t size;
};

static void pack_all(struct squeeze *s, const struct going *g, struct packed *out) {
    for (size_t i = 0; i < g->count; i++) {
        const struct piece *p = &g->pieces[i];

        out[i].size =
            squeeze_pack(s, p->bytes.data, p->bytes.size, p->base.data, p->base.size, out[i].bytes);
    }
}

static void unpack_all(struct squeeze *s, const struct going *g, const struct packed *packed,
                       uint8_t *out) {
    for (size_t i = 0; i < g->count; i++) {
        const struct piece *p = &g->pieces[i];

        squeeze_unpack(s, packed[i].bytes, packed[i].size, p->base.data, p->base.size, out,
                       p->bytes.size);
    }
}

// What is not fewer bytes goes as it is.
static size_t bytes_of(const struct squeeze_way *way, const struct going *g,
                       const struct packed *packed) {
    size_t sum = 0;

    for (size_t i = 0; i < g->count; i++) {
        const struct piece *p = &g->pieces[i];
        size_t plain = frame_of(g, p, p->bytes.size, 0);
        size_t named = !way->base || p->base.data == NULL ? 0 : NAMED;
        size_t less = packed == NULL ? plain : frame_of(g, p, packed[i].size, named);

        sum += less < plain ? less : plain;
    }
    return sum;
}

static size_t largest_of(const struct going *g) {
    size_t most = 1;

    for (size_t i = 0; i < g->count; i++) {
        most = g->pieces[i].bytes.size > most ? g->pieces[i].bytes.size : most;
    }
    return most;
}

static void measure_packed(struct squeeze *s, const struct squeeze_way *way, const struct going *g,
                           struct figures *out) {
    CM_AUTOFREE struct packed *packed = cm_new(g->count, sizeof(*packed));
    CM_AUTOFREE uint8_t *room = cm_new(1, largest_of(g));
    size_t rounds = 0;

    for (size_t i = 0; i < g->count; i++) {
        packed[i].bytes = cm_new(1, squeeze_room(g->pieces[i].bytes.size));
    }
    double began = squeeze_cpu_us();
    do {
        pack_all(s, g, packed);
        rounds++;
    } while (squeeze_cpu_us() - began < MEASURED_US);
    out->pack_us += (squeeze_cpu_us() - began) / (double)rounds;
    began = squeeze_cpu_us();
    for (size_t i = 0; i < rounds; i++) {
        unpack_all(s, g, packed, room);
    }
    out->unpack_us += (squeeze_cpu_us() - began) / (double)rounds;
    out->bytes += (double)bytes_of(way, g, packed);
    for (size_t i = 0; i < g->count; i++) {
        free(packed[i].bytes);
    }
}

struct dictionary {
    uint8_t bytes[SQUEEZE_DICTIONARY];
    size_t size;
};

static void measure(const struct squeeze_way *way, const struct going *g,
                    const struct dictionary *dictionary, struct figures *out) {
    struct squeeze *s = squeeze_new(way, dictionary->bytes, dictionary->size);

    if (way->level == 0) {
        out->bytes += (double)bytes_of(way, g, NULL);
    } else {
        measure_packed(s, way, g, out);
    }
    out->count++;
    squeeze_free(s);
}

// ---- Dictionaries of what the others publish

struct samples {
    struct cm_str bytes;
    size_t sizes[SAMPLES_MAX];
    size_t count;
};

static void add_sample(struct samples *s, const struct cm_buf *bytes) {
    size_t size = bytes->size < SAMPLE_MAX ? bytes->size : SAMPLE_MAX;

    if (s->count < SAMPLES_MAX) {
        cm_str_add_n(&s->bytes, bytes->data, size);
        s->sizes[s->count++] = size;
    }
}

static void train(struct hub_bundle *const *bundles, size_t count, size_t but,
                  struct dictionary *out) {
    CM_AUTOFREE struct samples *s = cm_new(1, sizeof(*s));

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; i != but && k < bundles[i]->spec.object_count; k++) {
            add_sample(s, bundles[i]->spec.objects[k].bytes);
        }
        if (i != but) {
            add_sample(s, bundles[i]->bytes);
        }
    }
    out->size = squeeze_train(s->bytes.data, s->sizes, s->count, out->bytes);
    cm_str_done(&s->bytes);
}

// ---- One App after the other

static const struct {
    const char *name;
    edit_fn edit; // NULL: the App is new
    bool once;    // of one object
    bool definitions;
} changes[] = {
    {"the image of a workload", edit_image, true, false},
    {"the replicas of a workload", edit_replicas, true, false},
    {"a chart of a newer version", edit_upgrade, false, false},
    {"a new App", NULL, false, false},
    {"a new App with definitions", NULL, false, true},
};
#define CHANGES (sizeof(changes) / sizeof(changes[0]))

struct run {
    struct hub_authority *authority;
    struct hub_desired *desired;  // its Apps with
    struct hub_bundle **bundles;  // these bundles,
    struct hub_bundle **whole;    // which are these without definitions
    struct dictionary dictionary; // for the App in turn
    struct figures figures[CHANGES][32];
    size_t objects;
    size_t object_bytes;
};

// publish makes the manifest of all Apps, of which one has another bundle, or is left out.
static struct hub_publication *publish(const struct run *r, size_t app, struct hub_bundle *bundle,
                                       uint64_t generation) {
    struct hub_desired d = *r->desired;
    CM_AUTOFREE struct hub_pair *pairs = cm_new(d.pair_count + 1, sizeof(*pairs));
    CM_AUTOFREE char *revision = cm_strf("%040llx", (unsigned long long)generation * 7919);
    size_t count = 0;

    for (size_t i = 0; i < d.pair_count; i++) {
        if (i != app || bundle != NULL) {
            pairs[count] = r->desired->pairs[i];
            pairs[count].bundle = i == app ? bundle : r->bundles[i];
            pairs[count].revision = i == app ? revision : pairs[count].revision;
            count++;
        }
    }
    d.pairs = pairs;
    d.pair_count = count;
    struct hub_desired *copy = hub_desired_copy(&d);
    struct hub_publication *p =
        hub_publication_new(r->authority, copy, NULL, CLUSTER_ID, 1, generation);
    hub_desired_unref(copy);
    return p;
}

static void change_app(struct run *r, size_t app, size_t change) {
    edit_fn edit = changes[change].edit;
    struct hub_bundle *before = edit == NULL ? NULL : r->bundles[app];
    struct hub_bundle *all = changes[change].definitions ? r->whole[app] : r->bundles[app];
    struct hub_bundle *now =
        edit == NULL ? hub_bundle_ref(all) : edit_bundle(all, edit, changes[change].once);
    struct hub_publication *then = publish(r, app, before, 1001);
    struct hub_publication *p = publish(r, app, now, 1002);
    struct going g = {.publication = p};

    if (all->spec.object_count > 0 &&
        (before == NULL || !cm_sha256_equal(&before->sha256, &now->sha256))) {
        send_bundle(&g, now, before);
        send(&g, &p->sha256, p->manifest, then->manifest);
        g.pieces[g.count - 1].manifest = true;
        for (size_t i = 0; i < squeeze_way_count; i++) {
            measure(&squeeze_ways[i], &g, &r->dictionary, &r->figures[change][i]);
        }
    }
    free(g.pieces);
    hub_bundle_unref(now);
    hub_publication_unref(then);
    hub_publication_unref(p);
}

static void make_bundles(struct run *r, size_t count) {
    r->bundles = cm_new(count, sizeof(struct hub_bundle *));
    r->whole = cm_new(count, sizeof(struct hub_bundle *));
    for (size_t i = 0; i < count; i++) {
        r->whole[i] = edit_bundle(r->desired->pairs[i].bundle, edit_labelled, false);
        r->bundles[i] = without_definitions(r->whole[i]);
        r->objects += r->whole[i]->spec.object_count;
        for (size_t k = 0; k < r->whole[i]->spec.object_count; k++) {
            r->object_bytes += r->whole[i]->spec.objects[k].bytes->size;
        }
    }
}

static void run_all(struct run *r) {
    size_t count = r->desired->pair_count;

    make_bundles(r, count);
    for (size_t app = 0; app < count; app++) {
        train(r->whole, count, app, &r->dictionary);
        for (size_t change = 0; change < CHANGES; change++) {
            change_app(r, app, change);
        }
    }
}

static void print_change(const struct run *r, size_t change) {
    const char *comma = "";

    (void)printf("%s\n    \"%s\": {", change == 0 ? "" : ",", changes[change].name);
    for (size_t i = 0; i < squeeze_way_count; i++) {
        const struct figures *f = &r->figures[change][i];
        double count = f->count == 0 ? 1 : (double)f->count;

        (void)printf("%s\n      \"%s\": {\"apps\": %zu, \"bytes\": %.0f, \"pack, us\": %.1f, "
                     "\"unpack, us\": %.1f}",
                     comma, squeeze_ways[i].name, f->count, f->bytes / count, f->pack_us / count,
                     f->unpack_us / count);
        comma = ",";
    }
    (void)printf("\n    }");
}

static void print(const struct run *r) {
    (void)printf("{\n  \"bench\": \"compression\", \"apps\": %zu, \"objects\": %zu, "
                 "\"bytes of objects\": %zu,\n  \"changes\": {",
                 r->desired->pair_count, r->objects, r->object_bytes);
    for (size_t change = 0; change < CHANGES; change++) {
        print_change(r, change);
    }
    (void)printf("\n  }\n}\n");
}

int main(int argc, char **argv) {
    static const char *const hosts[] = {"localhost"};
    CM_AUTOFREE struct run *r = cm_new(1, sizeof(*r));
    struct bench b;
    struct cm_err err;

    if (argc < 4) {
        (void)fprintf(stderr, "usage: bench.compression EMPTY_FOLDER MANIFESTS MANIFESTS...\n");
        return 2;
    }
    must(hub_authority_open(argv[1], hosts, 1, &r->authority, &err), &err);
    bench_init(&b, 0, NULL);
    r->desired = load(&b, argv + 2, argc - 2);
    run_all(r);
    print(r);
    for (size_t i = 0; i < r->desired->pair_count; i++) {
        hub_bundle_unref(r->bundles[i]);
        hub_bundle_unref(r->whole[i]);
    }
    free(r->bundles);
    free(r->whole);
    hub_authority_free(r->authority);
    bench_done(&b);
    return 0;
}
