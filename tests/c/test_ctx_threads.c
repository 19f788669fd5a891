/* ctx_threads: threads that make contexts, use them, and free one another's. */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define ROUNDS 40

static atomic_int failed;

/* A place through which contexts wander from thread to thread. */
static _Atomic(SSL_CTX *) places[8];

static void *works(void *arg)
{
    unsigned seed = (unsigned)(size_t)arg;
    SSL_SESSION *sess;
    SSL_SESSION *session;
    SSL_CTX *server;
    SSL_CTX *client;
    SSL_CTX *found;
    int i;
    int j;

    for (i = 0; i < ROUNDS; i++) {
        server = server_context(i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        client = client_context(0);
        session = NULL;
        if (visit(server, client, &session) != FULL || visit(server, client, &session) != RESUMED)
            atomic_fetch_add(&failed, 1);
        for (j = 0; j < 5; j++) {
            char name[16];

            snprintf(name, sizeof(name), "t%d", j);
            sess = make_session(name, TLS1_3_VERSION);
            SSL_CTX_add_session(server, sess);
            if (j == 3)
                SSL_CTX_remove_session(server, sess);
            SSL_SESSION_free(sess);
        }
        SSL_SESSION_free(session);
        SSL_CTX_free(client);
        seed = seed * 1103515245u + 12345u;
        found = atomic_exchange(&places[(seed >> 16) % 8], server);
        if (found != NULL) {
            SSL_CTX_flush_sessions(found, EPOCH);
            SSL_CTX_free(found);
        }
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    size_t i;

    begin();
    for (i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, works, (void *)(i + 1)) == 0);
    for (i = 0; i < THREADS; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    TRACE(failed);
    TRACE(sessions_alive() > 0);
    for (i = 0; i < 8; i++)
        SSL_CTX_free(atomic_load(&places[i]));
    return finish();
}
