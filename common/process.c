#include "common/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/metrics.h"

struct cm_process {
    struct cm_metric *cpu;
    struct cm_metric *start;
    struct cm_metric *resident;
    struct cm_metric *virtual;
    struct cm_metric *fds;
    struct cm_metric *max_fds;
    struct cm_metric *threads;
};

struct cm_process *cm_process_new(struct cm_metrics *m) {
    struct cm_process *p = cm_new(1, sizeof(*p));

    cm_metric_set(cm_metrics_gauge(m, "holdfast_build_info", "version=\"" HOLDFAST_VERSION "\"",
                                   "1; the label says which version runs."),
                  1);
    p->cpu = cm_metrics_seconds(m, "process_cpu_seconds_total",
                                "CPU time that this process used, user and system.");
    p->start = cm_metrics_gauge(m, "process_start_time_seconds", NULL,
                                "When this process began, in Unix time.");
    p->resident = cm_metrics_gauge(m, "process_resident_memory_bytes", NULL,
                                   "Memory of this process that is in use.");
    p->virtual = cm_metrics_gauge(m, "process_virtual_memory_bytes", NULL,
                                  "Address space of this process.");
    p->fds = cm_metrics_gauge(m, "process_open_fds", NULL, "File descriptors that are open.");
    p->max_fds = cm_metrics_gauge(m, "process_max_fds", NULL, "File descriptors that may be open.");
    p->threads = cm_metrics_gauge(m, "process_threads", NULL, "Threads of this process.");
    cm_metric_set(p->start, cm_clock_unix_ms() / 1000);
    return p;
}

void cm_process_free(struct cm_process *p) {
    free(p);
}

static int64_t count_entries(const char *path) {
    DIR *folder = opendir(path);
    int64_t count = 0;

    if (folder == NULL) {
        return 0;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(folder);
    return count;
}

static void read_memory(struct cm_process *p) {
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    char *end = line;
    int64_t page = sysconf(_SC_PAGESIZE);

    if (file == NULL) {
        return;
    }
    if (fgets(line, sizeof(line), file) != NULL) {
        cm_metric_set(p->virtual, (int64_t)strtoul(line, &end, 10) * page);
        cm_metric_set(p->resident, (int64_t)strtoul(end, NULL, 10) * page);
    }
    (void)fclose(file);
}

static int64_t milliseconds(struct timeval t) {
    return (int64_t)t.tv_sec * 1000 + t.tv_usec / 1000;
}

void cm_process_update(struct cm_process *p) {
    struct rusage used;
    struct rlimit files;

    read_memory(p);
    if (getrusage(RUSAGE_SELF, &used) == 0) {
        cm_metric_set(p->cpu, milliseconds(used.ru_utime) + milliseconds(used.ru_stime));
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        cm_metric_set(p->max_fds, files.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)files.rlim_cur);
    }
    cm_metric_set(p->fds, count_entries("/proc/self/fd") - 1); // without the one just used
    cm_metric_set(p->threads, count_entries("/proc/self/task"));
}
