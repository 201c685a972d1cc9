#include "hub/ctl/range.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/arena.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/offline.h"
#include "hub/repo/local.h"
#include "hub/repo/tree.h"

#define SHORT_DIGITS 7

// plain writes a name with ^ after it as hub_repo_resolve knows it: main^^ is main~2.
static const char *plain(struct cm_arena *a, const char *name) {
    size_t len = strlen(name);
    size_t carets = 0;
    char *copy = cm_arena_strdup(a, name[0] == '\0' || strcmp(name, "@") == 0 ? "HEAD" : name);

    while (carets < len && name[len - 1 - carets] == '^') {
        carets++;
    }
    if (carets == 0) {
        return copy;
    }
    copy[len - carets] = '\0';
    char *tilde = strchr(copy, '~');
    unsigned long back = 0;
    if (tilde != NULL) {
        back = tilde[1] == '\0' ? 1 : strtoul(tilde + 1, NULL, 10);
        *tilde = '\0';
    }
    return cm_arena_strf(a, "%s~%lu", copy, back + carets);
}

// add_hint says why a commit that should be there may be missing.
static enum cm_rc add_hint(struct ctl *c, const struct ctl_offline *o, const char *name) {
    struct hub_commit commit = {0};
    struct cm_err err;
    CM_AUTOFREE char *remote = cm_strf("origin/%s", name);

    if (c->err.code == CM_ENOTFOUND && hub_repo_resolve(o->repo, remote, &commit, &err) == CM_OK) {
        hub_commit_done(&commit);
        return cm_fail(&c->err, CM_ENOTFOUND,
                       "there is no commit, branch or tag '%.100s'; did you mean '%.100s'?", name,
                       remote);
    }
    if (c->err.code == CM_ENOTFOUND && strcmp(plain(c->arena, name), "HEAD") == 0) {
        return cm_fail(&c->err, CM_ENOTFOUND,
                       "there is no commit yet to compare with; 'holdfast validate' needs none");
    }
    size_t len = strcspn(name, "~^");
    CM_AUTOFREE char *word = cm_strndup(name, len);
    CM_AUTOFREE char *nearest =
        c->err.code == CM_ENOTFOUND ? hub_repo_nearest(o->repo, word) : NULL;
    if (nearest != NULL && strcmp(nearest, word) != 0) {
        return cm_fail(&c->err, CM_ENOTFOUND,
                       "there is no commit, branch or tag '%.100s'; did you mean '%.100s%.20s'?",
                       name, nearest, name + len);
    }
    if (!hub_repo_is_shallow(o->repo)) {
        return c->err.code;
    }
    CM_AUTOFREE char *words = cm_strdup(c->err.msg);
    return cm_fail(&c->err, c->err.code,
                   "%.300s; this clone is shallow: fetch its history with 'git fetch "
                   "--unshallow' (fetch-depth: 0 in Actions, GIT_DEPTH: 0 in GitLab)",
                   words);
}

enum cm_rc ctl_range_commit(struct ctl *c, const struct ctl_offline *o, const char *name,
                            struct hub_repo_id *out, const char **say) {
    struct hub_commit commit = {0};
    const char *known = plain(c->arena, name);
    char hex[HUB_REPO_ID_HEX_MAX];

    if (hub_repo_resolve(o->repo, known, &commit, &c->err) < 0) {
        return add_hint(c, o, name);
    }
    *out = commit.id;
    hub_repo_id_hex(&commit.id, hex);
    hub_commit_done(&commit);
    const char *called = name[0] == '\0' ? "HEAD" : name;
    bool is_id = strncmp(hex, called, strlen(called)) == 0;
    *say = is_id ? cm_arena_strf(c->arena, "%.*s", SHORT_DIGITS, hex)
                 : cm_arena_strf(c->arena, "%s (%.*s)", called, SHORT_DIGITS, hex);
    return CM_OK;
}

static enum cm_rc part(struct ctl *c, const struct ctl_offline *o, struct ctl_range *range) {
    char hex[HUB_REPO_ID_HEX_MAX];
    struct hub_repo_id base;

    if (hub_repo_merge_base(o->repo, &range->from, &range->to, &base, &c->err) < 0) {
        return add_hint(c, o, "...");
    }
    if (!hub_repo_id_equal(&base, &range->from)) {
        hub_repo_id_hex(&base, hex);
        range->from = base;
        range->from_say =
            cm_arena_strf(c->arena, "%.*s, where %s parted", SHORT_DIGITS, hex, range->from_say);
    }
    return CM_OK;
}

static enum cm_rc find_two(struct ctl *c, const struct ctl_offline *o, const char *text,
                           const char *dots, struct ctl_range *out) {
    bool parted = dots[2] == '.';
    const char *from = cm_arena_strndup(c->arena, text, (size_t)(dots - text));
    const char *to = dots + (parted ? 3 : 2);

    if (strstr(to, "..") != NULL) {
        return cm_fail(&c->err, CM_EINVAL, "'%.100s' is no range: write A..B or A...B", text);
    }
    if (ctl_range_commit(c, o, from, &out->from, &out->from_say) < 0 ||
        ctl_range_commit(c, o, to, &out->to, &out->to_say) < 0) {
        return c->err.code;
    }
    return parted ? part(c, o, out) : CM_OK;
}

enum cm_rc ctl_range_find(struct ctl *c, const struct ctl_offline *o, const char *text,
                          struct ctl_range *out) {
    const char *dots = text == NULL ? NULL : strstr(text, "..");

    *out = (struct ctl_range){.work = dots == NULL, .to_say = "working copy"};
    if (dots != NULL) {
        return find_two(c, o, text, dots, out);
    }
    if (hub_repo_work_folder(o->repo) == NULL) {
        return cm_fail(&c->err, CM_EINVAL,
                       "'%s' is a bare repository, without a working copy: say which commits to "
                       "compare, as A..B",
                       o->dir);
    }
    return ctl_range_commit(c, o, text == NULL ? "" : text, &out->from, &out->from_say);
}

bool ctl_range_is_folder(const char *word) {
    struct stat now;

    return stat(word, &now) == 0 && S_ISDIR(now.st_mode);
}
