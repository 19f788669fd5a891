#include "sessions.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* After <openssl/ssl.h> it declares what that header does not. */
#include "openssl_sess.h"

/* A server that shares a cache with others tells its sessions from theirs by this. */
static const unsigned char id_context[] = "sessfile";

/*
 * A session was negotiated. The argument carries a reference for us, which we
 * do not need once the session is written out. We free it ourselves and say 1
 * (kept): 0 would also take the session out of the internal cache.
 */
static int session_new(SSL *ssl, SSL_SESSION *session)
{
    struct filecache *cache = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    unsigned int id_len;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_len);
    unsigned char *der = NULL;
    int len = i2d_SSL_SESSION(session, &der);

    if (len > 0) {
        filecache_put(cache, id, id_len, der, (size_t)len);
        OPENSSL_clear_free(der, (size_t)len);
    }
    SSL_SESSION_free(session);
    return 1;
}

/* The engine dropped a session: nobody may resume it from the file either. */
static void session_removed(SSL_CTX *ctx, SSL_SESSION *session)
{
    unsigned int id_len;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_len);

    filecache_remove(SSL_CTX_get_app_data(ctx), id, id_len);
}

/*
 * A client proposes a session that the internal cache does not have: after a
 * restart, say. The session made here has one reference, ours; *copy = 0 hands
 * it over. The engine checks the session's age and its context, and adds it to
 * the internal cache, which serves it from then on.
 */
static SSL_SESSION *session_wanted(SSL *ssl, const unsigned char *id, int id_len, int *copy)
{
    struct filecache *cache = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct connection *connection = SSL_get_app_data(ssl);
    SSL_SESSION *session = NULL;
    size_t len = 0;
    unsigned char *der = filecache_get(cache, id, (size_t)id_len, &len);

    *copy = 0;
    if (der == NULL)
        return NULL;
    const unsigned char *cursor = der;
    session = d2i_SSL_SESSION(NULL, &cursor, (long)len);
    OPENSSL_cleanse(der, len);
    free(der);

    /* A file under a name that is not its own must not stop the handshake: it is a miss. */
    unsigned int found_len = 0;
    const unsigned char *found = session == NULL ? NULL : SSL_SESSION_get_id(session, &found_len);
    if (found == NULL || found_len != (unsigned)id_len || memcmp(found, id, found_len) != 0) {
        SSL_SESSION_free(session);
        filecache_remove(cache, id, (size_t)id_len);
        return NULL;
    }
    connection->from_file = true;
    return session;
}

void sessions_attach(SSL_CTX *ctx, struct filecache *cache)
{
    SSL_CTX_set_app_data(ctx, cache);
    SSL_CTX_set_session_id_context(ctx, id_context, sizeof id_context - 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_new_cb(ctx, session_new);
    SSL_CTX_sess_set_remove_cb(ctx, session_removed);
    SSL_CTX_sess_set_get_cb(ctx, session_wanted);
}

void sessions_detach(SSL_CTX *ctx)
{
    /* SSL_CTX_free removes every session; the files are to outlive this process. */
    SSL_CTX_sess_set_new_cb(ctx, NULL);
    SSL_CTX_sess_set_remove_cb(ctx, NULL);
    SSL_CTX_sess_set_get_cb(ctx, NULL);
}
