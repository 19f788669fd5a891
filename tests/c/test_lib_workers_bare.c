/*
 * lib_workers_bare: contexts without a certificate, whose connections are given
 * one. Workers share what one of them made before the fork; of those made later
 * nobody can tell which is which.
 */
#include "workers.h"

static SSL_CTX *shop, *mail, *identity;
static SSL_CTX *late[2]; /* of a worker */

static void close_contexts(void)
{
    SSL_CTX_free(shop);
    SSL_CTX_free(mail);
    SSL_CTX_free(identity);
    SSL_CTX_free(late[0]);
    SSL_CTX_free(late[1]);
    SSL_CTX_free(worker_client);
}

static int give_certificate(SSL *ssl, void *arg)
{
    (void)arg;
    REQUIRE(SSL_use_certificate(ssl, SSL_CTX_get0_certificate(identity)) == 1);
    REQUIRE(SSL_use_PrivateKey(ssl, SSL_CTX_get0_privatekey(identity)) == 1);
    return 1;
}

static SSL_CTX *bare_context(int version)
{
    SSL_CTX *ctx = plain_context();

    REQUIRE(SSL_CTX_set_min_proto_version(ctx, version) == 1);
    REQUIRE(SSL_CTX_set_max_proto_version(ctx, version) == 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_cert_cb(ctx, give_certificate, NULL);
    return ctx;
}

static void open_contexts(int version)
{
    identity = server_context(version);
    shop = bare_context(version);
    mail = bare_context(version);
    worker_client = client_context(version);
    workers_start(close_contexts);
}

static long make_late(SSL_CTX *ctx, saved *session, long version)
{
    (void)ctx, (void)session;
    late[0] = bare_context((int)version);
    late[1] = bare_context((int)version);
    return 0;
}

static long visit_late(SSL_CTX *ctx, saved *session, long which)
{
    (void)ctx;
    return visit_task(late[which], session, 0);
}

static long offer_late(SSL_CTX *ctx, saved *session, long which)
{
    (void)ctx;
    return offer_task(late[which], session, 0);
}

static void bare(int version)
{
    saved s = {0};

    printf("-- version %x\n", (unsigned)version);
    open_contexts(version);
    TRACE(visit_at(A, shop, &s));
    resumes("by the same context", shop, &s);
    resumes("by another one", mail, &s);
    TRACE(remove_at(C, mail, &s));
    resumes("not removed", shop, &s);

    STEP("contexts that workers make");
    at(A, make_late, NULL, NULL, version);
    at(B, make_late, NULL, NULL, version);
    s = (saved){0};
    TRACE(at(A, visit_late, NULL, &s, 0));
    TRACE(at(A, offer_late, NULL, &s, 0));
    TRACE(at(A, offer_late, NULL, &s, 1));
    TRACE(at(B, offer_late, NULL, &s, 0));
    TRACE(at(B, offer_late, NULL, &s, 1));
    workers_stop();
    close_contexts();
}

int main(void)
{
    begin();
    bare(TLS1_2_VERSION);
    bare(TLS1_3_VERSION);
    return finish();
}
