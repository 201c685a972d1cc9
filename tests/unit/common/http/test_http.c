#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fsys.h"
#include "common/http/http.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/tls/keys.h"

// What headers hold when they are freed.
static atomic_int lists;
static atomic_int told;

// NOLINTBEGIN(cert-dcl51-cpp,bugprone-reserved-identifier) the linker's names
void __real_curl_slist_free_all(struct curl_slist *list);
void __wrap_curl_slist_free_all(struct curl_slist *list);

void __wrap_curl_slist_free_all(struct curl_slist *list) {
    for (const struct curl_slist *at = list; at != NULL; at = at->next) {
        lists++;
        told += strstr(at->data, "secret") != NULL ? 1 : 0;
    }
    __real_curl_slist_free_all(list);
}
// NOLINTEND(cert-dcl51-cpp,bugprone-reserved-identifier)

static struct {
    char folder[64];
    pid_t pid;
    int to_child;
    int plain_port;
    int tls_port;
    char *ca_pem;
    char *other_ca_pem;
    struct cm_loop *loop;
    struct cm_http *http;
} t;

// One exchange and what came of it.
struct call {
    struct cm_http_answer answer;
    char body[1024];
    int lines;
    size_t bytes;
    char last[64];
    bool is_done;
    int cancel_at_line; // 0: never
    struct cm_http_request *request;
};

static int open_calls;

static void on_done(void *ctx, const struct cm_http_answer *answer) {
    struct call *call = ctx;

    assert_false(call->is_done);
    call->is_done = true;
    call->answer = *answer;
    (void)snprintf(call->body, sizeof(call->body), "%s", answer->body);
    if (--open_calls == 0) {
        cm_loop_stop(t.loop);
    }
}

static void on_line(void *ctx, const char *line, size_t size) {
    struct call *call = ctx;

    assert_false(call->is_done);
    call->lines++;
    call->bytes += size;
    (void)snprintf(call->last, sizeof(call->last), "%.*s", (int)size, line);
    if (call->lines == call->cancel_at_line) {
        cm_http_cancel(call->request);
    }
}

static struct cm_http_endpoint *endpoint(bool tls, const char *ca, const char *name, long most) {
    CM_AUTOFREE char *url =
        cm_strf("%s://127.0.0.1:%d/", tls ? "https" : "http", tls ? t.tls_port : t.plain_port);
    struct cm_http_endpoint_config config = {
        .base_url = url, .ca_pem = ca, .tls_server_name = name, .max_in_flight = most};
    struct cm_http_endpoint *ep;
    struct cm_err err;

    assert_int_equal(cm_http_endpoint_new(t.http, &config, &ep, &err), CM_OK);
    return ep;
}

static void send_config(struct cm_http_endpoint *ep, struct cm_http_request_config config,
                        struct call *call) {
    config.loop = t.loop;
    config.method = config.method == NULL ? "GET" : config.method;
    config.timeout_ms = config.timeout_ms == 0 ? 20000 : config.timeout_ms;
    config.max_answer_bytes = config.max_answer_bytes == 0 ? 1 << 20 : config.max_answer_bytes;
    config.done = on_done;
    config.ctx = call;
    open_calls++;
    call->request = cm_http_send(ep, &config);
}

static void begin(struct cm_http_endpoint *ep, const char *path, struct call *call) {
    send_config(ep, (struct cm_http_request_config){.path = path}, call);
}

static void get(struct cm_http_endpoint *ep, const char *path, struct call *call) {
    begin(ep, path, call);
    cm_loop_run(t.loop);
}

static void stream(struct cm_http_endpoint *ep, const char *path, struct call *call) {
    send_config(ep, (struct cm_http_request_config){.path = path, .line = on_line}, call);
    cm_loop_run(t.loop);
}

static void an_answer_comes_with_its_headers(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};
    struct cm_http_request_config config = {.path = "/hello"};

    (void)state;
    send_config(ep, config, &call);
    cm_loop_run(t.loop);
    assert_int_equal(call.answer.error.code, CM_OK);
    assert_int_equal(call.answer.status, 200);
    assert_string_equal(call.body, "hello");
    assert_int_equal(call.answer.size, 5);
    cm_http_endpoint_free(ep);
}

static void method_headers_body_and_bearer_are_sent(void **state) {
    static const char *const more[] = {"X-One: 1", NULL};
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};
    struct cm_http_request_config config = {
        .method = "PATCH",
        .path = "/echo",
        .content_type = "application/apply-patch+yaml",
        .accept = "application/json",
        .headers = more,
        .body = "{}",
        .body_size = 2,
    };

    (void)state;
    cm_http_endpoint_set_bearer(ep, "old");
    cm_http_endpoint_set_bearer(ep, "secret");
    send_config(ep, config, &call);
    cm_loop_run(t.loop);
    assert_non_null(strstr(call.body, "PATCH\n"));
    assert_non_null(strstr(call.body, "content-type: application/apply-patch+yaml\n"));
    assert_non_null(strstr(call.body, "accept: application/json\n"));
    assert_non_null(strstr(call.body, "x-one: 1\n"));
    assert_non_null(strstr(call.body, "authorization: Bearer secret\n"));
    assert_non_null(strstr(call.body, "\n{}"));
    cm_http_endpoint_free(ep);
}

static void headers_leave_nothing_when_they_are_freed(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};
    int before = lists;

    (void)state;
    cm_http_endpoint_set_bearer(ep, "secret");
    send_config(ep, (struct cm_http_request_config){.method = "GET", .path = "/echo"}, &call);
    cm_loop_run(t.loop); // they are freed before the answer is handed over
    assert_non_null(strstr(call.body, "authorization: Bearer secret\n"));
    assert_true(lists > before);
    assert_int_equal(told, 0);
    cm_http_endpoint_free(ep);
}

static void a_delete_can_carry_a_body(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};
    struct cm_http_request_config config = {
        .method = "DELETE", .path = "/echo", .body = "why", .body_size = 3};

    (void)state;
    send_config(ep, config, &call);
    cm_loop_run(t.loop);
    assert_non_null(strstr(call.body, "DELETE\n"));
    assert_non_null(strstr(call.body, "\nwhy"));
    cm_http_endpoint_free(ep);
}

static void an_answer_beyond_the_bound_fails(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call fits = {0};
    struct call call = {0};
    struct cm_http_request_config config = {.path = "/big?1000", .max_answer_bytes = 1000};

    (void)state;
    send_config(ep, config, &fits);
    config.path = "/big?1001";
    send_config(ep, config, &call);
    cm_loop_run(t.loop);
    assert_int_equal(fits.answer.error.code, CM_OK);
    assert_int_equal(call.answer.error.code, CM_EINVAL);
    assert_non_null(strstr(call.answer.error.msg, "larger than the allowed 1000 bytes"));
    cm_http_endpoint_free(ep);
}

static void an_answer_that_is_cut_off_is_an_error(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};

    (void)state;
    get(ep, "/cut", &call);
    assert_int_equal(call.answer.error.code, CM_EIO);
    cm_http_endpoint_free(ep);
}

static void retry_after_is_read(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};

    (void)state;
    get(ep, "/busy", &call);
    assert_int_equal(call.answer.error.code, CM_OK);
    assert_int_equal(call.answer.status, 429);
    assert_int_equal(call.answer.retry_after_ms, 7000);
    assert_string_equal(call.body, "later");
    cm_http_endpoint_free(ep);
}

static void redirects_are_not_followed(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};

    (void)state;
    get(ep, "/redirect", &call);
    assert_int_equal(call.answer.status, 302);
    cm_http_endpoint_free(ep);
}

static void a_server_that_never_answers_runs_into_the_timeout(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};
    struct cm_http_request_config config = {.path = "/hang", .timeout_ms = 50};

    (void)state;
    send_config(ep, config, &call);
    cm_loop_run(t.loop);
    assert_int_equal(call.answer.error.code, CM_EIO);
    assert_int_equal(call.answer.status, 0);
    cm_http_endpoint_free(ep);
}

static void a_running_request_can_be_canceled(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 1);
    struct call running = {0};
    struct call waiting = {0};

    (void)state;
    begin(ep, "/hang", &running);
    begin(ep, "/hang", &waiting);
    cm_http_cancel(waiting.request);
    cm_http_cancel(running.request);
    cm_loop_run(t.loop);
    assert_int_equal(running.answer.error.code, CM_ECANCELED);
    assert_int_equal(waiting.answer.error.code, CM_ECANCELED);
    cm_http_endpoint_free(ep);
}

static void only_so_many_requests_run_at_once(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 2);
    struct cm_http_endpoint *control = endpoint(false, NULL, NULL, 0);
    struct call calls[5] = {0};
    struct call other[3] = {0};

    (void)state;
    for (int i = 0; i < 5; i++) {
        begin(ep, "/gate", &calls[i]);
    }
    open_calls -= 5;
    get(control, "/running?2", &other[0]);
    open_calls += 5;
    begin(control, "/open", &other[1]);
    cm_loop_run(t.loop);
    get(control, "/most", &other[2]);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(calls[i].answer.status, 200);
    }
    assert_string_equal(other[2].body, "2");
    cm_http_endpoint_free(ep);
    cm_http_endpoint_free(control);
}

static void a_stream_gives_its_lines(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};

    (void)state;
    stream(ep, "/tail", &call);
    assert_int_equal(call.answer.error.code, CM_OK);
    assert_int_equal(call.lines, 4);
    assert_string_equal(call.last, "four");
    assert_int_equal(call.bytes, 3 + 3 + 5 + 4);
    cm_http_endpoint_free(ep);
}

// Under ThreadSanitizer this shows that the two threads share nothing of an endpoint.
static void streams_and_requests_of_an_endpoint_do_not_meet(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 1);
    struct call streams[100] = {0};
    struct call calls[100] = {0};

    (void)state;
    for (int i = 0; i < 100; i++) {
        send_config(ep, (struct cm_http_request_config){.path = "/lines?100x100", .line = on_line},
                    &streams[i]);
        begin(ep, "/hello", &calls[i]);
    }
    cm_loop_run(t.loop);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(streams[i].lines, 100);
        assert_int_equal(calls[i].answer.status, 200);
    }
    cm_http_endpoint_free(ep);
}

static void a_refused_stream_gives_the_body_of_its_refusal(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};

    (void)state;
    stream(ep, "/gone", &call);
    assert_int_equal(call.answer.status, 410);
    assert_int_equal(call.lines, 0);
    assert_string_equal(call.body, "too old\nby far\n");
    cm_http_endpoint_free(ep);
}

static void a_line_beyond_the_bound_ends_the_stream(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};
    struct cm_http_request_config config = {
        .path = "/lines?10x5000", .line = on_line, .max_answer_bytes = 4998};

    (void)state;
    send_config(ep, config, &call);
    cm_loop_run(t.loop);
    assert_int_equal(call.lines, 0);
    assert_int_equal(call.answer.error.code, CM_EINVAL);
    assert_non_null(strstr(call.answer.error.msg, "a line is longer than the allowed 4998 bytes"));
    cm_http_endpoint_free(ep);
}

static void on_last_line(void *ctx, const char *line, size_t size) {
    on_line(ctx, line, size);
    cm_clock_advance(80);
}

static void silence_ends_a_stream(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {0};
    struct cm_http_request_config config = {
        .path = "/silence", .line = on_last_line, .timeout_ms = 80};

    (void)state;
    cm_clock_fake(cm_clock_unix_ms()); // it stands however long the first line takes
    send_config(ep, config, &call);
    cm_loop_run(t.loop);
    cm_clock_fake(-1);
    assert_int_equal(call.lines, 1);
    assert_int_equal(call.answer.error.code, CM_EIO);
    assert_non_null(strstr(call.answer.error.msg, "nothing came for 80 ms"));
    cm_http_endpoint_free(ep);
}

static void no_line_comes_after_cancel(void **state) {
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct call call = {.cancel_at_line = 3};

    (void)state;
    stream(ep, "/lines?1000x100", &call);
    assert_int_equal(call.lines, 3);
    assert_int_equal(call.answer.error.code, CM_ECANCELED);
    cm_http_endpoint_free(ep);
}

static long sent(struct cm_http_endpoint *ep, struct cm_loop *loop) {
    struct call call = {0};
    struct cm_loop *streams = t.loop;

    open_calls = 0;
    t.loop = loop;
    get(ep, "/sent", &call);
    t.loop = streams;
    return strtol(call.body, NULL, 10);
}

static void a_loop_that_is_busy_holds_up_the_server(void **state) {
    enum { LINES = 1000, SIZE = 64000 };
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 0);
    struct cm_loop *other = cm_loop_new();
    struct call call = {0};
    struct cm_http_request_config config = {.path = "/lines?1000x64000", .line = on_line};
    long before = 0;
    long now = 0;

    (void)state;
    send_config(ep, config, &call);
    // Nobody takes what comes, so what the server could send stops growing.
    for (int same = 0; same < 100; same = now == before && now > 0 ? same + 1 : 0) {
        before = now;
        now = sent(ep, other);
    }
    assert_true(now < (long)LINES * SIZE);

    open_calls = 1;
    cm_loop_run(t.loop);
    assert_int_equal(call.lines, LINES);
    assert_int_equal(call.bytes, LINES * (SIZE - 1));
    assert_int_equal(call.answer.error.code, CM_OK);
    cm_loop_free(other);
    cm_http_endpoint_free(ep);
}

static void a_server_is_known_by_its_ca(void **state) {
    struct cm_http_endpoint *ep = endpoint(true, t.ca_pem, NULL, 0);
    struct call call = {0};

    (void)state;
    get(ep, "/hello", &call);
    assert_int_equal(call.answer.error.code, CM_OK);
    assert_int_equal(call.answer.status, 200);
    cm_http_endpoint_free(ep);
}

static void another_ca_is_refused(void **state) {
    struct cm_http_endpoint *ep = endpoint(true, t.other_ca_pem, NULL, 0);
    struct cm_http_endpoint *system_cas = endpoint(true, NULL, NULL, 0);
    struct call calls[2] = {0};

    (void)state;
    get(ep, "/hello", &calls[0]);
    get(system_cas, "/hello", &calls[1]);
    assert_int_equal(calls[0].answer.error.code, CM_EAUTH);
    assert_int_equal(calls[1].answer.error.code, CM_EAUTH);
    cm_http_endpoint_free(ep);
    cm_http_endpoint_free(system_cas);
}

static void a_server_may_go_by_another_name(void **state) {
    struct cm_http_endpoint *right = endpoint(true, t.ca_pem, "inside.example", 0);
    struct cm_http_endpoint *wrong = endpoint(true, t.ca_pem, "other.example", 0);
    struct call calls[2] = {0};

    (void)state;
    get(right, "/echo", &calls[0]);
    get(wrong, "/echo", &calls[1]);
    assert_int_equal(calls[0].answer.error.code, CM_OK);
    assert_non_null(strstr(calls[0].body, "host: 127.0.0.1:"));
    assert_int_equal(calls[1].answer.error.code, CM_EAUTH);
    cm_http_endpoint_free(right);
    cm_http_endpoint_free(wrong);
}

static void a_server_that_is_not_there_is_an_error(void **state) {
    struct cm_http_endpoint_config config = {.base_url = "http://127.0.0.1:1"};
    struct cm_http_endpoint *ep;
    struct call call = {0};
    struct cm_err err;

    (void)state;
    assert_int_equal(cm_http_endpoint_new(t.http, &config, &ep, &err), CM_OK);
    get(ep, "/", &call);
    assert_int_equal(call.answer.error.code, CM_EIO);
    cm_http_endpoint_free(ep);
}

static void a_header_cannot_smuggle_another(void **state) {
    static const char *const bad[] = {"X: 1\r\nY: 2", NULL};
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 1);
    struct call calls[3] = {0};
    struct cm_http_request_config config = {.path = "/hello", .headers = bad};

    (void)state;
    send_config(ep, config, &calls[0]);
    begin(ep, "/hello HTTP/1.1", &calls[1]);
    begin(ep, "/hello", &calls[2]);
    cm_loop_run(t.loop);
    assert_int_equal(calls[0].answer.error.code, CM_EINVAL);
    assert_int_equal(calls[1].answer.error.code, CM_EINVAL);
    assert_int_equal(calls[2].answer.status, 200);
    cm_http_endpoint_free(ep);
}

static void only_http_servers_make_endpoints(void **state) {
    static const char *const bad[] = {"ftp://h",      "file:///etc/passwd", "h:1",        "",
                                      "http://u:p@h", "http://h?x",         "https://h#f"};
    struct cm_http_endpoint *ep = NULL;
    struct cm_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cm_http_endpoint_config config = {.base_url = bad[i]};
        assert_int_equal(cm_http_endpoint_new(t.http, &config, &ep, &err), CM_EINVAL);
    }
}

static void the_end_cancels_what_runs_and_what_waits(void **state) {
    struct cm_http *shared = t.http;
    struct call calls[4] = {0};

    (void)state;
    t.http = cm_http_new();
    struct cm_http_endpoint *ep = endpoint(false, NULL, NULL, 1);
    for (int i = 0; i < 3; i++) {
        begin(ep, "/hang", &calls[i]);
    }
    cm_http_free(t.http);
    begin(ep, "/hang", &calls[3]);
    t.http = shared;
    cm_loop_run(t.loop);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(calls[i].answer.error.code, CM_ECANCELED);
    }
    cm_http_endpoint_free(ep);
}

static void text_is_escaped_for_a_path(void **state) {
    CM_AUTOFREE char *escaped = cm_http_escape("a/b c=%\xc3\xa4");

    (void)state;
    assert_string_equal(escaped, "a%2Fb%20c%3D%25%C3%A4");
}

static void write_file(const char *name, const char *text) {
    CM_AUTOFREE char *path = cm_strf("%s/%s", t.folder, name);
    struct cm_err err;

    assert_int_equal(cm_fsys_replace(path, text, strlen(text), 0600, &err), CM_OK);
}

static struct cm_cert *issue(enum cm_cert_use use, const struct cm_key *key,
                             const struct cm_cert *issuer, const struct cm_key *issuer_key) {
    static const char *const hosts[] = {"127.0.0.1", "inside.example"};
    bool server = use == CM_CERT_SERVER;
    struct cm_cert_request request = {
        .use = use,
        .common_name = server ? "server" : "ca",
        .uri = server ? "holdfast://6f1c1e5a-7a55-4a8e-9a34-0d7e2b1f0a11/hub" : NULL,
        .hosts = server ? hosts : NULL,
        .host_count = server ? 2 : 0,
        .not_before_ms = cm_clock_unix_ms() - 3600000,
        .not_after_ms = cm_clock_unix_ms() + 3600000,
    };
    struct cm_cert *cert;
    struct cm_err err;

    assert_int_equal(cm_cert_issue(&request, key, issuer, issuer_key, &cert, &err), CM_OK);
    return cert;
}

static void make_certificates(void) {
    CM_CLEANUP(cm_key_freep) struct cm_key *ca_key = cm_key_new();
    CM_CLEANUP(cm_key_freep) struct cm_key *key = cm_key_new();
    CM_CLEANUP(cm_key_freep) struct cm_key *other_key = cm_key_new();
    CM_CLEANUP(cm_cert_freep) struct cm_cert *ca = issue(CM_CERT_ROOT, ca_key, NULL, ca_key);
    CM_CLEANUP(cm_cert_freep)
    struct cm_cert *other = issue(CM_CERT_ROOT, other_key, NULL, other_key);
    CM_CLEANUP(cm_cert_freep) struct cm_cert *cert = issue(CM_CERT_SERVER, key, ca, ca_key);
    char *key_pem = cm_key_to_pem(key);
    CM_AUTOFREE char *pem = cm_cert_to_pem(cert);

    write_file("key.pem", key_pem);
    write_file("cert.pem", pem);
    cm_secret_free(key_pem);
    t.ca_pem = cm_cert_to_pem(ca);
    t.other_ca_pem = cm_cert_to_pem(other);
}

static void start_server(void) {
    CM_AUTOFREE char *cert = cm_strf("%s/cert.pem", t.folder);
    CM_AUTOFREE char *key = cm_strf("%s/key.pem", t.folder);
    char line[64];
    char *end;
    int in[2];
    int out[2];

    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    t.pid = fork();
    if (t.pid == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[1]);
        execl(PYTHON, PYTHON, HTTP_SERVER, cert, key, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    t.to_child = in[1];
    FILE *ports = fdopen(out[0], "r");
    assert_non_null(ports);
    assert_non_null(fgets(line, sizeof(line), ports));
    t.plain_port = (int)strtol(line, &end, 10);
    t.tls_port = (int)strtol(end, NULL, 10);
    assert_true(t.plain_port > 0 && t.tls_port > 0);
    (void)fclose(ports);
}

static int set_up(void **state) {
    (void)state;
    (void)snprintf(t.folder, sizeof(t.folder), "/tmp/test_http.XXXXXX");
    assert_non_null(mkdtemp(t.folder));
    make_certificates();
    start_server();
    t.loop = cm_loop_new();
    t.http = cm_http_new();
    return 0;
}

static int take_down(void **state) {
    struct cm_err err;

    (void)state;
    cm_http_free(t.http);
    cm_loop_free(t.loop);
    (void)close(t.to_child);
    (void)waitpid(t.pid, NULL, 0);
    free(t.ca_pem);
    free(t.other_ca_pem);
    return cm_fsys_remove_tree(t.folder, &err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_with_its_headers),
        cmocka_unit_test(method_headers_body_and_bearer_are_sent),
        cmocka_unit_test(headers_leave_nothing_when_they_are_freed),
        cmocka_unit_test(a_delete_can_carry_a_body),
        cmocka_unit_test(an_answer_beyond_the_bound_fails),
        cmocka_unit_test(an_answer_that_is_cut_off_is_an_error),
        cmocka_unit_test(retry_after_is_read),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(a_server_that_never_answers_runs_into_the_timeout),
        cmocka_unit_test(a_running_request_can_be_canceled),
        cmocka_unit_test(only_so_many_requests_run_at_once),
        cmocka_unit_test(a_stream_gives_its_lines),
        cmocka_unit_test(streams_and_requests_of_an_endpoint_do_not_meet),
        cmocka_unit_test(a_refused_stream_gives_the_body_of_its_refusal),
        cmocka_unit_test(a_line_beyond_the_bound_ends_the_stream),
        cmocka_unit_test(silence_ends_a_stream),
        cmocka_unit_test(no_line_comes_after_cancel),
        cmocka_unit_test(a_loop_that_is_busy_holds_up_the_server),
        cmocka_unit_test(a_server_is_known_by_its_ca),
        cmocka_unit_test(another_ca_is_refused),
        cmocka_unit_test(a_server_may_go_by_another_name),
        cmocka_unit_test(a_server_that_is_not_there_is_an_error),
        cmocka_unit_test(a_header_cannot_smuggle_another),
        cmocka_unit_test(only_http_servers_make_endpoints),
        cmocka_unit_test(the_end_cancels_what_runs_and_what_waits),
        cmocka_unit_test(text_is_escaped_for_a_path),
    };

    return cmocka_run_group_tests(tests, set_up, take_down);
}
