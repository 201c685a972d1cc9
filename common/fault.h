// fault: named points at which a test stops a program, to kill it there.
//
// Nothing of it is in what is shipped: only the program of tests/e2e/fault_points.cmake is compiled
// with HOLDFAST_FAULT_POINTS, and has the function (tests/fault/points.c). A name says what was
// done last, or what comes next; the story that takes each once (tests/e2e/sim_fault_points.py)
// lists them.
//
// Threads: any.
#pragma once

#ifdef HOLDFAST_FAULT_POINTS
void cm_fault_point(const char *name);
#define CM_FAULT_POINT(name) cm_fault_point(name)
#else
#define CM_FAULT_POINT(name) ((void)0)
#endif
