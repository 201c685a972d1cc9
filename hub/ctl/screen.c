#include "hub/ctl/screen.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

// Another page, no cursor, no wrapping; and back.
#define ENTER "\x1b[?1049h\x1b[?25l\x1b[?7l"
#define LEAVE "\x1b[?7h\x1b[?25h\x1b[?1049l"
#define PAGE_BYTES (64 * 1024)

static struct termios before; // one thread; a signal may read it
static volatile sig_atomic_t is_open;
static volatile sig_atomic_t has_keys;

// Only what may be called in a signal handler.
static void restore(void) {
    static const char leave[] = LEAVE;

    if (has_keys) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    ssize_t written = write(STDOUT_FILENO, leave, sizeof(leave) - 1);
    (void)written; // nobody is left to be told
    is_open = 0;
}

static void on_signal(int number) {
    if (is_open) {
        restore();
    }
    (void)signal(number, SIG_DFL); // the default ends the program, as its parent expects
    (void)raise(number);
}

static void catch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)sigaction(numbers[i], &action, NULL);
    }
}

// Keys come at once and are not shown. Ctrl-Z would leave the page behind.
static void take_keys(void) {
    struct termios keys;

    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return;
    }
    keys = before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VSUSP] = _POSIX_VDISABLE;
    has_keys = 1;
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &keys);
}

void ctl_screen_open(void) {
    static char page[PAGE_BYTES];

    (void)setvbuf(stdout, page, _IOFBF, sizeof(page)); // a page is one write
    catch_signals();
    take_keys();
    is_open = 1;
    (void)fputs(ENTER, stdout);
    (void)fflush(stdout);
}

void ctl_screen_close(void) {
    if (is_open) {
        (void)fflush(stdout);
        restore();
    }
}

void ctl_screen_begin(void) {
    (void)fputs("\x1b[H\x1b[2J", stdout);
}

void ctl_screen_end(void) {
    (void)fflush(stdout);
}

bool ctl_screen_wants_end(void) {
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;

    while (has_keys && poll(&in, 1, 0) == 1 && (in.revents & POLLIN) != 0 &&
           read(STDIN_FILENO, &key, 1) == 1) {
        if (key == 'q' || key == 'Q' || key == 4) { // or Ctrl-D
            return true;
        }
    }
    return false;
}
