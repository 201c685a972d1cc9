// token.c: `holdfast token`: who may use the API, by which token.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/mem.h"
#include "hub/ctl/action.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"
#include "hub/ctl/words.h"

#define LIFE_MS (90LL * 24 * 3600 * 1000)
#define LIFE_MIN_MS (60LL * 1000)

static const struct ctl_column columns[] = {
    {"NAME", "name", CTL_TEXT, CTL_ALWAYS},
    {"ROLE", "role", CTL_TEXT, CTL_ALWAYS},
    {"ACTIVE", "active", CTL_YES, CTL_ALWAYS},
    {"LAST USED", "lastUsedMs", CTL_AGE, CTL_ALWAYS},
    {"EXPIRES", "expiresMs", CTL_TIME, CTL_ALWAYS},
    {"CREATED", "createdMs", CTL_TIME, CTL_IF_ROOM},
    {"BY", "createdBy", CTL_TEXT, CTL_IF_ROOM},
    {"ID", "id", CTL_TEXT, CTL_IF_WIDE},
};

static int list(struct ctl *c) {
    struct cm_json *items = NULL;

    if (ctl_list(c, "/tokens", NULL, 0, &items) < 0) {
        return CTL_ERROR;
    }
    return ctl_print_list(c, items, columns, sizeof(columns) / sizeof(columns[0]), "name") < 0
               ? CTL_ERROR
               : CTL_DONE;
}

static int create(struct ctl *c) {
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);
    struct cm_json *answer = NULL;
    bool limited = !ctl_has_word(c->given, "life") || c->options.life_ms > 0;

    if (c->options.life_ms > 0 && c->options.life_ms < LIFE_MIN_MS) {
        return ctl_fail(c, CM_EINVAL, "--life: a token works for 1m or longer, or 0s for ever");
    }
    cm_json_set_string(c->arena, body, "name", c->argv[1]);
    cm_json_set_string(c->arena, body, "role", c->options.role);
    if (limited) {
        cm_json_set_int(c->arena, body, "lifeMs",
                        c->options.life_ms > 0 ? c->options.life_ms : LIFE_MS);
    }
    if (ctl_call(c, "POST", "/tokens", NULL, body, &answer) < 0) {
        return CTL_ERROR;
    }
    if (ctl_output_is_tree(c)) {
        return ctl_print_value(c, answer) < 0 ? CTL_ERROR : CTL_DONE;
    }
    const char *token = NULL;
    if (ctl_word(c, answer, "token", &token) < 0) {
        return CTL_ERROR;
    }
    (void)printf("%s\n", token); // alone, for a file
    (void)fflush(stdout);
    (void)fprintf(stderr, "the token '%s' may %s; it is shown only now\n", c->argv[1],
                  strcmp(c->options.role, "admin") == 0 ? "do all" : "read");
    return CTL_DONE;
}

static int revoke(struct ctl *c) {
    CM_AUTOFREE char *name = cm_http_escape(c->argv[1]);
    struct cm_json *answer = NULL;

    if (ctl_call(c, "DELETE", cm_arena_strf(c->arena, "/tokens/%s", name), NULL, NULL, &answer) <
        0) {
        return CTL_ERROR;
    }
    (void)printf("the token '%s' opens nothing any more\n", c->argv[1]);
    return CTL_DONE;
}

int ctl_token(struct ctl *c) {
    static const struct ctl_action actions[] = {{"list", 0, "", "get ls show", list},
                                                {"create", 1, "NAME", "add make new", create},
                                                {"revoke", 1, "NAME", "delete remove rm", revoke}};

    return ctl_action_run(c, actions, sizeof(actions) / sizeof(actions[0]));
}
