#include "hub/ctl/ctl.h"

#include <stdarg.h>

int ctl_fail(struct ctl *c, enum cm_rc code, const char *fmt, ...) {
    va_list args;

    c->err.code = code;
    va_start(args, fmt);
    (void)vsnprintf(c->err.msg, sizeof(c->err.msg), fmt, args);
    va_end(args);
    return CTL_ERROR;
}
