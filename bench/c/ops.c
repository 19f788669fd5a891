/*
 * ops: what the operations of the session cache cost.
 *
 *     ops THREADS SESSIONS equal|random [MILLISECONDS [OPERATION]]
 *
 * prints, for a context that holds SESSIONS sessions, the nanoseconds that one
 * call takes in each of THREADS threads that do nothing else: add, re-add,
 * remove, hit and miss (SSL_has_matching_session_id), add at capacity, and
 * flush of expired sessions, by session. THREADS may be a list (1,2,4), measured
 * one after the other. The sessions have equal timeouts, or random ones. Each
 * operation is measured for about MILLISECONDS (200), but at least once in each
 * thread. With `add` as OPERATION, only adds, re-adds and removes are.
 *
 * Sessions lie shuffled in memory, as they do in a server that runs for long.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define TIMEOUT 3600
#define EXTRA_MAX 20000u /* sessions added and removed, beside those that stay */
#define CHUNK 50u        /* most calls between two looks at the clock */
#define THREADS_MOST 8u  /* numbers of threads in one run */
#define REMOVE_PART 10u  /* of this many sessions one is removed by remove_some */

/*
 * A pace tells a loop when its time is over, without a look at the clock after
 * each call unless the calls are slow. The first call is always made.
 */
struct pace {
    uint64_t until, last;
    size_t next, chunk; /* the call before which it looks next, calls after the last look */
};

static struct pace pace_of(uint64_t budget)
{
    const uint64_t now = bench_ns();

    return (struct pace){.until = now + budget, .last = now, .next = 1, .chunk = 1};
}

/* Whether call i may be made. The chunk grows while a chunk takes below 10 us. */
static bool pace_goes(struct pace *pace, size_t i)
{
    if (i != pace->next)
        return true;
    const uint64_t now = bench_ns();
    if (pace->chunk < CHUNK && now - pace->last < 10000)
        pace->chunk++;
    pace->last = now;
    pace->next = i + pace->chunk;
    return now < pace->until;
}

struct ops {
    unsigned threads;
    size_t sessions, extra;
    size_t stays; /* of the sessions, those that have not been removed */
    bool random;
    uint64_t budget; /* ns an operation */
    uint64_t state;
    SSL_CTX *ctx;
    SSL_SESSION **stay, **come;
    unsigned char (*absent)[32];
    /* of the phase under way */
    SSL_SESSION **first; /* `count` sessions, each thread has its part */
    size_t count;
    int (*call)(SSL_CTX *ctx, SSL_SESSION *sess);
    int expected; /* what it returns */
    size_t *done; /* sessions that each thread came to */
    size_t limit; /* sessions a thread may come to */
};

static long timeout_of(struct ops *ops)
{
    return ops->random ? (long)(TIMEOUT + bench_random(&ops->state) % 1000000) : TIMEOUT;
}

static int by_timeout(const void *a, const void *b)
{
    const long left = SSL_SESSION_get_timeout(*(SSL_SESSION *const *)a);
    const long right = SSL_SESSION_get_timeout(*(SSL_SESSION *const *)b);

    return (left > right) - (left < right);
}

static SSL_SESSION **make_sessions(struct ops *ops, size_t n)
{
    SSL_SESSION **sessions = calloc(n, sizeof(SSL_SESSION *));

    if (sessions == NULL)
        bench_fail("out of memory");
    for (size_t i = 0; i < n; i++)
        sessions[i] = bench_session(&ops->state, timeout_of(ops));
    bench_shuffle(sessions, n, &ops->state);
    return sessions;
}

static void free_sessions(SSL_SESSION **sessions, size_t n)
{
    for (size_t i = 0; i < n; i++)
        SSL_SESSION_free(sessions[i]);
}

/* Stock libssl needs time that grows with the square of the number unless they come in order. */
static void fill(struct ops *ops)
{
    if (ops->random)
        qsort(ops->stay, ops->sessions, sizeof(SSL_SESSION *), by_timeout);
    for (size_t i = 0; i < ops->sessions; i++) {
        if (SSL_CTX_add_session(ops->ctx, ops->stay[i]) != 1)
            bench_fail("a session was not added");
    }
    bench_shuffle(ops->stay, ops->sessions, &ops->state);
}

static void report(const struct ops *ops, const char *op, uint64_t ns, uint64_t calls)
{
    printf("{\"bench\":\"ops\",\"op\":\"%s\",\"threads\":%u,\"sessions\":%zu,\"timeouts\":\"%s\","
           "\"calls\":%lu,\"ns\":%.2f}\n",
           op, ops->threads, ops->sessions, ops->random ? "random" : "equal", (unsigned long)calls,
           (double)ns * ops->threads / (double)calls);
    fflush(stdout);
}

static void call_task(void *arg, unsigned number)
{
    struct ops *ops = arg;
    const size_t share = ops->count / ops->threads;
    SSL_SESSION **mine = ops->first + number * share;
    const size_t limit = ops->limit < share ? ops->limit : share;
    struct pace pace = pace_of(ops->budget);
    size_t i = 0;

    while (i < limit && pace_goes(&pace, i)) {
        if (ops->call(ops->ctx, mine[i++]) != ops->expected)
            bench_fail("an operation failed");
    }
    ops->done[number] = i;
}

struct sum {
    uint64_t ns, calls;
};

static void phase(struct ops *ops, struct sum *sum, int (*call)(SSL_CTX *, SSL_SESSION *),
                  int expected, size_t limit)
{
    ops->call = call;
    ops->expected = expected;
    ops->limit = limit;
    sum->ns += bench_threads(ops->threads, ops->ctx, call_task, ops);
    for (unsigned i = 0; i < ops->threads; i++)
        sum->calls += ops->done[i];
}

/*
 * Where stock libssl takes long to add a session, too few are there to be removed
 * again; then some of those that stay are.
 */
static bool remove_apart(const struct ops *ops)
{
    return ops->random && ops->sessions >= 20000;
}

static void add_and_remove(struct ops *ops)
{
    struct sum add = {0}, again = {0}, remove = {0};
    const uint64_t budget = ops->budget;
    const uint64_t until = bench_ns() + 3 * budget;

    ops->first = ops->come;
    ops->count = ops->extra;
    do {
        phase(ops, &add, SSL_CTX_add_session, 1, SIZE_MAX);
        size_t least = SIZE_MAX;
        for (unsigned i = 0; i < ops->threads; i++)
            least = ops->done[i] < least ? ops->done[i] : least;
        /* What was added has to go again, however long that takes. */
        size_t *const added = malloc(ops->threads * sizeof *added);
        if (added == NULL)
            bench_fail("out of memory");
        memcpy(added, ops->done, ops->threads * sizeof *added);
        phase(ops, &again, SSL_CTX_add_session, 0, least);
        ops->budget = UINT64_MAX / 2;
        phase(ops, &remove, SSL_CTX_remove_session, 1, least);
        const size_t share = ops->extra / ops->threads;
        for (unsigned t = 0; t < ops->threads; t++) {
            for (size_t i = least; i < added[t]; i++)
                SSL_CTX_remove_session(ops->ctx, ops->come[t * share + i]);
        }
        free(added);
        ops->budget = budget;
    } while (bench_ns() < until);
    report(ops, "add", add.ns, add.calls);
    report(ops, "re-add", again.ns, again.calls);
    if (!remove_apart(ops))
        report(ops, "remove", remove.ns, remove.calls);
}

/* Removes some of the sessions that else stay, which are no longer looked up then. */
static void remove_some(struct ops *ops)
{
    struct sum sum = {0};

    ops->count = ops->sessions / REMOVE_PART;
    ops->stays -= ops->count;
    ops->first = ops->stay + ops->stays;
    phase(ops, &sum, SSL_CTX_remove_session, 1, SIZE_MAX);
    free_sessions(ops->first, ops->count);
    report(ops, "remove", sum.ns, sum.calls);
}

struct lookup {
    struct ops *ops;
    bool present;
    size_t *done;
};

static void lookup_task(void *arg, unsigned number)
{
    struct lookup *lookup = arg;
    struct ops *ops = lookup->ops;
    SSL *ssl = SSL_new(ops->ctx);
    const uint64_t until = bench_ns() + ops->budget;
    const size_t first = ops->stays / ops->threads * number;
    size_t n = 0;

    if (ssl == NULL)
        bench_fail("SSL_new failed");
    do {
        for (unsigned i = 0; i < CHUNK; i++, n++) {
            const size_t which = (first + n) % ops->stays;
            const unsigned char *id = ops->absent[which];
            unsigned len = sizeof ops->absent[which];
            if (lookup->present)
                id = SSL_SESSION_get_id(ops->stay[which], &len);
            if (SSL_has_matching_session_id(ssl, id, len) != lookup->present)
                bench_fail("a lookup went wrong");
        }
    } while (bench_ns() < until);
    lookup->done[number] = n;
    SSL_free(ssl);
}

static void look_up(struct ops *ops, const char *op, bool present)
{
    struct lookup lookup = {.ops = ops, .present = present, .done = ops->done};
    const uint64_t ns = bench_threads(ops->threads, ops->ctx, lookup_task, &lookup);
    uint64_t calls = 0;

    for (unsigned i = 0; i < ops->threads; i++)
        calls += ops->done[i];
    report(ops, op, ns, calls);
}

/* The cache has the only reference to what it evicts, so that is freed. */
static void at_capacity_task(void *arg, unsigned number)
{
    struct ops *ops = arg;
    const size_t share = ops->extra / ops->threads;
    SSL_SESSION **mine = ops->come + number * share;
    struct pace pace = pace_of(ops->budget);
    size_t i = 0;

    while (i < share && pace_goes(&pace, i)) {
        if (SSL_CTX_add_session(ops->ctx, mine[i]) != 1)
            bench_fail("a session was not added");
        SSL_SESSION_free(mine[i]);
        mine[i++] = NULL;
    }
    ops->done[number] = i;
}

static void at_capacity(struct ops *ops)
{
    struct sum sum = {0};
    const uint64_t until = bench_ns() + 2 * ops->budget;

    do {
        free_sessions(ops->come, ops->extra);
        for (size_t i = 0; i < ops->extra; i++)
            ops->come[i] = bench_session(&ops->state, timeout_of(ops));
        bench_shuffle(ops->come, ops->extra, &ops->state);
        sum.ns += bench_threads(ops->threads, ops->ctx, at_capacity_task, ops);
        for (unsigned i = 0; i < ops->threads; i++)
            sum.calls += ops->done[i];
    } while (bench_ns() < until);
    report(ops, "add-full", sum.ns, sum.calls);
}

static void flush(struct ops *ops)
{
    const uint64_t n = (uint64_t)SSL_CTX_sess_number(ops->ctx);
    const uint64_t begun = bench_ns();

    SSL_CTX_flush_sessions(ops->ctx, (long)(time(NULL) + 100 * 365 * 86400L));
    ops->threads = 1;
    report(ops, "flush", bench_ns() - begun, n);
    if (SSL_CTX_sess_number(ops->ctx) != 0)
        bench_fail("sessions were left by the flush");
}

static void prepare(struct ops *ops)
{
    ops->extra = ops->sessions < EXTRA_MAX ? ops->sessions : EXTRA_MAX;
    ops->absent = malloc(ops->sessions * sizeof *ops->absent);
    if (ops->absent == NULL)
        bench_fail("out of memory");
    for (size_t i = 0; i < ops->sessions; i++) {
        for (size_t j = 0; j < sizeof ops->absent[i]; j += sizeof(uint64_t)) {
            const uint64_t word = bench_random(&ops->state);
            memcpy(ops->absent[i] + j, &word, sizeof word);
        }
    }
    ops->stays = ops->sessions;
    ops->ctx = bench_context(0);
    ops->stay = make_sessions(ops, ops->sessions);
    ops->come = make_sessions(ops, ops->extra);
    fill(ops);
}

static void use_threads(struct ops *ops, unsigned threads)
{
    ops->threads = threads;
    ops->done = realloc(ops->done, threads * sizeof *ops->done);
    if (ops->done == NULL)
        bench_fail("out of memory");
}

int main(int argc, char **argv)
{
    struct ops ops = {.state = 1};
    unsigned threads[THREADS_MOST];

    if (argc < 4 || argc > 6 || (strcmp(argv[3], "equal") != 0 && strcmp(argv[3], "random") != 0) ||
        (argc > 5 && strcmp(argv[5], "add") != 0))
        bench_fail("usage: ops THREADS SESSIONS equal|random [MILLISECONDS [add]]");
    const size_t n = bench_list(argv[1], threads, THREADS_MOST);
    ops.sessions = bench_number(argv[2]);
    ops.random = strcmp(argv[3], "random") == 0;
    ops.budget = (argc > 4 ? bench_number(argv[4]) : 200) * 1000000;
    for (size_t i = 0; i < n; i++) {
        if (ops.sessions < threads[i])
            bench_fail("there have to be as many sessions as threads");
    }
    prepare(&ops);
    for (size_t i = 0; i < n; i++) {
        use_threads(&ops, threads[i]);
        add_and_remove(&ops);
        if (argc > 5)
            continue;
        look_up(&ops, "hit", true);
        look_up(&ops, "miss", false);
        if (remove_apart(&ops))
            remove_some(&ops);
    }
    free_sessions(ops.stay, ops.stays);
    if (argc <= 5) {
        /* What stock libssl calls a size of N is N-1 sessions. */
        SSL_CTX_sess_set_cache_size(ops.ctx, (long)SSL_CTX_sess_number(ops.ctx));
        for (size_t i = 0; i < n; i++) {
            use_threads(&ops, threads[i]);
            at_capacity(&ops);
        }
        flush(&ops);
    }
    free_sessions(ops.come, ops.extra);
    SSL_CTX_free(ops.ctx);
    free(ops.stay);
    free(ops.come);
    free(ops.done);
    free(ops.absent);
    return 0;
}
