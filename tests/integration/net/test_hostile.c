// A listener under attack: hundreds of connections of each hostile kind, while an honest agent
// keeps exchanging frames on the same loop. NNG 1.5.2's own sockets do not survive some of them.
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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
#include "tests/support/raw_peer.h"

enum {
    PING = 1,
    ATTACKS = 300, // of each kind
    BETWEEN = 30,  // after so many the honest agent is answered
    PERIOD_MS = 10,
    HANDSHAKE_MS = 1000,
    PATIENCE_MS = 60000, // of the honest agent, and with it
};

static size_t max_payload(uint16_t type) {
    return type == PING ? 1024 : 0;
}

static const struct cm_net_limits limits = {
    .max_payload = max_payload,
    .send_queue_bytes = 1 << 16,
    .handshake_ms = HANDSHAKE_MS,
    .silence_ms = PATIENCE_MS,
};

static const struct cm_net_limits patient = {
    .max_payload = max_payload,
    .send_queue_bytes = 1 << 16,
    .handshake_ms = PATIENCE_MS,
    .silence_ms = PATIENCE_MS,
};

struct fixture {
    struct pki pki;
    struct pki other; // nobody trusts it
    struct cm_loop *loop;
    struct cm_tls_context *hub_tls;
    struct cm_tls_context *agent_tls;
    struct cm_tls_context *stranger_tls;
    struct cm_net_listener *listener;
    uint16_t port;

    struct cm_net_conn *agent; // the honest one
    struct cm_timer ticks;
    struct cm_timer watch;
    atomic_int pongs; // -1: it is away
    int opened;
    bool stopped;
    size_t fds; // before the attack
    atomic_bool attack_over;
    bool unanswered;
    void (*attack)(struct fixture *f);
    struct cm_err agent_closed;
};

static size_t count_fds(void) {
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(dir) != NULL) {
        count++;
    }
    (void)closedir(dir);
    return count;
}

static void on_hub_opened(void *ctx, struct cm_net_conn *conn) {
    struct fixture *f = ctx;

    (void)conn;
    f->opened++;
}

static void on_hub_frame(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    struct cm_err err;

    (void)ctx;
    assert_int_equal(cm_net_send(conn, frame->type, frame->flags, NULL, &err), CM_OK);
}

static void on_hub_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    (void)ctx, (void)conn, (void)why;
}

// run turns the loop until something stops it. Time goes on while there is nothing to do, so that
// it is no shorter for a busy machine.
static void run(struct fixture *f) {
    for (f->stopped = false; !f->stopped;) {
        if (!cm_loop_turn(f->loop)) {
            (void)poll(NULL, 0, 1);
            cm_clock_advance(1);
        }
    }
}

static void ping(struct fixture *f) {
    struct cm_err err;

    assert_int_equal(cm_net_send(f->agent, PING, 0, NULL, &err), CM_OK);
}

static void on_agent_opened(void *ctx, struct cm_net_conn *conn) {
    struct fixture *f = ctx;

    f->agent = conn;
    f->pongs = 0;
    ping(f);
}

static void on_tick(void *ctx) {
    ping(ctx);
}

static void on_pong(void *ctx, struct cm_net_conn *conn, const struct cm_net_frame *frame) {
    struct fixture *f = ctx;

    (void)conn, (void)frame;
    f->pongs++;
    cm_timer_start(f->loop, &f->ticks, PERIOD_MS);
    f->stopped = f->stopped || f->pongs == 1;
}

static void on_agent_closed(void *ctx, struct cm_net_conn *conn, const struct cm_err *why) {
    struct fixture *f = ctx;

    (void)conn;
    f->agent = NULL;
    f->pongs = -1;
    f->agent_closed = *why;
    cm_timer_stop(f->loop, &f->ticks);
    f->stopped = true;
}

static void dial_honest(struct fixture *f) {
    struct cm_net_handlers h = {on_agent_opened, on_pong, on_agent_closed, NULL, f, NULL};
    struct cm_net_conn *conn;
    char addr[32];
    struct cm_err err;

    (void)snprintf(addr, sizeof(addr), "127.0.0.1:%u", f->port);
    assert_int_equal(cm_net_dial(f->loop, addr, f->agent_tls, &patient, &h, &conn, &err), CM_OK);
    run(f); // until its first answer
    assert_non_null(f->agent);
}

static int set_up(void **state) {
    struct fixture *f = cm_new(1, sizeof(*f));
    struct cm_net_handlers h = {on_hub_opened, on_hub_frame, on_hub_closed, NULL, f, NULL};
    struct cm_err err;

    cm_clock_fake(cm_clock_unix_ms());
    pki_init(&f->pki);
    pki_init(&f->other);
    f->loop = cm_loop_new();
    f->hub_tls = pki_hub_context(&f->pki, CM_TLS_SERVER_MUTUAL);
    f->agent_tls = pki_agent_context(&f->pki);
    f->stranger_tls = pki_agent_context(&f->other);
    f->ticks = (struct cm_timer){.run = on_tick, .ctx = f};
    assert_int_equal(
        cm_net_listen(f->loop, "127.0.0.1:0", f->hub_tls, &limits, &h, &f->listener, &err), CM_OK);
    f->port = cm_net_listener_port(f->listener);
    dial_honest(f);
    f->fds = count_fds();
    *state = f;
    return 0;
}

static void hang_up(struct fixture *f) {
    cm_timer_stop(f->loop, &f->ticks);
    cm_net_close(f->agent, false, "over");
    run(f); // until it is closed
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    if (f->agent != NULL) {
        hang_up(f);
    }
    cm_net_listener_stop(f->listener);
    while (!cm_net_listener_quiet(f->listener)) {
        (void)cm_loop_turn(f->loop);
    }
    cm_net_listener_free(f->listener);
    cm_loop_free(f->loop);
    cm_tls_context_unref(f->hub_tls);
    cm_tls_context_unref(f->agent_tls);
    cm_tls_context_unref(f->stranger_tls);
    pki_done(&f->pki);
    pki_done(&f->other);
    free(f);
    cm_clock_fake(-1);
    return 0;
}

static void *run_attack(void *arg) {
    struct fixture *f = arg;

    f->attack(f);
    f->attack_over = true;
    return NULL;
}

// The loop goes on until the attack is over, the honest agent has had an answer again, and every
// descriptor has been given back.
static void on_watch(void *ctx) {
    struct fixture *f = ctx;

    if (f->attack_over && f->pongs > 1 && count_fds() <= f->fds) {
        f->stopped = true;
    } else {
        cm_timer_start(f->loop, &f->watch, PERIOD_MS);
    }
}

static void survive(struct fixture *f, void (*attack)(struct fixture *f)) {
    pthread_t thread;

    f->attack = attack;
    f->watch = (struct cm_timer){.run = on_watch, .ctx = f};
    cm_timer_start(f->loop, &f->watch, PERIOD_MS);
    assert_int_equal(pthread_create(&thread, NULL, run_attack, f), 0);
    run(f);
    (void)pthread_join(thread, NULL);

    assert_non_null(f->agent);
    assert_false(f->unanswered);
    hang_up(f);
    dial_honest(f); // and others come in
}

// wait_for_answer waits, in the midst of an attack, until the honest agent has had another answer.
static void wait_for_answer(struct fixture *f) {
    int before = f->pongs;

    for (int i = 0; !f->unanswered && f->pongs == before; i++) {
        (void)poll(NULL, 0, 1);
        f->unanswered = i == PATIENCE_MS;
    }
}

// wait_closed waits until the hub has closed the connection.
static void wait_closed(struct raw_peer *peer) {
    if (peer != NULL) {
        (void)raw_peer_wait_closed(peer);
        raw_peer_close(peer);
    }
}

// hold opens many connections, does something with each and waits until the hub has closed all.
static void hold(struct fixture *f, void (*act)(struct fixture *f, struct raw_peer *peer)) {
    struct raw_peer *peers[ATTACKS];

    for (int i = 0; i < ATTACKS; i++) {
        peers[i] = raw_peer_connect(f->port);
        if (peers[i] != NULL) {
            act(f, peers[i]);
        }
    }
    wait_for_answer(f);
    for (int i = 0; i < ATTACKS; i++) {
        wait_closed(peers[i]);
    }
}

static void do_nothing(struct fixture *f, struct raw_peer *peer) {
    (void)f, (void)peer;
}

static void send_hello(struct fixture *f, struct raw_peer *peer) {
    raw_peer_hello(peer, f->agent_tls);
}

static void send_garbage(struct fixture *f, struct raw_peer *peer) {
    uint8_t bytes[2000];

    (void)f;
    cm_random(bytes, sizeof(bytes));
    (void)raw_peer_send(peer, bytes, sizeof(bytes));
}

// A TLS record that claims to be of full length and never ends.
static void send_half_a_record(struct fixture *f, struct raw_peer *peer) {
    (void)f;
    (void)raw_peer_send(peer, "\x16\x03\x01\x3f\xff\x01", 6);
}

static void be_silent(struct fixture *f) {
    hold(f, do_nothing);
}

static void stop_in_the_handshake(struct fixture *f) {
    hold(f, send_hello);
}

static void talk_garbage(struct fixture *f) {
    hold(f, send_garbage);
}

static void stop_in_a_record(struct fixture *f) {
    hold(f, send_half_a_record);
}

// repeat does something with one connection after the other; the act closes it.
static void repeat(struct fixture *f, void (*act)(struct fixture *f, struct raw_peer *peer)) {
    for (int i = 0; i < ATTACKS; i++) {
        struct raw_peer *peer = raw_peer_connect(f->port);

        if (peer != NULL) {
            act(f, peer);
        }
        if (i % BETWEEN == 0) {
            wait_for_answer(f);
        }
    }
}

static void reset(struct fixture *f, struct raw_peer *peer) {
    (void)f;
    raw_peer_reset(peer);
}

static void hello_and_reset(struct fixture *f, struct raw_peer *peer) {
    raw_peer_hello(peer, f->agent_tls);
    raw_peer_reset(peer);
}

static void handshake_and_close(struct fixture *f, struct raw_peer *peer) {
    (void)raw_peer_handshake(peer, f->agent_tls);
    raw_peer_close(peer);
}

static void handshake_and_reset(struct fixture *f, struct raw_peer *peer) {
    (void)raw_peer_handshake(peer, f->agent_tls);
    raw_peer_reset(peer);
}

static void show_another_root(struct fixture *f, struct raw_peer *peer) {
    (void)raw_peer_handshake(peer, f->stranger_tls);
    (void)raw_peer_wait_closed(peer);
    raw_peer_close(peer);
}

static void claim_four_gigabytes(struct fixture *f, struct raw_peer *peer) {
    if (raw_peer_handshake(peer, f->agent_tls)) {
        (void)raw_peer_send_header(peer, UINT32_MAX, PING, 1);
        (void)raw_peer_wait_closed(peer);
    }
    raw_peer_close(peer);
}

static void connect_and_reset(struct fixture *f) {
    repeat(f, reset);
}

static void reset_after_the_hello(struct fixture *f) {
    repeat(f, hello_and_reset);
}

static void close_after_the_handshake(struct fixture *f) {
    repeat(f, handshake_and_close);
}

static void reset_after_the_handshake(struct fixture *f) {
    repeat(f, handshake_and_reset);
}

static void come_with_another_root(struct fixture *f) {
    repeat(f, show_another_root);
}

static void send_huge_lengths(struct fixture *f) {
    repeat(f, claim_four_gigabytes);
}

static void silent_peers_do_no_harm(void **state) {
    survive(*state, be_silent);
}

static void half_handshakes_do_no_harm(void **state) {
    survive(*state, stop_in_the_handshake);
}

static void half_records_do_no_harm(void **state) {
    survive(*state, stop_in_a_record);
}

static void garbage_does_no_harm(void **state) {
    survive(*state, talk_garbage);
}

static void resets_do_no_harm(void **state) {
    survive(*state, connect_and_reset);
}

static void resets_after_the_hello_do_no_harm(void **state) {
    survive(*state, reset_after_the_hello);
}

static void closing_after_the_handshake_does_no_harm(void **state) {
    survive(*state, close_after_the_handshake);
}

static void resets_after_the_handshake_do_no_harm(void **state) {
    survive(*state, reset_after_the_handshake);
}

static void strangers_are_not_let_in(void **state) {
    struct fixture *f = *state;
    int opened = f->opened;

    survive(f, come_with_another_root);
    assert_int_equal(f->opened, opened + 1); // the honest one, afterwards
}

static void huge_frame_lengths_do_no_harm(void **state) {
    survive(*state, send_huge_lengths);
}

// With no descriptors left accepting fails; the peers wait in the kernel and come in later.
static void exhaust_descriptors(struct fixture *f) {
    struct raw_peer *peers[20];
    struct rlimit before;
    struct rlimit scarce;

    (void)getrlimit(RLIMIT_NOFILE, &before);
    scarce = before;
    scarce.rlim_cur = count_fds() - 3 + 20; // without ".", ".." and the folder itself
    (void)setrlimit(RLIMIT_NOFILE, &scarce);
    for (int i = 0; i < 20; i++) {
        peers[i] = raw_peer_connect(f->port);
    }
    for (int i = 0; i < 20; i++) { // one thread asks for answers and for connections in turn
        wait_for_answer(f);
    }
    (void)setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 20; i++) {
        if (peers[i] != NULL) {
            handshake_and_close(f, peers[i]);
        }
    }
}

static void running_out_of_descriptors_is_survived(void **state) {
    struct fixture *f = *state;
    int opened = f->opened;

    survive(f, exhaust_descriptors);
    assert_true(f->opened > opened + 10);
}

int main(void) {
#define HOSTILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(silent_peers_do_no_harm),
        HOSTILE_TEST(half_handshakes_do_no_harm),
        HOSTILE_TEST(half_records_do_no_harm),
        HOSTILE_TEST(garbage_does_no_harm),
        HOSTILE_TEST(resets_do_no_harm),
        HOSTILE_TEST(resets_after_the_hello_do_no_harm),
        HOSTILE_TEST(closing_after_the_handshake_does_no_harm),
        HOSTILE_TEST(resets_after_the_handshake_do_no_harm),
        HOSTILE_TEST(strangers_are_not_let_in),
        HOSTILE_TEST(huge_frame_lengths_do_no_harm),
        HOSTILE_TEST(running_out_of_descriptors_is_survived),
    };
    int failed;

    (void)alarm(600);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    cm_net_done();
    return failed;
}
