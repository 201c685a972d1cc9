// past.c: `holdfast show`, `log`, `where` and the past of `diff`: how the fleet was, what happened,
// and where something runs.
#include "hub/ctl/past.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"
#include "hub/ctl/table.h"
#include "hub/ctl/verbs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SHORT 8

static const char *text_of(const struct cm_json *item, const char *member) {
    const char *text = cm_json_string(cm_json_get(item, member));

    return text == NULL ? "" : text;
}

static int64_t number_of(const struct cm_json *item, const char *member) {
    return cm_json_int(cm_json_get(item, member), 0);
}

static const struct cm_json *first_of(const struct cm_json *item, const char *member) {
    const struct cm_json *list = cm_json_get(item, member);

    return list == NULL ? NULL : list->first;
}

// ---- Rows

// "1f2e3d4c Bump web to 1.5 (ann)", "-" for none.
static const char *commit_words(struct ctl *c, const struct cm_json *commit) {
    const char *revision = text_of(commit, "revision");
    const char *subject = text_of(commit, "subject");
    const char *author = text_of(commit, "author");

    if (revision[0] == '\0') {
        return "-";
    }
    return cm_arena_strf(c->arena, "%.*s%s%s%s%s%s", SHORT, revision, subject[0] == '\0' ? "" : " ",
                         subject, author[0] == '\0' ? "" : " (", author,
                         author[0] == '\0' ? "" : ")");
}

// " [checkout:1.4.2]", by the last parts of their names.
static const char *images_words(struct ctl *c, const struct cm_json *item) {
    const char *words = "";

    for (const struct cm_json *at = first_of(item, "images"); at != NULL; at = at->next) {
        const char *name = at->text == NULL ? "" : at->text;
        const char *slash = strrchr(name, '/');

        words = cm_arena_strf(c->arena, "%s%s%s", words, words[0] == '\0' ? "" : ", ",
                              slash == NULL ? name : slash + 1);
    }
    return words[0] == '\0' ? "" : cm_arena_strf(c->arena, " [%s]", words);
}

static const char *short_commit(struct ctl *c, const struct cm_json *commit) {
    const char *revision = text_of(commit, "revision");

    return revision[0] == '\0' ? "-" : cm_arena_strndup(c->arena, revision, SHORT);
}

// "eu-001, eu-017, …"
static const char *names_words(struct ctl *c, const struct cm_json *item) {
    struct cm_str text = {0};
    size_t count = 0;

    for (const struct cm_json *at = first_of(item, "names"); at != NULL; at = at->next) {
        cm_str_addf(&text, "%s%s", count++ > 0 ? ", " : "", at->text == NULL ? "" : at->text);
    }
    if ((int64_t)count < number_of(item, "clusters")) {
        cm_str_add(&text, ", …");
    }
    const char *words = cm_arena_strdup(c->arena, cm_str_get(&text));
    cm_str_done(&text);
    return words;
}

// " (2 not observed, 1 drifted)": of these clusters it is not known, or may not be so.
static const char *doubt_words(struct ctl *c, const struct cm_json *item) {
    long long unobserved = number_of(item, "unobserved");
    long long drifted = number_of(item, "drifted");
    const char *words =
        unobserved > 0 ? cm_arena_strf(c->arena, "%lld not observed", unobserved) : "";

    if (drifted > 0) {
        words = cm_arena_strf(c->arena, "%s%s%lld drifted", words, words[0] == '\0' ? "" : ", ",
                              drifted);
    }
    if (number_of(item, "unwell") > 0) {
        words = cm_arena_strf(c->arena, "%s%s%lld not healthy", words, words[0] == '\0' ? "" : ", ",
                              (long long)number_of(item, "unwell"));
    }
    if (number_of(item, "undigested") > 0) {
        words =
            cm_arena_strf(c->arena, "%s%s%lld of unknown digest", words,
                          words[0] == '\0' ? "" : ", ", (long long)number_of(item, "undigested"));
    }
    return words[0] == '\0' ? "" : cm_arena_strf(c->arena, " (%s)", words);
}

static struct cm_json *begin_row(struct ctl *c, const struct cm_json *item) {
    struct cm_json *row = cm_json_new(c->arena, CM_OBJECT);

    cm_json_set_string(c->arena, row, "app", text_of(item, "app"));
    cm_json_set_int(c->arena, row, "clusters", number_of(item, "clusters"));
    cm_json_set_string(c->arena, row, "names", names_words(c, item));
    cm_json_set_int(c->arena, row, "fromMs", number_of(item, "fromMs"));
    cm_json_set_int(c->arena, row, "toMs", number_of(item, "toMs"));
    return row;
}

// next_digest returns the next of an item's digests that is behind an image; `at` NULL: the first.
static const struct cm_json *next_digest(const struct cm_json *item, const char *image,
                                         const struct cm_json *at) {
    size_t size = strlen(image);

    for (at = at == NULL ? first_of(item, "digests") : at->next; at != NULL; at = at->next) {
        if (at->text != NULL && strncmp(at->text, image, size) == 0 && at->text[size] == '@') {
            return at;
        }
    }
    return NULL;
}

static size_t count_digests(const struct cm_json *item, const char *image) {
    const struct cm_json *at = NULL;
    size_t count = 0;

    while ((at = next_digest(item, image, at)) != NULL) {
        count++;
    }
    return count;
}

// images_of lists images, those by tag with the digests that run behind it, as far as is known.
static struct cm_json *images_of(struct ctl *c, const struct cm_json *item) {
    struct cm_json *list = cm_json_new(c->arena, CM_ARRAY);

    for (const struct cm_json *at = first_of(item, "images"); at != NULL; at = at->next) {
        const char *image = at->text == NULL ? "" : at->text;
        const struct cm_json *digest = next_digest(item, image, NULL);

        cm_json_append(list, cm_json_new_string(c->arena, digest == NULL ? image : digest->text));
        while (digest != NULL && (digest = next_digest(item, image, digest)) != NULL) {
            cm_json_append(list, cm_json_new_string(c->arena, digest->text));
        }
    }
    return list;
}

// moved_words: "2 digests run behind web:1.4", of each tag that means more than one image there;
// "and more" where some are left out.
static const char *moved_words(struct ctl *c, const struct cm_json *item, const char *images) {
    const char *words = "";

    for (const struct cm_json *at = first_of(item, images); at != NULL; at = at->next) {
        const char *image = at->text == NULL ? "" : at->text;
        size_t count = count_digests(item, image);

        if (count > 1) {
            words = cm_arena_strf(c->arena, "%s%s%zu digests run behind %s", words,
                                  words[0] == '\0' ? "" : "; ", count, image);
        }
    }
    if (cm_json_true(cm_json_get(item, "digestsMore"))) {
        words = cm_arena_strf(c->arena, "%s%sand more", words, words[0] == '\0' ? "" : ", ");
    }
    return words;
}

static const char *time_of(struct ctl *c, const struct cm_json *row, const char *member) {
    const struct ctl_column time = {.member = member, .type = CTL_TIME};

    return ctl_cell_text(c->arena, row, &time);
}

// "stop: INC-4711 (ann, 12:00 to 13:00)", of each freeze that kept it from being applied.
static const char *frozen_words(struct ctl *c, const struct cm_json *item) {
    const char *words = "";

    for (const struct cm_json *at = first_of(item, "frozen"); at != NULL; at = at->next) {
        bool ended = number_of(at, "toMs") != 0;

        words =
            cm_arena_strf(c->arena, "%s%s%s: %s (%s, %s%s%s)", words, words[0] == '\0' ? "" : "; ",
                          text_of(at, "name"), text_of(at, "reason"), text_of(at, "actor"),
                          ended ? "" : "since ", time_of(c, at, "fromMs"),
                          ended ? cm_arena_strf(c->arena, " to %s", time_of(c, at, "toMs")) : "");
    }
    return words;
}

// "canary 20 %" while a controller shifts traffic to a release, or how far one is that shifts none.
static const char *weight_words(struct ctl *c, const struct cm_json *item) {
    return cm_json_get(item, "weight") == NULL
               ? text_of(item, "step")
               : cm_arena_strf(c->arena, "canary %lld %%", (long long)number_of(item, "weight"));
}

static const char *image_words(struct ctl *c, const struct cm_json *item, const char *member) {
    const char *words = "";

    for (const struct cm_json *at = first_of(item, member); at != NULL; at = at->next) {
        words = cm_arena_strf(c->arena, "%s%s%s", words, words[0] == '\0' ? "" : " ",
                              at->text == NULL ? "" : at->text);
    }
    return words;
}

// runs_words: which images run, where that is not what is desired; that may be none.
static const char *runs_words(struct ctl *c, const struct cm_json *item) {
    const char *words = image_words(c, item, "runs");

    return cm_json_get(item, "runs") != NULL && words[0] == '\0' ? "nothing" : words;
}

static struct cm_json *show_row(struct ctl *c, const struct cm_json *item) {
    struct cm_json *row = begin_row(c, item);
    const struct cm_json *desired = cm_json_get(item, "desired");

    cm_json_set_string(c->arena, row, "state", text_of(item, "state"));
    cm_json_set_string(c->arena, row, "desired", short_commit(c, desired));
    cm_json_set_string(c->arena, row, "actual", short_commit(c, cm_json_get(item, "actual")));
    cm_json_set_string(c->arena, row, "subject", text_of(desired, "subject"));
    cm_json_set_string(c->arena, row, "held", text_of(desired, "held"));
    cm_json_set_string(c->arena, row, "frozen", frozen_words(c, item));
    cm_json_set_string(c->arena, row, "weight", weight_words(c, item));
    cm_json_set_string(c->arena, row, "waits", text_of(item, "waits"));
    cm_json_set_string(c->arena, row, "needsHuman", text_of(item, "needsHuman"));
    cm_json_set(c->arena, row, "images", images_of(c, item));
    cm_json_set_string(c->arena, row, "runs", runs_words(c, item));
    cm_json_set_string(c->arena, row, "digests",
                       moved_words(c, item, cm_json_get(item, "runs") != NULL ? "runs" : "images"));
    return row;
}

static struct cm_json *where_row(struct ctl *c, const struct cm_json *item) {
    struct cm_json *row = begin_row(c, item);

    cm_json_set_string(c->arena, row, "commit", commit_words(c, item));
    cm_json_set_string(c->arena, row, "on",
                       cm_arena_strf(c->arena, "%lld%s", (long long)number_of(item, "clusters"),
                                     doubt_words(c, item)));
    cm_json_set(c->arena, row, "images", images_of(c, item));
    cm_json_set_string(c->arena, row, "runs",
                       number_of(item, "drifted") > 0 || text_of(item, "revision")[0] == '\0'
                           ? image_words(c, item, "images")
                           : "");
    cm_json_set_string(c->arena, row, "digests", moved_words(c, item, "images"));
    return row;
}

static struct cm_json *make_rows(struct ctl *c, const struct cm_json *answer,
                                 struct cm_json *(*make)(struct ctl *c,
                                                         const struct cm_json *item)) {
    struct cm_json *rows = cm_json_new(c->arena, CM_ARRAY);

    for (const struct cm_json *at = first_of(answer, "items"); at != NULL; at = at->next) {
        cm_json_append(rows, make(c, at));
    }
    return rows;
}

// ---- Asking

static const char *argument(const struct ctl *c, int i) {
    return i < c->argc ? c->argv[i] : "";
}

static void print_end(const struct cm_json *answer, const struct cm_json *rows) {
    if (rows->first == NULL) {
        (void)fprintf(stderr, "nothing to show\n");
    } else if (cm_json_true(cm_json_get(answer, "more"))) {
        (void)fprintf(stderr, "there are more; name less of the fleet to see them\n");
    }
}

// note_members says what is not as it was then.
static void note_members(const struct cm_json *answer) {
    if (cm_json_true(cm_json_get(answer, "membersNow"))) {
        (void)fprintf(stderr, "note: the group has the clusters that it has now, not those that it "
                              "had then\n");
    }
}

static int print_table(struct ctl *c, const struct cm_json *answer, struct cm_json *rows,
                       const struct ctl_column *columns, size_t count) {
    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, answer) < 0 ? CTL_ERROR : CTL_DONE;
    }
    note_members(answer);
    if (rows->first != NULL) {
        ctl_table_print(ctl_table_new(c, columns, count), rows);
    }
    print_end(answer, rows);
    return CTL_DONE;
}

static int check_arguments(struct ctl *c, int least, int most) {
    return c->argc < least || c->argc > most
               ? ctl_fail(c, CM_EINVAL, "%s: see 'holdfast help %s' for what it takes",
                          c->verb->name, c->verb->name)
               : CTL_DONE;
}

static bool any_has(const struct cm_json *rows, const char *member) {
    const struct cm_json *at = rows->first;

    while (at != NULL && text_of(at, member)[0] == '\0') {
        at = at->next;
    }
    return at != NULL;
}

// take_columns: what is held, frozen, on its way or other than was applied is told whenever there
// is any: a row that looks well without it would mislead.
static size_t take_columns(const struct cm_json *rows, const struct ctl_column *columns,
                           size_t count, struct ctl_column *out) {
    static const char *const if_any[] = {"weight", "waits", "needsHuman", "held",
                                         "frozen", "runs",  "digests"};
    size_t taken = 0;

    for (size_t i = 0; i < count; i++) {
        bool wanted = true;

        for (size_t k = 0; k < COUNT(if_any); k++) {
            wanted =
                wanted && (strcmp(columns[i].member, if_any[k]) != 0 || any_has(rows, if_any[k]));
        }
        if (wanted) {
            out[taken++] = columns[i];
        }
    }
    return taken;
}

static int print_show(struct ctl *c, const struct cm_json *answer) {
    static const struct ctl_column columns[] = {
        {"APP", "app", CTL_TEXT, CTL_ALWAYS},
        {"STATE", "state", CTL_STATE, CTL_ALWAYS},
        {"DESIRED", "desired", CTL_TEXT, CTL_ALWAYS},
        {"ACTUAL", "actual", CTL_TEXT, CTL_ALWAYS},
        {"CLUSTERS", "clusters", CTL_NUMBER, CTL_ALWAYS},
        {"SINCE", "toMs", CTL_TIME, CTL_ALWAYS},
        {"NAMES", "names", CTL_TEXT, CTL_ALWAYS},
        {"CANARY", "weight", CTL_TEXT, CTL_ALWAYS},
        {"WAITS", "waits", CTL_TEXT, CTL_ALWAYS},
        {"NEEDS HUMAN", "needsHuman", CTL_TEXT, CTL_ALWAYS},
        {"RUNS", "runs", CTL_TEXT, CTL_ALWAYS},
        {"DIGESTS", "digests", CTL_TEXT, CTL_ALWAYS},
        {"HELD", "held", CTL_TEXT, CTL_ALWAYS},
        {"FROZEN", "frozen", CTL_TEXT, CTL_ALWAYS},
        {"SUBJECT", "subject", CTL_TEXT, CTL_IF_ROOM},
        {"IMAGES", "images", CTL_LIST, CTL_IF_WIDE},
    };
    struct cm_json *rows = make_rows(c, answer, show_row);
    struct ctl_column shown[COUNT(columns)];

    return print_table(c, answer, rows, shown, take_columns(rows, columns, COUNT(columns), shown));
}

int ctl_show(struct ctl *c) {
    const struct ctl_param params[] = {
        {"select", argument(c, 0)}, {"known", c->options.known ? "true" : NULL}, {NULL, NULL}};
    struct cm_json *answer = NULL;

    if (check_arguments(c, 0, 1) != CTL_DONE ||
        ctl_call(c, "GET", "/past/show", params, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    return print_show(c, answer);
}

// note_undigested says of how many clusters it is not known whether a digest runs there.
static void note_undigested(const struct cm_json *answer) {
    long long clusters = number_of(answer, "undigested");

    if (clusters > 0) {
        (void)fprintf(
            stderr,
            "note: on %lld cluster%s the digests behind tags are not known, so it may run "
            "there, too\n",
            clusters, clusters == 1 ? "" : "s");
    }
}

int ctl_where(struct ctl *c) {
    static const struct ctl_column columns[] = {
        {"APP", "app", CTL_TEXT, CTL_ALWAYS},         {"CLUSTERS", "on", CTL_TEXT, CTL_ALWAYS},
        {"FIRST", "fromMs", CTL_TIME, CTL_ALWAYS},    {"LAST", "toMs", CTL_TIME, CTL_IF_ROOM},
        {"COMMIT", "commit", CTL_TEXT, CTL_ALWAYS},   {"RUNS", "runs", CTL_TEXT, CTL_ALWAYS},
        {"DIGESTS", "digests", CTL_TEXT, CTL_ALWAYS}, {"NAMES", "names", CTL_TEXT, CTL_ALWAYS},
        {"IMAGES", "images", CTL_LIST, CTL_IF_WIDE},
    };
    struct ctl_column shown[COUNT(columns)];
    const struct ctl_param params[] = {{"what", argument(c, 0)},
                                       {"select", argument(c, 1)},
                                       {"missing", c->options.missing ? "true" : NULL},
                                       {"known", c->options.known ? "true" : NULL},
                                       {NULL, NULL}};
    struct cm_json *answer = NULL;

    if (check_arguments(c, 1, 2) != CTL_DONE ||
        ctl_call(c, "GET", "/past/where", params, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    struct cm_json *rows = make_rows(c, answer, where_row);

    note_undigested(answer);
    return print_table(c, answer, rows, shown, take_columns(rows, columns, COUNT(columns), shown));
}

// ---- The log

static const char *colour_of(const char *kind) {
    static const char *const bad[] = {"failed",   "degraded", "disconnected", "removal",
                                      "rejected", "not_held", "not_written"};

    for (size_t i = 0; i < COUNT(bad); i++) {
        if (strcmp(kind, bad[i]) == 0) {
            return ctl_red();
        }
    }
    return strcmp(kind, "drifted") == 0   ? ctl_yellow()
           : strcmp(kind, "healthy") == 0 ? ctl_green()
                                          : "";
}

static bool is_applied(const char *kind) {
    return strcmp(kind, "release") == 0 || strcmp(kind, "removal") == 0;
}

// "on 400 clusters, applied on 363: eu-001, eu-017, …"
static void print_clusters(struct ctl *c, const struct cm_json *item) {
    long long applied = number_of(item, "applied");
    long long desired = number_of(item, "clusters");
    long long clusters = desired > 0 ? desired : applied;

    if (clusters == 0) {
        (void)printf("\n");
        return;
    }
    (void)printf("  on %lld cluster%s%s", clusters, clusters == 1 ? "" : "s", doubt_words(c, item));
    if (is_applied(text_of(item, "kind")) && applied != clusters) {
        (void)printf(", done on %lld", applied);
    }
    (void)printf(": %s\n", ctl_one_line(c->arena, names_words(c, item)));
}

// "12:27:54  release   checkout  1f2e3d4c Bump to 1.5 (ann)  on 3 clusters: …"
static void print_action(struct ctl *c, const struct cm_json *item) {
    static const struct ctl_column time = {.member = "toMs", .type = CTL_TIME};
    const char *kind = text_of(item, "kind");
    const char *app = text_of(item, "app");

    (void)printf("%s%s%s  %s%-12s%s", ctl_dim(), ctl_cell_text(c->arena, item, &time), ctl_plain(),
                 colour_of(kind), ctl_one_line(c->arena, kind), ctl_plain());
    if (app[0] != '\0') {
        (void)printf("  %s", ctl_one_line(c->arena, app));
    }
    bool committed = text_of(item, "revision")[0] != '\0';
    (void)printf("%s%s%s", committed ? "  " : "",
                 committed ? ctl_one_line(c->arena, commit_words(c, item)) : "",
                 ctl_one_line(c->arena, images_words(c, item)));
    if (text_of(item, "held")[0] != '\0') {
        (void)printf("  held: %s", ctl_one_line(c->arena, text_of(item, "held")));
    }
    if (text_of(item, "actor")[0] != '\0' || text_of(item, "text")[0] != '\0') {
        const char *actor = text_of(item, "actor");

        (void)printf("  %s: %s", actor[0] == '\0' ? "unknown" : ctl_one_line(c->arena, actor),
                     ctl_one_line(c->arena, text_of(item, "text")));
    }
    print_clusters(c, item);
}

// note_gaps says what of the past is not all kept.
static void note_gaps(struct ctl *c, const struct cm_json *answer) {
    if (number_of(answer, "decisionsFromMs") > 0) {
        (void)fprintf(stderr, "what controllers decided before %s is not all kept\n",
                      time_of(c, answer, "decisionsFromMs"));
    }
    if (number_of(answer, "eventsFromMs") > 0) {
        (void)fprintf(stderr,
                      "changes by hand, Holds, Bans and Exemptions before %s are not all kept\n",
                      time_of(c, answer, "eventsFromMs"));
    }
    if (number_of(answer, "scaledFromMs") > 0) {
        (void)fprintf(stderr, "what was scaled before %s is not all kept\n",
                      time_of(c, answer, "scaledFromMs"));
    }
}

int ctl_log(struct ctl *c) {
    const char *limit =
        c->options.limit > 0 ? cm_arena_strf(c->arena, "%lld", (long long)c->options.limit) : NULL;
    const struct ctl_param params[] = {{"select", argument(c, 0)},
                                       {"limit", limit},
                                       {"kind", c->options.kind},
                                       {"expand", c->options.expand ? "true" : NULL},
                                       {"known", c->options.known ? "true" : NULL},
                                       {NULL, NULL}};
    struct cm_json *answer = NULL;

    if (check_arguments(c, 0, 1) != CTL_DONE ||
        ctl_call(c, "GET", "/past/log", params, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, answer) < 0 ? CTL_ERROR : CTL_DONE;
    }
    note_members(answer);
    for (const struct cm_json *at = first_of(answer, "items"); at != NULL; at = at->next) {
        print_action(c, at);
    }
    if (first_of(answer, "items") == NULL) {
        (void)fprintf(stderr, "nothing to show\n");
    }
    if (number_of(answer, "keptFromMs") > 0 && !cm_json_true(cm_json_get(answer, "more"))) {
        (void)fprintf(stderr, "what was before %s is not kept\n", time_of(c, answer, "keptFromMs"));
    }
    if (!cm_json_true(cm_json_get(answer, "more"))) {
        note_gaps(c, answer);
    }
    return CTL_DONE;
}

// ---- Why

static void print_state(struct ctl *c, const struct cm_json *item) {
    const char *frozen = frozen_words(c, item);
    const char *held = text_of(cm_json_get(item, "desired"), "held");
    const char *weight = weight_words(c, item);

    (void)printf("%s%s%s%s%s since %s\n", ctl_bold(),
                 ctl_one_line(c->arena, text_of(item, "state")), weight[0] == '\0' ? "" : ", ",
                 weight, ctl_plain(), time_of(c, item, "toMs"));
    (void)printf("  desired  %s%s\n",
                 ctl_one_line(c->arena, commit_words(c, cm_json_get(item, "desired"))),
                 held[0] == '\0' ? "" : " as Git says; in effect with Holds:");
    if (held[0] != '\0') {
        (void)printf("  held     %s\n", ctl_one_line(c->arena, held));
    }
    (void)printf("  actual   %s\n",
                 ctl_one_line(c->arena, commit_words(c, cm_json_get(item, "actual"))));
    if (text_of(item, "waits")[0] != '\0') {
        (void)printf("  waits    %s\n", ctl_one_line(c->arena, text_of(item, "waits")));
    }
    if (text_of(item, "needsHuman")[0] != '\0') {
        (void)printf("  needs    %s\n", ctl_one_line(c->arena, text_of(item, "needsHuman")));
    }
    if (frozen[0] != '\0') {
        (void)printf("  frozen   %s\n", ctl_one_line(c->arena, frozen));
    }
    for (const struct cm_json *at = first_of(item, "images"); at != NULL; at = at->next) {
        (void)printf("  image    %s\n", ctl_one_line(c->arena, at->text == NULL ? "" : at->text));
    }
    if (cm_json_get(item, "runs") != NULL) {
        (void)printf("  runs     %s\n", ctl_one_line(c->arena, runs_words(c, item)));
    }
    for (const struct cm_json *at = first_of(item, "digests"); at != NULL; at = at->next) {
        (void)printf("  digest   %s\n", ctl_one_line(c->arena, at->text == NULL ? "" : at->text));
    }
    const char *moved = moved_words(c, item, cm_json_get(item, "runs") != NULL ? "runs" : "images");
    if (moved[0] != '\0') {
        (void)printf("           %s\n", ctl_one_line(c->arena, moved));
    }
}

static void print_proof(struct ctl *c, const struct cm_json *row) {
    const char *proof = text_of(row, "proof");

    if (proof[0] != '\0') {
        (void)printf("    proof: %s\n", ctl_one_line(c->arena, proof));
    }
}

// "12:27:54  flagger rejected 1f2e3d4c: Failed checks threshold reached 5 (held)"
static void print_decision(struct ctl *c, const struct cm_json *row) {
    const char *outcome = text_of(row, "outcome");
    const char *bad = text_of(row, "badRevision"); // of what was promoted there is none

    (void)printf("  %s%s%s  %s %s %.*s: %s%s%s%s\n", ctl_dim(), time_of(c, row, "atMs"),
                 ctl_plain(), ctl_one_line(c->arena, text_of(row, "controller")),
                 ctl_one_line(c->arena, text_of(row, "verdict")), SHORT,
                 ctl_one_line(c->arena, bad[0] != '\0' ? bad : text_of(row, "goodRevision")),
                 ctl_one_line(c->arena, text_of(row, "text")), outcome[0] == '\0' ? "" : " (",
                 ctl_one_line(c->arena, outcome), outcome[0] == '\0' ? "" : ")");
    print_proof(c, row);
}

// "  'web-2-1f2e' (in force): 1 instead of 2, by ann, in 1f2e3d4c
//     fleet: holds/web/2-1f2e.yaml"
static void print_hold(struct ctl *c, const struct cm_json *row) {
    const char *actor = text_of(row, "actor");
    const char *revision = text_of(row, "revision");
    const char *path = text_of(row, "path");
    const char *pull = text_of(row, "pullRequest");

    actor = actor[0] == '\0' ? text_of(row, "controller") : actor;
    (void)printf("  '%s' (%s): %s instead of %s, by %s%s%.*s\n",
                 ctl_one_line(c->arena, text_of(row, "name")),
                 ctl_one_line(c->arena, text_of(row, "state")),
                 ctl_one_line(c->arena, text_of(row, "restored")),
                 ctl_one_line(c->arena, text_of(row, "rejected")),
                 actor[0] == '\0' ? "whoever committed it" : ctl_one_line(c->arena, actor),
                 revision[0] == '\0' ? "" : ", in ", SHORT, ctl_one_line(c->arena, revision));
    (void)printf("    %s%s%s%s%s\n",
                 path[0] == '\0' ? "" : ctl_one_line(c->arena, text_of(row, "repository")),
                 path[0] == '\0' ? "" : ": ",
                 path[0] == '\0' ? "not in Git yet" : ctl_one_line(c->arena, path),
                 pull[0] == '\0' ? "" : ", ", ctl_one_line(c->arena, pull));
    if (text_of(row, "message")[0] != '\0') {
        (void)printf("    %s\n", ctl_one_line(c->arena, text_of(row, "message")));
    }
    print_proof(c, row);
}

static void print_event_line(struct ctl *c, const struct cm_json *row) {
    (void)printf("  %s%s%s  %-14s  %s\n", ctl_dim(), time_of(c, row, "atMs"), ctl_plain(),
                 ctl_one_line(c->arena, text_of(row, "kind")),
                 ctl_one_line(c->arena, text_of(row, "message")));
}

static void print_part(struct ctl *c, const struct cm_json *answer, const char *member,
                       const char *title, void (*print)(struct ctl *c, const struct cm_json *row)) {
    const struct cm_json *at = first_of(answer, member);

    if (at != NULL) {
        (void)printf("%s:\n", title);
    }
    for (; at != NULL; at = at->next) {
        print(c, at);
    }
}

static bool is_past(const char *select) {
    return strpbrk(select, "@~") != NULL;
}

int ctl_why(struct ctl *c) {
    const struct ctl_param params[] = {{"select", argument(c, 0)},
                                       {"object", c->options.object},
                                       {"known", c->options.known ? "true" : NULL},
                                       {NULL, NULL}};
    struct cm_json *answer = NULL;

    if (check_arguments(c, 1, 1) != CTL_DONE ||
        ctl_call(c, "GET", "/past/why", params, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, answer) < 0 ? CTL_ERROR : CTL_DONE;
    }
    if (first_of(answer, "items") == NULL) {
        (void)printf("it was not there\n");
    } else {
        print_state(c, first_of(answer, "items"));
    }
    print_part(c, answer, "holds",
               is_past(argument(c, 0)) ? "Holds, and how they are now" : "Holds", print_hold);
    print_part(c, answer, "decisions", "decided by controllers", print_decision);
    print_part(c, answer, "events", "before that", print_event_line);
    note_gaps(c, answer);
    return CTL_DONE;
}

// ---- A difference

bool ctl_past_is_range(const char *word) {
    return strstr(word, "..") != NULL || is_past(word);
}

static void print_side(struct ctl *c, const char *sign, const char *colour,
                       const struct cm_json *list) {
    for (; list != NULL; list = list->next) {
        (void)printf("%s%s %s%s%s", colour, sign, ctl_one_line(c->arena, commit_words(c, list)),
                     ctl_one_line(c->arena, images_words(c, list)), ctl_plain());
        print_clusters(c, list);
    }
}

// note_unobserved says of how much of a side nobody knows how it was.
static void note_unobserved(struct ctl *c, const struct cm_json *answer, const char *member) {
    const struct cm_json *side = cm_json_get(answer, member);
    long long unobserved = number_of(side, "unobserved");

    if (unobserved > 0) {
        (void)fprintf(
            stderr,
            "%lld of %lld clusters were not observed at %s: what was heard of them last is "
            "compared\n",
            unobserved, (long long)number_of(side, "clusters"), time_of(c, side, "atMs"));
    }
}

int ctl_past_diff(struct ctl *c) {
    const struct ctl_param params[] = {
        {"select", argument(c, 0)}, {"known", c->options.known ? "true" : NULL}, {NULL, NULL}};
    struct cm_json *answer = NULL;

    if (check_arguments(c, 1, 1) != CTL_DONE ||
        ctl_call(c, "GET", "/past/diff", params, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    if (ctl_output_is_tree(c) && ctl_print_value(c, answer) < 0) {
        return CTL_ERROR;
    }
    const struct cm_json *item = first_of(answer, "items");
    int result = item == NULL ? CTL_DONE : CTL_NO;
    note_members(answer);
    note_unobserved(c, answer, "from");
    note_unobserved(c, answer, "to");
    if (item == NULL) {
        (void)fprintf(stderr, "nothing differs\n");
    }
    for (; item != NULL && !ctl_output_is_tree(c); item = item->next) {
        (void)printf("%s%s%s\n", ctl_bold(), ctl_one_line(c->arena, text_of(item, "app")),
                     ctl_plain());
        print_side(c, "-", ctl_red(), first_of(item, "from"));
        print_side(c, "+", ctl_green(), first_of(item, "to"));
    }
    return result;
}
