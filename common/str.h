// str: a string that grows.
//
// A zeroed struct cm_str is an empty string. `data` is NULL or ends in a NUL that `len` does not
// count; the bytes before it may be anything. They are wiped when the string goes or grows, as they
// may be of a Secret; whoever takes the text wipes it himself.
//
// Threads: any; one at a time for a string.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct cm_str {
    char *data;
    size_t len;
    size_t capacity;
};

void cm_str_done(struct cm_str *s);

// cm_str_clear empties the string and keeps its memory.
void cm_str_clear(struct cm_str *s);

// cm_str_reserve makes room for n bytes at once.
void cm_str_reserve(struct cm_str *s, size_t n);

void cm_str_add(struct cm_str *s, const char *text);
void cm_str_add_n(struct cm_str *s, const void *bytes, size_t n);
void cm_str_add_char(struct cm_str *s, char c);
void cm_str_addf(struct cm_str *s, const char *fmt, ...) CM_PRINTF(2, 3);

// cm_str_get returns the text, "" when empty; borrowed until the next change.
const char *cm_str_get(const struct cm_str *s);

// cm_str_take gives the text to the caller, who frees it; never NULL. *s is empty afterwards.
char *cm_str_take(struct cm_str *s);

// cm_strf returns a formatted string, which the caller frees.
char *cm_strf(const char *fmt, ...) CM_PRINTF(1, 2);

// cm_str_nearest returns the entry of candidates[0..n) that a person most likely meant by `word`
// (Damerau-Levenshtein distance of at most a third of its length), or NULL if none is near.
const char *cm_str_nearest(const char *word, const char *const *candidates, size_t n);

// cm_str_parse_duration reads "500ms", "30s", "5m", "1h30m", "7d" into milliseconds. It fails with
// CM_EINVAL on anything else, an overflow or a negative value.
CM_MUSTUSE enum cm_rc cm_str_parse_duration(const char *text, int64_t *out_ms, struct cm_err *err);

// cm_str_parse_size reads "4096", "64KiB", "16MiB", "1GiB" into bytes.
CM_MUSTUSE enum cm_rc cm_str_parse_size(const char *text, uint64_t *out, struct cm_err *err);

// cm_lower and cm_upper change the case of an ASCII letter, in every locale.
static inline char cm_lower(char c) {
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}
static inline char cm_upper(char c) {
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}
