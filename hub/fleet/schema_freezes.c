// The table of Freeze.
#include "common/clock.h"
#include "hub/fleet/schema_check.h"
#include "hub/hold/freeze.h"

static bool is_moment(const char *text) {
    int64_t ms;

    return cm_clock_parse(text, &ms) && ms > 0;
}

static const struct hub_form name_form = {
    .name = "a name",
    .pattern = "^[a-z0-9]([a-z0-9.-]{0,198}[a-z0-9])?$",
    .advice = "use 1 to 200 of a-z, 0-9, '-' and '.', with neither of the last two at either end",
};

static const struct hub_form moment_form = {
    .name = "a moment",
    .pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?"
               "(Z|[+-][0-9]{2}:[0-9]{2})$",
    .advice = "write it as '2026-10-01T12:00:00Z', with the quotes",
    .ok = is_moment,
};

static const struct hub_form reason_form = {
    .name = "a reason",
    .pattern = "^.{1,256}$",
    .advice = "say on one line of at most 256 characters why, for those who meet it",
};

static const struct hub_field metadata_fields[] = {
    {.name = "name",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &name_form,
     .doc = "What it is called."},
    {0},
};

static const struct hub_rule spec_rules[] = {
    {.type = HUB_RULE_NONE,
     .when = "cluster",
     .names = WORDS("clusterGroup", "selector"),
     .advice = "write a Freeze for each"},
    {.type = HUB_RULE_NONE,
     .when = "clusterGroup",
     .names = WORDS("selector"),
     .advice = "write a Freeze for each"},
    {0},
};

static const struct hub_field spec_fields[] = {
    {.name = "app", .type = HUB_FIELD_NAME, .doc = "The App; left out: all."},
    {.name = "cluster",
     .type = HUB_FIELD_NAME,
     .doc = "The cluster; where this and the next two are left out: all."},
    {.name = "clusterGroup", .type = HUB_FIELD_NAME, .doc = "Instead: the members of this group."},
    {.name = "selector",
     .type = HUB_FIELD_STRING,
     .doc = "Instead: clusters with these labels, written as for `holdfast get clusters -l`, such "
            "as `env=production,region!=eu`.",
     .also_called = "clusterSelector labels"},
    {.name = "reason",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &reason_form,
     .doc = "Why, for those who meet it.",
     .also_called = "comment description message"},
    {.name = "by", .type = HUB_FIELD_STRING, .doc = "Who froze it.", .also_called = "actor author"},
    {.name = "since",
     .type = HUB_FIELD_STRING,
     .form = &moment_form,
     .doc = "Since when. It is in force as soon as the hub knows it, whatever stands here."},
    {.name = "until",
     .type = HUB_FIELD_STRING,
     .form = &moment_form,
     .doc = "When it ends by itself; left out: when the file is deleted.",
     .also_called = "expires end"},
    {0},
};

const struct hub_field hub_freeze_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "Freeze."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = metadata_fields,
     .doc = "What it is called."},
    {.name = "spec",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = spec_fields,
     .rules = spec_rules,
     .doc = "What is frozen, where, why and until when."},
    {0},
};
