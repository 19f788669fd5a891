// env: SESSCACHE_NAMESPACE=shop
/*
 * lib_workers_namespace: contexts of one namespace share sessions whatever
 * their certificates are; all else must be the same.
 */
#include "workers.h"

#include <openssl/x509.h>

static SSL_CTX *server, *renewed, *other;

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(renewed);
    SSL_CTX_free(other);
    SSL_CTX_free(worker_client);
}

static void open_contexts(int version)
{
    X509 *certificate;

    server = server_context(version);
    renewed = server_context(version);
    other = server_context(version);
    worker_client = client_context(version);
    certificate = X509_dup(SSL_CTX_get0_certificate(server));
    REQUIRE(certificate != NULL);
    REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 2));
    REQUIRE(X509_sign(certificate, SSL_CTX_get0_privatekey(server), EVP_sha256()));
    REQUIRE(SSL_CTX_use_certificate(renewed, certificate) == 1);
    X509_free(certificate);
    SSL_CTX_set_session_id_context(other, (const unsigned char *)"other", 5);
    workers_start(close_contexts);
}

static void one_name(int version)
{
    saved s = {0};

    printf("-- version %x\n", (unsigned)version);
    open_contexts(version);
    TRACE(visit_at(A, server, &s));
    resumes("with a renewed certificate", renewed, &s);
    resumes("with another session id context", other, &s);
    TRACE(remove_at(C, renewed, &s));
    resumes("removed", server, &s);
    workers_stop();
    close_contexts();
}

int main(void)
{
    begin();
    one_name(TLS1_2_VERSION);
    one_name(TLS1_3_VERSION);
    return finish();
}
