// Tables of what changes manifests: overlays and images; and selectors.
#include "hub/fleet/schema_check.h"

#define EACH_MAX 1000

// ---- Selectors

static const struct hub_field expression_fields[] = {
    {.name = "key", .type = HUB_FIELD_STRING, .required = true, .doc = "Name of a label."},
    {.name = "operator",
     .type = HUB_FIELD_CHOICE,
     .required = true,
     .choices = WORDS("In", "NotIn", "Exists", "DoesNotExist"),
     .doc = "How the label must be. `NotIn` also holds where the label is missing."},
    {.name = "values",
     .type = HUB_FIELD_STRINGS,
     .min = 1,
     .doc = "For `In` and `NotIn`, at least one; for the others, none."},
    {0},
};

static const struct hub_rule expression_rules[] = {
    {.type = HUB_RULE_SOME,
     .when = "operator",
     .words = WORDS("In", "NotIn"),
     .names = WORDS("values"),
     .advice = "list at least one"},
    {.type = HUB_RULE_NONE,
     .when = "operator",
     .words = WORDS("Exists", "DoesNotExist"),
     .names = WORDS("values"),
     .advice = "remove them"},
    {0},
};

const struct hub_field hub_selector_fields[] = {
    {.name = "matchLabels",
     .type = HUB_FIELD_LABELS,
     .doc = "Labels that must be there, with these values."},
    {.name = "matchExpressions",
     .type = HUB_FIELD_OBJECTS,
     .fields = expression_fields,
     .rules = expression_rules,
     .doc = "Requirements that must all hold."},
    {0},
};

// ---- Images

static const struct hub_form image_form = {
    .name = "an image's name",
    .pattern = "^([^ @:]+|[^ @]*/[^ @:]+|.*[$][{].+[}].*)$",
    .advice = "write the name of an image, without tag and digest",
};

static const struct hub_form tag_form = {
    .name = "a tag",
    .pattern = "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|.*[$][{].+[}].*)$",
    .advice =
        "use 1 to 128 of letters, digits, '_', '.' and '-', beginning with none of the last two",
};

static const struct hub_form digest_form = {
    .name = "a digest",
    .pattern = "^(sha256:[0-9a-f]{64}|.*[$][{].+[}].*)$",
    .advice = "write sha256: and 64 hexadecimal digits in lower case",
};

const struct hub_field hub_image_fields[] = {
    {.name = "name",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &image_form,
     .doc = "The image as manifests name it, without tag and digest."},
    {.name = "newName",
     .type = HUB_FIELD_STRING,
     .form = &image_form,
     .doc = "Its name from now on: another registry, say."},
    {.name = "newTag",
     .type = HUB_FIELD_STRING,
     .form = &tag_form,
     .doc = "Its tag from now on.",
     .also_called = "tag version"},
    {.name = "digest",
     .type = HUB_FIELD_STRING,
     .form = &digest_form,
     .doc = "Its digest from now on, instead of a tag.",
     .also_called = "sha256 newDigest"},
    {0},
};

const struct hub_rule hub_image_rules[] = {
    {.type = HUB_RULE_SOME,
     .subject = "an image",
     .names = WORDS("newName", "newTag", "digest"),
     .advice = "say what changes"},
    {.type = HUB_RULE_NONE,
     .when = "digest",
     .names = WORDS("newTag"),
     .advice = "an image has a tag or a digest, keep one of the two"},
    {0},
};

// ---- Overlays

static const struct hub_form pointer_form = {
    .name = "a JSON pointer",
    .pattern = "^(/([^~/]|~[01])*)*$",
    .advice = "write a JSON pointer such as /spec/template/spec/containers/0 ('~1' for '/', '~0' "
              "for '~')",
};

static const struct hub_field operation_fields[] = {
    {.name = "op",
     .type = HUB_FIELD_CHOICE,
     .required = true,
     .choices = WORDS("add", "remove", "replace", "move", "copy", "test"),
     .doc = "What to do, as RFC 6902 says."},
    {.name = "path",
     .type = HUB_FIELD_STRING,
     .required = true,
     .form = &pointer_form,
     .doc = "Where; `/spec/ports/-` is behind the last entry."},
    {.name = "from",
     .type = HUB_FIELD_STRING,
     .form = &pointer_form,
     .doc = "For `move` and `copy`: from where."},
    {.name = "value", .type = HUB_FIELD_ANY, .doc = "For `add`, `replace` and `test`."},
    {0},
};

static const struct hub_rule operation_rules[] = {
    {.type = HUB_RULE_SOME,
     .when = "op",
     .words = WORDS("add", "replace", "test"),
     .names = WORDS("value"),
     .advice = "add it"},
    {.type = HUB_RULE_NONE,
     .when = "op",
     .words = WORDS("remove", "move", "copy"),
     .names = WORDS("value"),
     .advice = "remove it"},
    {.type = HUB_RULE_SOME,
     .when = "op",
     .words = WORDS("move", "copy"),
     .names = WORDS("from"),
     .advice = "add it"},
    {.type = HUB_RULE_NONE,
     .when = "op",
     .words = WORDS("add", "remove", "replace", "test"),
     .names = WORDS("from"),
     .advice = "remove it"},
    {0},
};

static const struct hub_field target_fields[] = {
    {.name = "group",
     .type = HUB_FIELD_STRING,
     .doc = "API group; `\"\"` is that of Pods.",
     .also_called = "apiGroup"},
    {.name = "version", .type = HUB_FIELD_STRING, .doc = "`v1`."},
    {.name = "kind", .type = HUB_FIELD_STRING, .doc = "`Deployment`."},
    {.name = "name", .type = HUB_FIELD_STRING, .doc = "The whole name."},
    {.name = "namespace", .type = HUB_FIELD_STRING, .doc = "As the manifest has it."},
    {.name = "labelSelector",
     .type = HUB_FIELD_OBJECT,
     .fields = hub_selector_fields,
     .doc = "Labels of the objects.",
     .also_called = "selector labels matchLabels"},
    {0},
};

const struct hub_field hub_overlay_fields[] = {
    {.name = "target",
     .type = HUB_FIELD_OBJECT,
     .fields = target_fields,
     .doc = "Which objects; what is left out may be anything. Not needed where the overlay names "
            "its object itself.",
     .also_called = "select"},
    {.name = "path",
     .type = HUB_FIELD_BELOW,
     .doc = "A file or folder beside app.yaml with partial objects, each merged into the object "
            "of its apiVersion, kind, name and namespace: lists of built-in kinds by Kubernetes' "
            "keys (containers by name), null removes. These files are no manifests.",
     .also_called = "file dir folder"},
    {.name = "merge",
     .type = HUB_FIELD_TREE,
     .doc = "A partial object, merged as those of `path` are; with `target` into all of these.",
     .also_called = "patch strategicMerge"},
    {.name = "jsonPatch",
     .type = HUB_FIELD_OBJECTS,
     .fields = operation_fields,
     .rules = operation_rules,
     .min = 1,
     .max = EACH_MAX,
     .doc = "Operations of RFC 6902 on what `target` names.",
     .also_called = "json6902 patchJson operations"},
    {.name = "replace",
     .type = HUB_FIELD_TREE,
     .doc = "A whole object, in the place of the one with its apiVersion, kind, name and "
            "namespace."},
    {.name = "remove",
     .type = HUB_FIELD_TRUE,
     .doc = "What `target` names is left out.",
     .also_called = "delete"},
    {0},
};

const struct hub_rule hub_overlay_rules[] = {
    {.type = HUB_RULE_ONE,
     .subject = "an overlay",
     .names = WORDS("path", "merge", "jsonPatch", "replace", "remove"),
     .advice = "write an entry of its own for each"},
    {.type = HUB_RULE_SOME,
     .when = "jsonPatch",
     .names = WORDS("target"),
     .advice = "say which objects it changes"},
    {.type = HUB_RULE_SOME,
     .when = "remove",
     .names = WORDS("target"),
     .advice = "say which objects are left out"},
    {.type = HUB_RULE_NONE,
     .when = "replace",
     .names = WORDS("target"),
     .advice = "the object that it replaces is the one of its name, remove this"},
    {0},
};
