// Which fields of an object go together.
#include <string.h>

#include "common/str.h"
#include "hub/fleet/schema_check.h"

static bool is_listed(const char *const *words, const char *word) {
    for (; word != NULL && *words != NULL; words++) {
        if (strcmp(*words, word) == 0) {
            return true;
        }
    }
    return false;
}

static bool applies(const struct hub_rule *rule, const struct cm_json *object) {
    const struct cm_json *node = rule->when != NULL ? cm_json_get(object, rule->when) : NULL;

    if (rule->when == NULL) {
        return true;
    }
    return node != NULL && (rule->words == NULL || is_listed(rule->words, cm_json_string(node)));
}

// add_subject writes what the rule speaks of: "a target", "operator In".
static void add_subject(const struct hub_rule *rule, const struct cm_json *object,
                        struct cm_str *out) {
    if (rule->when == NULL) {
        cm_str_add(out, rule->subject);
    } else if (rule->words == NULL) {
        cm_str_add(out, rule->when);
    } else {
        cm_str_addf(out, "%s %s", rule->when, cm_json_string(cm_json_get(object, rule->when)));
    }
}

static void add_names(const struct hub_rule *rule, struct cm_str *out) {
    const char *last = rule->type == HUB_RULE_ONE ? " and " : " or ";

    for (const char *const *name = rule->names; *name != NULL; name++) {
        const char *before = name[1] == NULL ? last : ", ";
        cm_str_addf(out, "%s%s", name == rule->names ? "" : before, *name);
    }
}

// report tells of a rule that does not hold; `at` is where.
static void report(const struct hub_check *c, const struct hub_rule *rule,
                   const struct cm_json *object, const struct cm_json *at, size_t found) {
    struct cm_str text = {0};

    add_subject(rule, object, &text);
    if (rule->type == HUB_RULE_NONE) {
        cm_str_addf(&text, " takes no %s", at->key);
    } else {
        cm_str_add(&text, rule->type == HUB_RULE_ONE ? " needs exactly one of " : " needs ");
        add_names(rule, &text);
    }
    if (rule->type == HUB_RULE_ONE) {
        cm_str_addf(&text, ", this one has %zu", found);
    }
    hub_diags_add(c->diags, c->path, at->line, at->column, "%s: %s", cm_str_get(&text),
                  rule->advice);
    cm_str_done(&text);
}

static void check_rule(const struct hub_check *c, const struct hub_rule *rule,
                       const struct cm_json *object) {
    size_t found = 0;

    for (const char *const *name = rule->names; *name != NULL; name++) {
        const struct cm_json *member = cm_json_get(object, *name);

        if (member != NULL && rule->type == HUB_RULE_NONE) {
            report(c, rule, object, member, 1);
        }
        found += member != NULL ? 1 : 0;
    }
    if ((rule->type == HUB_RULE_ONE && found != 1) || (rule->type == HUB_RULE_SOME && found == 0)) {
        report(c, rule, object, object, found);
    }
}

void hub_check_rules(const struct hub_check *c, const struct hub_rule *rules,
                     const struct cm_json *object) {
    for (const struct hub_rule *rule = rules; rule->names != NULL; rule++) {
        if (applies(rule, object)) {
            check_rule(c, rule, object);
        }
    }
}
