// The tables of Hold, Ban and Exemption.
#include "common/object/field.h"
#include "hub/fleet/schema_check.h"
#include "hub/hold/hold.h"
#include "hub/hold/hours.h"

static const struct hub_form name_form = {
    .name = "a name",
    .pattern = "^[a-z0-9]([a-z0-9.-]{0,198}[a-z0-9])?$",
    .advice = "use 1 to 200 of a-z, 0-9, '-' and '.', with neither of the last two at either end",
};

static const struct hub_form object_form = {
    .name = "an object",
    .pattern = "^([^/]+/)?[A-Za-z][^/]*/[^/]*/[^/]+$",
    .advice = "write GROUP/KIND/NAMESPACE/NAME, such as apps/Deployment/shop/web or "
              "ConfigMap/shop/settings",
};

static const struct hub_form field_form = {
    .name = "a field",
    .pattern = "^(/.*)?$",
    .advice = "write a JSON pointer, such as /spec/template/spec/containers/[name=web]/image",
};

static const struct hub_form digest_form = {
    .name = "a SHA-256",
    .pattern = "^[0-9a-f]{64}$",
    .advice = "write 64 hexadecimal digits",
};

static const struct hub_form image_digest_form = {
    .name = "a digest",
    .pattern = "^sha256:[0-9a-f]{64}$",
    .advice = "write sha256: and 64 hexadecimal digits",
};

static const struct hub_field metadata_fields[] = {
    {.name = "name",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &name_form,
     .doc = "What it is called."},
    {0},
};

static const struct hub_field identity_fields[] = {
    {.name = "object",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &object_form,
     .doc = "The object: GROUP/KIND/NAMESPACE/NAME, without the group for the core one."},
    {.name = "at",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &field_form,
     .doc = "The field, as a JSON pointer in which `[name=web]` is the entry of a list with that "
            "key."},
    {.name = "value",
     .type = HUB_FIELD_ANY,
     .doc = "What it is in the rejected release; left out: it is not there."},
    {.name = "sha256",
     .type = HUB_FIELD_STRING,
     .form = &digest_form,
     .doc = "Instead of a value: the digest of a text that is too long to stand here."},
    {0},
};

static const struct hub_field rejects_fields[] = {
    {.name = "revision", .type = HUB_FIELD_STRING, .doc = "The commit that was rejected."},
    {.name = "identity",
     .type = HUB_FIELD_OBJECTS,
     .required = true,
     .fields = identity_fields,
     .min = 1,
     .max = HUB_HOLD_FIELDS_MAX,
     .doc = "What makes it that release: images, keys of ConfigMaps. The Hold is in force while "
            "all of it is what Git says."},
    {0},
};

static const struct hub_field restores_fields[] = {
    {.name = "revision", .type = HUB_FIELD_STRING, .doc = "The commit that runs instead."},
    {0},
};

static const struct hub_field delta_fields[] = {
    {.name = "object",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &object_form,
     .doc = "The object."},
    {.name = "at",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &field_form,
     .doc = "The field; empty for an object that only the good release has."},
    {.name = "bad",
     .type = HUB_FIELD_ANY,
     .doc = "What it is in the rejected release; left out: it is not there. Where Git says "
            "something else by now, that is followed."},
    {.name = "use",
     .type = HUB_FIELD_ANY,
     .doc = "What is used instead; left out: it is taken away."},
    {0},
};

static const struct hub_field cause_fields[] = {
    {.name = "controller", .type = HUB_FIELD_STRING, .doc = "Who rejected it, such as `flagger`."},
    {.name = "actor",
     .type = HUB_FIELD_STRING,
     .doc = "Who decided, if that was not the controller itself, such as `alice@example.com "
            "(verified)`."},
    {.name = "object", .type = HUB_FIELD_STRING, .doc = "The controller's object."},
    {.name = "phase", .type = HUB_FIELD_STRING, .doc = "Its phase."},
    {.name = "text", .type = HUB_FIELD_STRING, .doc = "Its own words."},
    {.name = "at", .type = HUB_FIELD_STRING, .doc = "When."},
    {0},
};

static const struct hub_field hold_spec[] = {
    {.name = "app", .type = HUB_FIELD_NAME, .required = true, .doc = "The App."},
    {.name = "clusters",
     .type = HUB_FIELD_NAMES,
     .required = true,
     .max = HUB_HOLD_CLUSTERS_MAX,
     .doc = "The clusters that the release is kept out of."},
    {.name = "rejects",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = rejects_fields,
     .doc = "The rejected release."},
    {.name = "restores",
     .type = HUB_FIELD_OBJECT,
     .fields = restores_fields,
     .doc = "The release that runs instead."},
    {.name = "delta",
     .type = HUB_FIELD_OBJECTS,
     .required = true,
     .fields = delta_fields,
     .min = 1,
     .max = HUB_HOLD_FIELDS_MAX,
     .doc = "Every field in which the two differ. Lists with keys are merged entry by entry, files "
            "in ConfigMaps line by line."},
    {.name = "keep",
     .type = HUB_FIELD_STRINGS,
     .form = &object_form,
     .max = HUB_HOLD_FIELDS_MAX,
     .doc = "Objects of the good release that must not be pruned meanwhile."},
    {.name = "cause",
     .type = HUB_FIELD_OBJECT,
     .fields = cause_fields,
     .doc = "What was decided, and by whom."},
    {.name = "event", .type = HUB_FIELD_STRING, .doc = "The decision: the same twice is one."},
    {.name = "retry",
     .type = HUB_FIELD_BOOL,
     .otherwise = "false",
     .doc = "Lets the rejected release be tried again. Deleting the file does not: it comes back "
            "while the release is what Git says."},
    {0},
};

const struct hub_field hub_hold_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "Hold."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = metadata_fields,
     .doc = "What it is called."},
    {.name = "spec",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = hold_spec,
     .doc = "What is kept out, of which clusters, and what is used instead."},
    {0},
};

static const struct hub_rule banned_rules[] = {
    {.type = HUB_RULE_SOME,
     .subject = "a banned image",
     .names = WORDS("name", "digest"),
     .advice = "say which one it is"},
    {0},
};

static const struct hub_field banned_fields[] = {
    {.name = "name",
     .type = HUB_FIELD_STRING,
     .doc = "The image without tag and digest, as manifests write it; `*` and `?` stand for any "
            "characters.",
     .also_called = "image repository"},
    {.name = "digest",
     .type = HUB_FIELD_STRING,
     .form = &image_digest_form,
     .doc = "Only this digest. A manifest that names a tag only is not known to have it.",
     .also_called = "sha256"},
    {.name = "tag",
     .type = HUB_FIELD_STRING,
     .doc = "Only this tag; `*` and `?` stand for any characters."},
    {.name = "versions",
     .type = HUB_FIELD_STRING,
     .doc = "Only tags that are versions in this range, such as `>=1.5.0 <1.5.3`.",
     .also_called = "version range semver"},
    {0},
};

static const struct hub_field ban_spec[] = {
    {.name = "app", .type = HUB_FIELD_NAME, .doc = "Only for this App; left out: for all."},
    {.name = "images",
     .type = HUB_FIELD_OBJECTS,
     .required = true,
     .fields = banned_fields,
     .rules = banned_rules,
     .min = 1,
     .max = 1000,
     .doc = "What shall never run: of each entry, all that it says must fit."},
    {.name = "reason",
     .type = HUB_FIELD_STRING,
     .doc = "Why, for those who meet it.",
     .also_called = "comment description message"},
    {0},
};

const struct hub_field hub_ban_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "Ban."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = metadata_fields,
     .doc = "What it is called."},
    {.name = "spec",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = ban_spec,
     .doc = "Which images."},
    {0},
};

static const struct hub_form time_form = {
    .name = "a time",
    .pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)$",
    .advice = "write it as 2026-10-01T08:00:00Z, or with an offset such as +02:00",
};

static bool is_hours(const char *text) {
    struct hub_hours hours;
    struct cm_err ignored;

    return hub_hours_parse(text, &hours, &ignored) == CM_OK;
}

static const struct hub_form hours_form = {
    .name = "working hours",
    .pattern = "^[A-Z][A-Za-z,-]+ [0-9:]{5}-[0-9:]{5}( [+-][0-9:]{5})?$",
    .advice = "write them as Mon-Fri 08:00-17:00 +01:00",
    .ok = is_hours,
};

static const struct hub_form site_form = {
    .name = "an id",
    .pattern = "^[0-9a-f]{64}$",
    .advice = "leave it as the hub wrote it, or out",
};

static const struct hub_field exemption_spec[] = {
    {.name = "app", .type = HUB_FIELD_NAME, .required = true, .doc = "The App."},
    {.name = "clusters",
     .type = HUB_FIELD_NAMES,
     .required = true,
     .min = 1,
     .max = HUB_HOLD_CLUSTERS_MAX,
     .doc = "The clusters on which it is allowed."},
    {.name = "object",
     .type = HUB_FIELD_STRING,
     .required = true,
     .doc = "The object, as `holdfast diff` prints it: KIND.GROUP/NAMESPACE/NAME."},
    {.name = "field",
     .type = HUB_FIELD_STRING,
     .doc = "The field, with all below it, as `holdfast diff` prints it, such as `spec.replicas`; "
            "left out: all of the object.",
     .also_called = "path jsonPointer"},
    {.name = "until",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &time_form,
     .doc = "When it ends, with a commit or without.",
     .also_called = "expires end"},
    {.name = "workingHours",
     .type = HUB_FIELD_STRING,
     .form = &hours_form,
     .doc = "It ends within these, so that somebody is there: where `until` is outside of them, "
            "when they begin next. Such as `Mon-Fri 08:00-17:00 +01:00`; without an offset UTC.",
     .also_called = "officeHours businessHours"},
    {.name = "reason",
     .type = HUB_FIELD_STRING,
     .required = true,
     .doc = "Why, for those who meet it.",
     .also_called = "comment description message"},
    {.name = "by", .type = HUB_FIELD_STRING, .doc = "Who asked for it."},
    {.name = "site",
     .type = HUB_FIELD_STRING,
     .form = &site_form,
     .doc = "Of one that somebody made on the cluster itself: which one it is. The hub writes it "
            "([more](exemptions.md#without-a-connection))."},
    {0},
};

const struct hub_field hub_exemption_fields[] = {
    {.name = "apiVersion", .type = HUB_FIELD_STRING, .required = true, .doc = HUB_API_VERSION "."},
    {.name = "kind", .type = HUB_FIELD_STRING, .required = true, .doc = "Exemption."},
    {.name = "metadata",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = metadata_fields,
     .doc = "What it is called."},
    {.name = "spec",
     .type = HUB_FIELD_OBJECT,
     .required = true,
     .fields = exemption_spec,
     .doc = "What is allowed, where, and until when."},
    {0},
};
