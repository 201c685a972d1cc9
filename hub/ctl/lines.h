// lines: two values of a field, the one that Git wants and the one that is there.
//
// Threads: one.
#pragma once

struct ctl;

// ctl_lines_diff prints "- desired" and "+ actual", both JSON texts; "" says that there is none. Of
// texts with many lines only those are printed that differ, with one beside them.
void ctl_lines_diff(struct ctl *c, const char *desired, const char *actual);
