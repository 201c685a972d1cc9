#include "proto/check.h"

#include <stdint.h>
#include <string.h>

#include "common/utf8.h"
#include "proto/limits.h"

enum {
    DEPTH_MAX = 4,
    FIELDS_MAX = 32, // of one message type
    VARINT_MAX = 10,
    PREFIX_MAX = 5, // bytes of a tag or a length, as protobuf-c reads them
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
};

struct check {
    struct cm_err *err;
};

// What was there of one message so far.
struct seen {
    uint32_t unknown[WIRE_UNKNOWN_FIELDS_MAX]; // their numbers
    size_t unknown_count;
    size_t counts[FIELDS_MAX]; // of each field
};

static enum cm_rc check_message(struct check *c, const ProtobufCMessageDescriptor *type,
                                struct reader r, int depth);

static size_t left(const struct reader *r) {
    return (size_t)(r->end - r->at);
}

static bool read_varint(struct reader *r, int max_bytes, uint64_t *out) {
    uint64_t value = 0;

    for (int i = 0; i < max_bytes && r->at < r->end; i++) {
        uint8_t byte = *r->at++;

        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *out = value;
            return true;
        }
    }
    return false;
}

static bool read_tag(struct reader *r, uint32_t *number, unsigned *wire_type) {
    uint64_t tag;

    if (!read_varint(r, PREFIX_MAX, &tag) || tag > UINT32_MAX || tag >> 3 == 0) {
        return false;
    }
    *number = (uint32_t)(tag >> 3);
    *wire_type = (unsigned)(tag & 7);
    return true;
}

// read_value steps over a field's value; what is in it comes in *out.
static bool read_value(struct reader *r, unsigned wire_type, struct reader *out) {
    uint64_t n = 0;

    out->at = r->at;
    switch (wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        if (!read_varint(r, VARINT_MAX, &n)) {
            return false;
        }
        out->end = r->at;
        return true;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        n = 8;
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        if (!read_varint(r, PREFIX_MAX, &n)) {
            return false;
        }
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        n = 4;
        break;
    default:
        return false;
    }
    if (n > left(r)) {
        return false;
    }
    out->at = r->at;
    r->at += n;
    out->end = r->at;
    return true;
}

static unsigned wire_type_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static enum cm_rc bad_field(struct check *c, const ProtobufCMessageDescriptor *type,
                            const ProtobufCFieldDescriptor *field, const char *what) {
    return cm_fail(c->err, CM_EINVAL, "%s.%s %s", type->short_name, field->name, what);
}

static enum cm_rc check_bytes(struct check *c, const ProtobufCMessageDescriptor *type,
                              const ProtobufCFieldDescriptor *field, const struct wire_limit *limit,
                              const struct reader *value) {
    size_t size = left(value);

    if (size > limit->max_bytes) {
        return bad_field(c, type, field, "is too long");
    }
    if (limit->is_hash && size != 0 && size != limit->max_bytes) {
        return bad_field(c, type, field, "is no SHA-256");
    }
    if (field->type != PROTOBUF_C_TYPE_STRING || size == 0) {
        return CM_OK;
    }
    if (cm_utf8_valid((const char *)value->at, size) != size ||
        memchr(value->at, 0, size) != NULL) {
        return bad_field(c, type, field, "is not UTF-8 text");
    }
    return CM_OK;
}

// check_field looks at one value of a field of which `count` came before.
static enum cm_rc check_field(struct check *c, const ProtobufCMessageDescriptor *type,
                              const ProtobufCFieldDescriptor *field, size_t count,
                              const struct reader *value, int depth) {
    bool is_list = field->label == PROTOBUF_C_LABEL_REPEATED;

    if (!is_list && count > 0) {
        return bad_field(c, type, field, "is there twice");
    }
    if (wire_type_of(field) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && !is_list) {
        return CM_OK;
    }
    const struct wire_limit *limit = wire_limit_find(type, field->name);
    if (limit == NULL) {
        return bad_field(c, type, field, "has no limit in this version");
    }
    if (is_list && count >= limit->max_count) {
        return bad_field(c, type, field, "has too many entries");
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return check_message(c, field->descriptor, *value, depth + 1);
    }
    return check_bytes(c, type, field, limit, value);
}

static enum cm_rc check_unknown(const struct check *c, const ProtobufCMessageDescriptor *type,
                                uint32_t number, struct seen *seen) {
    for (size_t i = 0; i < seen->unknown_count; i++) {
        if (seen->unknown[i] == number) {
            return CM_OK; // a list
        }
    }
    if (seen->unknown_count == WIRE_UNKNOWN_FIELDS_MAX) {
        return cm_fail(c->err, CM_EINVAL, "%s has more than %d unknown fields", type->short_name,
                       WIRE_UNKNOWN_FIELDS_MAX);
    }
    seen->unknown[seen->unknown_count++] = number;
    return CM_OK;
}

// check_next looks at the field that begins at r->at.
static enum cm_rc check_next(struct check *c, const ProtobufCMessageDescriptor *type,
                             struct reader *r, struct seen *seen, int depth) {
    uint32_t number;
    unsigned wire_type;
    struct reader value;

    if (!read_tag(r, &number, &wire_type) || !read_value(r, wire_type, &value)) {
        return cm_fail(c->err, CM_EINVAL, "%s is cut off or malformed", type->short_name);
    }
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, number);
    if (field == NULL) {
        return check_unknown(c, type, number, seen);
    }
    if (wire_type != wire_type_of(field)) {
        return bad_field(c, type, field, "has the wrong wire type");
    }
    size_t *count = &seen->counts[field - type->fields];
    enum cm_rc rc = check_field(c, type, field, *count, &value, depth);
    *count += 1;
    return rc;
}

// The recursion ends: no message type holds itself, and the depth is checked all the same.
static enum cm_rc check_message( // NOLINT(misc-no-recursion)
    struct check *c, const ProtobufCMessageDescriptor *type, struct reader r, int depth) {
    struct seen seen = {0};
    enum cm_rc rc = CM_OK;

    if (depth >= DEPTH_MAX || type->n_fields > FIELDS_MAX) {
        return cm_fail(c->err, CM_EINVAL, "%s is nested too deep", type->short_name);
    }
    while (rc == CM_OK && r.at < r.end) {
        rc = check_next(c, type, &r, &seen, depth);
    }
    return rc;
}

enum cm_rc wire_check(const ProtobufCMessageDescriptor *type, const void *bytes, size_t size,
                      struct cm_err *err) {
    struct check c = {.err = err};
    struct reader r = {.at = bytes, .end = (const uint8_t *)bytes + size};

    return check_message(&c, type, r, 0);
}
