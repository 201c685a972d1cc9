#include "hub/ctl/words.h"

#include <string.h>

#include "common/mem.h"
#include "common/options.h"

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

char *ctl_option_name(const struct cm_option *options, size_t count, const char *word) {
    if (strncmp(word, "--", 2) == 0) {
        return cm_strndup(word + 2, strcspn(word + 2, "="));
    }
    for (size_t i = 0; word[0] == '-' && word[1] != '\0' && i < count; i++) {
        if (options[i].short_name == word[1]) {
            return cm_strdup(options[i].name);
        }
    }
    return NULL;
}
