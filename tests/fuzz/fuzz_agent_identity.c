// Any text given as an agent's identity file: what is accepted is written and read back the same.
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cache/identity.h"
#include "common/mem.h"
#include "common/tls/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CM_CLEANUP(agent_identity_done) struct agent_identity id = {0};
    CM_CLEANUP(agent_identity_done) struct agent_identity again = {0};
    struct cm_err err;

    if (agent_identity_parse((const char *)data, size, &id, &err) < 0) {
        return 0;
    }
    char *text = agent_identity_text(&id);
    enum cm_rc rc = agent_identity_parse(text, strlen(text), &again, &err);
    assert(rc == CM_OK);
    char *second = agent_identity_text(&again);
    assert(strcmp(text, second) == 0 && id.enrolled == again.enrolled);
    cm_secret_free(text);
    cm_secret_free(second);
    return 0;
}
