/*
 * memory: what N cached sessions need.
 *
 *     memory SESSIONS equal|random
 *
 * prints the resident memory of the process by session, the session's own object
 * included, when SESSIONS sessions are cached and after they have been flushed.
 * What the first session costs, once (in the library: the Go runtime), is left
 * out there and told beside it. With `random` every session has another timeout,
 * in growing order, since stock libssl walks its list for others.
 */
#include <dlfcn.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "openssl_sess.h"

#define TIMEOUT 3600
#define FIRST 100u /* sessions that come before the count, and stay */

static void add(SSL_CTX *ctx, uint64_t *state, long timeout)
{
    unsigned char key[48];
    SSL_SESSION *sess = bench_session(state, timeout);

    for (size_t i = 0; i < sizeof key; i += sizeof(uint64_t)) {
        const uint64_t word = bench_random(state);
        memcpy(key + i, &word, sizeof word);
    }
    if (!SSL_SESSION_set1_master_key(sess, key, sizeof key) || SSL_CTX_add_session(ctx, sess) != 1)
        bench_fail("a session was not added");
    SSL_SESSION_free(sess);
}

/* What the library says of itself; stock libssl says nothing. */
static void print_library(SSL_CTX *ctx)
{
    int (*stats_of)(SSL_CTX *, sesscache_stats *, size_t);
    sesscache_stats stats;

    *(void **)&stats_of = dlsym(RTLD_DEFAULT, "sesscache_ctx_stats");
    if (stats_of == NULL)
        return;
    if (!stats_of(ctx, &stats, sizeof stats))
        bench_fail("the library has no figures of the context");
    printf(",\"core_entries\":%lu", (unsigned long)stats.entries);
}

int main(int argc, char **argv)
{
    uint64_t state = 1;

    if (argc != 3 || (strcmp(argv[2], "equal") != 0 && strcmp(argv[2], "random") != 0))
        bench_fail("usage: memory SESSIONS equal|random");
    const size_t sessions = bench_number(argv[1]);
    const bool random = strcmp(argv[2], "random") == 0;
    if (sessions == 0)
        bench_fail("there has to be a session");
    SSL_CTX *ctx = bench_context(0);
    const uint64_t at_start = bench_resident();
    const uint64_t begun = bench_ns();
    add(ctx, &state, TIMEOUT);
    const uint64_t first_ns = bench_ns() - begun;
    for (unsigned i = 1; i < FIRST; i++)
        add(ctx, &state, TIMEOUT);
    const uint64_t empty = bench_resident();
    for (size_t i = 0; i < sessions; i++)
        add(ctx, &state, random ? (long)(TIMEOUT + i * 4 + bench_random(&state) % 4) : TIMEOUT);
    const uint64_t full = bench_resident();
    printf("{\"bench\":\"memory\",\"sessions\":%zu,\"timeouts\":\"%s\",\"first_session_ns\":%lu,"
           "\"start_bytes\":%lu,\"session_bytes\":%.1f",
           sessions, argv[2], (unsigned long)first_ns, (unsigned long)(empty - at_start),
           (double)(full - empty) / (double)sessions);
    print_library(ctx);
    SSL_CTX_flush_sessions(ctx, (long)(time(NULL) + 100 * 365 * 86400L));
    if (SSL_CTX_sess_number(ctx) != 0)
        bench_fail("sessions were left by the flush");
    const uint64_t flushed = bench_resident();
    printf(",\"flushed_session_bytes\":%.1f}\n",
           ((double)flushed - (double)empty) / (double)sessions);
    SSL_CTX_free(ctx);
    return 0;
}
