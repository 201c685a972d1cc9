// err: what went wrong, in words an operator can act on.
//
// Every function that can fail returns an enum cm_rc and takes a struct cm_err
// as its last parameter. The error is a plain value: it lives on the caller's
// stack, owns nothing, and can be copied to another thread with a job's result.
//
// Threads: any, one struct each.
#pragma once

#define CM_MUSTUSE __attribute__((warn_unused_result))
#define CM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

enum cm_rc {
    CM_OK = 0,
    CM_EINVAL = -1,    // malformed input; trying again will not help
    CM_ENOTFOUND = -2, // the thing named does not exist
    CM_EEXISTS = -3,   // the thing named exists already
    CM_EBUSY = -4,     // nothing was changed; try again later
    CM_EAUTH = -5,     // the peer may not do this
    CM_EIO = -6,       // the disk, the network or the database failed
    CM_ECANCELED = -7, // we are shutting down, or nobody wants the answer
};

struct cm_err {
    enum cm_rc code;
    char msg[512];
};

// cm_fail fills *err and returns code, so that failing takes one line:
//     return cm_fail(err, CM_ENOTFOUND, "no cluster is named '%s'", name);
enum cm_rc cm_fail(struct cm_err *err, enum cm_rc code, const char *fmt, ...) CM_PRINTF(3, 4);

// cm_wrap puts words in front of the message in *err and returns its code:
//     return cm_wrap(err, "sync app '%s'", app->name);
enum cm_rc cm_wrap(struct cm_err *err, const char *fmt, ...) CM_PRINTF(2, 3);

#ifdef __clang_analyzer__
// clang-tidy looks at one file at a time; this tells it that both fail, so that it does not follow
// paths on which a function failed and its caller went on.
#define cm_fail(err, code, ...) ((void)cm_fail(err, code, __VA_ARGS__), (code))
#define cm_wrap(err, ...) ((void)cm_wrap(err, __VA_ARGS__), CM_EIO)
#endif
