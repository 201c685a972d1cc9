// jsonpath: kubectl's templates for -o jsonpath, the part of them that people use.
//
//     {.items[*].name}                      every name, separated by spaces
//     {.items[?(@.connected==false)].name}  ==, !=, <, <=, >, >=, or only @.path: it is there
//     {range .items[*]}{.name}{"\n"}{end}   text between quotes, with \n and \t
//     [0] [-1] [0:2] [*] .* ['a.b'] ['a','b'] .a\.b ..name $ @
//
// As in kubectl what is missing prints nothing, and the braces may be left out around one path.
// Source: kubernetes.io/docs/reference/kubectl/jsonpath and k8s.io/client-go/util/jsonpath.
//
// Threads: any; one arena each.
#pragma once

#include <stddef.h>

#include "common/err.h"

struct cm_arena;
struct cm_json;
struct cm_str;
struct ctl_jsonpath;

#define CTL_JSONPATH_BYTES_MAX 16384
#define CTL_JSONPATH_DEPTH_MAX 16
#define CTL_JSONPATH_VALUES_MAX 1000000

// ctl_jsonpath_parse reads a template; the result lives in the arena. Errors name the column.
CM_MUSTUSE enum cm_rc ctl_jsonpath_parse(struct cm_arena *a, const char *text,
                                         struct ctl_jsonpath **out, struct cm_err *err);

// ctl_jsonpath_print adds what the template makes of a tree. It fails with CM_EINVAL if that would
// be more than CTL_JSONPATH_VALUES_MAX values.
CM_MUSTUSE enum cm_rc ctl_jsonpath_print(const struct ctl_jsonpath *path,
                                         const struct cm_json *root, struct cm_str *out,
                                         struct cm_err *err);
