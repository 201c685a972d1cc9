#include "agent/kube/account.h"

#include <stdlib.h>
#include <string.h>

#include "agent/kube/internal.h"
#include "agent/kube/status.h"
#include "common/mem.h"
#include "common/str.h"

// name_in returns where the name begins; what has no namespace cannot be used, and the API server
// says so.
static const char *name_in(const char *account) {
    const char *slash = strchr(account, '/');

    return slash == NULL ? account + strlen(account) : slash + 1;
}

const char *kube_account_given(const char *account) {
    return account == NULL || account[0] == '\0' ? NULL : account;
}

char *kube_account_header(const char *account) {
    return cm_strf("Impersonate-User: system:serviceaccount:%.*s:%s", (int)strcspn(account, "/"),
                   account, name_in(account));
}

char *kube_account_path(const char *account) {
    static const struct kube_resource accounts = {.group = "",
                                                  .version = "v1",
                                                  .kind = "ServiceAccount",
                                                  .plural = "serviceaccounts",
                                                  .namespaced = true};
    CM_AUTOFREE char *ns = cm_strndup(account, strcspn(account, "/"));

    return kube_resource_path(&accounts, ns, name_in(account));
}

// add_unseen adds the rule that we lack ourselves to say whether the account is there.
static void add_unseen(const struct kube_op *op, const struct kube_answer *answer,
                       struct cm_err *err) {
    static const struct kube_resource accounts = {.group = "", .plural = "serviceaccounts"};
    CM_AUTOFREE char *ns = cm_strndup(op->account, strcspn(op->account, "/"));
    struct kube_asked asked = {"get", &accounts, ns, NULL, NULL};
    struct cm_err unseen;

    (void)kube_answer_error(answer, &asked, &unseen);
    (void)cm_fail(err, CM_EAUTH, "%.500s; whether it exists cannot be told: %.400s", op->refusal,
                  unseen.msg);
}

static void on_looked(void *ctx, const struct kube_answer *answer) {
    struct kube_op *op = ctx;
    struct cm_err err;

    op->call = NULL;
    if (answer->status == 404) {
        (void)cm_fail(&err, CM_EAUTH, "ServiceAccount '%.150s' does not exist: make it%s; %.500s",
                      op->account, op->type == KUBE_REMOVE ? ", or delete the object by hand" : "",
                      op->refusal);
    } else if (answer->status == 403) {
        add_unseen(op, answer, &err);
    } else {
        (void)cm_fail(&err, CM_EAUTH, "%.500s", op->refusal);
    }
    kube_op_done(op, &err, 0, NULL);
}

void kube_op_refused(struct kube_op *op, const struct cm_err *err) {
    if (op->account == NULL) {
        kube_op_done(op, err, 0, NULL);
        return;
    }
    CM_AUTOFREE char *path = kube_account_path(op->account);
    struct kube_request request = {.method = "GET", .path = path, .done = on_looked, .ctx = op};

    free(op->refusal);
    op->refusal = cm_strdup(err->msg);
    op->call = kube_call(op->k, &request);
}
