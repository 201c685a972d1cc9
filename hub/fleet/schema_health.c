// Tables of how health is read.
#include "common/object/rules.h"
#include "common/str.h"
#include "hub/fleet/schema_check.h"

#define TIMEOUT_MIN_MS 1000
#define TIMEOUT_MAX_MS (30LL * 24 * 3600 * 1000)

static bool is_timeout(const char *text) {
    int64_t ms = 0;
    struct cm_err err;

    return cm_str_parse_duration(text, &ms, &err) == CM_OK && ms >= TIMEOUT_MIN_MS &&
           ms <= TIMEOUT_MAX_MS;
}

static const struct hub_form timeout_form = {
    .name = "a time",
    .pattern = "^0*[1-9][0-9]*(s|m|h|d)([0-9]+(s|m|h|d))*$",
    .advice = "write a duration from 1s to 30d, such as 90s, 10m or 1h30m",
    .ok = is_timeout,
};

static const struct hub_form path_form = {
    .name = "a field",
    .pattern = "^((/([^~/]|~[01])*)+|[^/.]+([.][^.]+)*)$",
    .advice = "write a JSON pointer such as /status/phase, or a path such as "
              "status.conditions[type=Ready].status",
    .ok = cm_rules_path_ok,
};

static const struct hub_form text_form = {
    .name = "a name",
    .pattern = "^.+$",
    .advice = "write it as the objects have it, for example Certificate",
};

static const struct hub_field condition_fields[] = {
    {.name = "path",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &path_form,
     .doc = "The field: a JSON pointer, or a path with entries of lists by their keys.",
     .also_called = "field jsonPath pointer"},
    {.name = "equals",
     .type = HUB_FIELD_STRING,
     .doc = "It is this text; numbers, true and false are compared as text.",
     .also_called = "value is"},
    {.name = "in",
     .type = HUB_FIELD_STRINGS,
     .min = 1,
     .doc = "It is one of these texts.",
     .also_called = "values oneOf"},
    {.name = "exists",
     .type = HUB_FIELD_BOOL,
     .doc = "It is there and not null (`true`), or is not (`false`)."},
    {0},
};

static const struct hub_rule condition_rules[] = {
    {.type = HUB_RULE_ONE,
     .subject = "a condition",
     .names = WORDS("equals", "in", "exists"),
     .advice = "say how the field must be"},
    {0},
};

#define CONDITIONS(when)                                                                           \
    .type = HUB_FIELD_OBJECTS, .fields = condition_fields, .rules = condition_rules, .min = 1,     \
    .max = CM_RULES_CONDITIONS, .doc = when

static const struct hub_field rule_fields[] = {
    {.name = "group",
     .type = HUB_FIELD_STRING,
     .form = &text_form,
     .doc = "Group of the kind, without a version; left out for the core group.",
     .also_called = "apiGroup apiVersion"},
    {.name = "kind",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &text_form,
     .doc = "The kind. One that a cluster does not have is no error."},
    {.name = "observedGeneration",
     .type = HUB_FIELD_STRING,
     .form = &path_form,
     .doc = "Field with the `metadata.generation` that the controller has seen: until they are "
            "equal, the object is progressing."},
    {.name = "degraded",
     CONDITIONS("The object is degraded where all of these hold; this counts first."),
     .also_called = "failed unhealthy"},
    {.name = "progressing",
     CONDITIONS("It is progressing where all of these hold; this counts next."),
     .also_called = "inProgress"},
    {.name = "healthy",
     CONDITIONS("It is healthy where all of these hold. Where a kind has this and nothing holds, "
                "it is progressing."),
     .also_called = "current ready"},
    {.name = "message",
     .type = HUB_FIELD_STRING,
     .form = &path_form,
     .doc = "Field that says why, for people."},
    {0},
};

static const struct hub_rule rule_rules[] = {
    {.type = HUB_RULE_SOME,
     .subject = "a rule of health",
     .names = WORDS("degraded", "progressing", "healthy", "observedGeneration"),
     .advice = "say when an object of the kind is what"},
    {0},
};

const struct hub_field hub_health_fields[] = {
    {.name = "timeout",
     .type = HUB_FIELD_STRING,
     .form = &timeout_form,
     .doc = "If the App is not healthy for so long on a cluster, counted from its last change or "
            "from when it was healthy, it is degraded there, and waves and hooks that wait for it "
            "fail until it is. Without it, it may be progressing for ever.",
     .also_called = "deadline healthCheckTimeout"},
    {.name = "addresses",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Services of type LoadBalancer, Ingresses and Gateways are progressing until they "
            "have an address.",
     .also_called = "loadBalancers waitForAddress"},
    {.name = "logs",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "The reason of a container that crashes holds its last words: its termination message "
            "and the end of its log, which then come to the hub. The agent needs the right to get "
            "pods/log.",
     .also_called = "log"},
    {.name = "rules",
     .type = HUB_FIELD_OBJECTS,
     .fields = rule_fields,
     .rules = rule_rules,
     .max = CM_RULES_MAX,
     .doc = "When objects of other kinds are healthy. All rules for a kind count together.",
     .also_called = "checks customHealth"},
    {0},
};
