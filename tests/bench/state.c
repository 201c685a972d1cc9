// bench.state: what the state repository costs.
//
// A database with the Apps of many clusters is written to a new repository; then one release
// changes all of them in the same way, then each in another way; then agents report all as applied;
// then changes come as they do all day, 200 clusters a window of two seconds. All of it is told as
// changes of the past, too. One JSON object comes out: milliseconds from the first row read to the
// references moved, commits, bytes on disk.
//
//     bench.state [CLUSTERS [OBJECTS [WINDOWS]]]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/state_pass.h"
#include "hub/render/bundle.h"
#include "hub/repo/source.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "hub/store/past.h"
#include "hub/store/past_lines.h"
#include "hub/store/status.h"
#include "hub/store/unwritten.h"

#define OBJECT_TEXT                                                                                \
    "{\n  \"apiVersion\": \"apps/v1\",\n  \"kind\": \"Deployment\",\n  \"metadata\": {\n"          \
    "    \"labels\": {\n      \"app.kubernetes.io/name\": \"part-%zu\",\n"                         \
    "      \"release\": \"%s\"\n    },\n    \"name\": \"part-%zu\",\n    \"namespace\": "          \
    "\"shop\"\n"                                                                                   \
    "  },\n  \"spec\": {\n    \"replicas\": 3,\n    \"selector\": {\n      \"matchLabels\": {\n"   \
    "        \"app\": \"part-%zu\"\n      }\n    },\n    \"template\": {\n      \"metadata\": {\n" \
    "        \"labels\": {\n          \"app\": \"part-%zu\"\n        }\n      },\n"                \
    "      \"spec\": {\n        \"containers\": [\n          {\n            \"env\": [\n"          \
    "              {\n                \"name\": \"CLUSTER\",\n                \"value\": \"%s\"\n" \
    "              }\n            ],\n            \"image\": \"registry.example/part-%zu:%s\",\n"  \
    "            \"name\": \"main\"\n          }\n        ]\n      }\n    }\n  }\n}\n"

struct bench {
    size_t clusters;
    size_t objects;
    size_t windows;
    char folder[64];
    char *db_path;
    char *repo;
    struct hub_db *db;
    struct hub_state_pass *pass;
    struct hub_state_done done;
    struct cm_err err;
    size_t commits;
    uint64_t content; // bytes of objects' texts that became desired
};

static void must(enum cm_rc rc, const struct bench *b) {
    if (rc < 0) {
        (void)fprintf(stderr, "bench.state: %s\n", b->err.msg);
        exit(1);
    }
}

// ---- What is in force

static struct hub_bundle *make_bundle(struct bench *b, const char *release, const char *value) {
    struct hub_object *objects = cm_new(b->objects, sizeof(*objects));
    struct hub_bundle_spec spec = {.app = "shop",
                                   .namespace = "shop",
                                   .health = {.rules = ""},
                                   .account = "",
                                   .objects = objects,
                                   .object_count = b->objects};

    for (size_t i = 0; i < b->objects; i++) {
        CM_AUTOFREE char *text = cm_strf(OBJECT_TEXT, i, release, i, i, i, value, i, release);

        objects[i].key = cm_strf("Deployment.apps/shop/part-%04zu", i);
        objects[i].bytes = cm_buf_copy(text, strlen(text));
        objects[i].sha256 = cm_sha256(text, strlen(text));
        b->content += strlen(text);
        must(hub_desired_put_blob(b->db, &objects[i].sha256, text, strlen(text), &b->err), b);
    }
    struct hub_bundle *bundle = hub_bundle_new(&spec);
    must(hub_desired_put_blob(b->db, &bundle->sha256, bundle->bytes->data, bundle->bytes->size,
                              &b->err),
         b);
    for (size_t i = 0; i < b->objects; i++) {
        free((char *)(uintptr_t)objects[i].key);
        cm_buf_unref(objects[i].bytes);
    }
    free(objects);
    return bundle;
}

// The index of the past takes all of it in, too, and each change becomes a line.
static void note_change(struct bench *b, const char *cluster, enum hub_past_axis axis,
                        int64_t value) {
    int64_t now_ms = cm_clock_unix_ms();

    must(hub_past_note(b->db,
                       &(struct hub_past_change){.app = axis == HUB_PAST_SEEN ? "" : "shop",
                                                 .axis = axis,
                                                 .cluster = cluster,
                                                 .value = value,
                                                 .at_ms = now_ms,
                                                 .seen_ms = now_ms},
                       &b->err),
         b);
}

static int64_t value_of(struct bench *b, const struct hub_bundle *bundle, const char *release) {
    const struct hub_past_bundle what = {
        .app = "shop", .bundle = bundle->sha256, .revision = release, .repo = "fleet"};
    int64_t value = 0;
    bool made = false;

    must(hub_past_value(b->db, &what, &value, &made, &b->err), b);
    return value;
}

static void put_pair(struct bench *b, size_t cluster, const struct hub_bundle *bundle,
                     const char *release) {
    CM_AUTOFREE char *name = cm_strf("c%05zu", cluster);
    struct hub_pair_row row = {.cluster = name,
                               .app = "shop",
                               .bundle = bundle->sha256,
                               .repo = "fleet",
                               .revision = release};

    must(hub_desired_put_pair(b->db, &row, &b->err), b);
    note_change(b, name, HUB_PAST_DESIRED, value_of(b, bundle, release));
}

static void release_same(struct bench *b, const char *release) {
    must(hub_db_begin(b->db, &b->err), b);
    struct hub_bundle *bundle = make_bundle(b, release, "all");
    for (size_t i = 0; i < b->clusters; i++) {
        put_pair(b, i, bundle, release);
    }
    hub_bundle_unref(bundle);
    must(hub_db_commit(b->db, &b->err), b);
}

static void release_each(struct bench *b, size_t from, size_t count, const char *release) {
    must(hub_db_begin(b->db, &b->err), b);
    for (size_t i = from; i < from + count; i++) {
        CM_AUTOFREE char *value = cm_strf("c%05zu", i % b->clusters);
        struct hub_bundle *bundle = make_bundle(b, release, value);

        put_pair(b, i % b->clusters, bundle, release);
        hub_bundle_unref(bundle);
    }
    must(hub_db_commit(b->db, &b->err), b);
}

// ---- What is reported

static void report(struct bench *b, size_t cluster, const struct hub_bundle *bundle,
                   const char *release) {
    CM_AUTOFREE char *name = cm_strf("c%05zu", cluster);
    struct hub_status_row row = {.cluster = name,
                                 .app = "shop",
                                 .bundle = bundle->sha256,
                                 .revision = release,
                                 .message = "",
                                 .health_message = ""};

    must(hub_status_put(b->db, &row, &b->err), b);
    note_change(b, name, HUB_PAST_ACTUAL, value_of(b, bundle, release));
    note_change(b, name, HUB_PAST_VERDICT, HUB_VERDICT_HEALTHY);
    for (size_t i = 0; i < bundle->spec.object_count; i++) {
        const struct hub_object *o = &bundle->spec.objects[i];
        struct hub_object_row object = {.cluster = name,
                                        .app = "shop",
                                        .key = o->key,
                                        .sha256 = o->sha256.bytes,
                                        .sha256_size = sizeof(o->sha256.bytes),
                                        .health = 2,
                                        .message = ""};

        must(hub_objects_put(b->db, &object, &b->err), b);
    }
}

static void report_all(struct bench *b, const char *release) {
    must(hub_db_begin(b->db, &b->err), b);
    for (size_t i = 0; i < b->clusters; i++) {
        CM_AUTOFREE char *value = cm_strf("c%05zu", i);
        struct hub_bundle *bundle = make_bundle(b, release, value);

        report(b, i, bundle, release);
        hub_bundle_unref(bundle);
    }
    must(hub_db_commit(b->db, &b->err), b);
}

// ---- Passes

static void note(struct bench *b) {
    if (b->done.fresh) {
        must(hub_unwritten_add_all(b->db, &b->err), b);
    }
    must(hub_unwritten_remove(b->db, HUB_UNWRITTEN_DESIRED, b->done.desired_written, &b->err), b);
    must(hub_unwritten_remove(b->db, HUB_UNWRITTEN_ACTUAL, b->done.actual_written, &b->err), b);
    must(hub_past_lines_written(b->db, b->done.changes_written, b->done.changes_listed, &b->err),
         b);
    must(b->done.wants_changes ? hub_past_lines_want(b->db, true, &b->err) : CM_OK, b);
    b->commits += b->done.commits;
}

struct spent {
    int64_t ms;
    int64_t cpu_ms; // of this process: on a busy machine the better number
};

static int64_t cpu_now_ms(void) {
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// write_all makes passes until all is written, and tells what these took.
static struct spent write_all(struct bench *b) {
    struct spent spent = {0};

    do {
        int64_t began_ms = cm_clock_now_ms();
        int64_t cpu_ms = cpu_now_ms();

        must(hub_state_pass_run(b->pass, &b->done, &b->err), b);
        spent.ms += cm_clock_now_ms() - began_ms;
        spent.cpu_ms += cpu_now_ms() - cpu_ms;
        note(b);
    } while (b->done.more || b->done.fresh || b->done.wants_changes);
    return spent;
}

struct day {
    struct spent all;
    int64_t worst_ms;
    uint64_t bytes;
    uint64_t content; // of objects' texts
};

static struct day go_on(struct bench *b) {
    struct day day = {.bytes = b->done.bytes, .content = b->content};

    for (size_t i = 0; i < b->windows; i++) {
        CM_AUTOFREE char *release = cm_strf("w%zu", i);

        release_each(b, i * 200, 200, release);
        struct spent spent = write_all(b);

        day.all.ms += spent.ms;
        day.all.cpu_ms += spent.cpu_ms;
        day.worst_ms = spent.ms > day.worst_ms ? spent.ms : day.worst_ms;
    }
    day.bytes = b->done.bytes - day.bytes;
    day.content = b->content - day.content;
    return day;
}

static void begin(struct bench *b) {
    static const uint8_t key[32] = {1};

    (void)snprintf(b->folder, sizeof(b->folder), "/tmp/holdfast-bench-XXXXXX");
    if (mkdtemp(b->folder) == NULL) {
        perror("bench.state");
        exit(1);
    }
    b->db_path = cm_strf("%s/hub.db", b->folder);
    b->repo = cm_strf("%s/state.git", b->folder);
    must(hub_db_open(b->db_path, HUB_DB_WRITER, &b->db, &b->err), b);
    b->pass = hub_state_pass_new(&(struct hub_state_pass_config){.folder = b->repo,
                                                                 .db_path = b->db_path,
                                                                 .hub_id = "bench",
                                                                 .epoch = 1,
                                                                 .value_key = key,
                                                                 .cancel_fd = -1});
}

static void end(struct bench *b) {
    hub_state_pass_free(b->pass);
    hub_db_close(b->db);
    if (getenv("HOLDFAST_KEEP") == NULL) {
        must(cm_fsys_remove_tree(b->folder, &b->err), b);
    }
    free(b->db_path);
    free(b->repo);
}

static size_t number(int argc, char **argv, int at, size_t otherwise) {
    return argc > at ? strtoul(argv[at], NULL, 10) : otherwise;
}

static void tell(const char *what, struct spent spent) {
    (void)printf("\"%s\": {\"ms\": %lld, \"cpu_ms\": %lld}, ", what, (long long)spent.ms,
                 (long long)spent.cpu_ms);
}

static void run(struct bench *b) {
    (void)printf("{\"clusters\": %zu, \"objects\": %zu, ", b->clusters, b->objects);
    release_same(b, "v1");
    tell("first", write_all(b));
    release_same(b, "v2");
    tell("one release", write_all(b));
    release_each(b, 0, b->clusters, "v3");
    tell("all different", write_all(b));
    report_all(b, "v3");
    tell("actual", write_all(b));
    (void)printf("\"bytes\": %llu, ", (unsigned long long)b->done.bytes);
    struct day day = go_on(b);
    tell("windows", day.all);
    (void)printf("\"window_count\": %zu, \"worst_window_ms\": %lld, \"bytes_of_windows\": %llu, "
                 "\"content_of_windows\": %llu, ",
                 b->windows, (long long)day.worst_ms, (unsigned long long)day.bytes,
                 (unsigned long long)day.content);
}

int main(int argc, char **argv) {
    struct bench b = {0};
    struct rusage used;

    hub_repo_child_main(argc, argv);
    b.clusters = number(argc, argv, 1, 10000);
    b.objects = number(argc, argv, 2, 20);
    b.windows = number(argc, argv, 3, 60);
    begin(&b);
    run(&b);
    (void)getrusage(RUSAGE_SELF, &used);
    (void)printf("\"commits\": %zu, \"rss_kib\": %ld}\n", b.commits, used.ru_maxrss);
    end(&b);
    return 0;
}
