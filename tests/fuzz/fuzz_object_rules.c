// Rules and an object, in two documents: the same verdict each time, and no words for what is
// healthy.
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/object/rules.h"
#include "common/str.h"
#include "common/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct cm_json_limits limits = {65536, 16, 2000};
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_rules *rules = NULL;
    const char *why = NULL;
    const char *again = NULL;
    struct cm_yaml_docs docs;
    struct cm_err err;

    if (cm_yaml_parse(a, (const char *)data, size, &limits, &docs, &err) < 0 || docs.count < 2) {
        return 0;
    }
    cm_json_write_compact(docs.docs[0], &text);
    if (cm_rules_parse(cm_str_get(&text), text.len, &rules, &err) < 0) {
        assert(rules == NULL);
        return 0;
    }
    enum cm_verdict verdict = cm_rules_judge(rules, a, docs.docs[1], &why);
    assert(cm_rules_judge(rules, a, docs.docs[1], &again) == verdict);
    assert(strcmp(why, again) == 0);
    assert(verdict != CM_VERDICT_HEALTHY || why[0] == '\0');
    cm_rules_free(rules);
    return 0;
}
