// routes: which requests there are, who may make them, what they carry, and what answers them.
//
// One table is read by all: the gate finds the route, requests are checked against what it may
// carry, and the API's description of itself (openapi.h) is written from it.
//
// Threads: constants.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "hub/store/tokens.h"

struct hub_request;

enum hub_access { HUB_ACCESS_ANYONE, HUB_ACCESS_HOOK, HUB_ACCESS_READ, HUB_ACCESS_ADMIN };

enum hub_member_type {
    HUB_MEMBER_TEXT,
    HUB_MEMBER_INT,
    HUB_MEMBER_BOOL,
    HUB_MEMBER_TEXTS,   // an array of texts
    HUB_MEMBER_OBJECT,  // any object
    HUB_MEMBER_OBJECTS, // an array of any objects
};

// A parameter, or a member of a body or an answer.
struct hub_member {
    const char *name; // NULL ends an array of them
    enum hub_member_type type;
    bool required;
    const char *about;
    int64_t min;         // of a number; of a text's length in characters
    int64_t max;         // 0: no limits; of texts, how many
    const char *choices; // of a text, with spaces between; NULL: any
    const char *pattern; // of texts: what is right, for the description; NULL: any
};

struct hub_route {
    const char *method;
    const char *path; // a '*' at the end stands for one segment or more, request->arg
    enum hub_access access;
    // handle answers, asks the loop (hub_change_new), or fails; then the error is the answer.
    enum cm_rc (*handle)(struct hub_request *r, struct cm_err *err);
    const char *about;
    const char *list;                // of hub_query_run: its parameters and its rows; NULL: none
    const char *detail;              // of hub_query_detail: what it answers with; NULL: none
    const char *arg;                 // names of what the '*' stands for, "cluster/app"
    const char *arg_pattern;         // what each of them matches; NULL: the name of a document
    const struct hub_member *params; // if they are not the list's; NULL: none
    const struct hub_member *body;   // NULL: it takes none
    unsigned status;                 // when all goes well
    const struct hub_member *answer; // its members; NULL: the list's or detail's, or no JSON
    const char *type;                // of an answer that is no JSON
    bool conflicts;                  // it may answer 409
    bool reads;                      // it reads much: done by the workers
    const char *tag;
};

// hub_route_at returns the routes one after the other, then NULL.
const struct hub_route *hub_route_at(size_t i);

// hub_route_find finds the route of a request. If there is none it returns NULL; then *out_allow
// has the methods that this path knows, as the header Allow wants them, or "" if there is no such
// path. HEAD is GET.
const struct hub_route *hub_route_find(const char *method, const char *path, const char **out_arg,
                                       char *out_allow, size_t allow_size);
