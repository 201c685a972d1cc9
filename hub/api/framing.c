#include "hub/api/framing.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

struct framing {
    unsigned lengths;
    unsigned encodings;
    bool odd;
};

static enum MHD_Result look(void *cls, enum MHD_ValueKind kind, const char *name,
                            const char *value) {
    struct framing *f = cls;
    const char *text = value == NULL ? "" : value;

    (void)kind;
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
