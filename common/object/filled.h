// filled: what the API server fills in where a tool has sent an empty value.
//
// Some tools read an object into a type of their own before they apply it: what is not set there
// they send as empty ("strategy: {}", "targetPort: 0") or as the server would have it ("protocol:
// TCP"), and the server notes them as the owner of what it then fills in. Nobody has decided that.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>

struct cm_arena;
struct cm_difference;
struct cm_json;

// cm_object_is_filled_in tells whether something that is there beside what is desired is only that.
bool cm_object_is_filled_in(struct cm_arena *a, const struct cm_json *object,
                            const struct cm_difference *d);
