/*
 * lib_workers_apart: contexts that are not for the same service, or do not ask
 * the same of their clients, do not share sessions; each shares its own.
 */
#include "workers.h"

#include <openssl/x509.h>

static SSL_CTX *base, *twin, *others[4];
static const char *const names[] = {"another certificate", "another session id context",
                                    "another verify mode", "another list of authorities"};

static void close_contexts(void)
{
    size_t i;

    SSL_CTX_free(base);
    SSL_CTX_free(twin);
    for (i = 0; i < 4; i++)
        SSL_CTX_free(others[i]);
    SSL_CTX_free(worker_client);
}

static int accept_any(int ok, X509_STORE_CTX *store)
{
    (void)ok, (void)store;
    return 1;
}

/* Asks clients for certificates, and takes them if they have none. */
static SSL_CTX *make_context(int version)
{
    SSL_CTX *ctx = server_context(version);

    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"one", 3);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, accept_any);
    REQUIRE(SSL_CTX_add_client_CA(ctx, SSL_CTX_get0_certificate(ctx)) == 1);
    return ctx;
}

/* The same certificate but for its serial number. */
static X509 *variant(const SSL_CTX *ctx)
{
    X509 *certificate = X509_dup(SSL_CTX_get0_certificate(ctx));

    REQUIRE(certificate != NULL);
    REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 2));
    REQUIRE(X509_sign(certificate, SSL_CTX_get0_privatekey(ctx), EVP_sha256()));
    return certificate;
}

/* The same, for another name. */
static X509 *renamed(const SSL_CTX *ctx)
{
    X509 *certificate = variant(ctx);
    X509_NAME *name = X509_NAME_new();

    REQUIRE(name != NULL);
    REQUIRE(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"other", -1,
                                       -1, 0));
    REQUIRE(X509_set_subject_name(certificate, name));
    X509_NAME_free(name);
    return certificate;
}

static void open_contexts(int version)
{
    X509 *certificate;
    size_t i;

    base = make_context(version);
    twin = make_context(version);
    for (i = 0; i < 4; i++)
        others[i] = make_context(version);
    certificate = variant(base);
    REQUIRE(SSL_CTX_use_certificate(others[0], certificate) == 1);
    X509_free(certificate);
    SSL_CTX_set_session_id_context(others[1], (const unsigned char *)"two", 3);
    SSL_CTX_set_verify(others[2], SSL_VERIFY_NONE, NULL);
    certificate = renamed(base);
    REQUIRE(SSL_CTX_add_client_CA(others[3], certificate) == 1);
    X509_free(certificate);
    worker_client = client_context(version);
}

static void apart(int version)
{
    saved s = {0}, own;
    size_t i;

    printf("-- version %x\n", (unsigned)version);
    open_contexts(version);
    workers_start(close_contexts);
    TRACE(visit_at(A, base, &s));
    resumes("the same context", base, &s);
    resumes("one that is equal", twin, &s);
    for (i = 0; i < 4; i++) {
        printf("-- %s\n", names[i]);
        resumes("with it", others[i], &s);
        own = (saved){0};
        TRACE(visit_at(A, others[i], &own));
        resumes("its own", others[i], &own);
        resumes("its own without it", base, &own);
        TRACE(remove_at(B, others[i], &s));
        resumes("of the first", base, &s);
        flush_at(B, others[i], 0);
        resumes("of the first", base, &s);
        resumes("its own, flushed", others[i], &own);
    }
    workers_stop();
    close_contexts();
}

int main(void)
{
    begin();
    apart(TLS1_2_VERSION);
    apart(TLS1_3_VERSION);
    return finish();
}
