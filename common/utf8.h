// utf8: where a text stops being UTF-8.
//
// Threads: any; pure.
#pragma once

#include <stddef.h>

// cm_utf8_sequence returns the length of the sequence at `text`, 1 to 4, or 0 if none of RFC 3629
// begins there (overlong forms, surrogates and what lies beyond U+10FFFF are none).
size_t cm_utf8_sequence(const char *text, size_t size);

// cm_utf8_valid returns how many bytes from the start are valid; `size` if all are.
size_t cm_utf8_valid(const char *text, size_t size);

// cm_utf8_fit returns how many bytes of a text that ends in NUL fit into `max`, cut between two
// characters.
size_t cm_utf8_fit(const char *text, size_t max);

// cm_utf8_mend puts a question mark in place of each byte that makes a text no UTF-8.
void cm_utf8_mend(char *text);

// cm_utf8_steering tells how many bytes at `at` are a control character (C0, DEL, C1) or one that
// changes the direction or the line of what follows (Unicode's Bidi_Control, U+2028, U+2029); 0 if
// none is.
size_t cm_utf8_steering(const char *at);
