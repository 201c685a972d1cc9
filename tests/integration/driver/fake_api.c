#include "tests/integration/driver/fake_api.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/arena.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

enum { RULES_MAX = 32, EVENTS_MAX = 32, CONNECTIONS_MAX = 4096, REQUEST_MAX = 1 << 20 };

struct rule {
    const char *match;
    int times; // left; negative: always
    int status;
    const char *body;
    char *copies[2]; // of what the test said: match, body
};

struct event {
    char *match;
    char *line;
};

struct connection {
    struct fake_api *api;
    int fd;
    pthread_t thread;
    size_t next_event; // the first that came after its request
    unsigned ends;     // of watches, when it came
};

struct request {
    char *text; // "METHOD PATH BODY"
    char *as;   // in whose name; NULL: the client's own
};

struct fake_api {
    int fd;
    char *url;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    unsigned ends; // of all watches
    const char *held;
    struct rule rules[RULES_MAX];
    size_t rule_count;
    struct event events[EVENTS_MAX];
    size_t event_count;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
    struct request requests[CONNECTIONS_MAX];
    size_t request_count;
};

#define VERB(kind, plural, scope)                                                                  \
    "{\"resource\":\"" plural "\",\"responseKind\":{\"kind\":\"" kind "\"},\"scope\":\"" scope "\"}"

static const struct rule defaults[] = {
    {.match = "GET /version", .status = 200, .body = "{\"gitVersion\":\"v1.34.4\"}"},
    {.match = "GET /apis\n",
     .status = 200,
     .body =
         "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"example.com\"},"
         "\"versions\":[{\"version\":\"v1\",\"resources\":[" VERB("Gear", "gears",
                                                                  "Namespaced") "]}]}]}"},
    {.match = "GET /api\n",
     .status = 200,
     .body = "{\"kind\":\"APIGroupDiscoveryList\",\"items\":[{\"metadata\":{\"name\":\"\"},"
             "\"versions\":[{"
             "\"version\":\"v1\",\"resources\":[" VERB(
                 "ConfigMap", "configmaps",
                 "Namespaced") "," VERB("Secret", "secrets",
                                        "Namespaced") "," VERB("Namespace", "namespaces",
                                                               "Cluster") "]}]}]}"},
    {.match = "Selector=",
     .status = 200,
     .body = "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"10\"},\"items\":[]}"},
    {.match = "",
     .status = 404,
     .body = "{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":404}"},
};

static void send_all(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

        if (n <= 0) {
            return; // the client has gone
        }
        text += n;
        size -= (size_t)n;
    }
}

static void send_answer(int fd, int status, const char *body) {
    CM_AUTOFREE char *head = cm_strf("HTTP/1.1 %d Said So\r\nContent-Type: application/json\r\n"
                                     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                                     status, strlen(body));

    send_all(fd, head, strlen(head));
    send_all(fd, body, strlen(body));
}

// stream keeps a watch open and sends what events come from now on, all that came before its end.
static void stream(struct connection *c, const char *request) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Connection: close\r\n\r\n";
    struct fake_api *api = c->api;

    send_all(c->fd, head, sizeof(head) - 1);
    (void)pthread_mutex_lock(&api->lock);
    while (!api->stopping) {
        for (; c->next_event < api->event_count; c->next_event++) {
            const struct event *e = &api->events[c->next_event];

            if (strstr(request, e->match) != NULL) {
                send_all(c->fd, e->line, strlen(e->line));
                send_all(c->fd, "\n", 1);
            }
        }
        if (api->ends != c->ends) {
            break;
        }
        (void)pthread_cond_wait(&api->changed, &api->lock);
    }
    (void)pthread_mutex_unlock(&api->lock);
}

// A request as it came.
struct asked {
    const char *line; // with the end of the line
    const char *body;
    char *as; // in whose name; NULL: the client's own; taken over
};

static void take_down(struct connection *c, const struct asked *what) {
    struct fake_api *api = c->api;

    c->next_event = api->event_count;
    c->ends = api->ends;
    api->requests[api->request_count++] =
        (struct request){cm_strf("%s%s", what->line, what->body), what->as};
}

// rule_for takes a request down and finds what the test said of it, of which it takes one of its
// times; `out` is as it is if it said nothing. Both are one: who has seen that it was asked and
// says something else then does not mean this one.
static bool rule_for(struct connection *c, const struct asked *what, struct rule *out) {
    struct fake_api *api = c->api;
    const char *request = what->line;
    bool found = false;

    (void)pthread_mutex_lock(&api->lock);
    take_down(c, what);
    while (api->held != NULL && strstr(request, api->held) != NULL && !api->stopping) {
        (void)pthread_cond_wait(&api->changed, &api->lock);
    }
    for (size_t i = api->rule_count; i-- > 0 && !found;) {
        struct rule *r = &api->rules[i];

        if (r->times != 0 && strstr(request, r->match) != NULL) {
            r->times -= r->times > 0 ? 1 : 0;
            *out = *r;
            found = true;
        }
    }
    (void)pthread_mutex_unlock(&api->lock);
    return found;
}

// apply sends back what came, as if it were there now.
static void apply(int fd, const char *body) {
    CM_CLEANUP(cm_arena_freep) struct cm_arena *a = cm_arena_new(0);
    CM_CLEANUP(cm_str_done) struct cm_str text = {0};
    struct cm_json *object = NULL;
    struct cm_err err;

    if (cm_json_parse(a, body, strlen(body), NULL, &object, &err) < 0) {
        abort();
    }
    struct cm_json *metadata = cm_json_get(object, "metadata");
    cm_json_set_string(a, metadata, "uid", "u1");
    cm_json_set_string(a, metadata, "resourceVersion", "20");
    cm_json_write_compact(object, &text);
    send_answer(fd, 200, cm_str_get(&text));
}

static void answer(struct connection *c, const struct asked *what) {
    const char *request = what->line;
    struct rule rule;

    if (rule_for(c, what, &rule)) {
        send_answer(c->fd, rule.status, rule.body);
        return;
    }
    if (strstr(request, "watch=1") != NULL) {
        stream(c, request);
        return;
    }
    if (strncmp(request, "PATCH ", 6) == 0) {
        apply(c->fd, what->body);
        return;
    }
    const struct rule *said = defaults;
    while (strstr(request, said->match) == NULL) {
        said++; // the last one matches
    }
    send_answer(c->fd, said->status, said->body);
}

// receive reads a request; it returns its body, or NULL. `at` is ended after its head.
static char *receive(int fd, char *at, size_t size) {
    size_t have = 0;

    for (;;) {
        ssize_t n = recv(fd, at + have, size - have - 1, 0);

        if (n <= 0) {
            return NULL;
        }
        have += (size_t)n;
        at[have] = '\0';
        char *end = strstr(at, "\r\n\r\n");
        const char *length = strcasestr(at, "content-length:");
        size_t more = length == NULL ? 0 : strtoul(length + 15, NULL, 10);
        if (end != NULL && have >= (size_t)(end + 4 - at) + more) {
            *end = '\0';
            return end + 4;
        }
    }
}

// impersonated finds in a request's head in whose name it comes, or NULL. The caller frees it.
static char *impersonated(const char *head) {
    static const char name[] = "\r\nImpersonate-User: ";
    const char *found = strcasestr(head, name);

    return found == NULL
               ? NULL
               : cm_strndup(found + sizeof(name) - 1, strcspn(found + sizeof(name) - 1, "\r"));
}

static void *serve(void *ctx) {
    struct connection *c = ctx;
    CM_AUTOFREE char *bytes = cm_new(1, REQUEST_MAX);
    char *body = receive(c->fd, bytes, REQUEST_MAX);

    if (body != NULL) {
        CM_AUTOFREE char *line = cm_strf("%.*s\n", (int)(strstr(bytes, " HTTP/") - bytes), bytes);

        answer(c, &(struct asked){line, body, impersonated(bytes)});
    }
    (void)shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void *listen_on(void *ctx) {
    struct fake_api *api = ctx;
    int fd;

    while ((fd = accept(api->fd, NULL, NULL)) >= 0 && api->connection_count < CONNECTIONS_MAX) {
        struct connection *c = &api->connections[api->connection_count];

        *c = (struct connection){.api = api, .fd = fd};
        if (pthread_create(&c->thread, NULL, serve, c) == 0) {
            api->connection_count++;
        }
    }
    return NULL;
}

struct fake_api *fake_api_new(void) {
    struct fake_api *api = cm_new(1, sizeof(*api));
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(addr);

    (void)pthread_mutex_init(&api->lock, NULL);
    (void)pthread_cond_init(&api->changed, NULL);
    api->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(api->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(api->fd, 64) < 0 ||
        getsockname(api->fd, (struct sockaddr *)&addr, &size) < 0 ||
        pthread_create(&api->thread, NULL, listen_on, api) != 0) {
        abort();
    }
    api->url = cm_strf("http://127.0.0.1:%d", ntohs(addr.sin_port));
    return api;
}

void fake_api_free(struct fake_api *api) {
    (void)pthread_mutex_lock(&api->lock);
    api->stopping = true;
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
    (void)shutdown(api->fd, SHUT_RDWR);
    (void)pthread_join(api->thread, NULL);
    for (size_t i = 0; i < api->connection_count; i++) {
        (void)shutdown(api->connections[i].fd, SHUT_RDWR);
        (void)pthread_join(api->connections[i].thread, NULL);
        (void)close(api->connections[i].fd);
    }
    for (size_t i = 0; i < api->request_count; i++) {
        free(api->requests[i].text);
        free(api->requests[i].as);
    }
    for (size_t i = 0; i < api->rule_count; i++) {
        free(api->rules[i].copies[0]);
        free(api->rules[i].copies[1]);
    }
    for (size_t i = 0; i < api->event_count; i++) {
        free(api->events[i].match);
        free(api->events[i].line);
    }
    (void)close(api->fd);
    free(api->url);
    free(api);
}

const char *fake_api_url(const struct fake_api *api) {
    return api->url;
}

void fake_api_answer(struct fake_api *api, const char *match, int times, int status,
                     const char *body) {
    (void)pthread_mutex_lock(&api->lock);
    struct rule *r = &api->rules[api->rule_count++];
    *r = (struct rule){.times = times == 0 ? -1 : times,
                       .status = status,
                       .copies = {cm_strdup(match), cm_strdup(body)}};
    r->match = r->copies[0];
    r->body = r->copies[1];
    (void)pthread_mutex_unlock(&api->lock);
}

static void hold(struct fake_api *api, const char *match) {
    (void)pthread_mutex_lock(&api->lock);
    api->held = match;
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_hold(struct fake_api *api, const char *match) {
    hold(api, match);
}

void fake_api_release(struct fake_api *api) {
    hold(api, NULL);
}

void fake_api_event(struct fake_api *api, const char *match, const char *line) {
    (void)pthread_mutex_lock(&api->lock);
    api->events[api->event_count++] = (struct event){cm_strdup(match), cm_strdup(line)};
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
}

void fake_api_end(struct fake_api *api) {
    (void)pthread_mutex_lock(&api->lock);
    api->ends++;
    (void)pthread_cond_broadcast(&api->changed);
    (void)pthread_mutex_unlock(&api->lock);
}

// counts tells whether a request counts: of all if `any`, else of those in somebody's name.
static bool counts(const struct request *r, const char *match, bool any, const char *user) {
    bool same = user == NULL ? r->as == NULL : r->as != NULL && strcmp(r->as, user) == 0;

    return (any || same) && strstr(r->text, match) != NULL;
}

static size_t count(struct fake_api *api, const char *match, bool any, const char *user) {
    size_t found = 0;

    (void)pthread_mutex_lock(&api->lock);
    for (size_t i = 0; i < api->request_count; i++) {
        found += counts(&api->requests[i], match, any, user) ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&api->lock);
    return found;
}

size_t fake_api_count(struct fake_api *api, const char *match) {
    return count(api, match, true, NULL);
}

size_t fake_api_count_as(struct fake_api *api, const char *match, const char *user) {
    return count(api, match, false, user);
}
