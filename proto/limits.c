#include "proto/limits.h"

#include <string.h>

#include "common/object/id.h"
#include "common/object/rules.h"
#include "proto/holdfast.pb-c.h"
#include "proto/wire.h"

enum {
    UUID_MAX = 36,
    INSTANCE_MAX = 32,
    WORD_MAX = 128,     // versions, names of programs
    REVISION_MAX = 128, // a commit
    DER_MAX = 4096,     // one certificate, request or signature
    ADDRESS_MAX = 512,
    APPS_MAX = 10000,     // in a manifest
    ENTRIES_MAX = 100000, // in a bundle
    DEPENDS_MAX = 100,
    DRIFT_FIELDS_MAX = 32,
    HAPPENED_MAX = 8,
    ACCOUNT_MAX = 2 * WIRE_NAME_MAX + 1,
    DRIFT_RULES_MAX = 101, // an App's, and an annotation's
    DRIFT_TEXTS_MAX = 100,
    SHOWN_MAX = 100,
    DRIFT_TEXT_MAX = 1024,
};

#define TYPE(t) &holdfast__v1__##t##__descriptor
#define TEXT(t, f, max)                                                                            \
    { TYPE(t), f, (max), 0, false }
#define HASH(t, f)                                                                                 \
    { TYPE(t), f, 32, 0, true }
#define LIST(t, f, max, count)                                                                     \
    { TYPE(t), f, (max), (count), false }

static const struct wire_limit limits[] = {
    TEXT(hello, "agent_version", WORD_MAX),
    TEXT(hello, "driver", WORD_MAX),
    TEXT(hello, "target_version", WORD_MAX),
    HASH(hello, "manifest_sha256"),
    HASH(hello, "seen_sha256"),
    TEXT(hello, "report_run", UUID_MAX),
    TEXT(hello, "instance", INSTANCE_MAX),
    HASH(hello, "signer_sha256"),
    TEXT(welcome, "hub_version", WORD_MAX),
    TEXT(welcome, "hub_id", UUID_MAX),
    TEXT(welcome, "cluster_name", WIRE_NAME_MAX),
    HASH(welcome, "value_key"),
    LIST(welcome, "enroll_addresses", ADDRESS_MAX, 8),
    TEXT(renew, "csr_der", DER_MAX),
    LIST(renewed, "certificates_der", DER_MAX, 4),
    TEXT(renewed, "refused", WIRE_MESSAGE_MAX),
    TEXT(confirm, "certificate_der", DER_MAX),
    TEXT(confirm, "signature", DER_MAX),
    TEXT(goodbye, "message", WIRE_MESSAGE_MAX),
    LIST(trust, "roots_der", DER_MAX, 4),
    LIST(trust, "signatures", WORD_MAX, 4),
    HASH(desired, "manifest_sha256"),
    TEXT(desired, "signature", DER_MAX),
    TEXT(desired, "signer_der", DER_MAX),
    HASH(desired, "signer_sha256"),
    TEXT(desired, "manifest", WIRE_BULK_MAX),
    TEXT(desired_to_be_signed, "purpose", WORD_MAX),
    TEXT(desired_to_be_signed, "cluster_id", UUID_MAX),
    HASH(desired_to_be_signed, "manifest_sha256"),
    {TYPE(want), "sha256", 32, WIRE_WANT_MAX, true},
    HASH(blob, "sha256"),
    TEXT(blob, "data", WIRE_BLOB_PIECE),
    TEXT(report, "run", UUID_MAX),
    LIST(report, "apps", 0, WIRE_REPORT_ITEMS_MAX),
    LIST(report, "objects", 0, WIRE_REPORT_ITEMS_MAX),
    TEXT(report_ack, "run", UUID_MAX),
    TEXT(journal, "run", UUID_MAX),
    LIST(journal, "entries", 0, WIRE_JOURNAL_MAX),
    TEXT(journal_entry, "app", 0),
    TEXT(journal_entry, "object", 0),
    TEXT(journal_entry, "gap", 0),
    TEXT(journal_ack, "run", UUID_MAX),
    TEXT(decisions, "run", UUID_MAX),
    LIST(decisions, "decisions", 0, WIRE_DECISIONS_MAX),
    TEXT(decisions_ack, "run", UUID_MAX),
    HASH(decision, "id"),
    TEXT(decision, "app", WIRE_NAME_MAX),
    TEXT(decision, "key", CM_OBJECT_KEY_MAX),
    TEXT(decision, "controller", WORD_MAX),
    TEXT(decision, "controller_key", CM_OBJECT_KEY_MAX),
    HASH(decision, "bad_sha256"),
    HASH(decision, "good_sha256"),
    HASH(decision, "bad_bundle"),
    HASH(decision, "good_bundle"),
    TEXT(decision, "bad_revision", REVISION_MAX),
    TEXT(decision, "good_revision", REVISION_MAX),
    TEXT(decision, "good_object", WIRE_DECIDED_MAX),
    TEXT(decision, "text", WIRE_MESSAGE_MAX),
    TEXT(decision, "actor", WORD_MAX),
    LIST(freeze, "entries", 0, WIRE_FREEZES_MAX),
    TEXT(freeze_entry, "name", WIRE_NAME_MAX),
    TEXT(freeze_entry, "app", WIRE_NAME_MAX),
    TEXT(freeze_entry, "actor", WORD_MAX),
    TEXT(freeze_entry, "reason", WIRE_REASON_MAX),
    TEXT(sync, "app", WIRE_NAME_MAX),
    TEXT(look, "namespace", WIRE_NAME_MAX),
    LIST(look, "keys", CM_OBJECT_KEY_MAX, WIRE_LOOK_MAX),
    LIST(found, "objects", 0, WIRE_LOOK_MAX),
    TEXT(found, "error", WIRE_MESSAGE_MAX),
    TEXT(prove, "app", WIRE_NAME_MAX),
    TEXT(prove, "key", CM_OBJECT_KEY_MAX),
    TEXT(prove, "controller", WORD_MAX),
    TEXT(prove, "object", WIRE_PROVE_MAX),
    TEXT(proven, "text", WIRE_MESSAGE_MAX),
    TEXT(owned_object, "key", CM_OBJECT_KEY_MAX),
    TEXT(owned_object, "owner", WIRE_MESSAGE_MAX),
    TEXT(app_report, "app", WIRE_NAME_MAX),
    HASH(app_report, "bundle_sha256"),
    TEXT(app_report, "revision", REVISION_MAX),
    TEXT(app_report, "message", WIRE_MESSAGE_MAX),
    TEXT(app_report, "health_message", WIRE_MESSAGE_MAX),
    TEXT(object_report, "app", WIRE_NAME_MAX),
    TEXT(object_report, "key", CM_OBJECT_KEY_MAX),
    HASH(object_report, "sha256"),
    TEXT(object_report, "message", WIRE_MESSAGE_MAX),
    LIST(object_report, "drift", 0, DRIFT_FIELDS_MAX),
    TEXT(object_report, "actual", WIRE_ACTUAL_MAX),
    LIST(object_report, "happened", 0, HAPPENED_MAX),
    TEXT(happened, "who", WIRE_MESSAGE_MAX),
    TEXT(happened, "message", WIRE_MESSAGE_MAX),
    TEXT(field_drift, "path", WIRE_MESSAGE_MAX),
    TEXT(field_drift, "desired", WIRE_VALUE_MAX),
    TEXT(field_drift, "actual", WIRE_VALUE_MAX),
    TEXT(field_drift, "manager", WORD_MAX),
    TEXT(field_drift, "operation", WORD_MAX),
    TEXT(manifest, "cluster_id", UUID_MAX),
    TEXT(manifest, "cluster_name", WIRE_NAME_MAX),
    LIST(manifest, "apps", 0, APPS_MAX),
    LIST(manifest, "gone", 0, APPS_MAX),
    TEXT(gone_app, "name", WIRE_NAME_MAX),
    TEXT(gone_app, "revision", REVISION_MAX),
    TEXT(gone_app, "account", ACCOUNT_MAX),
    TEXT(manifest_app, "name", WIRE_NAME_MAX),
    TEXT(manifest_app, "revision", REVISION_MAX),
    TEXT(manifest_app, "hold_revision", REVISION_MAX),
    HASH(manifest_app, "bundle_sha256"),
    {TYPE(manifest_app), "answered", 32, WIRE_ANSWERED_MAX, true},
    TEXT(bundle, "app", WIRE_NAME_MAX),
    TEXT(bundle, "namespace", WIRE_NAME_MAX),
    TEXT(bundle, "account", ACCOUNT_MAX),
    LIST(bundle, "depends_on", WIRE_NAME_MAX, DEPENDS_MAX),
    LIST(bundle, "shown", WIRE_NAME_MAX, SHOWN_MAX),
    LIST(bundle, "entries", 0, ENTRIES_MAX),
    TEXT(bundle, "health", 0),
    TEXT(health_options, "rules", CM_RULES_BYTES),
    LIST(bundle, "drift_rules", 0, ENTRIES_MAX),
    LIST(drift_rules, "rules", 0, DRIFT_RULES_MAX),
    LIST(drift_rule, "fields", DRIFT_TEXT_MAX, DRIFT_TEXTS_MAX),
    LIST(drift_rule, "managers", WORD_MAX, DRIFT_TEXTS_MAX),
    TEXT(drift_rule, "owner", CM_OBJECT_KEY_MAX),
    TEXT(bundle_entry, "key", CM_OBJECT_KEY_MAX),
    HASH(bundle_entry, "sha256"),
    TEXT(enroll_request, "token_id", WORD_MAX),
    TEXT(enroll_request, "csr_der", DER_MAX),
    HASH(enroll_request, "proof"),
    TEXT(enroll_request, "agent_version", WORD_MAX),
    TEXT(enroll_request, "cluster_id", UUID_MAX),
    TEXT(enroll_request, "certificate_der", DER_MAX),
    TEXT(enroll_request, "signature", DER_MAX),
    TEXT(enroll_reply, "cluster_id", UUID_MAX),
    TEXT(enroll_reply, "cluster_name", WIRE_NAME_MAX),
    TEXT(enroll_reply, "hub_id", UUID_MAX),
    LIST(enroll_reply, "certificates_der", DER_MAX, 4),
    TEXT(enroll_reply, "root_der", DER_MAX),
    LIST(enroll_reply, "hub_addresses", ADDRESS_MAX, 8),
    TEXT(enroll_reply, "refused", WIRE_MESSAGE_MAX),
    LIST(enroll_reply, "enroll_addresses", ADDRESS_MAX, 8),
};

const struct wire_limit *wire_limit_find(const ProtobufCMessageDescriptor *type,
                                         const char *field) {
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (limits[i].type == type && strcmp(limits[i].field, field) == 0) {
            return &limits[i];
        }
    }
    return NULL;
}
