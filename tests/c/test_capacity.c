/*
 * capacity: how many sessions a cache holds and which it drops when it is full.
 *
 * The number held is the one deliberate difference (stock libssl from 3.0 holds
 * one less than the size says), so it is shown by a few lines here; the order
 * is shown with sizes chosen such that both caches are full.
 */
#include "harness.h"

#include <limits.h>

static SSL_CTX *ctx;
static int evicted;

static void add(const char *name, long lifetime)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, lifetime);
    REQUIRE(SSL_CTX_add_session(ctx, sess) == 1);
    SSL_SESSION_free(sess);
}

static void count_evicted(SSL_CTX *context, SSL_SESSION *sess)
{
    (void)context, (void)sess;
    evicted++;
}

static void sizes(void)
{
    ctx = plain_context();
    STEP("size: default, set, get, refused");
    TRACE(SSL_CTX_sess_get_cache_size(ctx));     /* C65 */
    TRACE(SSL_CTX_sess_set_cache_size(ctx, 5));  /* C63 C72 */
    TRACE(SSL_CTX_sess_get_cache_size(ctx));     /* C64 */
    TRACE(SSL_CTX_sess_set_cache_size(ctx, -1)); /* stock refuses a negative size */
    TRACE(SSL_CTX_sess_get_cache_size(ctx));
    TRACE(SSL_CTX_sess_set_cache_size(ctx, LONG_MIN));
    TRACE(SSL_CTX_sess_set_cache_size(ctx, LONG_MAX));
    TRACE(SSL_CTX_sess_get_cache_size(ctx) == LONG_MAX);
    TRACE(SSL_CTX_sess_set_cache_size(ctx, 0) == LONG_MAX);
    TRACE(SSL_CTX_sess_get_cache_size(ctx));
    SSL_CTX_free(ctx);
}

/* fill prints how many of `n` sessions a cache of this size keeps. */
static void fill(long size, int n)
{
    char name[16];
    int i;

    ctx = plain_context();
    evicted = 0;
    SSL_CTX_sess_set_remove_cb(ctx, count_evicted);
    SSL_CTX_sess_set_cache_size(ctx, size);
    for (i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        add(name, 300);
    }
    printf("size %ld, %d added: number=%ld cache_full=%ld evicted=%d\n", size, n,
           SSL_CTX_sess_number(ctx), SSL_CTX_sess_cache_full(ctx), evicted);
    SSL_CTX_free(ctx);
}

static void held(void)
{
    STEP("how many a cache holds");
    fill(0, 100); /* C66 */
    fill(1, 3);
    fill(10, 5);
    fill(10, 100); /* C67: one more here than in stock */
    fill(LONG_MAX, 100);
}

/* A cache that is full with three sessions: of size 4 in stock libssl, of size 3 here. */
static void three(void)
{
    long held_of_three;

    ctx = plain_context();
    SSL_CTX_sess_set_cache_size(ctx, 3);
    add("p", 1);
    add("q", 1);
    add("r", 1);
    held_of_three = SSL_CTX_sess_number(ctx);
    SSL_CTX_free(ctx);
    ctx = plain_context();
    SSL_CTX_sess_set_cache_size(ctx, held_of_three < 3 ? 4 : 3);
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
}

static void order(void)
{
    SSL_SESSION *held_session;

    STEP("equal lifetimes: the oldest goes first");
    three();
    add("A", 300);
    add("B", 300);
    add("C", 300);
    add("D", 300); /* C68 C71 */
    add("E", 300);
    print_log();
    SSL_CTX_free(ctx);
    print_log();

    STEP("unequal lifetimes: the earliest expiry goes first, though it is the newest but one");
    three();
    add("A", 300);
    add("B", 100);
    add("C", 200);
    add("D", 300);
    print_log();
    add("E", 50);
    print_log();
    add("F", 50);
    print_log();
    SSL_CTX_free(ctx);
    print_log();

    STEP("a session just added is never the one to go");
    three();
    add("A", 300);
    add("B", 300);
    add("C", 300);
    add("D", 1);
    print_log();
    TRACE(cached(ctx, "D"));
    SSL_CTX_free(ctx);
    print_log();

    STEP("set_timeout and set_time move a cached session");
    three();
    held_session = make_session("A", TLS1_3_VERSION);
    SSL_SESSION_set_timeout(held_session, 100);
    SSL_CTX_add_session(ctx, held_session);
    add("B", 200);
    add("C", 300);
    TRACE(SSL_SESSION_set_timeout(held_session, 250));
    add("D", 400);
    print_log();
    TRACE(SSL_SESSION_set_time(held_session, EPOCH + 100) == EPOCH + 100);
    add("E", 400);
    print_log();
    TRACE(SSL_SESSION_set_time(held_session, EPOCH - 240) == EPOCH - 240);
    add("F", 400);
    print_log();
    SSL_SESSION_free(held_session);
    SSL_CTX_free(ctx);
    print_log();

    STEP("a move to the same expiry makes it the newest of its equals");
    three();
    held_session = make_session("A", TLS1_3_VERSION);
    SSL_CTX_add_session(ctx, held_session);
    add("B", 304);
    add("C", 304);
    TRACE(SSL_SESSION_set_timeout(held_session, 304));
    add("D", 304);
    print_log();
    SSL_SESSION_free(held_session);
    SSL_CTX_free(ctx);
    print_log();

    STEP("adding the same object again makes it the newest of its equals");
    three();
    held_session = make_session("A", TLS1_3_VERSION);
    SSL_CTX_add_session(ctx, held_session);
    add("B", 304);
    add("C", 304);
    TRACE(SSL_CTX_add_session(ctx, held_session));
    add("D", 304);
    print_log();
    SSL_SESSION_free(held_session);
    SSL_CTX_free(ctx);
    print_log();

    STEP("a replacement in a full cache evicts nothing");
    three();
    add("A", 304);
    add("B", 304);
    add("C", 304);
    add("A", 304);
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_sess_cache_full(ctx));
    add("D", 304);
    print_log();
    SSL_CTX_free(ctx);
    print_log();
}

static void never_expires(void)
{
    STEP("lifetimes beyond the end of time come last");
    three();
    add("A", LONG_MAX);
    add("B", 300);
    add("C", LONG_MAX - 1);
    add("D", 300);
    print_log();
    add("E", 300);
    add("F", 300);
    print_log();
    SSL_CTX_free(ctx);
    print_log();
}

static void shrink(void)
{
    char name[16];
    int i;

    ctx = plain_context();
    STEP("a smaller size takes effect at the next add");
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        add(name, 300);
    }
    TRACE(SSL_CTX_sess_set_cache_size(ctx, 1)); /* C70 */
    TRACE(SSL_CTX_sess_number(ctx));
    print_log();
    add("A", 300);
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(SSL_CTX_sess_cache_full(ctx));
    TRACE(cached(ctx, "A"));

    STEP("a larger size, and none");
    TRACE(SSL_CTX_sess_set_cache_size(ctx, 0));
    for (i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        add(name, 300);
    }
    print_log();
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    SSL_CTX_free(ctx);
}

int main(void)
{
    begin();
    sizes();
    held();
    order();
    never_expires();
    shrink();
    return finish();
}
