/*
 * lib_workers_verify: servers that verify clients. What other workers share
 * carries the client's certificate, and fails no handshake.
 */
#include "workers.h"

#include <openssl/x509.h>

static SSL_CTX *server, *twin;

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(twin);
    SSL_CTX_free(worker_client);
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    return 1;
}

static SSL_CTX *make_context(int version, int verify, const char *name)
{
    SSL_CTX *ctx = server_context(version);

    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_verify(ctx, verify, accept_any);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)name, (unsigned)strlen(name));
    return ctx;
}

static void open_contexts(int version, int verify, const char *name)
{
    server = make_context(version, verify, name);
    twin = make_context(version, verify, name);
    worker_client = client_context(version);
    use_certificate(worker_client);
    workers_start(close_contexts);
}

static void end_contexts(void)
{
    workers_stop();
    close_contexts();
}

/* Prints what a server knows of the client that resumes. */
static long client_known(SSL_CTX *ctx, saved *session, long n)
{
    SSL_SESSION *resume = restore(session);
    pair p = pair_new(ctx, worker_client, resume);
    X509 *peer;

    (void)n;
    REQUIRE(handshake(&p));
    peer = SSL_get_peer_certificate(p.server);
    REQUIRE(peer != NULL);
    printf("%c: resumed %d, its certificate %d, verify result %ld\n", 'A' + this_worker(),
           SSL_session_reused(p.server),
           X509_cmp(peer, SSL_CTX_get0_certificate(worker_client)) == 0,
           SSL_get_verify_result(p.server));
    X509_free(peer);
    SSL_SESSION_free(resume);
    pair_close(&p);
    return 0;
}

static void with_name(int version)
{
    saved s = {0};
    int w;

    printf("-- a verifying server with a session id context, version %x\n", (unsigned)version);
    open_contexts(version, SSL_VERIFY_PEER, "name");
    TRACE(visit_at(A, server, &s));
    for (w = A; w < WORKERS; w++)
        at(w, client_known, server, &s, 0);
    resumes("by an equal context", twin, &s);
    end_contexts();
}

static void without_name(int version)
{
    saved s = {0};

    printf("-- a verifying server without a session id context, version %x\n", (unsigned)version);
    open_contexts(version, SSL_VERIFY_PEER, "");
    TRACE(visit_at(A, server, &s));
    resumes("its own", server, &s);
    resumes("by an equal context", twin, &s);
    end_contexts();
}

static void verify_this(SSL *ssl)
{
    SSL_set_verify(ssl, SSL_VERIFY_PEER, accept_any);
}

static long verify_connections(SSL_CTX *ctx, saved *session, long n)
{
    (void)ctx, (void)session;
    worker_prepares = n ? verify_this : NULL;
    return 0;
}

static long verify_context(SSL_CTX *ctx, saved *session, long n)
{
    (void)session, (void)n;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
    return 0;
}

/* libssl fails the handshake of a verifying server that finds a session without a name. */
static void begins_to_verify(int version)
{
    saved s = {0};

    printf("-- a connection that verifies, of a context that does not, version %x\n",
           (unsigned)version);
    open_contexts(version, SSL_VERIFY_NONE, "");
    TRACE(visit_at(A, server, &s));
    at(B, verify_connections, NULL, NULL, 1);
    TRACE(offer_at(B, server, &s));
    TRACE(offer_at(B, twin, &s));
    STEP("after one that did not");
    TRACE(offer_at(C, server, &s));
    at(C, verify_connections, NULL, NULL, 1);
    TRACE(offer_at(C, server, &s));
    STEP("a context that begins to verify");
    at(D, verify_context, server, NULL, 0);
    TRACE(offer_at(D, server, &s));
    end_contexts();
}

static void name_this(SSL *ssl)
{
    REQUIRE(SSL_set_session_id_context(ssl, (const unsigned char *)"mine", 4));
}

static void name_other(SSL *ssl)
{
    REQUIRE(SSL_set_session_id_context(ssl, (const unsigned char *)"another", 7));
}

static long name_connections(SSL_CTX *ctx, saved *session, long n)
{
    (void)ctx, (void)session;
    worker_prepares = n ? name_this : name_other;
    return 0;
}

/* As Apache does. */
static void named_by_connection(int version)
{
    saved s = {0};

    printf("-- session id contexts of connections, version %x\n", (unsigned)version);
    open_contexts(version, SSL_VERIFY_PEER, "");
    at(A, name_connections, NULL, NULL, 1);
    at(B, name_connections, NULL, NULL, 1);
    at(C, name_connections, NULL, NULL, 0);
    TRACE(visit_at(A, server, &s));
    resumes("A and B alike", server, &s);
    end_contexts();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    begin();
    for (i = 0; i < 2; i++) {
        with_name(versions[i]);
        without_name(versions[i]);
        begins_to_verify(versions[i]);
        named_by_connection(versions[i]);
    }
    return finish();
}
