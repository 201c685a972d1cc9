// enroll.c: `holdfast enroll` and `holdfast revoke`: who may connect.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/print.h"

#define LIFE_MS 900000
#define LIFE_MIN_MS 60000
#define LIFE_MAX_MS 86400000

static int64_t life_of(const struct ctl *c) {
    return c->options.life_ms == 0 ? LIFE_MS : c->options.life_ms;
}

static enum cm_rc make_token(struct ctl *c, const char *cluster, struct cm_json **out) {
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);

    cm_json_set_string(c->arena, body, "cluster", cluster);
    cm_json_set_int(c->arena, body, "lifeMs", life_of(c));
    cm_json_set_bool(c->arena, body, "again", c->options.again);
    return ctl_call(c, "POST", "/enrollments", NULL, body, out);
}

static const char *text_of(const struct cm_json *node) {
    const char *text = cm_json_string(node);

    return text == NULL ? "" : text;
}

static void print_warning(const struct ctl *c, const struct cm_json *answer) {
    const char *warning = cm_json_string(cm_json_get(answer, "warning"));

    if (warning != NULL) {
        (void)fprintf(stderr, "holdfast: warning: %s\n", ctl_one_line(c->arena, warning));
    }
}

static void print_command(const struct ctl *c, const struct cm_json *answer) {
    const struct cm_json *addresses = cm_json_get(answer, "enrollAddresses");
    const char *address = addresses == NULL ? "" : text_of(addresses->first);
    const char *cluster = text_of(cm_json_get(answer, "cluster"));
    const char *token = text_of(cm_json_get(answer, "token"));

    if (c->options.tokens) {
        (void)printf("%s %s\n", cluster, token);
        return;
    }
    (void)printf("# cluster %s; the token works once, for %lld minutes\n"
                 "holdfast-agent --enroll-hub %s --join-token %s\n",
                 cluster, (long long)(life_of(c) / 60000), address, token);
}

static int enroll_one(struct ctl *c, const char *cluster, struct cm_json *answers) {
    struct cm_json *answer = NULL;

    if (make_token(c, cluster, &answer) < 0) {
        return CTL_ERROR;
    }
    print_warning(c, answer);
    if (ctl_output_is(c, "table")) {
        print_command(c, answer);
    } else {
        cm_json_append(answers, answer);
    }
    return CTL_DONE;
}

static int enroll_all(struct ctl *c, struct cm_json *answers) {
    struct ctl_param params[] = {
        {"group", c->options.group}, {"selector", c->options.selector}, {NULL, NULL}};
    struct cm_json *clusters = NULL;

    if (ctl_list(c, "/clusters", params, 0, &clusters) < 0) {
        return CTL_ERROR;
    }
    for (const struct cm_json *at = clusters->first; at != NULL; at = at->next) {
        bool enrolled = cm_json_true(cm_json_get(at, "enrolled"));
        bool managed = cm_json_true(cm_json_get(at, "managed"));

        if (managed && (!enrolled || c->options.again) &&
            enroll_one(c, text_of(cm_json_get(at, "name")), answers) != CTL_DONE) {
            return CTL_ERROR;
        }
    }
    return CTL_DONE;
}

int ctl_enroll(struct ctl *c) {
    struct cm_json *answers = cm_json_new(c->arena, CM_ARRAY);
    int result = CTL_DONE;

    if ((c->argc == 0) != c->options.all) {
        return ctl_fail(c, CM_EINVAL,
                        "enroll: name clusters, or say --all for those in Git that "
                        "have no agent yet");
    }
    if (life_of(c) < LIFE_MIN_MS || life_of(c) > LIFE_MAX_MS) {
        return ctl_fail(c, CM_EINVAL, "--life: a join token works for 1m to 24h");
    }
    if (c->options.all) {
        result = enroll_all(c, answers);
    }
    for (int i = 0; i < c->argc && result == CTL_DONE; i++) {
        result = enroll_one(c, c->argv[i], answers);
    }
    if (result == CTL_DONE && !ctl_output_is(c, "table") && ctl_print_value(c, answers) < 0) {
        return CTL_ERROR;
    }
    return result;
}

int ctl_revoke(struct ctl *c) {
    struct cm_json *answer = NULL;

    if (c->argc != 1) {
        return ctl_fail(c, CM_EINVAL, "revoke: name one cluster");
    }
    const char *path = cm_arena_strf(c->arena, "/enrollments/%s", c->argv[0]);
    if (ctl_call(c, "DELETE", path, NULL, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    (void)printf("the agent of %s may no longer connect; what it applied stays as it is\n",
                 c->argv[0]);
    return CTL_DONE;
}
