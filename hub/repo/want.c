#include "hub/repo/want.h"

#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/semver.h"
#include "common/str.h"
#include "hub/repo/git.h"

#define HEADS "refs/heads/"
#define TAGS "refs/tags/"

char *hub_want_text(const struct hub_repo_source *s) {
    if (s->tag != NULL) {
        return cm_strf("tag '%s'", s->tag);
    }
    if (s->semver != NULL) {
        return cm_strf("tag within '%s'", s->semver);
    }
    return s->commit != NULL ? cm_strf("commit %s", s->commit) : cm_strf("branch '%s'", s->branch);
}

static bool take(struct hub_want *out, const git_remote_head *head) {
    int len = snprintf(out->name, sizeof(out->name), "%s", head->name);

    out->oid = head->oid;
    return len > 0 && (size_t)len < sizeof(out->name);
}

static bool find_name(const char *name, const git_remote_head *const *heads, size_t count,
                      struct hub_want *out) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(heads[i]->name, name) == 0) {
            return take(out, heads[i]);
        }
    }
    return false;
}

// version_of reads the version that a tag's name is; "refs/tags/v1^{}" is none.
static bool version_of(const git_remote_head *head, struct cm_semver *out) {
    return strncmp(head->name, TAGS, strlen(TAGS)) == 0 &&
           cm_semver_parse(head->name + strlen(TAGS), out);
}

static enum cm_rc find_version(const char *text, const git_remote_head *const *heads, size_t count,
                               struct hub_want *out, bool *found, struct cm_err *err) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    const struct cm_semver_range *range;
    struct cm_semver best = {0};

    if (cm_semver_range_parse(a, text, &range, err) < 0) {
        return err->code;
    }
    *found = false;
    for (size_t i = 0; i < count; i++) {
        struct cm_semver version;

        if (version_of(heads[i], &version) && cm_semver_range_match(range, &version) &&
            (!*found || cm_semver_compare(&version, &best) > 0) && take(out, heads[i])) {
            best = version;
            *found = true;
        }
    }
    return CM_OK;
}

static enum cm_rc find_commit(const char *hex, const git_remote_head *const *heads, size_t count,
                              struct hub_want *out, struct cm_err *err) {
    if (git_oid_fromstr(&out->oid, hex) < 0) {
        return hub_git_fail(err, CM_EINVAL, "read the commit's id");
    }
    for (size_t i = 0; i < count; i++) {
        if (git_oid_equal(&heads[i]->oid, &out->oid) && strchr(heads[i]->name, '^') == NULL &&
            strcmp(heads[i]->name, "HEAD") != 0 && take(out, heads[i])) {
            return CM_OK;
        }
    }
    (void)snprintf(out->name, sizeof(out->name), "%s", hex);
    out->by_id = true;
    return CM_OK;
}

// ---- What there is instead

static const char *default_branch(const git_remote_head *const *heads, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(heads[i]->name, "HEAD") == 0) {
            return heads[i]->symref_target;
        }
    }
    return NULL;
}

// highest returns the name of the highest version among the tags, or NULL.
static const char *highest(const git_remote_head *const *heads, size_t count) {
    struct cm_semver best;
    const char *name = NULL;

    for (size_t i = 0; i < count; i++) {
        struct cm_semver version;

        if (version_of(heads[i], &version) &&
            (name == NULL || cm_semver_compare(&version, &best) > 0)) {
            best = version;
            name = heads[i]->name + strlen(TAGS);
        }
    }
    return name;
}

static enum cm_rc missing(const struct hub_repo_source *s, const git_remote_head *const *heads,
                          size_t count, struct cm_err *err) {
    CM_AUTOFREE char *what = hub_want_text(s);
    bool tags = s->tag != NULL || s->semver != NULL;
    const char *other = tags ? highest(heads, count) : default_branch(heads, count);
    CM_AUTOFREE char *shown = cm_strdup(other != NULL ? other : "");

    if (other == NULL) {
        return cm_fail(err, CM_ENOTFOUND, "the repository has no %s", what);
    }
    hub_git_printable(shown);
    return cm_fail(err, CM_ENOTFOUND, "the repository has no %s; its %s is '%.100s'", what,
                   tags ? "highest version" : "HEAD", shown);
}

enum cm_rc hub_want_find(const struct hub_repo_source *s, const git_remote_head *const *heads,
                         size_t count, struct hub_want *out, struct cm_err *err) {
    bool found = false;

    *out = (struct hub_want){0};
    if (s->commit != NULL) {
        return find_commit(s->commit, heads, count, out, err);
    }
    if (s->semver != NULL) {
        if (find_version(s->semver, heads, count, out, &found, err) < 0) {
            return err->code;
        }
    } else {
        const char *text = s->tag != NULL ? s->tag : s->branch;
        bool full = s->tag == NULL && strncmp(text, "refs/", 5) == 0;
        CM_AUTOFREE char *name = cm_strf("%s%s", full ? "" : s->tag != NULL ? TAGS : HEADS, text);

        found = find_name(name, heads, count, out);
    }
    return found ? CM_OK : missing(s, heads, count, err);
}
