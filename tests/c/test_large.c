/*
 * large: a large cache that is full. What it drops may be dropped some adds later
 * than in a small one. That shows in nothing but that it is found as long: not in
 * the numbers, not by a callback, not after the size was changed.
 */
#include "harness.h"

#define SIZE 1500
#define MORE 203 /* not a multiple of what is dropped at once */

static SSL_CTX *ctx;
static long removed;

static void count_removed(SSL_CTX *context, SSL_SESSION *sess)
{
    (void)context, (void)sess;
    removed++;
}

static void add(int first, int n)
{
    for (int i = first; i < first + n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", i);
        SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);
        SSL_SESSION_set_timeout(sess, 300);
        REQUIRE(SSL_CTX_add_session(ctx, sess) == 1);
        SSL_SESSION_free(sess);
    }
}

/* Stock libssl from 3.0 holds one session less than the size says, which test_capacity shows. */
static long at_size(long size)
{
    const long n = SSL_CTX_sess_number(ctx);

    return n == size || n == size - 1;
}

static long dropped(long added)
{
    return SSL_CTX_sess_cache_full(ctx) + SSL_CTX_sess_number(ctx) == added;
}

static void numbers(void)
{
    STEP("numbers");
    ctx = plain_context();
    SSL_CTX_sess_set_cache_size(ctx, SIZE);
    add(0, SIZE + MORE);
    TRACE(cached(ctx, "s200"));
    TRACE(dropped(SIZE + MORE)); /* asks for cache_full first */
    TRACE(cached(ctx, "s200") == 0);
    TRACE(at_size(SIZE));
    for (int i = 0; i < MORE; i += 7) {
        add(SIZE + MORE + i, 7);
        REQUIRE(at_size(SIZE));
    }
    TRACE(dropped(SIZE + 2 * MORE));
    TRACE(cached(ctx, "s0"));
    TRACE(cached(ctx, "s404"));
    TRACE(cached(ctx, "s408"));
    TRACE(cached(ctx, "s1905"));
    SSL_CTX_free(ctx);
}

static void callback_set_late(void)
{
    STEP("a remove callback that is set later hears of what is dropped later");
    ctx = plain_context();
    SSL_CTX_sess_set_cache_size(ctx, SIZE);
    add(0, SIZE + MORE);
    removed = 0;
    SSL_CTX_sess_set_remove_cb(ctx, count_removed);
    TRACE(removed);
    for (int i = 1; i <= MORE; i++) {
        add(SIZE + MORE + i, 1);
        REQUIRE(removed == i);
    }
    TRACE(removed);
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    add(10000, MORE);
    SSL_CTX_sess_set_remove_cb(ctx, count_removed);
    TRACE(removed);
    const long held = SSL_CTX_sess_number(ctx);
    removed = 0;
    SSL_CTX_free(ctx);
    TRACE(removed == held);
}

static void size_changed(void)
{
    STEP("a new size drops nothing before the next add");
    ctx = plain_context();
    SSL_CTX_sess_set_cache_size(ctx, SIZE);
    add(0, SIZE + MORE);
    SSL_CTX_sess_set_cache_size(ctx, SIZE / 10);
    TRACE(at_size(SIZE));
    TRACE(dropped(SIZE + MORE));
    add(SIZE + MORE, 1);
    TRACE(at_size(SIZE / 10));
    SSL_CTX_sess_set_cache_size(ctx, 0);
    add(20000, SIZE);
    TRACE(dropped(2 * SIZE + MORE + 1));
    SSL_CTX_free(ctx);
}

static void flushed(void)
{
    STEP("a flush finds what was added just now");
    ctx = plain_context();
    SSL_CTX_sess_set_remove_cb(ctx, count_removed);
    add(0, 5);
    removed = 0;
    SSL_CTX_flush_sessions(ctx, EPOCH + 301);
    TRACE(removed);
    add(0, 5);
    SSL_CTX_flush_sessions(ctx, EPOCH + 299);
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_CTX_flush_sessions(ctx, 0);
    TRACE(removed);
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_CTX_free(ctx);
}

int main(void)
{
    begin();
    numbers();
    callback_set_late();
    size_changed();
    flushed();
    return finish();
}
