/*
 * start: what the first session costs a process.
 *
 *     start [PROCESSES [LIBRARY]]
 *
 * forks PROCESSES (20) children, each after the end of the one before, as a
 * server does with its workers: the context is made before. It prints what the
 * first SSL_CTX_add_session of a child takes, and the second: nanoseconds,
 * processor time of all threads, page faults; of each the median, and of the first
 * time the quartiles too. In front of libssl the first one starts the cache's core.
 *
 * With LIBRARY, which bench/empty is, the children add no sessions: they load it
 * and call it, and call it again.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* What a call took. */
enum figure { NS, CPU_NS, FAULTS, FIGURES };
static const char *const names[] = {"ns", "cpu_ns", "faults"};

struct cost {
    uint64_t of[FIGURES];
};

/* Of one child. */
struct life {
    struct cost first, second;
};

static struct cost used(void)
{
    struct rusage usage;
    struct timespec cpu;

    if (getrusage(RUSAGE_SELF, &usage) != 0 || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) != 0)
        bench_fail("what the process used cannot be read");
    return (struct cost){{
        [NS] = bench_ns(),
        [CPU_NS] = (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec,
        [FAULTS] = (uint64_t)(usage.ru_minflt + usage.ru_majflt),
    }};
}

static struct cost since(struct cost before)
{
    struct cost now = used();

    for (enum figure f = 0; f < FIGURES; f++)
        now.of[f] -= before.of[f];
    return now;
}

static struct cost add(SSL_CTX *ctx, SSL_SESSION *sess)
{
    const struct cost before = used();
    const int added = SSL_CTX_add_session(ctx, sess);
    const struct cost cost = since(before);

    if (added != 1)
        bench_fail("a session was not added");
    return cost;
}

static struct life of_sessions(SSL_CTX *ctx, uint64_t number)
{
    uint64_t state = number;
    SSL_SESSION *const one = bench_session(&state, 3600);
    SSL_SESSION *const other = bench_session(&state, 3600);
    struct life life;

    life.first = add(ctx, one);
    life.second = add(ctx, other);
    return life;
}

static struct life of_library(const char *path)
{
    struct life life;
    void (*call)(void) = NULL;
    struct cost before = used();
    void *const library = dlopen(path, RTLD_NOW);

    if (library != NULL)
        *(void **)&call = dlsym(library, "emptyCall");
    if (call == NULL)
        bench_fail("%s", dlerror());
    call();
    life.first = since(before);
    before = used();
    call();
    life.second = since(before);
    return life;
}

/* The life of one child, which tells it through a pipe. */
static void serve(SSL_CTX *ctx, const char *library, uint64_t number, int to)
{
    const struct life life = library != NULL ? of_library(library) : of_sessions(ctx, number);

    if (write(to, &life, sizeof life) != sizeof life)
        bench_fail("a process could not tell what it measured");
}

static struct life life_of_child(SSL_CTX *ctx, const char *library, uint64_t number)
{
    struct life life;
    int ends[2], status;

    if (pipe(ends) != 0)
        bench_fail("no pipe could be made");
    const pid_t child = fork();
    if (child < 0)
        bench_fail("no process could be made");
    if (child == 0) {
        serve(ctx, library, number, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    const ssize_t n = read(ends[0], &life, sizeof life);
    close(ends[0]);
    if (waitpid(child, &status, 0) != child || status != 0 || n != sizeof life)
        bench_fail("process %lu ended with status %#x", (unsigned long)number, (unsigned)status);
    return life;
}

static int by_size(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return (left > right) - (left < right);
}

/* The n values, sorted; the caller frees them. */
static uint64_t *sorted(const struct life *lives, size_t n, bool second, enum figure f)
{
    uint64_t *values = calloc(n, sizeof *values);

    if (values == NULL)
        bench_fail("out of memory");
    for (size_t i = 0; i < n; i++)
        values[i] = second ? lives[i].second.of[f] : lives[i].first.of[f];
    qsort(values, n, sizeof *values, by_size);
    return values;
}

static void print(const struct life *lives, size_t n, bool second)
{
    const char *const which = second ? "second" : "first";

    for (enum figure f = 0; f < FIGURES; f++) {
        uint64_t *const values = sorted(lives, n, second, f);
        printf(",\"%s_%s\":%lu", which, names[f], (unsigned long)values[n / 2]);
        if (f == NS)
            printf(",\"%s_quarter_ns\":%lu,\"%s_three_quarters_ns\":%lu", which,
                   (unsigned long)values[n / 4], which, (unsigned long)values[n - 1 - n / 4]);
        free(values);
    }
}

int main(int argc, char **argv)
{
    const unsigned long processes = argc > 1 ? bench_number(argv[1]) : 20;
    const char *const library = argc > 2 ? argv[2] : NULL;
    SSL_CTX *const ctx = bench_context(0);
    struct life *lives = calloc(processes, sizeof *lives);

    if (processes == 0 || lives == NULL)
        bench_fail("usage: start [PROCESSES [LIBRARY]]");
    for (unsigned long i = 0; i < processes; i++) {
        lives[i] = life_of_child(ctx, library, i + 1);
        bench_pass();
    }
    printf("{\"bench\":\"start\",\"processes\":%lu", processes);
    print(lives, processes, false);
    print(lives, processes, true);
    printf("}\n");
    free(lives);
    SSL_CTX_free(ctx);
    return 0;
}
