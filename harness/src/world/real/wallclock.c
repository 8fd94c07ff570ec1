/*
 * The wall clock of the judged processes: as it is, plus an offset that the harness writes into a file which they all
 * have mapped. Loaded by LD_PRELOAD; the monotonic clocks are left alone, and the machine's own clock is never set.
 *
 * Not covered: who asks the kernel without libc (a static program, Go), and absolute timeouts on CLOCK_REALTIME.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BILLION 1000000000LL

/* The same two words as in wallclock.rs. */
struct page {
    int64_t offset_ns;
    uint64_t loads;
};

static struct page nothing;
static struct page *page = &nothing;

__attribute__((constructor)) static void map_page(void)
{
    const char *path = getenv("HARNESS_WALL_CLOCK");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    void *mapped = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED)
        return;
    page = mapped;
    __atomic_add_fetch(&page->loads, 1, __ATOMIC_SEQ_CST);
}

static int from_libc(clockid_t clock, struct timespec *out)
{
    static int (*next)(clockid_t, struct timespec *);
    if (next == NULL)
        next = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    return next(clock, out);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int result = from_libc(clock, out);
    int wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
    int64_t offset = __atomic_load_n(&page->offset_ns, __ATOMIC_SEQ_CST);
    if (result != 0 || !wall || offset == 0)
        return result;
    int64_t nanos = out->tv_nsec + offset % BILLION;
    out->tv_sec += offset / BILLION;
    if (nanos < 0) {
        nanos += BILLION;
        out->tv_sec -= 1;
    } else if (nanos >= BILLION) {
        nanos -= BILLION;
        out->tv_sec += 1;
    }
    out->tv_nsec = nanos;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *out, int base)
{
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, out) == 0 ? base : 0;
}
