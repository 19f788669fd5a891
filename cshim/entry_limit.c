/*
 * Entry points of the C library through which a host forbids itself threads:
 * haproxy sets RLIMIT_NPROC to 0 once it runs, and the Go runtime would abort
 * the process at the first thread it is refused. Passed on; seen only so that
 * the core can take its threads before.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime.h"

/* On this 64-bit ABI `struct rlimit` and `struct rlimit64` are the same. */
_Static_assert(sizeof(struct rlimit) == 2 * sizeof(uint64_t), "64-bit resource limits");

static void before_limit(int resource, const struct rlimit *limit)
{
    if (resource == RLIMIT_NPROC && limit != NULL)
        ssc_runtime_before_limit(limit->rlim_cur);
    if (resource == RLIMIT_AS && limit != NULL)
        ssc_runtime_memory_limit(limit->rlim_cur);
}

static int set_limit(pid_t pid, int resource, const struct rlimit *limit, struct rlimit *old)
{
    return (int)syscall(SYS_prlimit64, pid, resource, limit, old);
}

SSC_EXPORT int ssc_entry_setrlimit(int resource, const struct rlimit *limit) __asm__("setrlimit");
SSC_EXPORT int ssc_entry_setrlimit64(int resource,
                                     const struct rlimit *limit) __asm__("setrlimit64");
SSC_EXPORT int ssc_entry_prlimit(pid_t pid, int resource, const struct rlimit *limit,
                                 struct rlimit *old) __asm__("prlimit");
SSC_EXPORT int ssc_entry_prlimit64(pid_t pid, int resource, const struct rlimit *limit,
                                   struct rlimit *old) __asm__("prlimit64");

int ssc_entry_setrlimit(int resource, const struct rlimit *limit)
{
    before_limit(resource, limit);
    return set_limit(0, resource, limit, NULL);
}

int ssc_entry_setrlimit64(int resource, const struct rlimit *limit)
{
    return ssc_entry_setrlimit(resource, limit);
}

int ssc_entry_prlimit(pid_t pid, int resource, const struct rlimit *limit, struct rlimit *old)
{
    if (pid == 0 || pid == getpid())
        before_limit(resource, limit);
    return set_limit(pid, resource, limit, old);
}

int ssc_entry_prlimit64(pid_t pid, int resource, const struct rlimit *limit, struct rlimit *old)
{
    return ssc_entry_prlimit(pid, resource, limit, old);
}
