// stable: which changes by hand have stayed as they are for a while.
//
// Somebody who tries something out soon changes it again; what he leaves is told once for each
// object and content.
//
// Threads: one at a time; pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct hub_stable;

struct hub_stable *hub_stable_new(int64_t after_ms);
void hub_stable_free(struct hub_stable *s); // NULL is fine

// A look at all that differs: begin, see for each object, end, which forgets what was not seen.
// hub_stable_see tells whether an object has had this content for long enough, and was not told
// with it.
void hub_stable_begin(struct hub_stable *s);
bool hub_stable_see(struct hub_stable *s, const char *key, const char *content, int64_t now_ms);
void hub_stable_end(struct hub_stable *s);

// hub_stable_told says that an object was; hub_stable_again that it is to be once more, not before
// as long again.
void hub_stable_told(struct hub_stable *s, const char *key);
void hub_stable_again(struct hub_stable *s, const char *key, int64_t now_ms);
