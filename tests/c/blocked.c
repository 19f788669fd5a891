/* blocked.c: a callback that waits while another thread uses the same context. */
#include "crowd.h"

#include <pthread.h>

static SSL_CTX *server;
static SSL_CTX *client;
static SSL_SESSION *sample;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int entered; /* the callback is running */
static int done;    /* the other thread has finished */
static __thread int is_other;

/* wait_here is what the callbacks do in the thread that is to wait. */
static void wait_here(const char *callback)
{
    if (is_other)
        return;
    pthread_mutex_lock(&lock);
    if (!done) {
        note("%s waits", callback);
        entered = 1;
        pthread_cond_broadcast(&changed);
        while (!done)
            pthread_cond_wait(&changed, &lock);
        note("%s goes on", callback);
    }
    pthread_mutex_unlock(&lock);
}

static int waiting_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    SSL_SESSION_free(sess);
    wait_here("new_cb");
    return 1;
}

static SSL_SESSION *waiting_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)ssl, (void)id, (void)len, (void)copy;
    wait_here("get_cb");
    return NULL;
}

static void waiting_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx, (void)sess;
    wait_here("remove_cb");
}

static int free_new(SSL *ssl, SSL_SESSION *sess)
{
    (void)ssl;
    SSL_SESSION_free(sess);
    return 1;
}

static void put(const char *name, long timeout)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, timeout);
    SSL_CTX_add_session(server, sess);
    SSL_SESSION_free(sess);
}

/* other waits for the callback, uses the context, and lets the callback go on. */
static void *other(void *arg)
{
    SSL_SESSION *session = NULL;
    SSL_SESSION *sess = make_session("T", TLS1_3_VERSION);

    (void)arg;
    is_other = 1;
    pthread_mutex_lock(&lock);
    while (!entered)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    SSL_CTX_sess_set_cache_size(server, 0);
    note("add=%d", SSL_CTX_add_session(server, sess));
    note("cached=%d", cached(server, "T"));
    SSL_SESSION_set_timeout(sess, 77);
    note("remove=%d", SSL_CTX_remove_session(server, sess));
    SSL_CTX_flush_sessions(server, 1);
    SSL_CTX_sess_set_new_cb(server, free_new);
    SSL_CTX_sess_number(server);
    note("visit=%d", visit(server, client, &session));
    note("visit=%d", visit(server, client, &session));
    SSL_SESSION_free(session);
    SSL_SESSION_free(sess);
    pthread_mutex_lock(&lock);
    done = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* enter makes the call that leads into the waiting callback. */
static void enter(enum blocking where)
{
    switch (where) {
    case BLOCK_NEW:
        SSL_CTX_sess_set_new_cb(server, waiting_new);
        TRACE(offer(server, client, NULL));
        break;
    case BLOCK_GET:
        SSL_CTX_sess_set_get_cb(server, waiting_get);
        TRACE(offer(server, client, sample));
        break;
    case BLOCK_REMOVE:
        SSL_CTX_sess_set_remove_cb(server, waiting_remove);
        TRACE(SSL_CTX_remove_session(server, sample));
        break;
    case BLOCK_FLUSH:
        put("F", 10);
        SSL_CTX_sess_set_remove_cb(server, waiting_remove);
        RUN(SSL_CTX_flush_sessions(server, EPOCH + 100));
        break;
    case BLOCK_EVICTION:
        SSL_CTX_sess_set_cache_size(server, 1);
        put("E", 10);
        SSL_CTX_sess_set_remove_cb(server, waiting_remove);
        put("G", 10);
        break;
    }
}

void blocked_in(enum blocking where)
{
    static const char *const names[] = {"new_cb", "get_cb", "remove_cb of a removal",
                                        "remove_cb of a flush", "remove_cb of an eviction"};
    pthread_t thread;

    printf("-- blocked in %s\n", names[where]);
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
    sample = NULL;
    REQUIRE(visit(server, client, &sample) == FULL);
    if (where == BLOCK_GET)
        SSL_CTX_flush_sessions(server, 0);
    entered = done = 0;
    REQUIRE(pthread_create(&thread, NULL, other, NULL) == 0);
    enter(where);
    REQUIRE(pthread_join(thread, NULL) == 0);
    print_log();
    SSL_SESSION_free(sample);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    TRACE(sessions_alive());
}
