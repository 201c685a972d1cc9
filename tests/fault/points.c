// points: stops a program at the point (common/fault.h) that the file `fault-point` in its working
// folder names, once: the file becomes `fault-point.reached`, which the test waits for before it
// kills the program. A file, for a child of the hub has neither its environment nor a right to kill
// it.
//
// Threads: any; the one that comes to the point stays there.
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fault.h"

#define WANTED "fault-point"
#define NAME_MAX_BYTES 64

void cm_fault_point(const char *name) {
    char wanted[NAME_MAX_BYTES] = "";
    int fd = open(WANTED, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return;
    }
    ssize_t size = read(fd, wanted, sizeof(wanted) - 1);
    (void)close(fd);
    if (size <= 0 || strcmp(wanted, name) != 0 || rename(WANTED, WANTED ".reached") != 0) {
        return;
    }
    for (;;) {
        (void)poll(NULL, 0, -1);
    }
}
