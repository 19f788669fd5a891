/*
 * flush: what a flush of expired sessions costs, and what it costs others.
 *
 *     flush SESSIONS all|half|none [shuffled]
 *
 * One thread calls SSL_CTX_flush_sessions on a context with SESSIONS sessions of
 * which all, half or none are expired; a second one adds, looks up
 * (SSL_has_matching_session_id) and removes sessions of its own in a loop and
 * takes the time of each call. With `shuffled` the sessions lie in memory in
 * another order than that in which they were added.
 *
 * The same loop runs for a while before the flush, beside a thread that is busy
 * with nothing: the fields quiet_*, whose worst shows how long the machine alone
 * keeps a thread from running.
 *
 * A call may be slow because the thread waits for another one, which is what the
 * fields waited_* are about, or because the machine does not run it. The kernel
 * tells them apart: who waits gives the processor away by itself.
 *
 * The percentiles count calls. A thread that is kept waiting makes few of them,
 * so that its worst wait, and how many calls it made, tell more. Where it waits is
 * chance: worst_ns is the worst of all three calls.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "histogram.h"

#define TIMEOUT 3600
#define POOL 1024u                 /* sessions of the second thread; half of them are cached */
#define QUIET 300000000u           /* ns that its loop runs without a flush */
#define FLUSHES_WITHOUT 100000000u /* ns of flushes that find nothing; one is too short */
#define SLOW 20000u                /* ns of a call from which it is asked what it waited for */

enum phase { BEFORE, DURING, AFTER };

struct second {
    SSL_CTX *ctx;
    SSL *ssl;
    SSL_SESSION *pool[POOL];
    size_t turn; /* pool[turn] is added next; the half after it is cached */
    _Atomic enum phase phase;
    struct histogram add, lookup, remove;
    struct histogram waited; /* slow calls that have waited for another thread */
    long switches;           /* how often the thread has given its processor away by itself */
};

static SSL_CTX *fill(size_t sessions, size_t expired, bool shuffled, uint64_t *state)
{
    SSL_CTX *ctx = bench_context(0);
    SSL_SESSION **all = malloc(sessions * sizeof(SSL_SESSION *));

    if (all == NULL)
        bench_fail("out of memory");
    for (size_t i = 0; i < sessions; i++)
        all[i] = bench_session(state, TIMEOUT);
    if (shuffled)
        bench_shuffle(all, sessions, state);
    /* The expired ones come first: stock libssl walks its list for others. */
    for (size_t i = 0; i < sessions; i++) {
        if (i < expired)
            SSL_SESSION_set_time(all[i], (long)time(NULL) - 2 * TIMEOUT);
        if (SSL_CTX_add_session(ctx, all[i]) != 1)
            bench_fail("a session was not added");
        SSL_SESSION_free(all[i]);
    }
    free(all);
    return ctx;
}

static long switches(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_THREAD, &usage) != 0)
        bench_fail("what the thread did cannot be read");
    return usage.ru_nvcsw;
}

static void note(struct second *second, struct histogram *histogram, uint64_t ns)
{
    histogram_note(histogram, ns);
    if (ns < SLOW)
        return;
    const long now = switches();
    if (now != second->switches)
        histogram_note(&second->waited, ns);
    second->switches = now;
}

/* A call counts if a part of it was done during the phase. */
#define TIMED(second, histogram, call, expected)                                                   \
    do {                                                                                           \
        const enum phase first = atomic_load(&(second)->phase);                                    \
        const uint64_t begun = bench_ns();                                                         \
        const int result = (call);                                                                 \
        const uint64_t ended = bench_ns();                                                         \
        if (result != (expected))                                                                  \
            bench_fail("%s: %d", #call, result);                                                   \
        if (first != AFTER && atomic_load(&(second)->phase) != BEFORE)                             \
            note(second, histogram, ended - begun);                                                \
    } while (0)

static void *loop(void *arg)
{
    struct second *second = arg;

    second->switches = switches();
    while (atomic_load(&second->phase) != AFTER) {
        SSL_SESSION *const added = second->pool[second->turn];
        SSL_SESSION *const oldest = second->pool[(second->turn + POOL / 2) % POOL];
        unsigned len;
        const unsigned char *const id = SSL_SESSION_get_id(oldest, &len);
        TIMED(second, &second->add, SSL_CTX_add_session(second->ctx, added), 1);
        TIMED(second, &second->lookup, SSL_has_matching_session_id(second->ssl, id, len), 1);
        TIMED(second, &second->remove, SSL_CTX_remove_session(second->ctx, oldest), 1);
        second->turn = (second->turn + 1) % POOL;
    }
    return NULL;
}

/* Runs `busy` here while the second thread runs its loop, and returns how long that took. */
static uint64_t beside(struct second *second, void (*busy)(void *arg), void *arg)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    pthread_t thread;

    memset(&second->add, 0, sizeof second->add);
    memset(&second->lookup, 0, sizeof second->lookup);
    memset(&second->remove, 0, sizeof second->remove);
    memset(&second->waited, 0, sizeof second->waited);
    atomic_store(&second->phase, BEFORE);
    if (pthread_create(&thread, NULL, loop, second) != 0)
        bench_fail("no thread could be made");
    nanosleep(&pause, NULL); /* the loop is under way, its data in the caches */
    atomic_store(&second->phase, DURING);
    const uint64_t begun = bench_ns();
    busy(arg);
    const uint64_t ended = bench_ns();
    atomic_store(&second->phase, AFTER);
    pthread_join(thread, NULL);
    return ended - begun;
}

static void busy_with_nothing(void *arg)
{
    const uint64_t until = bench_ns() + QUIET;

    (void)arg;
    while (bench_ns() < until)
        continue;
}

struct flush {
    SSL_CTX *ctx;
    bool repeat;
    size_t times;
};

static void do_flush(void *arg)
{
    struct flush *flush = arg;
    const uint64_t until = bench_ns() + FLUSHES_WITHOUT;

    do {
        SSL_CTX_flush_sessions(flush->ctx, (long)time(NULL));
        flush->times++;
    } while (flush->repeat && bench_ns() < until);
}

static void prepare(struct second *second, SSL_CTX *ctx, uint64_t *state)
{
    second->ctx = ctx;
    second->ssl = SSL_new(ctx);
    if (second->ssl == NULL)
        bench_fail("SSL_new failed");
    /* They expire after all others, so that stock libssl adds them at the head of its list. */
    for (size_t i = 0; i < POOL; i++) {
        second->pool[i] = bench_session(state, 2 * TIMEOUT);
        if (i >= POOL / 2 && SSL_CTX_add_session(ctx, second->pool[i]) != 1)
            bench_fail("a session was not added");
    }
}

static void print_times(const struct second *second, const char *prefix)
{
    char name[32];
    uint64_t worst = second->add.worst;

    worst = second->lookup.worst > worst ? second->lookup.worst : worst;
    worst = second->remove.worst > worst ? second->remove.worst : worst;
    printf(",\"%sworst_ns\":%lu", prefix, (unsigned long)worst);
    snprintf(name, sizeof name, "%sadd", prefix);
    histogram_print(&second->add, name);
    snprintf(name, sizeof name, "%slookup", prefix);
    histogram_print(&second->lookup, name);
    snprintf(name, sizeof name, "%sremove", prefix);
    histogram_print(&second->remove, name);
    printf(",\"%swaited_calls\":%lu,\"%swaited_worst_ns\":%lu", prefix,
           (unsigned long)second->waited.calls, prefix, (unsigned long)second->waited.worst);
}

int main(int argc, char **argv)
{
    static struct second second;
    uint64_t state = 1;

    if (argc < 3 || argc > 4)
        bench_fail("usage: flush SESSIONS all|half|none [shuffled]");
    const size_t sessions = bench_number(argv[1]);
    const bool all = strcmp(argv[2], "all") == 0, half = strcmp(argv[2], "half") == 0;
    const bool shuffled = argc > 3 && strcmp(argv[3], "shuffled") == 0;
    if (sessions == 0 || (!all && !half && strcmp(argv[2], "none") != 0) || (argc > 3 && !shuffled))
        bench_fail("usage: flush SESSIONS all|half|none [shuffled]");
    const size_t expired = all ? sessions : half ? sessions / 2 : 0;

    SSL_CTX *ctx = fill(sessions, expired, shuffled, &state);
    struct flush flush = {.ctx = ctx, .repeat = expired == 0};
    prepare(&second, ctx, &state);
    printf("{\"bench\":\"flush\",\"sessions\":%zu,\"expired\":\"%s\",\"memory\":\"%s\"", sessions,
           argv[2], shuffled ? "shuffled" : "in order");
    beside(&second, busy_with_nothing, NULL);
    print_times(&second, "quiet_");
    const uint64_t ns = beside(&second, do_flush, &flush);
    print_times(&second, "");
    const long left = SSL_CTX_sess_number(ctx);
    if (left != (long)(sessions - expired + POOL / 2))
        bench_fail("%ld sessions are left of %zu, %zu expired", left, sessions, expired);
    printf(",\"flushes\":%zu,\"flush_ns\":%.0f,\"flushed\":%zu", flush.times,
           (double)ns / (double)flush.times, expired);
    if (expired > 0)
        printf(",\"flushed_session_ns\":%.2f", (double)ns / (double)expired);
    printf("}\n");
    for (size_t i = 0; i < POOL; i++)
        SSL_SESSION_free(second.pool[i]);
    SSL_free(second.ssl);
    SSL_CTX_free(ctx);
    return 0;
}
