#include "hub/repo/copy.h"

#include <string.h>

#include "hub/repo/run.h"

enum cm_rc hub_repo_copy(const struct hub_repo_source *source, const struct hub_repo_job *job,
                         const struct hub_repo_copy *copy, enum hub_repo_trouble *trouble,
                         struct cm_err *err) {
    struct hub_request request = {.verb = HUB_REQUEST_COPY, .copy = copy};
    struct hub_answer answer = {.trouble = HUB_REPO_LOCAL};

    *trouble = HUB_REPO_LOCAL;
    if (hub_repo_source_check(source, err) < 0) {
        return err->code;
    }
    enum cm_rc rc = hub_request_run(source, job, &request, &answer, err);
    *trouble = answer.trouble;
    return rc < 0 ? cm_wrap(err, "push to '%.100s' at '%.200s'", source->name, source->url) : CM_OK;
}
