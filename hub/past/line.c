#include "hub/past/line.h"

#include <string.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define NAME_MAX_BYTES 1024
#define WORDS_MAX_BYTES ((size_t)16 * 1024)
#define WEIGHT_MAX_BYTES 8
#define DEPTH_MAX 3 // a line, its places, a place
#define NODES_MAX 2048

enum type { TEXT, HASH, NUMBER, AXIS, BOOL, PLACES };

static const struct member {
    const char *name;
    enum type type;
    bool needed;
    size_t max; // of a text
} members[HUB_LINE_MEMBERS] = {
    [HUB_LINE_M_NUMBER] = {"number", NUMBER, true, 0},
    [HUB_LINE_M_ID] = {"id", HASH, true, 0},
    [HUB_LINE_M_NAME] = {"name", TEXT, true, NAME_MAX_BYTES},
    [HUB_LINE_M_CLUSTER] = {"cluster", TEXT, true, NAME_MAX_BYTES},
    [HUB_LINE_M_CLUSTER_ID] = {"clusterId", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_APP] = {"app", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_AXIS] = {"axis", AXIS, true, 0},
    [HUB_LINE_M_VALUE] = {"value", NUMBER, false, 0},
    [HUB_LINE_M_KEY] = {"key", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_BUNDLE] = {"bundle", HASH, true, 0},
    [HUB_LINE_M_REVISION] = {"revision", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_REPO] = {"repo", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_HELD] = {"held", TEXT, false, WORDS_MAX_BYTES},
    [HUB_LINE_M_SUSPENDED] = {"suspended", BOOL, false, 0},
    [HUB_LINE_M_IMAGE] = {"image", TEXT, true, WORDS_MAX_BYTES},
    [HUB_LINE_M_CONTROLLER] = {"controller", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_CONTROLLER_KEY] = {"controllerKey", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_VERDICT] = {"verdict", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_IDENTITY] = {"identity", TEXT, false, WORDS_MAX_BYTES},
    [HUB_LINE_M_BAD_REVISION] = {"badRevision", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_GOOD_REVISION] = {"goodRevision", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_TEXT] = {"text", TEXT, false, WORDS_MAX_BYTES},
    [HUB_LINE_M_SETTLED] = {"settled", NUMBER, false, 0},
    [HUB_LINE_M_AGENT] = {"agent", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_NEEDS] = {"needs", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_REASON] = {"reason", TEXT, false, WORDS_MAX_BYTES},
    [HUB_LINE_M_ACTOR] = {"actor", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_SOURCE] = {"source", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_AT] = {"atMs", NUMBER, false, 0},
    [HUB_LINE_M_SEEN] = {"seenMs", NUMBER, false, 0},
    [HUB_LINE_M_LATE] = {"late", BOOL, false, 0},
    [HUB_LINE_M_FROM] = {"fromMs", NUMBER, false, 0},
    [HUB_LINE_M_UNTIL] = {"untilMs", NUMBER, false, 0},
    [HUB_LINE_M_TO] = {"toMs", NUMBER, false, 0},
    [HUB_LINE_M_ENDED_BY] = {"endedBy", TEXT, false, NAME_MAX_BYTES},
    [HUB_LINE_M_ENDED_WHY] = {"endedWhy", TEXT, false, WORDS_MAX_BYTES},
    [HUB_LINE_M_PLACES] = {"clusters", PLACES, true, 0},
    [HUB_LINE_M_WEIGHT] = {"weight", TEXT, false, WEIGHT_MAX_BYTES},
    [HUB_LINE_M_PROOF] = {"proof", TEXT, false, WORDS_MAX_BYTES},
};

#define M(name) HUB_LINE_M_##name
#define MEMBERS_MAX 18

static const struct kind {
    const char *name;
    size_t count;
    enum hub_line_member members[MEMBERS_MAX];
} kinds[HUB_LINE_KINDS] = {
    [HUB_LINE_BEGIN] = {"begin", 1, {M(AT)}},
    [HUB_LINE_CLUSTER] = {"cluster", 2, {M(NUMBER), M(CLUSTER)}},
    [HUB_LINE_VALUE] =
        {"value", 7, {M(NUMBER), M(APP), M(BUNDLE), M(REVISION), M(REPO), M(HELD), M(SUSPENDED)}},
    [HUB_LINE_IMAGE] = {"image", 2, {M(VALUE), M(IMAGE)}},
    [HUB_LINE_CHANGE] = {"change", 6, {M(APP), M(AXIS), M(CLUSTER), M(VALUE), M(AT), M(SEEN)}},
    [HUB_LINE_ROW] = {"row", 7, {M(APP), M(AXIS), M(VALUE), M(AT), M(SEEN), M(LATE), M(PLACES)}},
    [HUB_LINE_CHECKPOINT] = {"checkpoint", 3, {M(APP), M(AXIS), M(AT)}},
    [HUB_LINE_DECISION] = {"decision",
                           18,
                           {M(NUMBER), M(ID), M(CLUSTER), M(CLUSTER_ID), M(APP), M(KEY),
                            M(CONTROLLER), M(CONTROLLER_KEY), M(VERDICT), M(BAD_REVISION),
                            M(GOOD_REVISION), M(TEXT), M(AT), M(SEEN), M(ACTOR), M(SETTLED),
                            M(WEIGHT), M(PROOF)}},
    [HUB_LINE_VERDICT] = {"verdict",
                          7,
                          {M(CLUSTER_ID), M(APP), M(IDENTITY), M(VERDICT), M(REVISION), M(AT),
                           M(ACTOR)}},
    [HUB_LINE_PROVEN] = {"proven",
                         7,
                         {M(CLUSTER), M(KEY), M(AGENT), M(APP), M(NEEDS), M(REVISION), M(BUNDLE)}},
    [HUB_LINE_FREEZE] = {"freeze",
                         11,
                         {M(NUMBER), M(NAME), M(APP), M(REASON), M(ACTOR), M(SOURCE), M(FROM),
                          M(UNTIL), M(TO), M(ENDED_BY), M(ENDED_WHY)}},
    [HUB_LINE_FROZEN] = {"frozen", 4, {M(NUMBER), M(CLUSTER), M(FROM), M(TO)}},
    [HUB_LINE_LOST] = {"lost", 0, {0}},
    [HUB_LINE_BASE] = {"base", 1, {M(AT)}},
    [HUB_LINE_PURGED_KIND] = {"purged", 0, {0}},
};

static const char *const axes[] = {"desired", "actual", "verdict", "seen", "images", "digests"};
enum { AXES = sizeof(axes) / sizeof(axes[0]) };

size_t hub_line_members(enum hub_line_kind kind, const enum hub_line_member **out) {
    *out = kinds[kind].members;
    return kinds[kind].count;
}

bool hub_line_is_text(enum hub_line_member member) {
    return members[member].type == TEXT || members[member].type == HASH;
}

// ---- Reading

static enum cm_rc wrong(struct cm_err *err, const char *member) {
    return cm_fail(err, CM_EINVAL, "'%.100s' is not what belongs there", member);
}

static bool take_int(const struct cm_json *node, int64_t *out) {
    *out = cm_json_int(node, 0);
    return node->type == CM_NUMBER && cm_json_int(node, 1) == *out;
}

// Numbers of things are of 32 bits in the index.
static bool is_in_bounds(enum hub_line_member which, int64_t number) {
    bool names = which == HUB_LINE_M_NUMBER || which == HUB_LINE_M_VALUE;

    return !names || (number >= 0 && number <= UINT32_MAX);
}

static bool is_hash(const char *text) {
    size_t digits = strspn(text, "0123456789abcdef");

    return digits == 64 && text[digits] == '\0';
}

static bool take_axis(const struct cm_json *node, int64_t *out) {
    const char *word = cm_json_string(node);

    for (int64_t i = 0; word != NULL && i < AXES; i++) {
        if (strcmp(word, axes[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static bool take_text(const struct member *m, const struct cm_json *node, const char **out) {
    *out = cm_json_string(node);
    if (*out == NULL) {
        return false;
    }
    return m->type == HASH ? is_hash(*out) : node->len <= m->max && (!m->needed || node->len > 0);
}

static bool take_place(const struct cm_json *node, struct hub_line_place *out) {
    out->cluster = node->type == CM_ARRAY && node->count == 2 ? cm_json_string(node->first) : NULL;
    return out->cluster != NULL && node->first->len > 0 && node->first->len <= NAME_MAX_BYTES &&
           take_int(node->last, &out->after_ms) && out->after_ms < HUB_LINE_SPAN_MS &&
           out->after_ms > -HUB_LINE_SPAN_MS;
}

static bool take_places(struct cm_arena *a, const struct cm_json *node, struct hub_line *out) {
    if (node->type != CM_ARRAY || node->count == 0 || node->count > HUB_LINE_PLACES_MAX) {
        return false;
    }
    out->places = cm_arena_get(a, node->count * sizeof(*out->places));
    for (const struct cm_json *at = node->first; at != NULL; at = at->next) {
        if (!take_place(at, &out->places[out->place_count++])) {
            return false;
        }
    }
    return true;
}

static bool take_member(struct cm_arena *a, enum hub_line_member which, const struct cm_json *node,
                        struct hub_line *out) {
    const struct member *m = &members[which];

    switch (m->type) {
    case TEXT:
    case HASH:
        return take_text(m, node, &out->of[which].text);
    case NUMBER:
        return take_int(node, &out->of[which].number) && is_in_bounds(which, out->of[which].number);
    case AXIS:
        return take_axis(node, &out->of[which].number);
    case BOOL: // SQLite says 0 and 1
        out->of[which].number = cm_json_true(node) || cm_json_int(node, 0) == 1;
        return node->type == CM_BOOL || (node->type == CM_NUMBER && cm_json_int(node, 2) <= 1);
    default:
        return take_places(a, node, out);
    }
}

static enum cm_rc take_members(struct cm_arena *a, const struct cm_json *tree, size_t others,
                               struct hub_line *out, struct cm_err *err) {
    const struct kind *kind = &kinds[out->kind];
    size_t found = others;

    for (size_t i = 0; i < HUB_LINE_MEMBERS; i++) {
        out->of[i].text = "";
    }
    for (size_t i = 0; i < kind->count; i++) {
        enum hub_line_member which = kind->members[i];
        const struct cm_json *node = cm_json_get(tree, members[which].name);

        found += node == NULL ? 0 : 1;
        if (node == NULL ? members[which].needed : !take_member(a, which, node, out)) {
            return wrong(err, members[which].name);
        }
    }
    return found == tree->count ? CM_OK : cm_fail(err, CM_EINVAL, "a member is unknown");
}

static bool find_kind(const struct cm_json *tree, enum hub_line_kind *out) {
    const char *name = cm_json_string(cm_json_get(tree, "kind"));

    for (size_t i = 0; name != NULL && i < HUB_LINE_PURGED_KIND; i++) {
        if (strcmp(name, kinds[i].name) == 0) {
            *out = (enum hub_line_kind)i;
            return true;
        }
    }
    return false;
}

static bool take_numbers(const struct cm_json *tree, uint64_t *epoch, int64_t *n) {
    const struct cm_json *first = cm_json_get(tree, "epoch");
    const struct cm_json *second = cm_json_get(tree, "n");
    int64_t value = 0;

    if (first == NULL || second == NULL || !take_int(first, &value) || !take_int(second, n)) {
        return false;
    }
    *epoch = (uint64_t)value;
    return value > 0 && *n >= 0;
}

static bool is_purged(const struct cm_json *tree) {
    return tree->count == 1 && cm_json_true(cm_json_get(tree, "purged"));
}

static enum cm_rc parse_tree(struct cm_arena *a, const char *text, size_t size,
                             struct cm_json **out, struct cm_err *err) {
    const struct cm_json_limits limits = {HUB_LINE_BYTES_MAX, DEPTH_MAX, NODES_MAX};
    enum cm_rc rc = cm_json_parse(a, text, size, &limits, out, err);

    return rc < 0 || (*out)->type == CM_OBJECT ? rc
                                               : cm_fail(err, CM_EINVAL, "it is no JSON object");
}

enum cm_rc hub_line_parse(struct cm_arena *a, const char *text, size_t size, bool plain,
                          struct hub_line *out, struct cm_err *err) {
    struct cm_json *tree = NULL;
    struct hub_line line = {.kind = HUB_LINE_PURGED_KIND};
    enum cm_rc rc = parse_tree(a, text, size, &tree, err);

    if (rc < 0) {
        return rc;
    }
    if (!is_purged(tree)) {
        if (!find_kind(tree, &line.kind)) {
            return wrong(err, "kind");
        }
        if (!plain && !take_numbers(tree, &line.epoch, &line.n)) {
            return wrong(err, "n");
        }
        rc = take_members(a, tree, plain ? 1 : 3, &line, err);
    }
    if (rc == CM_OK) {
        *out = line;
    }
    return rc;
}

// ---- Writing

static struct cm_json *make_places(struct cm_arena *a, const struct hub_line *line) {
    struct cm_json *list = cm_json_new(a, CM_ARRAY);

    for (size_t i = 0; i < line->place_count; i++) {
        struct cm_json *place = cm_json_new(a, CM_ARRAY);

        cm_json_append(place, cm_json_new_string(a, line->places[i].cluster));
        cm_json_append(place, cm_json_new_int(a, line->places[i].after_ms));
        cm_json_append(list, place);
    }
    return list;
}

static void set_member(struct cm_arena *a, struct cm_json *row, const struct hub_line *line,
                       enum hub_line_member which) {
    const struct member *m = &members[which];
    const char *text = line->of[which].text;
    int64_t number = line->of[which].number;

    if (m->type == PLACES) {
        cm_json_set(a, row, m->name, make_places(a, line));
    } else if (m->type == AXIS) {
        cm_json_set_string(a, row, m->name, axes[number]);
    } else if (hub_line_is_text(which)) {
        cm_json_set_string(a, row, m->name, text == NULL || text[0] == '\0' ? NULL : text);
    } else if (m->type == BOOL && number != 0) {
        cm_json_set_bool(a, row, m->name, true);
    } else if (m->type == NUMBER && (number != 0 || m->needed)) {
        cm_json_set_int(a, row, m->name, number);
    }
}

void hub_line_write(struct cm_arena *a, const struct hub_line *line, struct cm_str *out) {
    const struct kind *kind = &kinds[line->kind];
    struct cm_json *row = cm_json_new(a, CM_OBJECT);

    if (line->kind == HUB_LINE_PURGED_KIND) {
        cm_json_set_bool(a, row, "purged", true);
    } else {
        cm_json_set_int(a, row, "epoch", (int64_t)line->epoch);
        cm_json_set_int(a, row, "n", line->n);
        cm_json_set_string(a, row, "kind", kind->name);
    }
    for (size_t i = 0; i < kind->count; i++) {
        set_member(a, row, line, kind->members[i]);
    }
    cm_json_write_compact(row, out);
    cm_str_add_char(out, '\n');
}

// ---- Events

static const char *text_of(const struct cm_json *tree, const char *name, size_t *known) {
    const char *text = cm_json_string(cm_json_get(tree, name));

    *known += text == NULL ? 0 : 1;
    return text == NULL ? "" : text;
}

static bool take_time(const struct cm_json *tree, const char *name, int64_t *out, size_t *known) {
    const char *text = text_of(tree, name, known);

    *out = 0;
    return text[0] == '\0' || cm_clock_parse(text, out);
}

enum cm_rc hub_line_parse_event(struct cm_arena *a, const char *text, size_t size,
                                struct hub_line_event *out, struct cm_err *err) {
    struct cm_json *tree = NULL;
    struct hub_line_event e = {.kind = "purged",
                               .cluster = "",
                               .app = "",
                               .key = "",
                               .revision = "",
                               .actor = "",
                               .message = ""};
    size_t known = 2;
    enum cm_rc rc = parse_tree(a, text, size, &tree, err);

    if (rc < 0 || is_purged(tree)) {
        *out = e;
        return rc;
    }
    if (!take_numbers(tree, &e.epoch, &e.n) || !take_time(tree, "at", &e.at_ms, &known) ||
        !take_time(tree, "happened", &e.happened_ms, &known)) {
        return wrong(err, "n");
    }
    e.kind = text_of(tree, "kind", &known);
    e.cluster = text_of(tree, "cluster", &known);
    e.app = text_of(tree, "app", &known);
    e.key = text_of(tree, "key", &known);
    e.revision = text_of(tree, "revision", &known);
    e.actor = text_of(tree, "actor", &known);
    e.message = text_of(tree, "message", &known);
    if (known != tree->count || e.kind[0] == '\0') {
        return wrong(err, "kind");
    }
    *out = e;
    return CM_OK;
}
