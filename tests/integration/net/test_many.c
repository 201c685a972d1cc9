// Thousands of connections in one process, both ends of each.
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/loop.h"
#include "common/mem.h"
#include "common/net/net.h"
#include "tests/support/pki.h"

enum {
    NOTE = 1,
    MOST_BYTES = 72 << 10, // that both ends of an idle connection may hold: buffers would be more
};

static size_t max_payload(uint16_t type) {
    return type == NOTE ? 4096 : 0;
}

static const struct cm_net_limits limits = {
    .max_payload = max_payload,
    .send_queue_bytes = 1 << 16,
    .handshake_ms = 240000, // all at once, however slow the machine
    .silence_ms = 240000,
};

struct fixture {
    struct cm_loop *loop;
    struct cm_tls_context *hub_tls;
    struct cm_tls_context *agent_tls;
    struct cm_net_listener *listener;
    size_t count;
    struct cm_net_conn **hub; // the hub's ends, in the order they came
    struct cm_net_conn **agents;
    size_t hub_opened;
    size_t agents_opened;
    size_t frames;
    size_t closed;
};

static void stop_at(struct fixture *f, size_t have, size_t want) {
    if (have == want) {
        cm_loop_stop(f->loop);
    }
}

static void on_hub_opened(void *ctx, struct cm_net_conn *conn) {
    struct fixture *f = ctx;

    f->hub[f->hub_opened++] = conn;
    stop_at(f, f->hub_opened + f->agents_opened, 2 * f->count);
}

static void on_agent_opened(void *ctx, struct cm_net_conn *conn) {
    struct fixture *f = ctx;

    f->agents[f->agents_opened++] = conn;
    stop_at(f, f->hub_opened + f->agents_opened, 2 * f->count);
}

static void on_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    struct fixture *f = ctx;

    (void)conn, (void)frame;
    f->frames++;
    stop_at(f, f->frames, f->count);
}

static void on_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct fixture *f = ctx;

    (void)conn, (void)why;
    f->closed++;
    stop_at(f, f->closed, 2 * f->count);
}

static size_t choose_count(void) {
    const char *wanted = getenv("HOLDFAST_TEST_CONNECTIONS");
    size_t count = wanted == NULL ? 1500 : strtoul(wanted, NULL, 10);
    struct rlimit limit;

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    size_t most = (limit.rlim_cur - 100) / 2;
    return count < most ? count : most;
}

static long resident_kib(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    char *second;

    if (file != NULL) {
        (void)!fgets(line, sizeof(line), file);
        (void)fclose(file);
    }
    (void)strtol(line, &second, 10);
    return strtol(second, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

static void report(const char *what, int64_t since_ms, size_t count, long kib) {
    print_message("%zu connections %s in %lld ms; %ld KiB resident for both ends of each\n", count,
                  what, (long long)(cm_clock_now_ms() - since_ms), kib / (long)count);
}

// Under a sanitizer nothing is known, and it is 0.
static size_t bytes_in_use(void) {
    return mallinfo2().uordblks;
}

static void dial_all(struct fixture *f) {
    struct cm_net_handlers h = {on_agent_opened, on_frame, on_closed, NULL, f, NULL};
    struct cm_net_conn *conn;
    char addr[32];
    struct cm_err err;

    (void)snprintf(addr, sizeof(addr), "127.0.0.1:%u", cm_net_listener_port(f->listener));
    for (size_t i = 0; i < f->count; i++) {
        assert_int_equal(cm_net_dial(f->loop, addr, f->agent_tls, &limits, &h, &conn, &err), CM_OK);
    }
    cm_loop_run(f->loop);
}

static void send_all(struct cm_net_conn **conns, size_t count, struct cm_buf *buf) {
    struct cm_err err;

    for (size_t i = 0; i < count; i++) {
        assert_int_equal(cm_net_send(conns[i], NOTE, 0, buf, &err), CM_OK);
    }
}

static void one_process_holds_both_ends_of_many_connections(void **state) {
    struct fixture *f = *state;
    struct cm_buf *buf = cm_buf_new(1024);
    long before = resident_kib();
    size_t in_use = bytes_in_use();
    int64_t began = cm_clock_now_ms();

    memset(buf->data, 7, buf->size);
    dial_all(f);
    assert_int_equal(f->hub_opened, f->count);
    report("opened", began, f->count, resident_kib() - before);

    began = cm_clock_now_ms();
    send_all(f->hub, f->count, buf);
    cm_loop_run(f->loop);
    report("got a shared KiB", began, f->count, resident_kib() - before);

    f->frames = 0;
    began = cm_clock_now_ms();
    send_all(f->agents, f->count, buf);
    cm_loop_run(f->loop);
    report("answered", began, f->count, resident_kib() - before);
    assert_true(bytes_in_use() < in_use + f->count * MOST_BYTES);
    assert_int_equal(f->closed, 0);
    cm_buf_unref(buf);

    began = cm_clock_now_ms();
    for (size_t i = 0; i < f->count; i++) {
        cm_net_close(f->hub[i], true, "over");
    }
    cm_loop_run(f->loop);
    report("closed", began, f->count, resident_kib() - before);
}

int main(void) {
    static struct fixture f;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(one_process_holds_both_ends_of_many_connections, &f),
    };
    struct cm_net_handlers h = {on_hub_opened, on_frame, on_closed, NULL, &f, NULL};
    struct pki pki;
    struct cm_err err;
    int failed;

    (void)alarm(600);
    f.loop = cm_loop_new();
    f.count = choose_count();
    pki_init(&pki);
    f.hub_tls = pki_hub_context(&pki, CM_TLS_SERVER_MUTUAL);
    f.agent_tls = pki_agent_context(&pki);
    f.hub = cm_new(f.count, sizeof(struct cm_net_conn *));
    f.agents = cm_new(f.count, sizeof(struct cm_net_conn *));
    if (cm_net_listen(f.loop, "127.0.0.1:0", f.hub_tls, &limits, &h, &f.listener, &err) < 0) {
        print_error("%s\n", err.msg);
        return EXIT_FAILURE;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    cm_net_listener_free(f.listener);
    cm_loop_free(f.loop);
    cm_tls_context_unref(f.hub_tls);
    cm_tls_context_unref(f.agent_tls);
    pki_done(&pki);
    free(f.hub);
    free(f.agents);
    cm_net_done();
    return failed;
}
