/* crowd.c: connections of several threads with one server context, and disturbance beside them. */
#include "crowd.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define ROUNDS 60

static SSL_CTX *server;
static SSL_CTX *client;
static atomic_int full;
static atomic_int resumed;
static atomic_int failed;
static atomic_int running;
static int moving;
static atomic_long told_new;
static atomic_long told_remove;

static int count_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    atomic_fetch_add(&told_new, 1);
    SSL_SESSION_free(sess);
    return 1;
}

static void count_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx, (void)sess;
    atomic_fetch_add(&told_remove, 1);
}

static SSL_SESSION *count_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)ssl, (void)id, (void)len, (void)copy;
    return NULL;
}

/* connects offers the session of the connection before, now and then none. */
static void *connects(void *arg)
{
    SSL_SESSION *session = NULL;
    int i;

    (void)arg;
    for (i = 0; i < ROUNDS; i++) {
        switch (visit(server, client, &session)) {
        case FULL:
            atomic_fetch_add(&full, 1);
            break;
        case RESUMED:
            atomic_fetch_add(&resumed, 1);
            break;
        default:
            atomic_fetch_add(&failed, 1);
        }
        if (i % 10 == 9) {
            SSL_SESSION_free(session);
            session = NULL;
        }
    }
    SSL_SESSION_free(session);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* disturbs adds, removes, moves and flushes sessions of its own and of others. */
static void *disturbs(void *arg)
{
    SSL_SESSION *own[8];
    char name[16];
    int i;
    int n;

    for (n = 0; atomic_load(&running) > 0; n++) {
        for (i = 0; i < 8; i++) {
            snprintf(name, sizeof(name), "%s%d", (const char *)arg, i);
            own[i] = make_session(name, TLS1_3_VERSION);
            SSL_SESSION_set_timeout(own[i], 100 + i);
            SSL_CTX_add_session(server, own[i]);
            if (moving)
                SSL_SESSION_set_timeout(own[i], 100 + i);
        }
        SSL_CTX_flush_sessions(server, EPOCH + 103);
        cached(server, name);
        if (n % 7 == 0)
            SSL_CTX_flush_sessions(server, 0);
        for (i = 0; i < 8; i++) {
            SSL_CTX_add_session(server, own[i]);
            if (moving)
                SSL_SESSION_set_time(own[i], EPOCH + i);
            if (i % 2 == 0)
                SSL_CTX_remove_session(server, own[i]);
            SSL_SESSION_free(own[i]);
        }
        SSL_CTX_sess_set_cache_size(server, n % 2 == 0 ? 0 : 50);
        SSL_CTX_sess_number(server);
    }
    return NULL;
}

void crowd_round(int version, int move_sessions)
{
    static char names[2][2] = {"x", "y"};
    pthread_t threads[THREADS + 2];
    int i;

    printf("-- version %x\n", (unsigned)version);
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_sess_set_new_cb(server, count_new);
    SSL_CTX_sess_set_remove_cb(server, count_remove);
    SSL_CTX_sess_set_get_cb(server, count_get);
    full = resumed = failed = 0;
    running = THREADS;
    moving = move_sessions;
    for (i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, connects, NULL) == 0);
    for (i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[THREADS + i], NULL, disturbs, names[i]) == 0);
    for (i = 0; i < THREADS + 2; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    TRACE(full + resumed);
    TRACE(failed);
    TRACE(full >= THREADS * ROUNDS / 10);
    TRACE(SSL_CTX_sess_accept_good(server));
    TRACE(SSL_CTX_sess_hits(server) == resumed);
    TRACE(told_new > 0);
    TRACE(told_remove > 0);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    TRACE(sessions_alive());
}
