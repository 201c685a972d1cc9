#include "hub/repo/state_marks.h"

#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/git.h"
#include "hub/repo/state.h"

#define MARKS "refs/moments/"

enum { HOUR_TEXT = 13 }; // 2026-11-29T12

static int64_t slot_of(int64_t ms) {
    return ms / HUB_MARKS_MS;
}

static char *name_of(const char *branch, int64_t slot) {
    char text[CM_CLOCK_TEXT_MAX];

    cm_clock_format(slot * HUB_MARKS_MS, text);
    return cm_strf(MARKS "%s/%.*s", branch, HOUR_TEXT, text);
}

// slot_at gives that of a commit; negative: it cannot be read.
static int64_t slot_at(git_repository *git, const git_oid *id) {
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;

    return git_commit_lookup(&commit, git, id) < 0 ? -1 : slot_of(git_commit_time(commit) * 1000);
}

void hub_marks_put(git_repository *git, const char *branch, const git_oid *from,
                   const git_oid *to) {
    CM_CLEANUP(hub_git_referencep) git_reference *ref = NULL;
    int64_t before = git_oid_is_zero(from) ? -1 : slot_at(git, from);
    int64_t now = slot_at(git, to);

    if (before >= 0 && now > before) {
        CM_AUTOFREE char *name = name_of(branch, now);

        (void)git_reference_create(&ref, git, name, from, 1, NULL); // without it, it is slower
    }
}

static bool is_after(git_repository *git, const char *name, const char *month) {
    CM_CLEANUP(hub_git_commitp) git_commit *commit = NULL;
    char its[HUB_STATE_MONTH_MAX];
    git_oid id;

    if (git_reference_name_to_id(&id, git, name) < 0 || git_commit_lookup(&commit, git, &id) < 0) {
        return false;
    }
    hub_state_month(git_commit_time(commit) * 1000, its);
    return strcmp(its, month) > 0;
}

enum cm_rc hub_marks_drop(git_repository *git, const char *branch, const char *month,
                          struct cm_err *err) {
    CM_CLEANUP(git_strarray_dispose) git_strarray names = {0};
    CM_AUTOFREE char *stem = cm_strf(MARKS "%s/", branch);

    if (git_reference_list(&names, git) < 0) {
        return hub_git_fail(err, CM_EIO, "list the marks of '%s'", git_repository_path(git));
    }
    for (size_t i = 0; i < names.count; i++) {
        if (strncmp(names.strings[i], stem, strlen(stem)) == 0 &&
            !is_after(git, names.strings[i], month) &&
            git_reference_remove(git, names.strings[i]) < 0) {
            return hub_git_fail(err, CM_EIO, "remove '%s'", names.strings[i]);
        }
    }
    return CM_OK;
}

bool hub_marks_find(git_repository *git, const char *branch, int64_t at_ms, git_oid *out) {
    int64_t last = slot_of(cm_clock_unix_ms());

    for (int64_t slot = slot_of(at_ms) + 1; at_ms > 0 && slot <= last; slot++) {
        CM_AUTOFREE char *name = name_of(branch, slot);

        if (git_reference_name_to_id(out, git, name) == 0) {
            return true;
        }
    }
    return false;
}
