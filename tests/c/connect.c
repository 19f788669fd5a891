/* connect.c: contexts, certificate and connections inside one process. */
#include "harness.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>

static EVP_PKEY *key;
static X509 *certificate;

/* A self-signed certificate for P-256, which every version from TLS 1.0 on can use. */
static void make_certificate(void)
{
    X509_NAME *name = X509_NAME_new();
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);

    REQUIRE(maker != NULL && EVP_PKEY_keygen_init(maker) == 1);
    REQUIRE(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(maker, NID_X9_62_prime256v1) == 1);
    REQUIRE(EVP_PKEY_keygen(maker, &key) == 1);
    EVP_PKEY_CTX_free(maker);
    certificate = X509_new();
    REQUIRE(name != NULL && certificate != NULL);
    REQUIRE(X509_set_version(certificate, 2)); /* which is version 3 */
    REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
    REQUIRE(X509_gmtime_adj(X509_getm_notBefore(certificate), -86400));
    REQUIRE(X509_gmtime_adj(X509_getm_notAfter(certificate), 400 * 86400L));
    REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost",
                                       -1, -1, 0));
    REQUIRE(X509_set_subject_name(certificate, name));
    REQUIRE(X509_set_issuer_name(certificate, name));
    X509_NAME_free(name);
    REQUIRE(X509_set_pubkey(certificate, key));
    REQUIRE(X509_sign(certificate, key, EVP_sha256()));
}

void free_certificate(void)
{
    X509_free(certificate);
    EVP_PKEY_free(key);
    certificate = NULL;
    key = NULL;
}

void use_certificate(SSL_CTX *ctx)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_certificate);
    REQUIRE(SSL_CTX_use_certificate(ctx, certificate) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(ctx, key) == 1);
}

static int is_dtls(int version)
{
    return version >> 8 == DTLS1_VERSION_MAJOR;
}

/* Versions before 1.2 need security level 0 in OpenSSL 3. */
static SSL_CTX *context(const SSL_METHOD *method, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    REQUIRE(ctx != NULL);
    REQUIRE(SSL_CTX_set_cipher_list(ctx, "DEFAULT:@SECLEVEL=0") == 1);
    REQUIRE(SSL_CTX_set_min_proto_version(ctx, version != 0 ? version : TLS1_VERSION) == 1);
    REQUIRE(SSL_CTX_set_max_proto_version(ctx, version) == 1);
    return ctx;
}

SSL_CTX *server_context(int version)
{
    SSL_CTX *ctx = context(is_dtls(version) ? DTLS_server_method() : TLS_server_method(), version);

    use_certificate(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return ctx;
}

SSL_CTX *client_context(int version)
{
    return context(is_dtls(version) ? DTLS_client_method() : TLS_client_method(), version);
}

SSL_CTX *plain_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    REQUIRE(ctx != NULL);
    return ctx;
}

/* A memory BIO that says "try again" when it is empty. */
static BIO *pipe_end(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    REQUIRE(bio != NULL);
    BIO_set_mem_eof_return(bio, -1);
    return bio;
}

pair pair_new(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *resume)
{
    pair p;
    BIO *to_server = pipe_end();
    BIO *to_client = pipe_end();

    p.server = SSL_new(server);
    p.client = SSL_new(client);
    REQUIRE(p.server != NULL && p.client != NULL);
    REQUIRE(BIO_up_ref(to_server) && BIO_up_ref(to_client));
    SSL_set_bio(p.server, to_server, to_client);
    SSL_set_bio(p.client, to_client, to_server);
    if (SSL_is_dtls(p.client)) {
        SSL_set_options(p.client, SSL_OP_NO_QUERY_MTU);
        SSL_set_options(p.server, SSL_OP_NO_QUERY_MTU);
        DTLS_set_link_mtu(p.client, 1400);
        DTLS_set_link_mtu(p.server, 1400);
    }
    SSL_set_connect_state(p.client);
    SSL_set_accept_state(p.server);
    if (resume != NULL)
        REQUIRE(SSL_set_session(p.client, resume) == 1);
    return p;
}

int handshake_step(SSL *ssl)
{
    int ret = SSL_do_handshake(ssl);

    if (ret == 1)
        return 1;
    switch (SSL_get_error(ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return 0;
    default:
        return -1;
    }
}

int handshake(pair *p)
{
    int client = 0;
    int server = 0;
    int i;

    for (i = 0; i < 50 && !(client > 0 && server > 0); i++) {
        if (client == 0)
            client = handshake_step(p->client);
        if (server == 0)
            server = handshake_step(p->server);
        if (client < 0 || server < 0) {
            /* Deliver the alert, so that both ends know. */
            if (client >= 0)
                handshake_step(p->client);
            if (server >= 0)
                handshake_step(p->server);
            ERR_clear_error();
            return 0;
        }
    }
    REQUIRE(client > 0 && server > 0);
    exchange(p);
    return 1;
}

void exchange(pair *p)
{
    char byte = 'x';

    if (SSL_write(p->client, &byte, 1) == 1)
        SSL_read(p->server, &byte, 1);
    if (SSL_write(p->server, &byte, 1) == 1)
        SSL_read(p->client, &byte, 1);
    ERR_clear_error();
}

void pair_close(pair *p)
{
    SSL_shutdown(p->client);
    SSL_shutdown(p->server);
    SSL_shutdown(p->client);
    SSL_shutdown(p->server);
    pair_drop(p);
    ERR_clear_error();
}

void pair_drop(pair *p)
{
    SSL_free(p->client);
    SSL_free(p->server);
    p->client = p->server = NULL;
}

int visit(SSL_CTX *server, SSL_CTX *client, SSL_SESSION **session)
{
    pair p = pair_new(server, client, *session);
    int result = FAILED;

    if (handshake(&p)) {
        result = SSL_session_reused(p.client) ? RESUMED : FULL;
        REQUIRE(SSL_session_reused(p.client) == SSL_session_reused(p.server));
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(p.client);
    }
    pair_close(&p);
    return result;
}

int offer(SSL_CTX *server, SSL_CTX *client, SSL_SESSION *session)
{
    SSL_SESSION *kept = session;
    int result;

    if (session != NULL)
        SSL_SESSION_up_ref(session);
    result = visit(server, client, &kept);
    SSL_SESSION_free(kept);
    return result;
}
