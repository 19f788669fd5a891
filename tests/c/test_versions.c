/* versions: TLS 1.0 to 1.3, DTLS 1.0 and 1.2; the version is part of a session's identity. */
#include "harness.h"

static const struct {
    int version;
    const char *name;
} versions[] = {
    {TLS1_VERSION, "TLS 1.0"},   {TLS1_1_VERSION, "TLS 1.1"}, {TLS1_2_VERSION, "TLS 1.2"},
    {TLS1_3_VERSION, "TLS 1.3"}, {DTLS1_VERSION, "DTLS 1.0"}, {DTLS1_2_VERSION, "DTLS 1.2"},
};

static void round_of(int version, const char *name)
{
    SSL_CTX *server = server_context(version);
    SSL_CTX *client = client_context(version);
    SSL_SESSION *session = NULL;
    unsigned int len;

    printf("-- %s\n", name);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_CTX_sess_set_get_cb(server, store_get);
    TRACE(visit(server, client, &session));
    TRACE(SSL_SESSION_get_protocol_version(session) == version);
    SSL_SESSION_get_id(session, &len);
    TRACE(len);
    TRACE(visit(server, client, &session));
    print_log();
    STEP("gone inside, found outside");
    SSL_CTX_sess_set_remove_cb(server, NULL);
    TRACE(SSL_CTX_sess_number(server) > 0);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
    TRACE(visit(server, client, &session));
    print_log();
    print_counters("server", server);
    STEP("gone everywhere");
    TRACE(store_clear());
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(visit(server, client, &session));
    print_log();
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    store_clear();
    TRACE(sessions_alive());
}

/* A server of all versions: a session serves only the version it was made for. */
static void across(int made, int offered)
{
    SSL_CTX *server = server_context(0);
    SSL_CTX *one = client_context(made);
    SSL_CTX *other = client_context(offered);
    SSL_SESSION *session = NULL;
    SSL_SESSION *twin;

    printf("-- made as %x, offered as %x\n", (unsigned)made, (unsigned)offered);
    TRACE(visit(server, one, &session));
    twin = SSL_SESSION_dup(session);
    REQUIRE(twin != NULL);
    REQUIRE(SSL_SESSION_set_protocol_version(twin, offered));
    TRACE(offer(server, other, twin));
    print_counters("server", server);
    TRACE(offer(server, one, session));
    SSL_SESSION_free(session);
    SSL_SESSION_free(twin);
    SSL_CTX_free(server);
    SSL_CTX_free(one);
    SSL_CTX_free(other);
    TRACE(sessions_alive());
}

int main(void)
{
    size_t i;

    begin();
    for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        round_of(versions[i].version, versions[i].name);
    across(TLS1_2_VERSION, TLS1_1_VERSION);
    across(TLS1_1_VERSION, TLS1_2_VERSION);
    across(TLS1_VERSION, TLS1_2_VERSION);
    return finish();
}
