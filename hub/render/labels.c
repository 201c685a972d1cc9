// Labels and annotations of manifests, by the rules of the API server: what it would refuse on
// every cluster is told before.
#include "hub/render/labels.h"

#include <string.h>

#include "common/mem.h"
#include "hub/render/annotations.h"
#include "hub/render/source.h"

#define NAME_MAX_LEN 63
#define DOMAIN_MAX_LEN 253
#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool is_alnum(char c) {
    return c != '\0' && strchr(ALNUM, c) != NULL;
}

// is_word tells whether a text is what both names and values of labels are made of.
static bool is_word(const char *text, size_t len) {
    return len > 0 && len <= NAME_MAX_LEN && strspn(text, ALNUM "-_.") >= len &&
           is_alnum(text[0]) && is_alnum(text[len - 1]);
}

static bool is_name(const char *name) {
    const char *slash = strchr(name, '/');
    size_t domain = slash != NULL ? (size_t)(slash - name) : 0;

    if (slash != NULL && (domain == 0 || domain > DOMAIN_MAX_LEN || !is_alnum(name[0]) ||
                          !is_alnum(name[domain - 1]) ||
                          strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != domain)) {
        return false;
    }
    const char *rest = slash != NULL ? slash + 1 : name;
    return is_word(rest, strlen(rest));
}

struct looking {
    const struct hub_template *template; // NULL: its variables are put in
    const char *path;
    struct hub_diags *diags;
};

// is_open tells whether variables of a member are still to be put in.
static bool is_open(const struct looking *l, const struct cm_json *member) {
    for (size_t i = 0; l->template != NULL && i < l->template->hole_count; i++) {
        if (l->template->holes[i].node == member) {
            return true;
        }
    }
    return false;
}

static void check_ours(const struct looking *l, const struct cm_json *member, const char *path) {
    CM_AUTOFREE char *advice = hub_annotations_advice(member->key);

    if (advice != NULL) {
        hub_diags_add(l->diags, path, member->line, member->column,
                      "unknown annotation '%.100s': %s", member->key, advice);
    }
}

static void check_member(const struct looking *l, const char *map, const struct cm_json *member) {
    const char *path = l->template != NULL ? hub_template_path(l->template, member) : l->path;

    if (member->type == CM_NULL || is_open(l, member) ||
        strcmp(member->key, HUB_SUBSTITUTE_ANNOTATION) == 0) { // which is checked where it is read
        return;
    }
    if (!is_name(member->key)) {
        hub_diags_add(l->diags, path, member->line, member->column,
                      "'%.100s' cannot be a name in metadata.%s: use 1 to 63 of letters, digits, "
                      "'-', '_' and '.', with a letter or digit at both ends, behind a domain and "
                      "'/' if you like",
                      member->key, map);
    }
    if (strcmp(map, "annotations") == 0) {
        check_ours(l, member, path);
    }
    if (member->type != CM_STRING) {
        hub_diags_add(l->diags, path, member->line, member->column,
                      "metadata.%s.%.100s must be a string, not %s: put it in quotes", map,
                      member->key, cm_json_type_name(member->type));
    } else if (strcmp(map, "labels") == 0 && member->len > 0 &&
               !is_word(member->text, member->len)) {
        hub_diags_add(l->diags, path, member->line, member->column,
                      "metadata.labels.%.100s is '%.100s': Kubernetes takes up to 63 of letters, "
                      "digits, '-', '_' and '.', with a letter or digit at both ends",
                      member->key, member->text);
    }
}

static void check_map(const struct looking *l, const struct cm_json *object, const char *map) {
    const struct cm_json *holder = cm_json_path(object, "metadata", map, NULL);

    if (holder == NULL || holder->type == CM_NULL || is_open(l, holder)) {
        return;
    }
    if (holder->type != CM_OBJECT) {
        const char *path = l->template != NULL ? hub_template_path(l->template, holder) : l->path;

        hub_diags_add(l->diags, path, holder->line, holder->column,
                      "metadata.%s must be a map of strings, not %s: write 'name: \"value\"' lines",
                      map, cm_json_type_name(holder->type));
        return;
    }
    for (const struct cm_json *n = holder->first; n != NULL; n = n->next) {
        check_member(l, map, n);
    }
}

void hub_labels_check(const struct hub_template *t, struct hub_diags *diags) {
    const struct looking l = {.template = t, .diags = diags};

    check_map(&l, t->object, "labels");
    check_map(&l, t->object, "annotations");
}

void hub_labels_check_filled(const struct cm_json *object, const char *path,
                             struct hub_diags *diags) {
    const struct looking l = {.path = path, .diags = diags};

    check_map(&l, object, "labels");
    check_map(&l, object, "annotations");
}
