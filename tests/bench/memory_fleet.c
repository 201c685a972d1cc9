#include "tests/bench/memory_fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buf.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/digest.h"

double now_ms(void) {
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void free_blob(void *p) {
    cm_buf_unref(p);
}

void put(struct bench *b, char *path, char *content) {
    struct cm_sha256 hash = cm_sha256(content, strlen(content));

    if (b->count == b->capacity) {
        b->capacity = b->capacity == 0 ? 64 : b->capacity * 2;
        b->changes = cm_resize(b->changes, b->capacity * sizeof(*b->changes));
    }
    struct hub_fleet_change *change = &b->changes[b->count++];
    *change = (struct hub_fleet_change){.path = path};
    memcpy(change->oid, hash.bytes, HUB_OID_SIZE);
    CM_AUTOFREE char *name = cm_hex(change->oid, HUB_OID_SIZE);
    cm_map_put(b->blobs, name, cm_buf_copy(content, strlen(content)));
    free(content);
}

void take_away(struct bench *b, char *path) {
    put(b, path, cm_strdup(""));
    b->changes[b->count - 1].removed = true;
}

static enum cm_rc read_blob(void *ctx, const char *repo, const uint8_t oid[HUB_OID_SIZE],
                            size_t max_bytes, struct cm_buf **out, struct cm_err *err) {
    struct bench *b = ctx;
    CM_AUTOFREE char *name = cm_hex(oid, HUB_OID_SIZE);
    struct cm_buf *blob = cm_map_get(b->blobs, name);

    (void)repo;
    if (blob == NULL || blob->size > max_bytes) {
        return cm_fail(err, CM_EIO, "no such blob");
    }
    *out = cm_buf_ref(blob);
    return CM_OK;
}

struct sample commit(struct bench *b, bool complete) {
    struct hub_fleet_reader reader = {.read = read_blob, .ctx = b};
    CM_AUTOFREE char *revision = cm_strf("%040u", ++b->commits);
    struct hub_fleet_commit commit = {.repo = "fleet",
                                      .revision = revision,
                                      .changes = b->changes,
                                      .change_count = b->count,
                                      .complete = complete};
    double start = now_ms();
    struct hub_fleet_result *result = hub_fleet_update(b->fleet, &commit, &reader);
    struct sample sample = {now_ms() - start, result->changed_count, result->rendered};

    hub_fleet_result_free(result);
    for (size_t i = 0; i < b->count; i++) {
        free((void *)(uintptr_t)b->changes[i].path);
    }
    b->count = 0;
    return sample;
}

// ---- The fleet

void put_cluster(struct bench *b, unsigned i, unsigned version, const char *ring) {
    static const char *const environments[] = {"dev", "staging", "production"};

    put(b, cm_strf("clusters/region-%u/cluster-%05u.yaml", i % 20, i),
        cm_strf("apiVersion: holdfast/v1alpha1\n"
                "kind: Cluster\n"
                "metadata:\n"
                "  name: cluster-%05u\n"
                "  labels:\n"
                "    env: %s\n"
                "    region: region-%u\n"
                "    site: site-%u\n"
                "    ring: %s\n"
                "spec:\n"
                "  values:\n"
                "    address: 10.%u.%u.1\n"
                "    replicas: %u\n"
                "    unused: %u\n",
                i, environments[i % 3], i % 20, i % 500, ring, i / 256, i % 256, 1 + i % 3,
                version));
}

void put_group(struct bench *b, unsigned i, unsigned version) {
    put(b, cm_strf("groups/group-%u.yaml", i),
        cm_strf("apiVersion: holdfast/v1alpha1\n"
                "kind: ClusterGroup\n"
                "metadata: {name: group-%u}\n"
                "spec:\n"
                "  clusterSelector: {matchLabels: {region: region-%u}}\n"
                "  clusters: [cluster-%05u]\n",
                i, i % 20, version));
}

void put_app(struct bench *b, unsigned i, unsigned version) {
    put(b, cm_strf("apps/app-%02u/app.yaml", i),
        cm_strf("apiVersion: holdfast/v1alpha1\n"
                "kind: App\n"
                "metadata: {name: app-%02u}\n"
                "spec:\n"
                "  namespace: app-%02u\n"
                "  values: {address: none, version: %u}\n"
                "  targets:\n"
                "    - clusterGroup: group-%u\n"
                "      doNotDeploy: false\n"
                "    - clusterSelector: {matchLabels: {site: site-%u}}\n"
                "      doNotDeploy: true\n"
                "    - clusterSelector: {}\n",
                i, i, version, i % GROUPS, 400 + i));
}

void put_manifest(struct bench *b, unsigned app, unsigned object, unsigned version) {
    const char *value = object != 0 ? "fixed" : app % 4 == 0 ? "${address}" : "${replicas}";

    put(b, cm_strf("apps/app-%02u/object-%u.yaml", app, object),
        cm_strf("apiVersion: apps/v1\n"
                "kind: Deployment\n"
                "metadata:\n"
                "  name: object-%u\n"
                "  labels: {app: app-%02u, version: v%u}\n"
                "spec:\n"
                "  replicas: 2\n"
                "  selector: {matchLabels: {app: object-%u}}\n"
                "  template:\n"
                "    metadata: {labels: {app: object-%u}}\n"
                "    spec:\n"
                "      containers:\n"
                "        - name: main\n"
                "          image: registry.example.com/app-%02u:1.%u\n"
                "          env:\n"
                "            - {name: VALUE, value: \"%s\"}\n"
                "          ports: [{name: http, containerPort: 8080}]\n"
                "          resources: {requests: {cpu: 100m, memory: 64Mi}}\n",
                object, app, version, object, object, app, version, value));
}

struct sample first_load(struct bench *b) {
    for (unsigned i = 0; i < b->clusters; i++) {
        put_cluster(b, i, 0, "a");
    }
    for (unsigned i = 0; i < GROUPS; i++) {
        put_group(b, i, 0);
    }
    for (unsigned i = 0; i < b->apps; i++) {
        put_app(b, i, 0);
        for (unsigned k = 0; k < OBJECTS; k++) {
            put_manifest(b, i, k, 0);
        }
    }
    return commit(b, true);
}

double resident_mib(void) {
    unsigned long size = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    if (file == NULL || fscanf(file, "%lu %lu", &size, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return (double)resident * 4096 / (1024 * 1024);
}

void bench_init(struct bench *b, int argc, char **argv) {
    static const uint8_t key[32] = "bench";

    *b = (struct bench){.clusters = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000,
                        .apps = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20,
                        .fleet = hub_fleet_new(key),
                        .blobs = cm_map_new(free_blob)};
}

void bench_done(struct bench *b) {
    hub_fleet_free(b->fleet);
    cm_map_free(b->blobs);
    free(b->changes);
}
