#include "hub/jobs/made.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/buf.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/map.h"
#include "common/mem.h"
#include "common/semver.h"
#include "common/str.h"
#include "common/yaml.h"
#include "hub/hold/exemption.h"
#include "hub/hold/hold.h"
#include "hub/hold/image.h"
#include "hub/render/bundle.h"
#include "hub/store/desired.h"

#define NAME_MAX_SHOWN 100
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789.-"

// ---- Holds

struct pinning {
    struct cm_arena *a;
    struct hub_db *db;
    const struct hub_pin_ask *ask;
    const char *at;        // now
    bool *found;           // of the clusters that are named
    struct cm_map *seen;   // bundles, by hash in hex: the Hold's name, "" where Git says so already
    struct hub_hold *hold; // the first one
    const char **clusters; // that it is for
    size_t count;
    size_t room;
    enum cm_rc rc;
    struct cm_err *err; // the visits' own
};

static struct cm_buf *find_blob(void *ctx, const struct cm_sha256 *name) {
    struct cm_buf *blob = NULL;
    struct cm_err ignored;

    return hub_desired_find_blob(ctx, name, &blob, &ignored) < 0 ? NULL : blob;
}

static enum cm_rc load_bundle(struct hub_db *db, const struct cm_sha256 *name,
                              struct hub_bundle **out, struct cm_err *err) {
    CM_CLEANUP(cm_buf_unrefp) struct cm_buf *bytes = NULL;
    enum cm_rc rc = hub_desired_find_blob(db, name, &bytes, err);

    return rc < 0 ? rc : hub_bundle_decode(bytes, find_blob, db, out, err);
}

// pin makes a Hold of what Git says on one cluster.
static enum cm_rc pin(struct pinning *p, const struct hub_pair_row *row, struct hub_hold **out) {
    CM_CLEANUP(hub_bundle_unrefp) struct hub_bundle *bundle = NULL;
    enum cm_rc rc = load_bundle(p->db, &row->bundle, &bundle, p->err);

    if (rc < 0) {
        return rc;
    }
    size_t count = bundle->spec.object_count;
    CM_AUTOFREE struct hub_hold_object *objects = cm_new(count + 1, sizeof(*objects));
    for (size_t i = 0; i < count; i++) {
        const struct hub_object *object = &bundle->spec.objects[i];

        objects[i] = (struct hub_hold_object){
            .key = object->key,
            .bytes = object->bytes != NULL && !object->secret ? object->bytes->data : NULL,
            .size = object->bytes != NULL ? object->bytes->size : 0};
    }
    const struct hub_hold_decision d = {
        .app = p->ask->app,
        .bad = objects,
        .bad_count = count,
        .bad_revision = row->revision,
        .cause = {.controller = "",
                  .actor = "",
                  .object = "",
                  .phase = "",
                  .text = p->ask->reason != NULL ? p->ask->reason : "",
                  .at = p->at}};
    return hub_hold_pin(&d, p->ask->image, out, p->err);
}

static void add_cluster(struct pinning *p, const char *name) {
    if (p->count == p->room) {
        size_t room = p->room == 0 ? 64 : 2 * p->room;
        const char **all = cm_arena_get(p->a, room * sizeof(*all));

        memcpy(all, p->clusters != NULL ? p->clusters : all, p->count * sizeof(*all));
        p->clusters = all;
        p->room = room;
    }
    p->clusters[p->count++] = cm_arena_strdup(p->a, name);
}

// look_at_bundle works out once what a bundle becomes; NULL: it cannot be.
static const char *look_at_bundle(struct pinning *p, const struct hub_pair_row *row) {
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&row->bundle, hex);
    const char *known = cm_map_get(p->seen, hex);
    if (known != NULL) {
        return known;
    }
    CM_CLEANUP(hub_hold_freep) struct hub_hold *hold = NULL;
    enum cm_rc rc = pin(p, row, &hold);
    if (rc < 0 && rc != CM_EEXISTS) {
        p->rc = rc;
        return NULL;
    }
    const char *name = hold != NULL ? cm_arena_strdup(p->a, hold->name) : "";
    cm_map_put(p->seen, hex, (void *)(uintptr_t)name);
    if (p->hold == NULL) {
        p->hold = CM_TAKE(hold);
    }
    return name;
}

// is_meant tells whether the pair of a cluster is asked about.
static bool is_meant(struct pinning *p, const char *cluster) {
    for (size_t i = 0; i < p->ask->cluster_count; i++) {
        if (strcmp(p->ask->clusters[i], cluster) == 0) {
            p->found[i] = true;
            return true;
        }
    }
    return p->ask->cluster_count == 0;
}

static void take_pair(void *ctx, const struct hub_pair_row *row) {
    struct pinning *p = ctx;

    if (p->rc < 0 || !is_meant(p, row->cluster)) {
        return;
    }
    const char *name = look_at_bundle(p, row);
    if (name == NULL || name[0] == '\0') {
        return;
    }
    if (strcmp(name, p->hold->name) != 0) {
        p->rc = cm_fail(p->err, CM_EINVAL,
                        "Git does not say the same of App '%.80s' on '%.80s' as on '%.80s': name "
                        "clusters on which it does with --clusters, and hold the others apart",
                        p->ask->app, row->cluster, p->clusters[0]);
        return;
    }
    add_cluster(p, row->cluster);
}

static enum cm_rc check_found(const struct pinning *p) {
    for (size_t i = 0; i < p->ask->cluster_count; i++) {
        if (!p->found[i]) {
            return cm_fail(p->err, CM_ENOTFOUND, "Git has no App '%.80s' on cluster '%.80s'",
                           p->ask->app, p->ask->clusters[i]);
        }
    }
    if (cm_map_len(p->seen) == 0) {
        return cm_fail(p->err, CM_ENOTFOUND, "Git has no App '%.80s' on any cluster", p->ask->app);
    }
    if (p->hold == NULL) {
        return cm_fail(p->err, CM_EEXISTS, "Git says %.200s already", p->ask->image);
    }
    return CM_OK;
}

static enum cm_rc give_hold(struct pinning *p, struct hub_made *out) {
    CM_CLEANUP(hub_hold_freep)
    struct hub_hold *hold = hub_hold_with(p->hold, p->clusters, p->count);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    hub_hold_write(hold, &text);
    if (text.len > HUB_HOLD_BYTES_MAX) {
        return cm_fail(p->err, CM_EINVAL, "a Hold for %zu clusters is too long: name fewer",
                       p->count);
    }
    *out = (struct hub_made){
        .path = hub_hold_path(p->a, hold),
        .text = cm_arena_strdup(p->a, cm_str_get(&text)),
        .rejected = cm_arena_strdup(p->a, hub_hold_rejected(p->a, hold)),
        .restored = cm_arena_strdup(p->a, hub_hold_restored(p->a, hold)),
        .clusters = p->count,
    };
    return CM_OK;
}

enum cm_rc hub_made_hold(struct cm_arena *a, struct hub_db *db, const struct hub_pin_ask *ask,
                         struct hub_made *out, struct cm_err *err) {
    char at[CM_CLOCK_TEXT_MAX];
    struct cm_err wrong = {.code = CM_OK};
    struct pinning p = {.a = a, .db = db, .ask = ask, .at = at, .rc = CM_OK, .err = &wrong};

    cm_clock_format(cm_clock_unix_ms(), at);
    p.seen = cm_map_new(NULL);
    p.found = cm_arena_get(a, (ask->cluster_count + 1) * sizeof(*p.found));
    memset(p.found, 0, (ask->cluster_count + 1) * sizeof(*p.found));
    enum cm_rc rc = hub_desired_each_of_app(db, ask->app, take_pair, &p, err);
    if (rc == CM_OK && (p.rc < 0 || check_found(&p) < 0 || give_hold(&p, out) < 0)) {
        *err = wrong;
        rc = err->code;
    }
    hub_hold_free(p.hold);
    cm_map_free(p.seen);
    return rc;
}

// ---- Bans

// version_of tells which releases of the image are meant.
static const char *version_of(const struct hub_ban_ask *ask, const struct hub_image *image) {
    const char *range = ask->versions != NULL ? ask->versions : "";

    if (image->tag[0] != '\0') {
        return image->tag;
    }
    return image->digest[0] != '\0' ? image->digest : range;
}

// as_name makes a name of a text: what no document can be called becomes a dash.
static const char *as_name(struct cm_arena *a, const char *text) {
    char *name = cm_arena_strdup(a, text);
    size_t len = 0;

    for (const char *at = text; *at != '\0' && len < NAME_MAX_SHOWN; at++) {
        char c = cm_lower(*at);

        if (strchr(NAME_CHARS, c) == NULL) {
            c = '-';
        }
        if (c != '-' || (len > 0 && name[len - 1] != '-')) {
            name[len++] = c;
        }
    }
    while (len > 0 && strchr("-.", name[len - 1]) != NULL) {
        len--;
    }
    name[len] = '\0';
    return name + strspn(name, ".-");
}

static const char *ban_name(struct cm_arena *a, const struct hub_ban_ask *ask,
                            const struct hub_image *image) {
    const char *slash = strrchr(image->name, '/');
    const char *app = ask->app != NULL ? ask->app : "";

    return as_name(a, cm_arena_strf(a, "%s-%s-%s", app, slash != NULL ? slash + 1 : image->name,
                                    version_of(ask, image)));
}

static bool is_digest(const char *text) {
    static const char start[] = "sha256:";
    const char *digits = text + sizeof(start) - 1;

    return strncmp(text, start, sizeof(start) - 1) == 0 &&
           strspn(digits, "0123456789abcdef") == CM_SHA256_HEX_MAX - 1 &&
           digits[CM_SHA256_HEX_MAX - 1] == '\0';
}

// digest_of returns the digest that is banned, "" if it is none: "sha256:…" alone is one, of
// whatever name.
static const char *digest_of(const struct hub_ban_ask *ask, const struct hub_image *image) {
    return strcmp(image->name, "sha256") == 0 ? ask->image : image->digest;
}

static enum cm_rc check_ban(const struct hub_ban_ask *ask, const struct hub_image *image,
                            struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_semver_range *range = NULL;
    bool whole = image->tag[0] == '\0' && image->digest[0] == '\0';

    if (digest_of(ask, image)[0] != '\0' && !is_digest(digest_of(ask, image))) {
        return cm_fail(err, CM_EINVAL, "image: '%.200s' ends in no digest, sha256: and 64 digits",
                       ask->image);
    }
    if (whole && ask->versions == NULL) {
        return cm_fail(err, CM_EINVAL,
                       "image: '%.200s' has neither tag nor digest: that would ban all its "
                       "releases; write one, versions, or the tag '*'",
                       ask->image);
    }
    if (!whole && ask->versions != NULL) {
        return cm_fail(err, CM_EINVAL, "versions: leave out the tag and digest of '%.200s'",
                       ask->image);
    }
    return ask->versions != NULL ? cm_semver_range_parse(a, ask->versions, &range, err) : CM_OK;
}

static void set_text(struct cm_arena *a, struct cm_json *object, const char *name,
                     const char *text) {
    if (text != NULL && text[0] != '\0') {
        cm_json_set_string(a, object, name, text);
    }
}

static struct cm_json *banned_image(struct cm_arena *a, const struct hub_ban_ask *ask,
                                    const struct hub_image *image) {
    struct cm_json *item = cm_json_new(a, CM_OBJECT);
    bool bare = digest_of(ask, image) == ask->image;

    set_text(a, item, "name", bare ? NULL : image->name);
    set_text(a, item, "tag", bare ? NULL : image->tag);
    set_text(a, item, "digest", digest_of(ask, image));
    set_text(a, item, "versions", ask->versions);
    return item;
}

enum cm_rc hub_made_ban(struct cm_arena *a, const struct hub_ban_ask *ask, struct hub_made *out,
                        struct cm_err *err) {
    struct cm_json *document = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct cm_json *spec = cm_json_new(a, CM_OBJECT);
    struct cm_json *images = cm_json_new(a, CM_ARRAY);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct hub_image image;

    hub_image_parse(a, ask->image, &image);
    if (check_ban(ask, &image, err) < 0) {
        return err->code;
    }
    const char *name = ask->name != NULL ? ask->name : ban_name(a, ask, &image);
    cm_json_set_string(a, document, "apiVersion", "holdfast/v1alpha1");
    cm_json_set_string(a, document, "kind", "Ban");
    cm_json_set_string(a, metadata, "name", name);
    cm_json_set(a, document, "metadata", metadata);
    set_text(a, spec, "app", ask->app);
    cm_json_append(images, banned_image(a, ask, &image));
    cm_json_set(a, spec, "images", images);
    set_text(a, spec, "reason", ask->reason);
    cm_json_set(a, document, "spec", spec);
    cm_yaml_write(document, &text);
    *out = (struct hub_made){.path = cm_arena_strf(a, "bans/%s.yaml", name),
                             .text = cm_arena_strdup(a, cm_str_get(&text))};
    return CM_OK;
}

// ---- Exemptions

const char *hub_made_site_name(struct cm_arena *a, const char *cluster, const char *said,
                               const char *id) {
    const char *text = cm_arena_strf(a, "%s\n%s", cluster, id);
    struct cm_sha256 hash = cm_sha256(text, strlen(text));
    char hex[CM_SHA256_HEX_MAX];

    cm_sha256_hex(&hash, hex);
    return as_name(a, cm_arena_strf(a, "site-%.16s-%s-%s", hex, cluster, said));
}

struct naming {
    struct cm_arena *a;
    const struct hub_exempt_ask *ask;
    struct cm_json *clusters;
    bool *found;
};

static void name_cluster(void *ctx, const struct hub_pair_row *row) {
    struct naming *n = ctx;
    bool meant = n->ask->cluster_count == 0;

    for (size_t i = 0; i < n->ask->cluster_count; i++) {
        if (strcmp(n->ask->clusters[i], row->cluster) == 0) {
            meant = n->found[i] = true;
        }
    }
    if (meant) {
        cm_json_append(n->clusters, cm_json_new_string(n->a, row->cluster));
    }
}

static enum cm_rc name_clusters(struct naming *n, struct hub_db *db, struct cm_err *err) {
    enum cm_rc rc = hub_desired_each_of_app(db, n->ask->app, name_cluster, n, err);

    for (size_t i = 0; rc == CM_OK && i < n->ask->cluster_count; i++) {
        if (!n->found[i]) {
            return cm_fail(err, CM_ENOTFOUND, "Git has no App '%.80s' on cluster '%.80s'",
                           n->ask->app, n->ask->clusters[i]);
        }
    }
    if (rc == CM_OK && n->clusters->count == 0) {
        return cm_fail(err, CM_ENOTFOUND, "Git has no App '%.80s' on any cluster", n->ask->app);
    }
    return rc;
}

static const char *exemption_name(struct cm_arena *a, const struct hub_exempt_ask *ask) {
    const char *slash = strrchr(ask->object, '/');

    return as_name(
        a, cm_arena_strf(a, "%s-%s-%s-%lld", ask->app, slash != NULL ? slash + 1 : ask->object,
                         ask->field != NULL ? ask->field : "", (long long)(ask->until_ms / 1000)));
}

static struct cm_json *exemption_spec(struct cm_arena *a, const struct hub_exempt_ask *ask,
                                      struct cm_json *clusters) {
    struct cm_json *spec = cm_json_new(a, CM_OBJECT);
    char until[CM_CLOCK_TEXT_MAX];

    cm_clock_format(ask->until_ms, until);
    set_text(a, spec, "app", ask->app);
    cm_json_set(a, spec, "clusters", clusters);
    set_text(a, spec, "object", ask->object);
    set_text(a, spec, "field", ask->field);
    set_text(a, spec, "until", until);
    set_text(a, spec, "workingHours", ask->hours);
    set_text(a, spec, "reason", ask->reason);
    set_text(a, spec, "by", ask->by);
    set_text(a, spec, "site", ask->site);
    return spec;
}

enum cm_rc hub_made_exemption(struct cm_arena *a, struct hub_db *db,
                              const struct hub_exempt_ask *ask, struct hub_made *out,
                              struct cm_err *err) {
    struct cm_json *document = cm_json_new(a, CM_OBJECT);
    struct cm_json *metadata = cm_json_new(a, CM_OBJECT);
    struct naming n = {.a = a, .ask = ask, .clusters = cm_json_new(a, CM_ARRAY)};
    const char *name = ask->name != NULL ? ask->name : exemption_name(a, ask);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    const struct cm_json *wrong;
    struct hub_exemption read;

    n.found = cm_arena_get(a, (ask->cluster_count + 1) * sizeof(*n.found));
    memset(n.found, 0, (ask->cluster_count + 1) * sizeof(*n.found));
    if (name_clusters(&n, db, err) < 0) {
        return err->code;
    }
    cm_json_set_string(a, document, "apiVersion", "holdfast/v1alpha1");
    cm_json_set_string(a, document, "kind", "Exemption");
    cm_json_set_string(a, metadata, "name", name);
    cm_json_set(a, document, "metadata", metadata);
    cm_json_set(a, document, "spec", exemption_spec(a, ask, n.clusters));
    if (hub_exemption_read(a, document, &read, &wrong, err) < 0) {
        return err->code;
    }
    cm_yaml_write(document, &text);
    *out = (struct hub_made){.path = cm_arena_strf(a, "exemptions/%s.yaml", name),
                             .text = cm_arena_strdup(a, cm_str_get(&text)),
                             .clusters = n.clusters->count};
    return CM_OK;
}
