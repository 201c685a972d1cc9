#include "hub/ctl/words.h"

#include <string.h>

bool ctl_has_word(const char *words, const char *word) {
    size_t len = strlen(word);

    for (const char *at = words; len > 0 && (at = strstr(at, word)) != NULL; at++) {
        bool begins = at == words || at[-1] == ' ';

        if (begins && (at[len] == ' ' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}
