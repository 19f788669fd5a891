#include "bench.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void bench_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

unsigned long bench_number(const char *text)
{
    char *end;
    const unsigned long n = strtoul(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0')
        bench_fail("not a number: %s", text);
    return n;
}

size_t bench_list(const char *text, unsigned *numbers, size_t most)
{
    size_t n = 0;

    for (const char *rest = text; *rest != '\0'; n++) {
        const size_t len = strcspn(rest, ",");
        char one[12];
        if (n == most || len >= sizeof one)
            bench_fail("not a short list of numbers: %s", text);
        memcpy(one, rest, len);
        one[len] = '\0';
        numbers[n] = (unsigned)bench_number(one);
        if (numbers[n] == 0)
            bench_fail("a number is 0: %s", text);
        rest += len + (rest[len] == ',');
    }
    if (n == 0)
        bench_fail("no number was given");
    return n;
}

uint64_t bench_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void bench_shuffle(SSL_SESSION **sessions, size_t n, uint64_t *state)
{
    for (size_t i = n; i > 1; i--) {
        const size_t other = bench_random(state) % i;
        SSL_SESSION *const moved = sessions[i - 1];
        sessions[i - 1] = sessions[other];
        sessions[other] = moved;
    }
}

SSL_CTX *bench_context(unsigned long size)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL)
        bench_fail("SSL_CTX_new failed");
    SSL_CTX_sess_set_cache_size(ctx, (long)size);
    return ctx;
}

SSL_SESSION *bench_session(uint64_t *state, long timeout)
{
    SSL_SESSION *sess = SSL_SESSION_new();
    static time_t made;
    uint64_t id[4];

    /* All of the same second: added in any order, they come as they would in a server. */
    if (made == 0)
        made = time(NULL);
    for (size_t i = 0; i < 4; i++)
        id[i] = bench_random(state);
    if (sess == NULL || !SSL_SESSION_set1_id(sess, (unsigned char *)id, sizeof id) ||
        !SSL_SESSION_set_protocol_version(sess, TLS1_3_VERSION) ||
        !SSL_SESSION_set_timeout(sess, timeout) || !SSL_SESSION_set_time(sess, (long)made))
        bench_fail("no session could be made");
    return sess;
}

struct crew {
    SSL_CTX *ctx;
    void (*task)(void *arg, unsigned number);
    void *arg;
    pthread_barrier_t start;
};

struct member {
    struct crew *crew;
    unsigned number;
    uint64_t begun, ended;
    pthread_t thread;
};

/*
 * Threads that live for some milliseconds are often put on one processor, and
 * moved apart too late: that would measure the kernel. So each gets its own.
 */
static void spread(unsigned number)
{
    cpu_set_t all, one;

    if (pthread_getaffinity_np(pthread_self(), sizeof all, &all) != 0)
        return;
    int nth = (int)number % CPU_COUNT(&all);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all) || nth-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        pthread_setaffinity_np(pthread_self(), sizeof one, &one);
        return;
    }
}

static void *work(void *arg)
{
    struct member *me = arg;

    spread(me->number);
    SSL_CTX_sess_number(me->crew->ctx);
    pthread_barrier_wait(&me->crew->start);
    me->begun = bench_ns();
    me->crew->task(me->crew->arg, me->number);
    me->ended = bench_ns();
    return NULL;
}

uint64_t bench_threads(unsigned n, SSL_CTX *ctx, void (*task)(void *arg, unsigned number),
                       void *arg)
{
    struct crew crew = {.ctx = ctx, .task = task, .arg = arg};
    struct member *members = calloc(n, sizeof *members);
    uint64_t begun = UINT64_MAX, ended = 0;

    if (members == NULL)
        bench_fail("out of memory");
    pthread_barrier_init(&crew.start, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        members[i] = (struct member){.crew = &crew, .number = i};
        if (pthread_create(&members[i].thread, NULL, work, &members[i]) != 0)
            bench_fail("no thread could be made");
    }
    for (unsigned i = 0; i < n; i++) {
        pthread_join(members[i].thread, NULL);
        begun = members[i].begun < begun ? members[i].begun : begun;
        ended = members[i].ended > ended ? members[i].ended : ended;
    }
    pthread_barrier_destroy(&crew.start);
    free(members);
    return ended - begun;
}

void bench_pass(void)
{
    char turn;

    if (getenv("BENCH_TURNS") == NULL)
        return;
    printf("pass\n");
    fflush(stdout);
    if (read(STDIN_FILENO, &turn, 1) != 1)
        bench_fail("nobody gives the turn back");
}

uint64_t bench_resident(void)
{
    unsigned long total, resident;
    FILE *statm = fopen("/proc/self/statm", "r");

    if (statm == NULL || fscanf(statm, "%lu %lu", &total, &resident) != 2)
        bench_fail("/proc/self/statm cannot be read");
    fclose(statm);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
