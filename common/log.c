#include "common/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/str.h"

enum {
    VALUE_MAX = 512, // bytes of one value that are printed
    IDS_MAX = 256,   // ids whose repeats are counted; more are printed without a limit
    LINES_PER_SECOND = 20,
};

// How often an id was seen within its second.
struct repeats {
    const char *id; // a copy, kept for ever
    enum cm_log_level level;
    int64_t since_ms;
    uint64_t lines;
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

static struct {
    enum cm_log_level level;
    enum cm_log_format format;
    FILE *out; // NULL: stderr

    pthread_mutex_t mu; // guards everything below
    struct repeats ids[IDS_MAX];
    size_t id_count;
    struct cm_str line;
    char *kept; // a ring; NULL: nothing is kept
    size_t kept_size;
    size_t kept_at; // bytes that ever went into it
} logger = {.level = CM_LOG_INFO, .mu = PTHREAD_MUTEX_INITIALIZER};

void cm_log_setup(enum cm_log_level level, enum cm_log_format format, FILE *out) {
    logger.level = level;
    logger.format = format;
    logger.out = out;
}

bool cm_log_level_parse(const char *text, enum cm_log_level *out) {
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum cm_log_level)i;
            return true;
        }
    }
    return false;
}

enum cm_rc cm_log_configure(const char *level, const char *format, struct cm_err *err) {
    bool json = strcmp(format, "json") == 0;
    enum cm_log_level parsed;

    if (!cm_log_level_parse(level, &parsed)) {
        return cm_fail(err, CM_EINVAL, "--log-level: '%.40s' is none of error, warn, info, debug",
                       level);
    }
    if (!json && strcmp(format, "logfmt") != 0) {
        return cm_fail(err, CM_EINVAL, "--log-format: '%.40s' is neither logfmt nor json", format);
    }
    cm_log_setup(parsed, json ? CM_LOG_JSON : CM_LOG_LOGFMT, stderr);
    return CM_OK;
}

const char *cm_log_int(int64_t value, char buf[CM_LOG_INT_MAX]) {
    (void)snprintf(buf, CM_LOG_INT_MAX, "%" PRId64, value);
    return buf;
}

// follow_bytes tells how many continuation bytes a UTF-8 lead byte asks for, -1 if it is none.
static int follow_bytes(unsigned char lead) {
    if (lead < 0x80) {
        return 0;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        return 1;
    }
    if ((lead & 0xf0) == 0xe0) {
        return 2;
    }
    return lead >= 0xf0 && lead <= 0xf4 ? 3 : -1;
}

// char_len returns the bytes of the UTF-8 character at s, or 0 if there is none.
static size_t char_len(const char *s) {
    unsigned char lead = (unsigned char)s[0];
    unsigned char second = (unsigned char)s[1];
    int more = follow_bytes(lead);

    for (int i = 1; i <= more; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
    bool outside = (lead == 0xed && second >= 0xa0) || (lead == 0xf4 && second >= 0x90);
    return more < 0 || overlong || outside ? 0 : (size_t)more + 1;
}

// add_escaped adds one character as it may stand between quotes and returns how many bytes of s it
// took.
static size_t add_escaped(struct cm_str *line, const char *s) {
    unsigned char c = (unsigned char)*s;
    size_t n = char_len(s);

    if (n == 0) {
        cm_str_add(line, "\xef\xbf\xbd"); // U+FFFD for a byte that is no text
        return 1;
    }
    if (c == '"' || c == '\\') {
        cm_str_addf(line, "\\%c", c);
    } else if (c == '\n') {
        cm_str_add(line, "\\n");
    } else if (c < 0x20 || c == 0x7f) {
        cm_str_addf(line, "\\u%04x", c);
    } else if (c == 0xc2 && (unsigned char)s[1] < 0xa0) { // C1: terminals obey these too
        cm_str_addf(line, "\\u%04x", (unsigned char)s[1]);
    } else {
        cm_str_add_n(line, s, n);
    }
    return n;
}

static void add_quoted(struct cm_str *line, const char *value) {
    size_t done = 0;

    cm_str_add_char(line, '"');
    while (value[done] != '\0' && done < VALUE_MAX) {
        done += add_escaped(line, value + done);
    }
    cm_str_add(line, value[done] == '\0' ? "\"" : "…\"");
}

static bool is_bare(const char *value) {
    size_t len = strnlen(value, VALUE_MAX + 1);

    if (len == 0 || len > VALUE_MAX) {
        return false;
    }
    for (const char *p = value; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || strchr("\"=\\", *p) != NULL) {
            return false;
        }
    }
    return true;
}

static void add_field(struct cm_str *line, const char *name, const char *value) {
    if (logger.format == CM_LOG_JSON) {
        cm_str_add(line, line->len == 0 ? "{" : ",");
        add_quoted(line, name);
        cm_str_add_char(line, ':');
        add_quoted(line, value);
        return;
    }
    if (line->len > 0) {
        cm_str_add_char(line, ' ');
    }
    cm_str_addf(line, "%s=", name);
    if (is_bare(value)) {
        cm_str_add(line, value);
    } else {
        add_quoted(line, value);
    }
}

static void begin_line(struct cm_str *line, enum cm_log_level level, const char *id) {
    char now[CM_CLOCK_TEXT_MAX];

    cm_str_clear(line);
    cm_clock_format(cm_clock_unix_ms(), now);
    add_field(line, "time", now);
    add_field(line, "level", level_names[level]);
    add_field(line, "id", id);
}

static void keep_line(const struct cm_str *line) {
    for (size_t i = 0; logger.kept != NULL && i < line->len; i++) {
        logger.kept[logger.kept_at++ % logger.kept_size] = line->data[i];
    }
}

void cm_log_keep(size_t bytes) {
    (void)pthread_mutex_lock(&logger.mu);
    free(logger.kept);
    logger.kept = bytes == 0 ? NULL : cm_new(1, bytes);
    logger.kept_size = bytes;
    logger.kept_at = 0;
    (void)pthread_mutex_unlock(&logger.mu);
}

void cm_log_kept(struct cm_str *out) {
    (void)pthread_mutex_lock(&logger.mu);
    bool cut = logger.kept_at > logger.kept_size;
    size_t from = cut ? logger.kept_at - logger.kept_size : 0;

    for (size_t at = from; logger.kept != NULL && at < logger.kept_at; at++) {
        char c = logger.kept[at % logger.kept_size];

        if (!cut) {
            cm_str_add_char(out, c);
        }
        cut = cut && c != '\n';
    }
    (void)pthread_mutex_unlock(&logger.mu);
}

static void end_line(struct cm_str *line, const char *msg) {
    FILE *out = logger.out == NULL ? stderr : logger.out;

    add_field(line, "msg", msg);
    cm_str_add(line, logger.format == CM_LOG_JSON ? "}\n" : "\n");
    (void)fwrite(line->data, 1, line->len, out);
    (void)fflush(out);
    keep_line(line);
}

// say_repeats prints how many lines were left out in seconds that are over.
static void say_repeats(int64_t now_ms) {
    for (size_t i = 0; i < logger.id_count; i++) {
        struct repeats *r = &logger.ids[i];
        char count[CM_LOG_INT_MAX];

        if (r->lines <= LINES_PER_SECOND || now_ms - r->since_ms < 1000) {
            continue;
        }
        begin_line(&logger.line, r->level, r->id);
        add_field(&logger.line, "repeated",
                  cm_log_int((int64_t)(r->lines - LINES_PER_SECOND), count));
        end_line(&logger.line, "more lines with this id within a second were left out");
        r->lines = 0;
    }
}

static struct repeats *find_repeats(const char *id) {
    for (size_t i = 0; i < logger.id_count; i++) {
        if (strcmp(logger.ids[i].id, id) == 0) {
            return &logger.ids[i];
        }
    }
    if (logger.id_count == IDS_MAX) {
        return NULL;
    }
    logger.ids[logger.id_count].id = cm_strdup(id);
    return &logger.ids[logger.id_count++];
}

// is_allowed counts the line and tells whether it is to be printed.
static bool is_allowed(enum cm_log_level level, const char *id) {
    int64_t now_ms = cm_clock_now_ms();

    say_repeats(now_ms);
    struct repeats *r = find_repeats(id);
    if (r == NULL) {
        return true;
    }
    if (r->lines == 0 || now_ms - r->since_ms >= 1000 || now_ms < r->since_ms) {
        r->since_ms = now_ms;
        r->lines = 0;
    }
    r->level = level;
    return ++r->lines <= LINES_PER_SECOND;
}

static void print_event(enum cm_log_level level, const char *id, const char *msg, va_list fields) {
    const char *name;

    begin_line(&logger.line, level, id);
    while ((name = va_arg(fields, const char *)) != NULL) {
        const char *value = va_arg(fields, const char *);

        if (value != NULL) {
            add_field(&logger.line, name, value);
        }
    }
    end_line(&logger.line, msg);
}

void cm_log(enum cm_log_level level, const char *id, const char *msg, ...) {
    va_list fields;

    if (level > logger.level) {
        return;
    }
    va_start(fields, msg);
    (void)pthread_mutex_lock(&logger.mu);
    if (is_allowed(level, id)) {
        print_event(level, id, msg, fields);
    }
    (void)pthread_mutex_unlock(&logger.mu);
    va_end(fields);
}
