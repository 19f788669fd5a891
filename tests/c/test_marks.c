/*
 * marks: sessions that are removed and flushed by the thousand are marked as not
 * resumable, each one, and each once reported to the remove callback.
 */
#include "harness.h"

#include <pthread.h>

#define SESSIONS 10000

static SSL_CTX *ctx;
static SSL_SESSION *sessions[SESSIONS];
static _Atomic int reported;

static void count_remove(SSL_CTX *of, SSL_SESSION *sess)
{
    (void)sess;
    REQUIRE(of == ctx);
    reported++;
}

static void fill(void)
{
    for (int i = 0; i < SESSIONS; i++) {
        unsigned char id[32] = {(unsigned char)i, (unsigned char)(i >> 8), 7};
        SSL_SESSION_free(sessions[i]);
        sessions[i] = SSL_SESSION_new();
        REQUIRE(sessions[i] != NULL && SSL_SESSION_set1_id(sessions[i], id, sizeof id));
        REQUIRE(SSL_SESSION_set_protocol_version(sessions[i], TLS1_2_VERSION));
        REQUIRE(SSL_CTX_add_session(ctx, sessions[i]) == 1);
    }
}

static int resumable(void)
{
    int n = 0;

    for (int i = 0; i < SESSIONS; i++)
        n += SSL_SESSION_is_resumable(sessions[i]);
    return n;
}

/* Removes every second session; how many of them were cached. */
static int removed(int first)
{
    int n = 0;

    for (int i = first; i < SESSIONS; i += 2)
        n += SSL_CTX_remove_session(ctx, sessions[i]);
    return n;
}

static void show(void)
{
    TRACE(SSL_CTX_sess_number(ctx));
    TRACE(resumable());
    TRACE(reported);
}

static void *remove_half(void *arg)
{
    return (void *)(intptr_t)removed(*(int *)arg);
}

static void two_threads(void)
{
    int first[2] = {0, 1};
    void *found[2];
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, remove_half, &first[i]) == 0);
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_join(threads[i], &found[i]) == 0);
    TRACE((intptr_t)found[0]);
    TRACE((intptr_t)found[1]);
}

int main(void)
{
    begin();
    ctx = plain_context();
    SSL_CTX_sess_set_cache_size(ctx, 0);
    SSL_CTX_sess_set_remove_cb(ctx, count_remove);
    STEP("every second one removed");
    fill();
    TRACE(removed(0));
    show();
    STEP("again, and the others");
    TRACE(removed(0));
    TRACE(removed(1));
    show();
    STEP("flushed");
    fill();
    RUN(SSL_CTX_flush_sessions(ctx, 0));
    show();
    STEP("by two threads");
    fill();
    two_threads();
    show();
    STEP("while libssl's own table is asked for");
    fill();
    TRACE(removed(0));
    TRACE(SSL_CTX_sessions(ctx) != NULL);
    TRACE(removed(1));
    show();
    for (int i = 0; i < SESSIONS; i++)
        SSL_SESSION_free(sessions[i]);
    SSL_CTX_free(ctx);
    TRACE(ERR_peek_error());
    return finish();
}
