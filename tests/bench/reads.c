// reads: the processor time of what a screen asks the API for, with a large fleet in the database.
//
// 10,000 clusters, each with the same Apps, which are as the hub writes them. Asked are the first
// page of the fleet, one App folded over all clusters, the list of Apps and the summary: with all
// clusters healthy, and while a commit is on its way, when a third has it, a third applies it, a
// third does not know of it, and one in a hundred fails. Also what one commit that changes all
// pairs of an App costs whoever writes. Medians of the thread's own processor time, in
// microseconds.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "hub/store/query.h"
#include "hub/store/query_details.h"
#include "hub/store/status.h"

#define APPS 5
#define ASKED 31 // times each

enum { APPLYING = 2, APPLIED = 3, FAILED = 4, PROGRESSING = 1, HEALTHY = 2 };

struct bench {
    struct hub_db *db;
    unsigned clusters;
    int64_t generation;
};

static void check(enum cm_rc rc, const struct cm_err *err) {
    if (rc < 0) {
        (void)fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

static int64_t now_us(void) {
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

// ---- The fleet

static const char *cluster_name(unsigned i) {
    static char name[16];

    (void)snprintf(name, sizeof(name), "c%05u", i);
    return name;
}

static void put_clusters(struct bench *b) {
    struct cm_err err;

    for (unsigned i = 0; i < b->clusters; i++) {
        const char *name = cluster_name(i);
        struct hub_presence_row row = {.cluster = name,
                                       .connected = i % 50 != 7,
                                       .seen_ms = 5,
                                       .version = "1",
                                       .driver = "sim",
                                       .target = "v1",
                                       .address = "127.0.0.1:1"};

        check(hub_db_run(b->db, &err,
                         "INSERT INTO cluster VALUES (?1, '{\"env\":\"prod\",\"region\":\"eu\"}',"
                         " 0, 'fleet', 'clusters/' || ?1 || '.yaml')",
                         "t", name),
              &err);
        check(hub_db_run(b->db, &err,
                         "INSERT INTO agent (id, cluster, state, key_sha256, enrolled_ms)"
                         " VALUES ('id-' || ?1, ?1, 'active', x'01', 1)",
                         "t", name),
              &err);
        check(hub_presence_put(b->db, &row, &err), &err);
    }
}

static struct cm_sha256 bundle_of(const struct bench *b, unsigned app) {
    struct cm_sha256 sha256 = {{0}};

    sha256.bytes[0] = (uint8_t)app;
    sha256.bytes[1] = (uint8_t)b->generation;
    return sha256;
}

static void put_pair(struct bench *b, unsigned app, unsigned i) {
    char name[16];
    char revision[41];
    struct cm_err err;

    (void)snprintf(name, sizeof(name), "app-%02u", app);
    (void)snprintf(revision, sizeof(revision), "%040lld", (long long)b->generation);
    struct hub_pair_row row = {.cluster = cluster_name(i),
                               .app = name,
                               .bundle = bundle_of(b, app),
                               .repo = "fleet",
                               .revision = revision,
                               .generation = (uint64_t)b->generation,
                               .objects = 3};
    check(hub_desired_put_pair(b->db, &row, &err), &err);
}

static void put_status(struct bench *b, unsigned app, unsigned i, int applied, int health) {
    char name[16];
    struct cm_err err;

    (void)snprintf(name, sizeof(name), "app-%02u", app);
    struct hub_status_row row = {
        .cluster = cluster_name(i),
        .app = name,
        .bundle = bundle_of(b, app),
        .revision = "r",
        .applied = applied,
        .message = applied == FAILED ? "ConfigMap/shop/web: no room on the disk" : "",
        .health = health,
        .health_message =
            health == HEALTHY ? "" : "Deployment/shop/web: 1 of 3 replicas are available",
        .objects = 3,
        .at_ms = 9};
    check(hub_status_put(b->db, &row, &err), &err);
}

static void put_app(struct bench *b, unsigned app) {
    char name[16];
    struct cm_err err;

    (void)snprintf(name, sizeof(name), "app-%02u", app);
    check(hub_db_run(b->db, &err,
                     "INSERT INTO app VALUES (?1, 'fleet', 'apps/web', 'web', 'correct', 1, 0,"
                     " '[]', 0, 0, '', 0)",
                     "t", name),
          &err);
    for (unsigned i = 0; i < b->clusters; i++) {
        put_pair(b, app, i);
        put_status(b, app, i, APPLIED, HEALTHY);
    }
}

static void put_fleet(struct bench *b) {
    struct cm_err err;

    check(hub_db_begin(b->db, &err), &err);
    put_clusters(b);
    for (unsigned app = 0; app < APPS; app++) {
        put_app(b, app);
    }
    check(hub_db_commit(b->db, &err), &err);
}

// ---- A commit that changes an App everywhere, and how far it is

static void put_commit(struct bench *b) {
    struct cm_err err;

    b->generation++;
    check(hub_db_begin(b->db, &err), &err);
    for (unsigned i = 0; i < b->clusters; i++) {
        put_pair(b, 0, i);
    }
    check(hub_db_commit(b->db, &err), &err);
}

static void put_reports(struct bench *b, bool all) {
    struct cm_err err;

    check(hub_db_begin(b->db, &err), &err);
    for (unsigned i = 0; i < b->clusters; i++) {
        if (!all && i % 100 == 50) {
            put_status(b, 0, i, FAILED, PROGRESSING);
        } else if (all || i % 3 == 0) {
            put_status(b, 0, i, APPLIED, HEALTHY);
        } else if (i % 3 == 1) {
            put_status(b, 0, i, APPLYING, PROGRESSING);
        }
    }
    check(hub_db_commit(b->db, &err), &err);
}

static void print_write(struct bench *b, const char *what, void (*write)(struct bench *b)) {
    int64_t began_us = now_us();

    write(b);
    (void)printf(",\n  \"%s, each\": {\"us\": %.1f}", what,
                 (double)(now_us() - began_us) / b->clusters);
}

static void put_last_reports(struct bench *b) {
    put_reports(b, true);
}

// ---- Questions

typedef enum cm_rc (*ask_fn)(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                             struct cm_err *err);

static enum cm_rc ask_page(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                           struct cm_err *err) {
    struct hub_query query = {.list = "clusters", .params = {{"limit", "500"}}, .param_count = 1};

    return hub_query_run(db, a, &query, out, err);
}

static enum cm_rc ask_apps(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                           struct cm_err *err) {
    struct hub_query query = {.list = "apps"};

    return hub_query_run(db, a, &query, out, err);
}

static enum cm_rc ask_app(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                          struct cm_err *err) {
    const char *const names[HUB_DETAIL_NAMES_MAX] = {"app-00"};

    return hub_query_detail(db, a, hub_detail_find("apps"), names, out, err);
}

static enum cm_rc ask_rollout(struct hub_db *db, struct cm_arena *a, struct cm_json **out,
                              struct cm_err *err) {
    struct hub_query query = {.list = "rollout", .params = {{"app", "app-00"}}, .param_count = 1};

    return hub_query_rollout(db, a, &query, out, err);
}

static int by_size(const void *left, const void *right) {
    const int64_t *a = left;
    const int64_t *b = right;

    return *a < *b ? -1 : *a > *b;
}

static void measure(struct bench *b, const char *when, const char *what, ask_fn ask) {
    int64_t took[ASKED];
    size_t bytes = 0;

    for (size_t i = 0; i < ASKED; i++) {
        CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
        CM_CLEANUP(cm_str_done) struct cm_str text = {0};
        struct cm_json *json = NULL;
        struct cm_err err;
        int64_t began_us = now_us();

        check(ask(b->db, a, &json, &err), &err);
        cm_json_write_compact(json, &text);
        took[i] = now_us() - began_us;
        bytes = text.len;
    }
    qsort(took, ASKED, sizeof(took[0]), by_size);
    (void)printf(",\n  \"%s, %s\": {\"median_us\": %lld, \"bytes\": %zu}", what, when,
                 (long long)took[ASKED / 2], bytes);
}

static void ask_all(struct bench *b, const char *when) {
    measure(b, when, "first page of clusters", ask_page);
    measure(b, when, "an App on all clusters", ask_app);
    measure(b, when, "all Apps", ask_apps);
    measure(b, when, "how far an App is", ask_rollout);
    measure(b, when, "summary", hub_query_summary);
}

static void put_first_reports(struct bench *b) {
    put_reports(b, false);
}

int main(int argc, char **argv) {
    struct bench b = {.clusters = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000};
    char path[] = "/tmp/holdfast-bench-reads-XXXXXX";
    struct cm_err err;
    int fd = mkstemp(path);

    check(hub_db_open(path, HUB_DB_WRITER, &b.db, &err), &err);
    put_fleet(&b);
    (void)printf("{\n  \"bench\": \"reads\", \"clusters\": %u, \"apps\": %u", b.clusters, APPS);
    ask_all(&b, "at rest");
    print_write(&b, "a commit that changes an App everywhere", put_commit);
    print_write(&b, "a report of two in three", put_first_reports);
    ask_all(&b, "during a commit");
    print_write(&b, "a report", put_last_reports);
    (void)printf("\n}\n");
    hub_db_close(b.db);
    (void)close(fd);
    (void)unlink(path);
    return 0;
}
