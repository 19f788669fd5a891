// leaks: the sessions under way when a callback jumps out are lost

/*
 * lib_longjmp: remove_cb left by longjmp below a flush and below an eviction,
 * where stock libssl up to 3.5 would leave its lock held.
 */
#include "harness.h"

static jmp_buf out;

static void jumping_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx;
    note("remove(%s)", session_name(sess));
    longjmp(out, 1);
}

static void put(SSL_CTX *ctx, const char *name, long timeout)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, timeout);
    REQUIRE(SSL_CTX_add_session(ctx, sess) == 1);
    SSL_SESSION_free(sess);
}

static void goes_on(SSL_CTX *ctx)
{
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    put(ctx, "X", 10);
    TRACE(cached(ctx, "X"));
    RUN(SSL_CTX_flush_sessions(ctx, EPOCH + 100));
    TRACE(cached(ctx, "X"));
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    TRACE(SSL_CTX_sess_number(ctx));
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    print_log();
}

static void in_flush(void)
{
    SSL_CTX *ctx = plain_context();
    volatile int i;

    STEP("below a flush, many times");
    for (i = 0; i < 50; i++) {
        SSL_CTX_sess_set_remove_cb(ctx, NULL);
        put(ctx, "A", 10);
        SSL_CTX_sess_set_remove_cb(ctx, jumping_remove);
        if (setjmp(out) == 0) {
            SSL_CTX_flush_sessions(ctx, i % 2 == 0 ? EPOCH + 100 : 0);
            REQUIRE(!"the callback did not jump");
        }
        REQUIRE(cached(ctx, "A") == 0);
    }
    print_log();
    goes_on(ctx);
    SSL_CTX_free(ctx);
}

static void in_eviction(void)
{
    SSL_CTX *ctx = plain_context();
    char name[16];
    volatile int i;

    STEP("below an eviction, many times");
    SSL_CTX_sess_set_cache_size(ctx, 2);
    put(ctx, "A", 10);
    put(ctx, "B", 10);
    SSL_CTX_sess_set_remove_cb(ctx, jumping_remove);
    for (i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "e%d", i);
        if (setjmp(out) == 0) {
            put(ctx, name, 10);
            REQUIRE(!"the callback did not jump");
        }
        REQUIRE(cached(ctx, name) == 1);
        REQUIRE(SSL_CTX_sess_number(ctx) == 2);
    }
    print_log();
    goes_on(ctx);
    SSL_CTX_free(ctx);
}

int main(void)
{
    begin();
    in_flush();
    in_eviction();
    return 0;
}
