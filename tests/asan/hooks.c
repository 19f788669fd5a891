/*
 * hooks.c: what the sanitizers ask of the C tests. Linked into their
 * sanitized builds only.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pid_t first;

__attribute__((constructor)) static void note_first(void)
{
    first = getpid();
}

int __lsan_is_turned_off(void);

/*
 * The search for leaks stops every thread the process has known. A child of a
 * fork has only one of them, so what it would report is false; its parent,
 * which made the same allocations, is searched.
 */
int __lsan_is_turned_off(void)
{
    return getpid() != first;
}

/* A thread that sleeps is not in the sanitizer's allocator, where it would be for a moment only. */
static bool sleeps(const char *task)
{
    char path[64], stat[512];
    ssize_t n = 0;

    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", task);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, stat, sizeof stat - 1);
        close(fd);
    }
    stat[n > 0 ? n : 0] = '\0';
    const char *const name_end = strrchr(stat, ')');
    return name_end == NULL || strncmp(name_end, ") S", 3) == 0; /* NULL: it has ended */
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static bool others_sleep(void)
{
    DIR *const tasks = opendir("/proc/self/task");
    const long self = syscall(SYS_gettid);
    const struct dirent *task;
    bool all = true;

    while (all && tasks != NULL && (task = readdir(tasks)) != NULL) {
        if (task->d_name[0] != '.' && atol(task->d_name) != self && !sleeps(task->d_name))
            all = false;
    }
    if (tasks != NULL)
        closedir(tasks);
    return all;
}

/*
 * The allocator of gcc 12's sanitizer knows nothing of fork: what another thread
 * has locked in it at that moment stays locked in the child, whose next malloc
 * waits for ever. The C library's own takes its locks before it forks. So this
 * waits until the others, which are the Go runtime's, are at rest; not for long,
 * for a program may fork while threads of its own are busy, if its child uses no
 * malloc.
 */
#define PATIENCE_MS 200
pid_t fork(void)
{
    pid_t (*real)(void);

    *(void **)&real = dlsym(RTLD_NEXT, "fork");
    const int64_t began = now_ms();
    while (!others_sleep() && now_ms() - began < PATIENCE_MS)
        sched_yield();
    return real();
}
