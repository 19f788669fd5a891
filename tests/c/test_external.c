/*
 * external: an external cache as the manual describes it: new_cb writes the
 * session in DER, get_cb reads it back, remove_cb forgets it.
 */
#include "harness.h"

#define MAX 32

static struct {
    unsigned char id[32];
    unsigned int id_len;
    unsigned char *der;
    int der_len;
} disk[MAX];
static int disk_len;

static int position(const unsigned char *id, unsigned int len)
{
    int i;

    for (i = 0; i < disk_len; i++)
        if (disk[i].id_len == len && memcmp(disk[i].id, id, len) == 0)
            return i;
    return -1;
}

static int write_new(SSL *ssl, SSL_SESSION *sess)
{
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(sess, &len);

    (void)ssl;
    REQUIRE(disk_len < MAX);
    memcpy(disk[disk_len].id, id, len);
    disk[disk_len].id_len = len;
    disk[disk_len].der = NULL;
    disk[disk_len].der_len = i2d_SSL_SESSION(sess, &disk[disk_len].der);
    REQUIRE(disk[disk_len].der_len > 0);
    disk_len++;
    note("write(%s)", session_name(sess));
    SSL_SESSION_free(sess); /* the application's reference, which 1 keeps */
    return 1;
}

static SSL_SESSION *read_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    int i = position(id, (unsigned)len);
    const unsigned char *p;

    (void)ssl;
    note("read(%s)=%d", id_name(id, (unsigned)len), i >= 0);
    *copy = 0; /* made for the engine, which takes it over */
    if (i < 0)
        return NULL;
    p = disk[i].der;
    return d2i_SSL_SESSION(NULL, &p, disk[i].der_len);
}

static void delete_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    unsigned int len;
    const unsigned char *id = SSL_SESSION_get_id(sess, &len);
    int i = position(id, len);

    (void)ctx;
    note("delete(%s)=%d", session_name(sess), i >= 0);
    if (i >= 0) {
        OPENSSL_free(disk[i].der);
        disk[i] = disk[--disk_len];
    }
}

static SSL_CTX *new_server(int version, long mode)
{
    SSL_CTX *server = server_context(version);

    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_set_session_cache_mode(server, mode);
    SSL_CTX_sess_set_new_cb(server, write_new);
    SSL_CTX_sess_set_get_cb(server, read_get);
    SSL_CTX_sess_set_remove_cb(server, delete_remove);
    return server;
}

static void round_of(int version, long mode)
{
    SSL_CTX *server = new_server(version, mode);
    SSL_CTX *client = client_context(version);
    SSL_SESSION *session = NULL;

    printf("-- version %x, mode %ld\n", (unsigned)version, mode);
    TRACE(visit(server, client, &session)); /* C61 */
    print_log();

    STEP("another process, so to say: the same disk, nothing inside");
    SSL_CTX_sess_set_remove_cb(server, NULL);
    SSL_CTX_free(server);
    server = new_server(version, mode);
    TRACE(disk_len);
    TRACE(offer(server, client, session));
    print_log();
    TRACE(offer(server, client, session));
    print_log();
    print_counters("server", server);

    STEP("its time comes");
    SSL_SESSION_set_timeout(session, 1000000);
    advance(100000);
    RUN(SSL_CTX_flush_sessions(server, EPOCH + 100000)); /* C77 C78 */
    print_log();
    TRACE(SSL_CTX_sess_number(server));
    TRACE(disk_len);
    TRACE(offer(server, client, session));
    print_log();
    set_clock(EPOCH);
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    while (disk_len > 0)
        OPENSSL_free(disk[--disk_len].der);
    TRACE(sessions_alive());
    forget_names();
}

int main(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION, DTLS1_2_VERSION};
    int i;

    begin();
    for (i = 0; i < 3; i++) {
        round_of(versions[i], SSL_SESS_CACHE_SERVER);
        round_of(versions[i], SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
        round_of(versions[i], SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_LOOKUP);
        round_of(versions[i], SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    }
    return finish();
}
