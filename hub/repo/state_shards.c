#include "hub/repo/state_shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/state_marks.h"

#define TAGS "refs/tags/state/"

void hub_state_month(int64_t unix_ms, char out[HUB_STATE_MONTH_MAX]) {
    char text[CM_CLOCK_TEXT_MAX];

    cm_clock_format(unix_ms, text); // 2026-11-28T21:14:05.123Z
    (void)snprintf(out, HUB_STATE_MONTH_MAX, "%.7s", text);
}

void hub_state_month_back(int64_t unix_ms, int64_t months, char out[HUB_STATE_MONTH_MAX]) {
    hub_state_month(unix_ms, out);
    int64_t number = strtoll(out, NULL, 10) * 12 + strtoll(out + 5, NULL, 10) - 1 - months;
    char text[CM_CLOCK_TEXT_MAX];

    number = number < 0 ? 0 : number;
    (void)snprintf(text, sizeof(text), "%04d-%02d", (int)(number / 12), (int)(number % 12) + 1);
    memcpy(out, text, HUB_STATE_MONTH_MAX - 1);
}

char *hub_shard_ref(const char *branch, const char *month) {
    return cm_strf(TAGS "%s/%s", branch, month);
}

bool hub_shard_before(const git_commit *first, git_oid *out) {
    const char *at = strstr(git_commit_message(first), "\n" HUB_SHARD_BEFORE);

    return at != NULL &&
           git_oid_fromstrn(out, at + 1 + strlen(HUB_SHARD_BEFORE), GIT_OID_HEXSZ) == 0;
}

// ---- Names

void hub_shards_done(struct hub_shards *s) {
    for (size_t i = 0; i < s->count; i++) {
        free(s->names[i]);
    }
    free(s->names);
    *s = (struct hub_shards){0};
}

static int order(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void free_names(git_strarray *names) {
    git_strarray_dispose(names);
}

enum cm_rc hub_shards_list(git_repository *git, const char *branch, struct hub_shards *out,
                           struct cm_err *err) {
    CM_CLEANUP(free_names) git_strarray names = {0};
    CM_AUTOFREE char *before = branch == NULL ? cm_strdup(TAGS) : hub_shard_ref(branch, "");

    if (git_reference_list(&names, git) < 0) {
        return hub_git_fail(err, CM_EIO, "list the months of '%s'", git_repository_path(git));
    }
    out->names = cm_new(names.count + 1, sizeof(*out->names));
    for (size_t i = 0; i < names.count; i++) {
        const char *month = strrchr(names.strings[i], '/') + 1;

        if (strncmp(names.strings[i], before, strlen(before)) == 0 &&
            strlen(month) == HUB_STATE_MONTH_MAX - 1) {
            out->names[out->count++] = cm_strdup(names.strings[i]);
        }
    }
    qsort(out->names, out->count, sizeof(*out->names), order);
    return CM_OK;
}

// ---- Dropping

// drop removes marks first: who is killed in between finds the name, and drops both.
static enum cm_rc drop(git_repository *git, const char *name, struct cm_err *err) {
    const char *month = strrchr(name, '/') + 1;
    CM_AUTOFREE char *branch =
        cm_strndup(name + strlen(TAGS), (size_t)(month - 1 - name) - strlen(TAGS));

    if (hub_marks_drop(git, branch, month, err) < 0) {
        return err->code;
    }
    return git_reference_remove(git, name) < 0 ? hub_git_fail(err, CM_EIO, "remove '%s'", name)
                                               : CM_OK;
}

// is_among_newest tells whether fewer than `keep` months of its branch ended later.
static bool is_among_newest(const struct hub_shards *all, size_t i, size_t keep) {
    size_t stem = (size_t)(strrchr(all->names[i], '/') + 1 - all->names[i]);

    return keep >= all->count - i || strncmp(all->names[i], all->names[i + keep], stem) != 0;
}

enum cm_rc hub_shards_drop(git_repository *git, const char *oldest, size_t keep, bool *dropped,
                           struct cm_err *err) {
    CM_CLEANUP(hub_shards_done) struct hub_shards all = {0};
    enum cm_rc rc = hub_shards_list(git, NULL, &all, err);

    *dropped = false;
    for (size_t i = 0; rc == CM_OK && i < all.count; i++) {
        if (strcmp(strrchr(all.names[i], '/') + 1, oldest) < 0 && !is_among_newest(&all, i, keep)) {
            rc = drop(git, all.names[i], err);
            *dropped = true;
        }
    }
    return rc;
}
