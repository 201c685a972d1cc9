#include "hub/api/framing.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

struct framing {
    unsigned lengths;
    unsigned encodings;
    bool odd;
};

// A name with a blank before its colon is another one to some, the same to others.
static bool is_token(const char *name) {
    static const char more[] = "!#$%&'*+-.^_`|~";

    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        bool is_digit = *at >= '0' && *at <= '9';

        if (!is_letter && !is_digit && strchr(more, *at) == NULL) {
            return false;
        }
    }
    return name[0] != '\0';
}

static enum MHD_Result look(void *cls, enum MHD_ValueKind kind, const char *name,
                            const char *value) {
    struct framing *f = cls;
    const char *text = value == NULL ? "" : value;

    (void)kind;
    f->odd |= !is_token(name);
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        f->lengths++;
        f->odd |= text[0] == '\0' || strspn(text, "0123456789") != strlen(text);
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        f->encodings++;
        f->odd |= strcasecmp(text, "chunked") != 0;
    }
    return MHD_YES;
}

bool hub_framing_ok(struct MHD_Connection *connection) {
    struct framing f = {0};

    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, look, &f);
    return !f.odd && f.lengths + f.encodings <= 1;
}
