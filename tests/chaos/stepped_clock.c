/* Shows the processes that are told so another wall clock than the machine's, as a clock that is put forward or back.
   The seconds to add are the first eight bytes of the file $CHAOS_CLOCK/$DEMAND_PROCESS, which may change at any time.
   Clocks that only measure time are left alone. Built and put into LD_PRELOAD by stepped_clock.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *step;
static const char *known;

/* A process may get its name later, when it is forked for it. */
static void find_step(void) {
    const char *folder = getenv("CHAOS_CLOCK"), *name = getenv("DEMAND_PROCESS");
    char path[4096];
    if (name == known) return;
    known = name;
    if (!folder || !name || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *found = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (found != MAP_FAILED) step = found;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    find_step();
    int status = next(clock, at);
    if (!status && step && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += *step;
    return status;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec now;
    (void)zone;
    int status = clock_gettime(CLOCK_REALTIME, &now);
    if (!status && at) at->tv_sec = now.tv_sec, at->tv_usec = now.tv_nsec / 1000;
    return status;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
