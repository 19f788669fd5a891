/*
 * start: what the first session costs a process.
 *
 *     start [PROCESSES]
 *
 * forks PROCESSES (20) children, each after the end of the one before, as a
 * server does with its workers: the context is made before. Each prints what
 * its first SSL_CTX_add_session takes, and its second: nanoseconds, processor
 * time of all threads, page faults. In front of libssl the first one starts the
 * cache's core.
 */
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

struct cost {
    uint64_t cpu_ns;
    long faults;
};

static struct cost used(void)
{
    struct rusage usage;
    struct timespec cpu;

    if (getrusage(RUSAGE_SELF, &usage) != 0 || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) != 0)
        bench_fail("what the process used cannot be read");
    return (struct cost){.cpu_ns = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec,
                         .faults = usage.ru_minflt + usage.ru_majflt};
}

/* Adds a session and prints what that took. */
static void add(SSL_CTX *ctx, SSL_SESSION *sess, const char *which)
{
    const struct cost before = used();
    const uint64_t begun = bench_ns();
    const int added = SSL_CTX_add_session(ctx, sess);
    const uint64_t ns = bench_ns() - begun;
    const struct cost after = used();

    if (added != 1)
        bench_fail("a session was not added");
    printf(",\"%s_ns\":%lu,\"%s_cpu_ns\":%lu,\"%s_faults\":%ld", which, (unsigned long)ns, which,
           (unsigned long)(after.cpu_ns - before.cpu_ns), which, after.faults - before.faults);
}

/* The life of one child. */
static void serve(SSL_CTX *ctx, unsigned long number)
{
    uint64_t state = number;
    SSL_SESSION *const one = bench_session(&state, 3600);
    SSL_SESSION *const other = bench_session(&state, 3600);

    printf("{\"bench\":\"start\",\"process\":%lu", number);
    add(ctx, one, "first");
    add(ctx, other, "second");
    puts("}");
    if (fflush(stdout) != 0)
        bench_fail("standard output cannot be written");
}

int main(int argc, char **argv)
{
    const unsigned long processes = argc > 1 ? bench_number(argv[1]) : 20;
    SSL_CTX *const ctx = bench_context(0);

    for (unsigned long i = 1; i <= processes; i++) {
        int status;
        const pid_t child = fork();
        if (child < 0)
            bench_fail("no process could be made");
        if (child == 0) {
            serve(ctx, i);
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child || status != 0)
            bench_fail("process %lu ended with status %#x", i, (unsigned)status);
    }
    SSL_CTX_free(ctx);
    return 0;
}
