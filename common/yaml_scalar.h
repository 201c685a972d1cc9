// yaml_scalar: what an unquoted YAML scalar means.
//
// The rules are those of sigs.k8s.io/yaml 1.6, which kubectl uses: YAML 1.1 words (also y and n),
// 0x, 0b, 0o and old octals, underscores in numbers, no base 60. Numbers keep their exact value;
// one that Go could not read (1e400, a hexadecimal one of more than 64 bits) is a string there and
// so it is here.
//
// Threads: any; pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct cm_str;

enum cm_yaml_kind {
    CM_YAML_NULL,
    CM_YAML_TRUE,
    CM_YAML_FALSE,
    CM_YAML_INT,        // an integer that fits into 64 bits
    CM_YAML_FLOAT,      // any other number that fits into a double's range
    CM_YAML_NOT_FINITE, // .inf and .nan
    CM_YAML_STRING,
};

// cm_yaml_resolve tells the kind. For a number, *number becomes its text as JSON writes it; else
// what *number holds is undefined.
enum cm_yaml_kind cm_yaml_resolve(const char *text, size_t len, struct cm_str *number);

// cm_yaml_decimal writes a decimal number as JSON does, whatever its magnitude; it tells whether
// the text was one.
bool cm_yaml_decimal(const char *text, size_t len, struct cm_str *number);

// cm_yaml_float_name turns a number into a member's name as Go does, into the shortest text that a
// 32-bit float reads back: kubectl makes "1.1" of the key 1.10. A number beyond keeps its text.
void cm_yaml_float_name(struct cm_str *number);
