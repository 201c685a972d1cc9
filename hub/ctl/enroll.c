// enroll.c: `holdfast enroll`, `approve` and `revoke`: who may connect.
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/http/http.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/client.h"
#include "hub/ctl/ctl.h"
#include "hub/ctl/manifests.h"
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
    if (c->options.needs_approval) { // a hub that does not know it refuses
        cm_json_set_bool(c->arena, body, "needsApproval", true);
    }
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

static void print_next(const struct ctl *c, const char *cluster, const struct cm_json *answer) {
    if (cm_json_true(cm_json_get(answer, "needsApproval"))) {
        (void)fprintf(stderr,
                      "holdfast: the agent is let in once its key is accepted; its log shows it "
                      "(agent.pending): holdfast approve %s --key KEY\n",
                      ctl_one_line(c->arena, cluster));
    }
}

static struct ctl_manifests manifests_of(const struct ctl *c) {
    return (struct ctl_manifests){.image = c->options.image,
                                  .namespaces = c->options.namespaces,
                                  .resources = c->options.resources,
                                  .audit_log = c->options.audit_log,
                                  .impersonate = c->options.impersonate,
                                  .observes = strcmp(c->options.mode, "observe") == 0};
}

static void print_manifests(struct ctl *c, const char *address, const char *token) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct ctl_manifests m = manifests_of(c);

    m.hub = address;
    m.token = token;
    ctl_manifests_write(c->arena, &m, &text);
    (void)fwrite(text.data, 1, text.len, stdout);
}

static enum cm_rc print_command(struct ctl *c, const struct cm_json *answer) {
    const char *address = NULL;
    const char *cluster = NULL;
    const char *token = NULL;
    enum cm_rc rc = ctl_word(c, answer, "cluster", &cluster);

    rc = rc < 0 ? rc : ctl_word(c, answer, "token", &token);
    if (rc == CM_OK && c->options.tokens) {
        (void)printf("%s %s\n", cluster, token);
        return CM_OK;
    }
    rc = rc < 0 ? rc : ctl_word(c, answer, "enrollAddresses", &address);
    if (rc == CM_OK && c->options.manifests) {
        print_manifests(c, address, token);
    } else if (rc == CM_OK) {
        (void)printf("# cluster %s; the token works once, for %lld minutes\n"
                     "holdfast-agent --enroll-hub %s --join-token %s%s\n",
                     cluster, (long long)(life_of(c) / 60000), address, token,
                     manifests_of(c).observes ? " --mode observe" : "");
    }
    return rc;
}

static int enroll_one(struct ctl *c, const char *cluster, struct cm_json *answers) {
    struct cm_json *answer = NULL;

    if (make_token(c, cluster, &answer) < 0) {
        return CTL_ERROR;
    }
    print_warning(c, answer);
    print_next(c, cluster, answer);
    if (ctl_output_is(c, "table")) {
        return print_command(c, answer) < 0 ? CTL_ERROR : CTL_DONE;
    }
    cm_json_append(answers, answer);
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

// check_manifests is done before a token is made.
static enum cm_rc check_manifests(struct ctl *c) {
    const struct ctl_manifests m = manifests_of(c);
    const char *mode = c->options.mode;
    bool any = m.image != NULL || m.namespaces != NULL || m.resources != NULL ||
               m.audit_log != NULL || m.impersonate;

    if (strcmp(mode, "apply") != 0 && strcmp(mode, "observe") != 0) {
        return cm_fail(&c->err, CM_EINVAL, "--mode: '%.80s' is neither apply nor observe", mode);
    }
    if (!c->options.manifests) {
        return any ? cm_fail(&c->err, CM_EINVAL,
                             "enroll: --image, --namespaces, --resources, --audit-log and "
                             "--impersonate go with "
                             "--manifests")
                   : CM_OK;
    }
    if (c->argc != 1 || c->options.tokens || !ctl_output_is(c, "table")) {
        return cm_fail(&c->err, CM_EINVAL,
                       "enroll: --manifests are those of one cluster, without --tokens and -o");
    }
    return ctl_manifests_check(&m, &c->err);
}

int ctl_enroll(struct ctl *c) {
    struct cm_json *answers = cm_json_new(c->arena, CM_ARRAY);
    int result = CTL_DONE;

    if (check_manifests(c) < 0) {
        return CTL_ERROR;
    }
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
    CM_AUTOFREE char *name = cm_http_escape(c->argv[0]);
    const char *path = cm_arena_strf(c->arena, "/enrollments/%s", name);
    if (ctl_call(c, "DELETE", path, NULL, NULL, &answer) < 0) {
        return CTL_ERROR;
    }
    (void)printf("no agent may connect as %s any more; what one applied stays as it is\n",
                 c->argv[0]);
    return CTL_DONE;
}

int ctl_approve(struct ctl *c) {
    struct cm_json *body = cm_json_new(c->arena, CM_OBJECT);
    struct cm_json *answer = NULL;

    if (c->argc != 1) {
        return ctl_fail(c, CM_EINVAL, "approve: name one cluster");
    }
    cm_json_set_string(c->arena, body, "cluster", c->argv[0]);
    if (c->options.key != NULL) {
        cm_json_set_string(c->arena, body, "key", c->options.key);
    }
    if (ctl_call(c, "POST", "/approvals", NULL, body, &answer) < 0) {
        return CTL_ERROR;
    }
    (void)printf("the agent of %s may connect, with key %.8s, and renews it at once; it asks again "
                 "within minutes\n",
                 c->argv[0], text_of(cm_json_get(answer, "key")));
    return CTL_DONE;
}
