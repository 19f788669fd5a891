#include "connection.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "ctx.h"
#include "libssl.h"
#include "trampoline.h"

/*
 * What a connection has if it is not as its context makes it. libcrypto allocates
 * for each SSL in which something is kept, so it is made when it is needed. Who
 * calls libssl's own SSL_set_SSL_CTX, found by dlsym in libssl, passes that by:
 * its connections look for their sessions where they do not store them, and are
 * full handshakes.
 */
struct connection {
    SSL_CTX *owner; /* of the sessions, if SSL_set_SSL_CTX gave it another context */
    GEN_SESSION_CB generate;
};

static _Atomic int place = -1; /* in an SSL: its struct connection */

static struct connection *connection_of(const SSL *ssl)
{
    return ssc_libssl()->SSL_get_ex_data(ssl, atomic_load_explicit(&place, memory_order_relaxed));
}

/* The connection's, made if it has none; NULL if memory is short. */
static struct connection *have_connection(SSL *ssl)
{
    struct connection *connection = connection_of(ssl);

    if (connection != NULL || (connection = calloc(1, sizeof *connection)) == NULL)
        return connection;
    if (ssc_libssl()->SSL_set_ex_data(ssl, place, connection) == 1)
        return connection;
    free(connection);
    return NULL;
}

/* SSL_new copies the context's ID callback, so that later changes of it pass the connection by. */
static GEN_SESSION_CB generate_of_context(const SSL *ssl)
{
    struct ssc_ctx *rec = ssc_ctx_record(ssc_libssl()->SSL_get_SSL_CTX(ssl));

    return rec != NULL ? atomic_load_explicit(&rec->generate_cb, memory_order_acquire) : NULL;
}

/* Up to 3.1 the connection has its context when this runs; else ssc_connection_made does the same. */
static void made(void *parent, void *ptr, void *ad, int idx, long argl, void *argp)
{
    const GEN_SESSION_CB cb = generate_of_context(parent);
    struct connection *connection = cb != NULL ? calloc(1, sizeof *connection) : NULL;

    (void)ptr, (void)argl, (void)argp;
    if (connection == NULL)
        return;
    connection->generate = cb;
    if (ssc_libssl()->CRYPTO_set_ex_data(ad, idx, connection) != 1)
        free(connection);
}

static void freed(void *parent, void *ptr, void *ad, int idx, long argl, void *argp)
{
    struct connection *const connection = ptr;
    /* From 3.2 on SSL_free has dropped the owner of the sessions by now; what
     * it still holds is the present context. Only servers have two. */
    SSL_CTX *const ctx = ssc_libssl()->SSL_get_SSL_CTX(parent);

    (void)ad, (void)idx, (void)argl, (void)argp;
    if (ctx != NULL &&
        (connection == NULL || connection->owner == NULL || connection->owner == ctx))
        ssc_trampoline_ended(parent, ctx);
    free(connection);
}

static int duplicated(void *to, const void *from, void **from_d, int idx, long argl, void *argp)
{
    (void)from, (void)argl, (void)argp;
    /* SSL_dup makes the copy with SSL_new: it has what is its own already. */
    *from_d = ssc_libssl()->CRYPTO_get_ex_data(to, idx);
    return 1;
}

bool ssc_connection_index(void)
{
    return ssc_libssl_take_place(&place, SSC_EX_INDEX_SSL, made, duplicated, freed);
}

void ssc_connection_made(SSL *ssl)
{
    const GEN_SESSION_CB cb = ssc_ctx_have_indices() ? generate_of_context(ssl) : NULL;

    if (ssc_unlikely(cb != NULL) && connection_of(ssl) == NULL)
        ssc_connection_set_generate_cb(ssl, cb);
}

SSL_CTX *ssc_connection_owner(const SSL *ssl)
{
    if (!ssc_ctx_have_indices())
        return NULL;
    const struct connection *connection = connection_of(ssl);
    return connection != NULL && connection->owner != NULL ? connection->owner
                                                           : ssc_libssl()->SSL_get_SSL_CTX(ssl);
}

bool ssc_connection_leave(SSL *ssl)
{
    if (!ssc_ctx_have_indices())
        return true;
    struct connection *connection = have_connection(ssl);
    if (connection != NULL && connection->owner == NULL)
        connection->owner = ssc_libssl()->SSL_get_SSL_CTX(ssl);
    return connection != NULL;
}

GEN_SESSION_CB ssc_connection_generate_cb(const SSL *ssl)
{
    const struct connection *connection = ssc_ctx_have_indices() ? connection_of(ssl) : NULL;

    return connection != NULL ? connection->generate : NULL;
}

bool ssc_connection_set_generate_cb(SSL *ssl, GEN_SESSION_CB cb)
{
    struct connection *connection = ssc_ctx_indices() ? have_connection(ssl) : NULL;

    if (connection != NULL)
        connection->generate = cb;
    return connection != NULL;
}
