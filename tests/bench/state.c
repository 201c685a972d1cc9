// bench.state: what the state repository costs.
//
// A database with the Apps of many clusters is written to a new repository; then one release
// changes all of them in the same way, then each in another way; then agents report all as applied.
// Then comes the hour: windows of two seconds with 200 changes each, one object on one cluster that
// is released and reported, as quickly as they go, with the turn of a month in the middle of them.
// All of it is told as changes of the past, too. One JSON object comes out: milliseconds from the
// first row read to the references moved, commits, bytes on disk without packs that were replaced.
//
//     bench.state [CLUSTERS [OBJECTS [WINDOWS]]]      1800 windows are an hour
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/jobs/state_pass.h"
#include "hub/render/bundle.h"
#include "hub/repo/packs.h"
#include "hub/repo/source.h"
#include "hub/repo/state.h"
#include "hub/store/db.h"
#include "hub/store/desired.h"
#include "hub/store/events.h"
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

#define CHANGES 200 // of a window
#define WINDOW_MS 2000
#define NO_ROUND SIZE_MAX

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
    int64_t now_ms;      // Unix time, as it is set
    uint64_t content;    // bytes of the texts that changed in windows
    uint64_t compressed; // the same, each deflated by itself
};

static void must(enum cm_rc rc, const struct bench *b) {
    if (rc < 0) {
        (void)fprintf(stderr, "bench.state: %s\n", b->err.msg);
        exit(1);
    }
}

// ---- What is in force

// An App as it is on a cluster. In each round one object of it changes, one after the other.
struct app {
    const char *release;
    const char *value; // what sets it apart from others; "all": nothing
    size_t round;
};

// release_of tells when an object of it changed last.
static char *release_of(const struct bench *b, const struct app *app, size_t object) {
    size_t ago = (app->round + b->objects - object % b->objects) % b->objects;

    return app->round == NO_ROUND || ago > app->round
               ? cm_strdup(app->release)
               : cm_strf("1.%zu.0-%08x", app->round - ago,
                         (unsigned)crc32(app->round - ago, (const Bytef *)app->value, 6));
}

static char *text_of(const struct bench *b, const struct app *app, size_t i) {
    CM_AUTOFREE char *release = release_of(b, app, i);

    return cm_strf(OBJECT_TEXT, i, release, i, i, i, app->value, i, release);
}

static void count_content(struct bench *b, const struct app *app) {
    CM_AUTOFREE char *text = text_of(b, app, app->round % b->objects);
    Bytef out[2048];
    uLongf size = sizeof(out);

    if (compress(out, &size, (const Bytef *)text, strlen(text)) != Z_OK) {
        abort();
    }
    b->content += strlen(text);
    b->compressed += size;
}

static struct hub_bundle *make_bundle(struct bench *b, const struct app *app) {
    struct hub_object *objects = cm_new(b->objects, sizeof(*objects));
    struct hub_bundle_spec spec = {.app = "shop",
                                   .namespace = "shop",
                                   .health = {.rules = ""},
                                   .account = "",
                                   .objects = objects,
                                   .object_count = b->objects};

    for (size_t i = 0; i < b->objects; i++) {
        CM_AUTOFREE char *text = text_of(b, app, i);

        objects[i].key = cm_strf("Deployment.apps/shop/part-%04zu", i);
        objects[i].bytes = cm_buf_copy(text, strlen(text));
        objects[i].sha256 = cm_sha256(text, strlen(text));
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
    struct hub_bundle *bundle = make_bundle(b, &(struct app){release, "all", NO_ROUND});
    for (size_t i = 0; i < b->clusters; i++) {
        put_pair(b, i, bundle, release);
    }
    hub_bundle_unref(bundle);
    must(hub_db_commit(b->db, &b->err), b);
}

static void release_each(struct bench *b, const char *release) {
    must(hub_db_begin(b->db, &b->err), b);
    for (size_t i = 0; i < b->clusters; i++) {
        CM_AUTOFREE char *value = cm_strf("c%05zu", i);
        struct hub_bundle *bundle = make_bundle(b, &(struct app){release, value, NO_ROUND});

        put_pair(b, i, bundle, release);
        hub_bundle_unref(bundle);
    }
    must(hub_db_commit(b->db, &b->err), b);
}

// ---- What is reported

static void report_object(struct bench *b, const char *cluster, const struct hub_object *o) {
    struct hub_object_row object = {.cluster = cluster,
                                    .app = "shop",
                                    .key = o->key,
                                    .sha256 = o->sha256.bytes,
                                    .sha256_size = sizeof(o->sha256.bytes),
                                    .health = 2,
                                    .message = ""};

    must(hub_objects_put(b->db, &object, &b->err), b);
}

static void report(struct bench *b, size_t cluster, const struct hub_bundle *bundle,
                   const char *release, size_t round) {
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
        if (round == NO_ROUND || round % bundle->spec.object_count == i) {
            report_object(b, name, &bundle->spec.objects[i]);
        }
    }
}

static void report_all(struct bench *b, const char *release) {
    must(hub_db_begin(b->db, &b->err), b);
    for (size_t i = 0; i < b->clusters; i++) {
        CM_AUTOFREE char *value = cm_strf("c%05zu", i);
        struct hub_bundle *bundle = make_bundle(b, &(struct app){release, value, NO_ROUND});

        report(b, i, bundle, release, NO_ROUND);
        hub_bundle_unref(bundle);
    }
    must(hub_db_commit(b->db, &b->err), b);
}

// One object of an App changes on each of the next clusters, and is reported as applied.
static void change(struct bench *b, size_t window) {
    must(hub_db_begin(b->db, &b->err), b);
    for (size_t i = window * CHANGES; i < (window + 1) * CHANGES; i++) {
        CM_AUTOFREE char *value = cm_strf("c%05zu", i % b->clusters);
        CM_AUTOFREE char *release = cm_strf("%040zx", i / b->clusters + 1);
        const struct app app = {"v3", value, i / b->clusters};
        struct hub_bundle *bundle = make_bundle(b, &app);

        put_pair(b, i % b->clusters, bundle, release);
        report(b, i % b->clusters, bundle, release, app.round);
        count_content(b, &app);
        hub_bundle_unref(bundle);
    }
    must(hub_db_commit(b->db, &b->err), b);
}

// ---- Passes

static void note(struct bench *b) {
    if (b->done.fresh) {
        must(hub_unwritten_add_all(b->db, &b->err), b);
    }
    const struct hub_unwritten_due desired = {HUB_UNWRITTEN_DESIRED, b->done.now_ms};
    const struct hub_unwritten_due actual = {HUB_UNWRITTEN_ACTUAL, b->done.now_ms};
    must(hub_unwritten_remove(b->db, &desired, b->done.desired_written, &b->err), b);
    must(hub_unwritten_remove(b->db, &actual, b->done.actual_written, &b->err), b);
    must(hub_past_lines_written(b->db, b->done.changes_written, b->done.changes_listed, &b->err),
         b);
    must(b->done.wants_changes ? hub_past_lines_want(b->db, true, &b->err) : CM_OK, b);
    b->commits += b->done.commits;
}

struct spent {
    int64_t ms;
    int64_t cpu_ms; // of this process and its children: on a busy machine the better number
};

static int64_t ms_of(const struct timeval *t) {
    return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

static int64_t cpu_of(int who) {
    struct rusage used;

    (void)getrusage(who, &used);
    return ms_of(&used.ru_utime) + ms_of(&used.ru_stime);
}

// The program's clocks stand still.
static struct spent now(void) {
    struct timespec at;

    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (struct spent){(int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000,
                          cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN)};
}

// write_all makes passes until all is written, and tells what these took.
static struct spent write_all(struct bench *b) {
    struct spent spent = {0};

    do {
        struct spent before = now();
        must(hub_state_pass_run(b->pass, &b->done, &b->err), b);
        struct spent after = now();
        spent.ms += after.ms - before.ms;
        spent.cpu_ms += after.cpu_ms - before.cpu_ms;
        note(b);
    } while (b->done.more || b->done.fresh || b->done.wants_changes);
    return spent;
}

static uint64_t size_of(const char *path) {
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

// at_rest tells the size of packs and of their indexes, without those that were replaced.
static uint64_t at_rest(const struct bench *b) {
    struct hub_packs packs;
    uint64_t size = 0;

    hub_packs_list(b->repo, &packs);
    for (size_t i = 0; i < packs.count; i++) {
        CM_AUTOFREE char *index = cm_strf("%s.idx", packs.items[i].stem);

        size += packs.items[i].retired ? 0 : packs.items[i].size + size_of(index);
    }
    hub_packs_done(&packs);
    return size;
}

static void set_clock(struct bench *b, int64_t unix_ms) {
    b->now_ms = unix_ms;
    cm_clock_fake(unix_ms);
}

// next_month tells when it begins.
static int64_t next_month(int64_t unix_ms) {
    char text[CM_CLOCK_TEXT_MAX];
    char month[HUB_STATE_MONTH_MAX];
    int64_t at_ms = 0;

    hub_state_month_back(unix_ms, -1, month);
    (void)snprintf(text, sizeof(text), "%s-01T00:00:00Z", month);
    return cm_clock_parse(text, &at_ms) ? at_ms : 0;
}

// ---- A month begins

// Somebody who writes meanwhile, one transaction after the other.
struct other {
    struct bench *bench;
    struct cm_err err;
    atomic_bool stop;
    size_t count;
    int64_t worst_ms;
};

static void *write_meanwhile(void *ctx) {
    struct other *o = ctx;
    const struct hub_event event = {
        .at_ms = o->bench->now_ms, .kind = "bench", .actor = "bench", .message = "meanwhile"};

    while (!o->stop) {
        int64_t began_ms = now().ms;
        enum cm_rc rc = hub_db_begin(o->bench->db, &o->err);

        rc = rc < 0 ? rc : hub_events_add(o->bench->db, &event, &o->err);
        rc = rc < 0 ? rc : hub_db_commit(o->bench->db, &o->err);
        if (rc < 0) {
            (void)fprintf(stderr, "bench.state: %s\n", o->err.msg);
            exit(1);
        }
        o->count++;
        int64_t ms = now().ms - began_ms;
        o->worst_ms = ms > o->worst_ms ? ms : o->worst_ms;
    }
    return NULL;
}

static void begin_month(struct bench *b) {
    struct other other = {.bench = b};
    CM_AUTOFREE char *wal = cm_strf("%s-wal", b->db_path);
    uint64_t bytes = at_rest(b);
    struct rusage used;
    pthread_t thread;

    (void)getrusage(RUSAGE_SELF, &used);
    long rss = used.ru_maxrss;
    set_clock(b, next_month(b->now_ms));
    if (pthread_create(&thread, NULL, write_meanwhile, &other) != 0) {
        abort();
    }
    struct spent before = now();
    must(hub_state_pass_run(b->pass, &b->done, &b->err), b);
    struct spent after = now();
    other.stop = true;
    (void)pthread_join(thread, NULL);
    note(b);
    (void)getrusage(RUSAGE_SELF, &used);
    (void)printf("\"month\": {\"ms\": %lld, \"cpu_ms\": %lld, \"bytes\": %llu, \"rss_kib_more\": "
                 "%ld, \"written_meanwhile\": %zu, \"slowest_write_ms\": %lld, \"wal_bytes\": "
                 "%llu}, ",
                 (long long)(after.ms - before.ms), (long long)(after.cpu_ms - before.cpu_ms),
                 (unsigned long long)(at_rest(b) - bytes), used.ru_maxrss - rss, other.count,
                 (long long)other.worst_ms, (unsigned long long)size_of(wal));
}

// ---- All

struct day {
    struct spent all;
    int64_t worst_ms;
    uint64_t bytes;
};

static void go_on(struct bench *b, struct day *day, size_t from, size_t to) {
    uint64_t bytes = at_rest(b);

    for (size_t i = from; i < to; i++) {
        set_clock(b, b->now_ms + WINDOW_MS);
        change(b, i);
        struct spent spent = write_all(b);

        day->all.ms += spent.ms;
        day->all.cpu_ms += spent.cpu_ms;
        day->worst_ms = spent.ms > day->worst_ms ? spent.ms : day->worst_ms;
    }
    day->bytes += at_rest(b) - bytes;
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
    set_clock(b, next_month(cm_clock_unix_ms()) + (int64_t)3600 * 1000);
    must(hub_db_open(b->db_path, HUB_DB_WRITER, &b->db, &b->err), b);
    b->pass = hub_state_pass_new(&(struct hub_state_pass_config){.folder = b->repo,
                                                                 .db_path = b->db_path,
                                                                 .hub_id = "bench",
                                                                 .epoch = 1,
                                                                 .value_key = key,
                                                                 .keep_months = 12,
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
    CM_AUTOFREE char *wal = cm_strf("%s-wal", b->db_path);
    struct day day = {0};

    (void)printf("{\"clusters\": %zu, \"objects\": %zu, ", b->clusters, b->objects);
    release_same(b, "v1");
    tell("first", write_all(b));
    release_same(b, "v2");
    tell("one release", write_all(b));
    release_each(b, "v3");
    tell("all different", write_all(b));
    report_all(b, "v3");
    tell("actual", write_all(b));
    (void)printf("\"bytes\": %llu, ", (unsigned long long)at_rest(b));
    go_on(b, &day, 0, b->windows / 2);
    begin_month(b);
    go_on(b, &day, b->windows / 2, b->windows);
    tell("windows", day.all);
    (void)printf("\"changes\": %zu, \"worst_window_ms\": %lld, \"bytes_of_windows\": %llu, "
                 "\"content_of_windows\": %llu, \"compressed_content\": %llu, ",
                 b->windows * CHANGES, (long long)day.worst_ms, (unsigned long long)day.bytes,
                 (unsigned long long)b->content, (unsigned long long)b->compressed);
    (void)printf("\"wal_bytes\": %llu, ", (unsigned long long)size_of(wal));
}

int main(int argc, char **argv) {
    struct bench b = {0};
    struct rusage used;
    struct rusage children;

    hub_repo_child_main(argc, argv);
    b.clusters = number(argc, argv, 1, 10000);
    b.objects = number(argc, argv, 2, 20);
    b.windows = number(argc, argv, 3, 60);
    begin(&b);
    run(&b);
    (void)getrusage(RUSAGE_SELF, &used);
    (void)getrusage(RUSAGE_CHILDREN, &children);
    (void)printf("\"commits\": %zu, \"rss_kib\": %ld, \"child_rss_kib\": %ld}\n", b.commits,
                 used.ru_maxrss, children.ru_maxrss);
    end(&b);
    return 0;
}
