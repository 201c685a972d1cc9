// screen: a terminal as one page that is drawn again and again, and that is as it was afterwards,
// also when Ctrl-C or a signal ends the program.
//
// Threads: one.
#pragma once

#include <stdbool.h>

// ctl_screen_open takes the terminal; ctl_screen_close gives it back. There is one.
void ctl_screen_open(void);
void ctl_screen_close(void);

// ctl_screen_begin starts a page at its top; ctl_screen_end shows it.
void ctl_screen_begin(void);
void ctl_screen_end(void);

// ctl_screen_wants_end tells whether somebody has pressed q.
bool ctl_screen_wants_end(void);
