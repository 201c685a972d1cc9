// fault: named points at which a test stops a program, to kill it there.
//
// Nothing of it is in what is shipped: only programs of tests/e2e/fault_points.cmake are compiled
// with HOLDFAST_FAULT_POINTS, and have the function (tests/fault/points.c). A name says what was
// done last, or what comes next; tests/e2e/sim_fault_points.py lists them and names the stories
// that take each.
//
// Threads: any.
#pragma once

#ifdef HOLDFAST_FAULT_POINTS
void cm_fault_point(const char *name);
#define CM_FAULT_POINT(name) cm_fault_point(name)
#else
#define CM_FAULT_POINT(name) ((void)0)
#endif
