// scratch: a temporary folder in which tests run the git command line.
//
// Threads: one.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/fsys.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/repo/id.h"

struct scratch {
    char folder[64];
};

static inline int scratch_open(void **state) {
    struct scratch *s = cm_new(1, sizeof(*s));

    (void)snprintf(s->folder, sizeof(s->folder), "/tmp/holdfast-repo-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    assert_int_equal(setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1), 0);
    assert_int_equal(setenv("GIT_CONFIG_NOSYSTEM", "1", 1), 0);
    assert_int_equal(setenv("GIT_AUTHOR_NAME", "Ada", 1), 0);
    assert_int_equal(setenv("GIT_AUTHOR_EMAIL", "ada@example.com", 1), 0);
    assert_int_equal(setenv("GIT_COMMITTER_NAME", "Ada", 1), 0);
    assert_int_equal(setenv("GIT_COMMITTER_EMAIL", "ada@example.com", 1), 0);
    assert_int_equal(setenv("GIT_AUTHOR_DATE", "1700000000 +0100", 1), 0);
    assert_int_equal(setenv("GIT_COMMITTER_DATE", "1700000100 +0100", 1), 0);
    *state = s;
    return 0;
}

static inline int scratch_close(void **state) {
    struct scratch *s = *state;
    struct cm_err err;

    assert_int_equal(cm_fsys_remove_tree(s->folder, &err), CM_OK);
    free(s);
    return 0;
}

// scratch_path returns a path in the folder; the caller frees it.
static inline char *scratch_path(const struct scratch *s, const char *name) {
    return cm_strf("%s/%s", s->folder, name);
}

// scratch_sh runs a script in the folder and returns its first line of output, which the caller
// frees. The test fails if the script does.
static inline char *scratch_sh(const struct scratch *s, const char *script) {
    CM_AUTOFREE char *command = cm_strf("cd %s && set -e && { %s\n}", s->folder, script);
    FILE *out = popen(command, "re");
    char line[4096] = "";

    assert_non_null(out);
    if (fgets(line, sizeof(line), out) != NULL) {
        line[strcspn(line, "\n")] = '\0';
    }
    while (fgetc(out) != EOF) {
    }
    if (pclose(out) != 0) {
        fail_msg("this failed: %s", script);
    }
    return cm_strdup(line);
}

static inline void scratch_run(const struct scratch *s, const char *script) {
    free(scratch_sh(s, script));
}

// scratch_id runs a script that prints the id of an object.
static inline struct hub_repo_id scratch_id(const struct scratch *s, const char *script) {
    CM_AUTOFREE char *hex = scratch_sh(s, script);
    struct hub_repo_id id = {{0}};

    if (!hub_repo_id_parse(hex, &id)) {
        fail_msg("'%s' is no id: %s", hex, script);
    }
    return id;
}
