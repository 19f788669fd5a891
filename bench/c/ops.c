/*
 * ops: what the operations of the session cache cost.
 *
 *     ops THREADS SESSIONS equal|random [MILLISECONDS [TURNS [OPERATION]]]
 *
 * prints, for a context that holds SESSIONS sessions, the nanoseconds that one
 * call takes in each of THREADS threads that do nothing else: add, re-add,
 * remove, hit and miss (SSL_has_matching_session_id), add at capacity, and
 * flush of expired sessions, by session. THREADS may be a list (1,2,4), measured
 * one after the other. The sessions have equal timeouts, or random ones. Each
 * operation is measured in TURNS (1) turns, in each for about MILLISECONDS (200),
 * but at least once in each thread. With `add` as OPERATION, only adds, re-adds
 * and removes are.
 *
 * Sessions lie shuffled in memory, as they do in a server that runs for long. The
 * IDs that are looked up lie elsewhere: a server has them from its clients.
 */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define TIMEOUT 3600
#define SPREAD 1000000   /* of random timeouts */
#define EXTRA_MAX 20000u /* sessions added and removed, beside those that stay */
#define CHUNK 50u        /* most calls between two looks at the clock */
#define THREADS_MOST 8u  /* numbers of threads in one run */

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

enum op { ADD, READD, REMOVE, HIT, MISS, ADD_FULL, OPS };
static const char *const op_names[] = {"add", "re-add", "remove", "hit", "miss", "add-full"};

struct sum {
    uint64_t ns, calls;
};

struct ops {
    unsigned threads;
    struct sum *sums; /* of each operation, with so many threads, in all turns */
    size_t sessions, extra;
    bool random;
    uint64_t budget; /* ns an operation and turn */
    uint64_t state;
    SSL_CTX *ctx;
    SSL_SESSION **stay, **come;
    SSL_SESSION **late; /* they expire after all others; NULL: removals need none */
    unsigned char (*present)[32], (*absent)[32];
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
    return ops->random ? (long)(TIMEOUT + bench_random(&ops->state) % SPREAD) : TIMEOUT;
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
static void add_all(struct ops *ops, SSL_SESSION **sessions, size_t n)
{
    if (ops->random)
        qsort(sessions, n, sizeof(SSL_SESSION *), by_timeout);
    for (size_t i = 0; i < n; i++) {
        if (SSL_CTX_add_session(ops->ctx, sessions[i]) != 1)
            bench_fail("a session was not added");
    }
    bench_shuffle(sessions, n, &ops->state);
}

static void report(const struct ops *ops, const char *op, const struct sum *sum)
{
    printf("{\"bench\":\"ops\",\"op\":\"%s\",\"threads\":%u,\"sessions\":%zu,\"timeouts\":\"%s\","
           "\"calls\":%lu,\"ns\":%.2f}\n",
           op, ops->threads, ops->sessions, ops->random ? "random" : "equal",
           (unsigned long)sum->calls, (double)sum->ns * ops->threads / (double)sum->calls);
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

static void phase(struct ops *ops, enum op op, int (*call)(SSL_CTX *, SSL_SESSION *), int expected,
                  size_t limit)
{
    ops->call = call;
    ops->expected = expected;
    ops->limit = limit;
    ops->sums[op].ns += bench_threads(ops->threads, ops->ctx, call_task, ops);
    for (unsigned i = 0; i < ops->threads; i++)
        ops->sums[op].calls += ops->done[i];
}

/* What was added has to go again, however long that takes. */
static void remove_added(struct ops *ops, size_t limit)
{
    const uint64_t budget = ops->budget;

    ops->budget = UINT64_MAX / 2;
    phase(ops, REMOVE, SSL_CTX_remove_session, 1, limit);
    ops->budget = budget;
}

static void add_and_remove(struct ops *ops)
{
    const uint64_t until = bench_ns() + 3 * ops->budget;
    size_t *const added = malloc(ops->threads * sizeof *added);

    if (added == NULL)
        bench_fail("out of memory");
    ops->first = ops->come;
    ops->count = ops->extra;
    do {
        phase(ops, ADD, SSL_CTX_add_session, 1, SIZE_MAX);
        size_t least = SIZE_MAX;
        for (unsigned i = 0; i < ops->threads; i++) {
            added[i] = ops->done[i];
            least = added[i] < least ? added[i] : least;
        }
        phase(ops, READD, SSL_CTX_add_session, 0, least);
        size_t first = 0;
        if (ops->late == NULL)
            remove_added(ops, first = least);
        const size_t share = ops->extra / ops->threads;
        for (unsigned t = 0; t < ops->threads; t++) {
            for (size_t i = first; i < added[t]; i++)
                SSL_CTX_remove_session(ops->ctx, ops->come[t * share + i]);
        }
    } while (bench_ns() < until);
    free(added);
}

/*
 * Where stock libssl takes long to add a session anywhere, too few are there to be
 * removed again. At the end it is quick.
 */
static void remove_late(struct ops *ops)
{
    add_all(ops, ops->late, ops->extra);
    ops->first = ops->late;
    ops->count = ops->extra;
    remove_added(ops, SIZE_MAX);
    for (size_t i = ops->extra / ops->threads * ops->threads; i < ops->extra; i++)
        SSL_CTX_remove_session(ops->ctx, ops->late[i]);
}

struct lookup {
    struct ops *ops;
    bool present;
};

static void lookup_task(void *arg, unsigned number)
{
    struct lookup *lookup = arg;
    struct ops *ops = lookup->ops;
    SSL *ssl = SSL_new(ops->ctx);
    const uint64_t until = bench_ns() + ops->budget;
    size_t which = ops->sessions / ops->threads * number, n = 0;
    unsigned char(*const ids)[32] = lookup->present ? ops->present : ops->absent;

    if (ssl == NULL)
        bench_fail("SSL_new failed");
    do {
        for (unsigned i = 0; i < CHUNK; i++, n++) {
            if (SSL_has_matching_session_id(ssl, ids[which], sizeof *ids) != lookup->present)
                bench_fail("a lookup went wrong");
            which = which + 1 < ops->sessions ? which + 1 : 0;
        }
    } while (bench_ns() < until);
    ops->done[number] = n;
    SSL_free(ssl);
}

static void look_up(struct ops *ops, bool present)
{
    struct lookup lookup = {.ops = ops, .present = present};
    struct sum *sum = &ops->sums[present ? HIT : MISS];

    sum->ns += bench_threads(ops->threads, ops->ctx, lookup_task, &lookup);
    for (unsigned i = 0; i < ops->threads; i++)
        sum->calls += ops->done[i];
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
    struct sum *sum = &ops->sums[ADD_FULL];
    const uint64_t until = bench_ns() + 2 * ops->budget;

    do {
        free_sessions(ops->come, ops->extra);
        for (size_t i = 0; i < ops->extra; i++)
            ops->come[i] = bench_session(&ops->state, timeout_of(ops));
        bench_shuffle(ops->come, ops->extra, &ops->state);
        sum->ns += bench_threads(ops->threads, ops->ctx, at_capacity_task, ops);
        for (unsigned i = 0; i < ops->threads; i++)
            sum->calls += ops->done[i];
    } while (bench_ns() < until);
}

static void flush(struct ops *ops)
{
    const uint64_t n = (uint64_t)SSL_CTX_sess_number(ops->ctx);
    const uint64_t begun = bench_ns();

    SSL_CTX_flush_sessions(ops->ctx, (long)(time(NULL) + 100 * 365 * 86400L));
    const struct sum sum = {bench_ns() - begun, n};
    ops->threads = 1;
    report(ops, "flush", &sum);
    if (SSL_CTX_sess_number(ops->ctx) != 0)
        bench_fail("sessions were left by the flush");
}

static void prepare(struct ops *ops)
{
    ops->extra = ops->sessions < EXTRA_MAX ? ops->sessions : EXTRA_MAX;
    ops->present = malloc(ops->sessions * sizeof *ops->present);
    ops->absent = malloc(ops->sessions * sizeof *ops->absent);
    if (ops->present == NULL || ops->absent == NULL)
        bench_fail("out of memory");
    for (size_t i = 0; i < ops->sessions; i++) {
        for (size_t j = 0; j < sizeof ops->absent[i]; j += sizeof(uint64_t)) {
            const uint64_t word = bench_random(&ops->state);
            memcpy(ops->absent[i] + j, &word, sizeof word);
        }
    }
    ops->ctx = bench_context(0);
    ops->stay = make_sessions(ops, ops->sessions);
    ops->come = make_sessions(ops, ops->extra);
    if (ops->random && ops->sessions >= 20000) {
        ops->late = make_sessions(ops, ops->extra);
        for (size_t i = 0; i < ops->extra; i++)
            SSL_SESSION_set_timeout(ops->late[i], SPREAD + timeout_of(ops));
    }
    add_all(ops, ops->stay, ops->sessions);
    for (size_t i = 0; i < ops->sessions; i++) {
        unsigned len;
        memcpy(ops->present[i], SSL_SESSION_get_id(ops->stay[i], &len), sizeof ops->present[i]);
    }
}

static void use_threads(struct ops *ops, unsigned threads, struct sum *sums)
{
    ops->threads = threads;
    ops->sums = sums;
    ops->done = realloc(ops->done, threads * sizeof *ops->done);
    if (ops->done == NULL)
        bench_fail("out of memory");
}

static void turn(struct ops *ops, bool only_add)
{
    add_and_remove(ops);
    bench_pass();
    if (only_add)
        return;
    look_up(ops, true);
    look_up(ops, false);
    bench_pass();
    if (ops->late != NULL) {
        remove_late(ops);
        bench_pass();
    }
}

int main(int argc, char **argv)
{
    static struct sum sums[THREADS_MOST][OPS];
    struct ops ops = {.state = 1};
    unsigned threads[THREADS_MOST];

    if (argc < 4 || argc > 7 || (strcmp(argv[3], "equal") != 0 && strcmp(argv[3], "random") != 0) ||
        (argc > 6 && strcmp(argv[6], "add") != 0))
        bench_fail("usage: ops THREADS SESSIONS equal|random [MILLISECONDS [TURNS [add]]]");
    const size_t n = bench_list(argv[1], threads, THREADS_MOST);
    ops.sessions = bench_number(argv[2]);
    ops.random = strcmp(argv[3], "random") == 0;
    ops.budget = (argc > 4 ? bench_number(argv[4]) : 200) * 1000000;
    const unsigned long turns = argc > 5 ? bench_number(argv[5]) : 1;
    const bool only_add = argc > 6;
    for (size_t i = 0; i < n; i++) {
        if (ops.sessions < threads[i])
            bench_fail("there have to be as many sessions as threads");
    }
    prepare(&ops);
    bench_pass();
    for (unsigned long t = 0; t < turns; t++) {
        for (size_t i = 0; i < n; i++) {
            use_threads(&ops, threads[i], sums[i]);
            turn(&ops, only_add);
        }
    }
    free_sessions(ops.stay, ops.sessions);
    if (!only_add) {
        /* What stock libssl calls a size of N is N-1 sessions. */
        SSL_CTX_sess_set_cache_size(ops.ctx, (long)SSL_CTX_sess_number(ops.ctx));
        for (unsigned long t = 0; t < turns; t++) {
            for (size_t i = 0; i < n; i++) {
                use_threads(&ops, threads[i], sums[i]);
                at_capacity(&ops);
                bench_pass();
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        use_threads(&ops, threads[i], sums[i]);
        for (enum op op = 0; op < OPS; op++) {
            if (sums[i][op].calls > 0)
                report(&ops, op_names[op], &sums[i][op]);
        }
    }
    if (!only_add)
        flush(&ops);
    free_sessions(ops.come, ops.extra);
    if (ops.late != NULL)
        free_sessions(ops.late, ops.extra);
    SSL_CTX_free(ops.ctx);
    free(ops.stay);
    free(ops.come);
    free(ops.late);
    free(ops.done);
    free(ops.present);
    free(ops.absent);
    return 0;
}
