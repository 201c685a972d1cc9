// cell.c: one value of an answer as the text of a cell.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/arena.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "hub/ctl/table.h"
#include "hub/ctl/text.h"

const char *ctl_age(long long unix_ms, char out[CTL_AGE_MAX]) {
    long long seconds = (cm_clock_unix_ms() - unix_ms) / 1000;

    if (unix_ms == 0) {
        (void)snprintf(out, CTL_AGE_MAX, "-");
    } else if (seconds < 120) {
        (void)snprintf(out, CTL_AGE_MAX, "%llds", seconds < 0 ? 0 : seconds);
    } else if (seconds < 7200) {
        (void)snprintf(out, CTL_AGE_MAX, "%lldm", seconds / 60);
    } else if (seconds < 172800) {
        (void)snprintf(out, CTL_AGE_MAX, "%lldh", seconds / 3600);
    } else {
        (void)snprintf(out, CTL_AGE_MAX, "%lldd", seconds / 86400);
    }
    return out;
}

// Joins members ("a=b") or elements ("a") by commas.
static const char *joined_text(struct cm_arena *a, const struct cm_json *tree) {
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};

    for (const struct cm_json *at = tree->first; at != NULL; at = at->next) {
        cm_str_add(&text, text.len == 0 ? "" : ",");
        if (at->key != NULL) {
            cm_str_addf(&text, "%s=", at->key);
        }
        cm_str_add(&text, at->text == NULL ? "" : at->text);
    }
    return ctl_one_line(a, cm_str_get(&text));
}

static const char *time_text(struct cm_arena *a, long long unix_ms) {
    time_t at = (time_t)(unix_ms / 1000);
    time_t now = (time_t)(cm_clock_unix_ms() / 1000);
    struct tm then;
    struct tm today;
    char text[32];

    if (unix_ms == 0) {
        return "-";
    }
    (void)localtime_r(&at, &then);
    (void)localtime_r(&now, &today);
    bool same_day = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
    (void)strftime(text, sizeof(text), same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &then);
    return cm_arena_strdup(a, text);
}

static const char *age_text(struct cm_arena *a, const struct cm_json *value) {
    char text[CTL_AGE_MAX];

    return cm_arena_strdup(a, ctl_age(cm_json_int(value, 0), text));
}

// "4:9" of the two members whose names are in `members`.
static const char *place_text(struct cm_arena *a, const struct cm_json *row, const char *members) {
    size_t len = strcspn(members, " ");
    int64_t line = cm_json_int(cm_json_get(row, cm_arena_strndup(a, members, len)), 0);
    int64_t column = cm_json_int(cm_json_get(row, members + len + 1), 0);

    if (line == 0) {
        return "";
    }
    return column == 0 ? cm_arena_strf(a, "%lld", (long long)line)
                       : cm_arena_strf(a, "%lld:%lld", (long long)line, (long long)column);
}

// "37/40" of the two members whose names are in `members`.
static const char *ready_text(struct cm_arena *a, const struct cm_json *row, const char *members) {
    size_t len = strcspn(members, " ");
    const char *first = cm_arena_strndup(a, members, len);

    return cm_arena_strf(a, "%lld/%lld", (long long)cm_json_int(cm_json_get(row, first), 0),
                         (long long)cm_json_int(cm_json_get(row, members + len + 1), 0));
}

static const char *bracketed(struct cm_arena *a, const struct cm_json *row, const char *text) {
    const struct cm_json *connected = cm_json_get(row, "connected");
    bool away = connected != NULL && !cm_json_true(connected);

    return away && text[0] != '\0' ? cm_arena_strf(a, "(%s)", text) : text;
}

// What runs is what the hub wants; "stale" where the hub wants the last good state only.
static const char *current_text(const struct cm_json *row, const struct cm_json *value) {
    const char *yes = cm_json_true(cm_json_get(row, "stale")) ? "stale" : "yes";

    return cm_json_true(value) ? yes : "no";
}

const char *ctl_cell_text(struct cm_arena *a, const struct cm_json *row,
                          const struct ctl_column *column) {
    const struct cm_json *value = cm_json_get(row, column->member);

    if (column->type == CTL_READY) {
        return bracketed(a, row, ready_text(a, row, column->member));
    }
    if (column->type == CTL_PLACE) {
        return place_text(a, row, column->member);
    }
    if (value == NULL) {
        return "";
    }
    switch (column->type) {
    case CTL_STATE:
        return value->text == NULL ? "" : bracketed(a, row, ctl_one_line(a, value->text));
    case CTL_YES:
        return cm_json_true(value) ? "yes" : "no";
    case CTL_CURRENT:
        return current_text(row, value);
    case CTL_SHORT:
        return value->text == NULL ? "" : cm_arena_strndup(a, ctl_one_line(a, value->text), 8);
    case CTL_AGE:
        return age_text(a, value);
    case CTL_LABELS:
    case CTL_LIST:
        return joined_text(a, value);
    case CTL_COUNT:
        return cm_arena_strf(a, "%zu", value->count);
    case CTL_TIME:
        return time_text(a, cm_json_int(value, 0));
    default:
        return value->text == NULL ? "" : ctl_one_line(a, value->text);
    }
}
