#include "hub/past/scaling.h"

#include <stdlib.h>
#include <string.h>

#include "common/arena.h"
#include "common/str.h"

const char *hub_scaling_words(struct cm_arena *a, const struct hub_scaling *s) {
    return cm_arena_strf(a,
                         "%lld to %lld replicas (at least %lld, at most %lld; changes: %lld within "
                         "%lld s)%s%s",
                         (long long)s->from, (long long)s->last, (long long)s->least,
                         (long long)s->most, (long long)s->changes, (long long)s->seconds,
                         s->owner[0] == '\0' ? "" : " for ", s->owner);
}

// take_number takes what stands before it and a number off the words.
static bool take_number(const char **at, const char *before, int64_t *out) {
    size_t size = strlen(before);
    char *end = NULL;

    if (*at == NULL || strncmp(*at, before, size) != 0 || strspn(*at + size, "0123456789") == 0) {
        *at = NULL;
        return false;
    }
    *out = strtoll(*at + size, &end, 10);
    *at = end;
    return true;
}

bool hub_scaling_read(const char *words, struct hub_scaling *out) {
    static const char end[] = " s)";
    static const char owner[] = " for ";
    struct hub_scaling s = {.owner = ""};
    const char *at = words;

    bool ok = take_number(&at, "", &s.from) && take_number(&at, " to ", &s.last) &&
              take_number(&at, " replicas (at least ", &s.least) &&
              take_number(&at, ", at most ", &s.most) &&
              take_number(&at, "; changes: ", &s.changes) &&
              take_number(&at, " within ", &s.seconds);
    if (!ok || strncmp(at, end, strlen(end)) != 0) {
        return false;
    }
    at += strlen(end);
    if (at[0] != '\0' && strncmp(at, owner, strlen(owner)) != 0) {
        return false;
    }
    s.owner = at[0] == '\0' ? at : at + strlen(owner);
    *out = s;
    return true;
}

void hub_scaling_add(struct hub_scaling_sum *sum, const struct hub_scaling *s) {
    struct hub_scaling *all = &sum->all;

    if (sum->count++ == 0) {
        *all = *s;
        return;
    }
    sum->differ |= all->from != s->from || all->last != s->last;
    sum->owners |= strcmp(all->owner, s->owner) != 0;
    all->least = s->least < all->least ? s->least : all->least;
    all->most = s->most > all->most ? s->most : all->most;
    if (__builtin_add_overflow(all->changes, s->changes, &all->changes)) {
        all->changes = INT64_MAX;
    }
}

// add_owner adds " (HorizontalPodAutoscaler checkout)" of its key.
static void add_owner(struct cm_str *out, const struct hub_scaling_sum *sum) {
    const char *key = sum->all.owner;
    const char *slash = strrchr(key, '/');

    if (slash != NULL) {
        cm_str_addf(out, " (%.*s %s%s)", (int)strcspn(key, "./"), key, slash + 1,
                    sum->owners ? " and others" : "");
    }
}

const char *hub_scaling_sum_words(struct cm_arena *a, const struct hub_scaling_sum *sum) {
    const struct hub_scaling *s = &sum->all;
    int64_t low = s->from < s->last ? s->from : s->last;
    int64_t high = s->from < s->last ? s->last : s->from;
    bool beyond = s->least < low || s->most > high;
    struct cm_str text = {0};

    if (!sum->differ) {
        cm_str_addf(&text, "%lld to %lld", (long long)s->from, (long long)s->last);
    }
    if (sum->differ || beyond) {
        cm_str_addf(&text, "%sbetween %lld and %lld", sum->differ ? "" : ", ", (long long)s->least,
                    (long long)s->most);
    }
    if (s->changes > (int64_t)sum->count) {
        cm_str_addf(&text, ", %lld changes", (long long)s->changes);
    }
    add_owner(&text, sum);
    const char *words = cm_arena_strdup(a, cm_str_get(&text));
    cm_str_done(&text);
    return words;
}
