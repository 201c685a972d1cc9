#include "hub/repo/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// Runs `what` in a process that is confined and tells what it returned.
static int confined(int (*what)(void)) {
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct cm_err err;

        _exit(hub_filter_set(&err) < 0 ? 99 : what());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int starts_a_program(void) {
    char name[] = "true";
    char *const argv[] = {name, NULL};

    (void)execv("/bin/true", argv);
    return errno;
}

static int makes_a_process(void) {
    pid_t pid = fork();

    if (pid == 0) {
        _exit(0);
    }
    return pid < 0 ? errno : 0;
}

static int opens_an_odd_socket(void) {
    return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? errno : 0;
}

static int looks_into_another(void) {
    return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) < 0 ? errno : 0;
}

static int kills_another(void) {
    return kill(getppid(), SIGURG) < 0 ? errno : 0;
}

static void *idle(void *ctx) {
    return ctx;
}

static int does_what_a_fetch_does(void) {
    pthread_t thread;
    char byte;
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

    if (tcp < 0 || file < 0 || read(file, &byte, 1) != 1) {
        return 1;
    }
    return pthread_create(&thread, NULL, idle, NULL) != 0 || pthread_join(thread, NULL) != 0 ? 2
                                                                                             : 0;
}

static void what_no_fetch_does_is_refused(void **state) {
    (void)state;
    assert_int_equal(confined(starts_a_program), EPERM);
    assert_int_equal(confined(makes_a_process), EPERM);
    assert_int_equal(confined(opens_an_odd_socket), EPERM);
    assert_int_equal(confined(looks_into_another), EPERM);
    assert_int_equal(confined(kills_another), EPERM);
}

static void files_sockets_and_threads_work(void **state) {
    (void)state;
    assert_int_equal(confined(does_what_a_fetch_does), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_fetch_does_is_refused),
        cmocka_unit_test(files_sockets_and_threads_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
