/*
 * make.c: writes the sessions of this directory, NAME-KIND.der, as the OpenSSL
 * that it is built with encodes them:
 *
 *   cc -o make make.c -lssl -lcrypto && ./make 3.0
 *
 * Both ends of each connection are in this process. Time, timeout, session IDs
 * and session id context are fixed; keys, tickets and master secrets are new
 * in each run.
 */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(expr)                                                                              \
    do {                                                                                           \
        if (!(expr)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #expr);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct kind {
    const char *name;
    int version;     /* of TLS */
    int dtls;        /* version is one of DTLS */
    int client_side; /* write the client's session rather than the server's */
    int tickets;     /* the server keeps no state */
    const char *sni; /* name that the client asks for */
    int alpn;        /* negotiate a protocol */
    int client_cert; /* the client shows a certificate, which the server cannot verify */
    int fragment;    /* max_fragment_length, or 0 */
    uint32_t early;  /* max_early_data, or 0 */
    int psk;         /* authenticate with a pre-shared key, TLS 1.2 */
    int raw_key;     /* the client shows a raw public key; since OpenSSL 3.2 */
};

static const struct kind kinds[] = {
    {"tls12-server", TLS1_2_VERSION, .sni = NULL},
    {"tls12-server-sni-alpn", TLS1_2_VERSION, .sni = "www.example.org", .alpn = 1},
    {"tls12-server-client-cert", TLS1_2_VERSION, .client_cert = 1},
    {"tls12-server-fragment", TLS1_2_VERSION, .fragment = TLSEXT_max_fragment_length_1024},
    {"tls12-client-psk", TLS1_2_VERSION, .client_side = 1, .psk = 1},
    {"tls12-client-ticket", TLS1_2_VERSION, .client_side = 1, .tickets = 1,
     .sni = "www.example.org"},
    {"tls13-server", TLS1_3_VERSION, .sni = NULL},
    {"tls13-server-client-cert", TLS1_3_VERSION, .sni = "www.example.org", .client_cert = 1},
    {"tls13-server-early-alpn", TLS1_3_VERSION, .sni = "www.example.org", .alpn = 1,
     .early = 16384},
    {"tls13-client-ticket", TLS1_3_VERSION, .client_side = 1, .tickets = 1, .early = 4096},
    {"dtls12-server", DTLS1_2_VERSION, .dtls = 1},
#ifdef TLSEXT_cert_type_rpk
    {"tls13-server-raw-key", TLS1_3_VERSION, .raw_key = 1},
#endif
};

static const char *prefix;
static const struct kind *kind;
static int written;

static EVP_PKEY *new_key(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    EVP_PKEY *key = NULL;

    REQUIRE(ctx != NULL && EVP_PKEY_keygen_init(ctx) > 0);
    REQUIRE(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) > 0);
    REQUIRE(EVP_PKEY_keygen(ctx, &key) > 0);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void use_new_certificate(SSL_CTX *ctx, const char *name)
{
    EVP_PKEY *key = new_key();
    X509 *cert = X509_new();
    X509_NAME *subject = X509_NAME_new();

    REQUIRE(key != NULL && cert != NULL && subject != NULL);
    REQUIRE(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                       -1, 0));
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_subject_name(cert, subject);
    X509_set_issuer_name(cert, subject);
    X509_set_pubkey(cert, key);
    REQUIRE(X509_sign(cert, key, EVP_sha256()));
    REQUIRE(SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    X509_NAME_free(subject);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int make_id(SSL *ssl, unsigned char *id, unsigned int *len)
{
    (void)ssl;
    for (unsigned int i = 0; i < *len; i++)
        id[i] = (unsigned char)(0xa0 + i);
    return 1;
}

static int write_session(SSL *ssl, SSL_SESSION *sess)
{
    char path[256];
    unsigned char *der = NULL;
    FILE *file;
    int len;

    (void)ssl;
    SSL_SESSION_set_time(sess, 1700000000);
    SSL_SESSION_set_timeout(sess, 7200);
    len = i2d_SSL_SESSION(sess, &der);
    REQUIRE(len > 0);
    snprintf(path, sizeof(path), "%s-%s.der", prefix, kind->name);
    file = fopen(path, "wb");
    REQUIRE(file != NULL && fwrite(der, 1, (size_t)len, file) == (size_t)len && fclose(file) == 0);
    OPENSSL_free(der);
    written = 1;
    return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
                       const unsigned char *in, unsigned int in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    REQUIRE(in_len > 1);
    *out = in + 1;
    *len = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static int accept_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK; /* then the session has the name */
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

static unsigned int client_psk(SSL *ssl, const char *hint, char *identity,
                               unsigned int identity_len, unsigned char *psk, unsigned int psk_len)
{
    (void)ssl;
    REQUIRE(hint != NULL && identity_len > 16 && psk_len >= 16);
    strcpy(identity, "client one");
    memset(psk, 7, 16);
    return 16;
}

static unsigned int server_psk(SSL *ssl, const char *identity, unsigned char *psk,
                               unsigned int psk_len)
{
    (void)ssl;
    REQUIRE(strcmp(identity, "client one") == 0 && psk_len >= 16);
    memset(psk, 7, 16);
    return 16;
}

static SSL_CTX *new_server(void)
{
    SSL_CTX *ctx = SSL_CTX_new(kind->dtls ? DTLS_server_method() : TLS_server_method());

    REQUIRE(ctx != NULL);
    use_new_certificate(ctx, "server");
    REQUIRE(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"context", 7));
    REQUIRE(SSL_CTX_set_generate_session_id(ctx, make_id));
    if (!kind->tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_tlsext_servername_callback(ctx, accept_name);
    if (kind->alpn)
        SSL_CTX_set_alpn_select_cb(ctx, select_alpn, NULL);
    if (kind->client_cert || kind->raw_key)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, accept_any);
    if (kind->early != 0)
        SSL_CTX_set_max_early_data(ctx, kind->early);
    if (kind->psk) {
        SSL_CTX_set_psk_server_callback(ctx, server_psk);
        REQUIRE(SSL_CTX_use_psk_identity_hint(ctx, "the hint"));
    }
    return ctx;
}

static SSL_CTX *new_client(void)
{
    SSL_CTX *ctx = SSL_CTX_new(kind->dtls ? DTLS_client_method() : TLS_client_method());

    REQUIRE(ctx != NULL);
    if (kind->client_cert || kind->raw_key)
        use_new_certificate(ctx, "client");
    REQUIRE(SSL_CTX_set_min_proto_version(ctx, kind->version));
    REQUIRE(SSL_CTX_set_max_proto_version(ctx, kind->version));
    if (kind->psk) {
        SSL_CTX_set_psk_client_callback(ctx, client_psk);
        REQUIRE(SSL_CTX_set_cipher_list(ctx, "ECDHE-PSK-AES128-CBC-SHA256"));
    }
    if (kind->alpn)
        REQUIRE(SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)"\x02h2", 3) == 0);
    if (kind->fragment != 0)
        REQUIRE(SSL_CTX_set_tlsext_max_fragment_length(ctx, (uint8_t)kind->fragment));
    return ctx;
}

static void use_raw_key(SSL *client, SSL *server)
{
#ifdef TLSEXT_cert_type_rpk
    unsigned char type = TLSEXT_cert_type_rpk;

    REQUIRE(SSL_set1_client_cert_type(client, &type, 1));
    REQUIRE(SSL_set1_client_cert_type(server, &type, 1));
#else
    (void)client;
    (void)server;
#endif
}

static void make(void)
{
    SSL_CTX *server_ctx = new_server(), *client_ctx = new_client();
    SSL *server, *client;
    BIO *at_server = NULL, *at_client = NULL;
    char byte;

    SSL_CTX_set_session_cache_mode(client_ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(kind->client_side ? client_ctx : server_ctx, write_session);
    server = SSL_new(server_ctx);
    client = SSL_new(client_ctx);
    REQUIRE(server != NULL && client != NULL);
    if (kind->raw_key)
        use_raw_key(client, server);
    if (kind->sni != NULL)
        SSL_set_tlsext_host_name(client, kind->sni);
    REQUIRE(BIO_new_bio_pair(&at_server, 1 << 16, &at_client, 1 << 16));
    SSL_set_bio(server, at_server, at_server);
    SSL_set_bio(client, at_client, at_client);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    SSL_set_mtu(server, 1400);
    SSL_set_mtu(client, 1400);

    written = 0;
    for (int i = 0; i < 20 && !written; i++) {
        SSL_read(client, &byte, 1);
        SSL_read(server, &byte, 1);
    }
    REQUIRE(written);
    SSL_free(server);
    SSL_free(client);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make NAME\n");
        return 2;
    }
    prefix = argv[1];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        kind = &kinds[i];
        make();
        printf("%s-%s.der\n", prefix, kind->name);
    }
    return 0;
}
