// substitute: texts with ${variables} in them.
//
//     ${name}            the variable's value; undefined is an error
//     ${name:=default}   its value, or the text behind := if it is undefined
//     $${name}           the text ${name}
//
// A name is made of letters, digits and _ - . / and begins with a letter or _; dots go into maps
// (db.host). Everything else that begins with ${ is an error: a shell script writes $${. What is
// put in is not looked through again.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct cm_arena;

#define HUB_VARIABLE_MAX 253

// A piece of a text: literal text, or a variable.
struct hub_piece {
    const char *text; // the literal, or the variable's name; in the arena
    size_t len;
    bool variable;
    const char *fallback; // what follows :=, NULL if nothing does
    size_t nth;           // which "${" of the text it is, from 0; "$${" counts too
};

struct hub_text {
    struct hub_piece *pieces; // in the arena
    size_t count;
    bool whole; // one variable and nothing else
};

// hub_text_is_plain tells whether a text has nothing to substitute or to unescape.
bool hub_text_is_plain(const char *text);

// hub_text_scan takes a text apart. It fails with CM_EINVAL and sets *nth to the "${" at which.
CM_MUSTUSE enum cm_rc hub_text_scan(struct cm_arena *a, const char *text, struct hub_text *out,
                                    size_t *nth, struct cm_err *err);

// hub_variable_ok tells whether a text may name a variable.
bool hub_variable_ok(const char *name);
