#include "pair.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "bench.h"

static EVP_PKEY *make_key(void)
{
    EVP_PKEY_CTX *generator = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    EVP_PKEY *key = NULL;

    if (generator == NULL || EVP_PKEY_keygen_init(generator) != 1 ||
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(generator, NID_X9_62_prime256v1) != 1 ||
        EVP_PKEY_keygen(generator, &key) != 1)
        bench_fail("no key could be made");
    EVP_PKEY_CTX_free(generator);
    return key;
}

static void use_certificate(SSL_CTX *ctx)
{
    EVP_PKEY *key = make_key();
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();

    if (cert == NULL || name == NULL || !X509_set_version(cert, 2) ||
        !ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) ||
        !X509_gmtime_adj(X509_getm_notBefore(cert), -3600) ||
        !X509_gmtime_adj(X509_getm_notAfter(cert), 86400) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1,
                                    -1, 0) ||
        !X509_set_subject_name(cert, name) || !X509_set_issuer_name(cert, name) ||
        !X509_set_pubkey(cert, key) || !X509_sign(cert, key, EVP_sha256()) ||
        SSL_CTX_use_certificate(ctx, cert) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        bench_fail("no certificate could be made");
    X509_NAME_free(name);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void set_version(SSL_CTX *ctx, int version)
{
    if (!SSL_CTX_set_min_proto_version(ctx, version) ||
        !SSL_CTX_set_max_proto_version(ctx, version))
        bench_fail("libssl lacks this version of TLS");
}

SSL_CTX *pair_server(int version, size_t size)
{
    SSL_CTX *ctx = bench_context(size);

    set_version(ctx, version);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"bench", 5);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_set_timeout(ctx, 3600);
    use_certificate(ctx);
    return ctx;
}

SSL_CTX *pair_client(int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL)
        bench_fail("SSL_CTX_new failed");
    set_version(ctx, version);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

void pair_new(SSL_CTX *client_ctx, SSL_CTX *server_ctx, SSL **client, SSL **server)
{
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

    *client = SSL_new(client_ctx);
    *server = SSL_new(server_ctx);
    if (*client == NULL || *server == NULL || up == NULL || down == NULL)
        bench_fail("out of memory");
    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(*client, down, up);
    SSL_set_bio(*server, up, down);
    SSL_set_connect_state(*client);
    SSL_set_accept_state(*server);
}

/* Whether a call that did not finish only waits for the other end. */
static bool waits(SSL *ssl, int result)
{
    return SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ;
}

uint64_t pair_handshake(SSL *client, SSL *server)
{
    uint64_t ns = 0;
    int connected = 0, accepted = 0;
    char byte;

    while (connected != 1 || accepted != 1) {
        if (connected != 1 && (connected = SSL_do_handshake(client)) != 1 &&
            !waits(client, connected))
            bench_fail("the client failed");
        if (accepted != 1) {
            const uint64_t begun = bench_ns();
            accepted = SSL_do_handshake(server);
            ns += bench_ns() - begun;
            if (accepted != 1 && !waits(server, accepted))
                bench_fail("the server failed");
        }
    }
    /* The tickets of TLS 1.3 come after the handshake. */
    const int got = SSL_read(client, &byte, 1);
    if (got > 0 || !waits(client, got))
        bench_fail("the client got what the server did not send");
    return ns;
}

void pair_free(SSL *client, SSL *server)
{
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client);
    SSL_free(server);
}
