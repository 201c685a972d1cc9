#include "common/harden.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/log.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TRACED 1 // leak checks stop the threads by ptrace
#else
#define TRACED 0
#endif

void cm_harden(void) {
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, TRACED, 0, 0, 0) != 0) {
        cm_log(CM_LOG_DEBUG, "process.harden", strerror(errno), NULL);
    }
}
