/*
 * client.c: one connection after the other: connect, handshake, request,
 * answer, orderly close. Everything is non-blocking, and a connection as a
 * whole has one deadline.
 */
#include "tlsload.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>

/* What is kept of an answer to look for a text; what is longer is read and forgotten. */
#define ANSWER_MAX (256 * 1024)

/* How long the close of the peer is waited for; it does not count as a failure. */
#define CLOSE_SECONDS 1.0

/* One connection under way. */
struct connection {
    struct client *client;
    struct outcome *outcome;
    int version;
    int fd;
    SSL *ssl;
    double deadline;
};

static const int protocol[TLS_VERSIONS] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* xorshift: the same sequence in every run, so that two runs offer alike. */
uint32_t client_random(struct client *client)
{
    client->random ^= client->random << 13;
    client->random ^= client->random >> 7;
    client->random ^= client->random << 17;
    return (uint32_t)(client->random >> 32);
}

/* libssl calls this for each session the server gives: one in TLS 1.2, each ticket in TLS 1.3. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct connection *connection = SSL_get_app_data(ssl);

    pool_put(&connection->client->pool, connection->version, session);
    return 1;
}

static bool use_ciphers(SSL_CTX *ctx, const char *cipher)
{
    if (cipher == NULL)
        return true;
    if (strncmp(cipher, "TLS_", 4) == 0)
        return SSL_CTX_set_ciphersuites(ctx, cipher) == 1;
    return SSL_CTX_set_cipher_list(ctx, cipher) == 1;
}

static SSL_CTX *new_ctx(const struct options *options, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL)
        return NULL;
    /* The server is loaded, not judged: its certificate may be anyone's. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
    if (SSL_CTX_set_min_proto_version(ctx, protocol[version]) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, protocol[version]) != 1 ||
        !use_ciphers(ctx, options->cipher) ||
        (options->client_cert != NULL &&
         (SSL_CTX_use_certificate_chain_file(ctx, options->client_cert) != 1 ||
          SSL_CTX_use_PrivateKey_file(ctx, options->client_key, SSL_FILETYPE_PEM) != 1))) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

bool client_init(struct client *client, const struct options *options, int number)
{
    *client = (struct client){
        .options = options,
        .random = 0x9e3779b97f4a7c15u * (uint64_t)(number + 1),
        .answer = malloc(ANSWER_MAX + 1),
    };
    if (client->answer == NULL)
        return false;
    for (int version = 0; version < TLS_VERSIONS; version++) {
        client->ctx[version] = new_ctx(options, version);
        if (client->ctx[version] == NULL)
            return false;
    }
    return true;
}

void client_free(struct client *client)
{
    pool_clear(&client->pool);
    for (int version = 0; version < TLS_VERSIONS; version++)
        SSL_CTX_free(client->ctx[version]);
    free(client->answer);
    *client = (struct client){0};
}

static bool fail(struct connection *connection, const char *step, const char *why)
{
    struct outcome *outcome = connection->outcome;

    if (!outcome->failed)
        snprintf(outcome->reason, sizeof(outcome->reason), "%s: %s", step, why);
    outcome->failed = true;
    return false;
}

/* Says why a call of libssl failed; `code` is what SSL_get_error made of it. */
static bool fail_ssl(struct connection *connection, const char *step, int code, int saved_errno)
{
    unsigned long error = ERR_peek_last_error();
    const char *reason = error != 0 ? ERR_reason_error_string(error) : NULL;

    if (code == SSL_ERROR_SYSCALL && saved_errno != 0)
        return fail(connection, step, strerror(saved_errno));
    if (reason != NULL)
        return fail(connection, step, reason);
    return fail(connection, step, "the peer closed the connection");
}

/* Waits until the socket is ready for `events`. False when the deadline passed. */
static bool wait_for(struct connection *connection, short events)
{
    for (;;) {
        struct pollfd poller = {.fd = connection->fd, .events = events};
        double left = connection->deadline - now_seconds();
        int rc;

        if (left <= 0)
            return false;
        rc = poll(&poller, 1, (int)(left * 1000) + 1);
        if (rc > 0)
            return true;
        if (rc < 0 && errno != EINTR)
            return false;
    }
}

/*
 * Waits for what the last call of libssl wants. Returns 1 to call again, 0 if
 * the call ended for good (`code` says how), -1 if the deadline passed.
 */
static int wait_ssl(struct connection *connection, int code)
{
    if (code == SSL_ERROR_WANT_READ)
        return wait_for(connection, POLLIN) ? 1 : -1;
    if (code == SSL_ERROR_WANT_WRITE)
        return wait_for(connection, POLLOUT) ? 1 : -1;
    return 0;
}

static bool open_socket(struct connection *connection)
{
    const struct options *options = connection->client->options;
    int family = options->address.ss_family, one = 1, error = 0;
    socklen_t len = sizeof(error);

    connection->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection->fd < 0)
        return fail(connection, "socket", strerror(errno));
    if (family != AF_UNIX)
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(connection->fd, (const struct sockaddr *)&options->address, options->address_len) ==
        0)
        return true;
    if (errno != EINPROGRESS)
        return fail(connection, "connect", strerror(errno));
    if (!wait_for(connection, POLLOUT))
        return fail(connection, "connect", "timeout");
    if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0 || error != 0)
        return fail(connection, "connect", strerror(error != 0 ? error : errno));
    return true;
}

static bool handshake(struct connection *connection, SSL_SESSION *session)
{
    const struct options *options = connection->client->options;
    SSL *ssl = SSL_new(connection->client->ctx[connection->version]);

    connection->ssl = ssl;
    if (ssl == NULL || SSL_set_fd(ssl, connection->fd) != 1)
        return fail(connection, "handshake", "no memory");
    SSL_set_app_data(ssl, connection);
    if (options->sni != NULL)
        SSL_set_tlsext_host_name(ssl, options->sni);
    if (session != NULL) {
        if (SSL_set_session(ssl, session) != 1)
            return fail(connection, "handshake", "the session cannot be offered");
        connection->outcome->offered = true;
    }
    for (;;) {
        int rc, code, again, saved_errno;

        ERR_clear_error();
        errno = 0;
        rc = SSL_connect(ssl);
        if (rc == 1)
            return true;
        saved_errno = errno;
        code = SSL_get_error(ssl, rc);
        again = wait_ssl(connection, code);
        if (again < 0)
            return fail(connection, "handshake", "timeout");
        if (again == 0)
            return fail_ssl(connection, "handshake", code, saved_errno);
    }
}

static bool send_request(struct connection *connection)
{
    const struct options *options = connection->client->options;

    if (options->request_len == 0)
        return true;
    for (;;) {
        int rc, code, again, saved_errno;

        ERR_clear_error();
        errno = 0;
        rc = SSL_write(connection->ssl, options->request, (int)options->request_len);
        if (rc > 0)
            return true;
        saved_errno = errno;
        code = SSL_get_error(connection->ssl, rc);
        again = wait_ssl(connection, code);
        if (again < 0)
            return fail(connection, "request", "timeout");
        if (again == 0)
            return fail_ssl(connection, "request", code, saved_errno);
    }
}

/* Whether the `len` bytes of the answer are a whole HTTP answer that says its own length. */
static bool answer_complete(const char *answer, size_t len)
{
    static const char field[] = "\r\nContent-Length:";
    const char *body, *at;

    if (len < 5 || memcmp(answer, "HTTP/", 5) != 0)
        return false;
    body = strstr(answer, "\r\n\r\n");
    if (body == NULL)
        return false;
    for (at = strstr(answer, "\r\n"); at != NULL && at < body; at = strstr(at + 2, "\r\n"))
        if (strncasecmp(at, field, sizeof(field) - 1) == 0) {
            unsigned long long length = strtoull(at + sizeof(field) - 1, NULL, 10);

            return (unsigned long long)(answer + len - (body + 4)) >= length;
        }
    return false;
}

/* Reads until the answer is whole or the peer closes. The tickets of TLS 1.3 come in here too. */
static bool read_answer(struct connection *connection)
{
    const struct options *options = connection->client->options;
    char *answer = connection->client->answer, rest[4096];
    size_t len = 0;

    answer[0] = '\0';
    for (;;) {
        bool full = len == ANSWER_MAX;
        int rc, code, again, saved_errno;

        ERR_clear_error();
        errno = 0;
        rc = SSL_read(connection->ssl, full ? rest : answer + len,
                      full ? (int)sizeof(rest) : (int)(ANSWER_MAX - len));
        if (rc > 0) {
            len += full ? 0 : (size_t)rc;
            answer[len] = '\0';
            if (answer_complete(answer, len))
                break;
            continue;
        }
        saved_errno = errno;
        code = SSL_get_error(connection->ssl, rc);
        /* libssl 1.1.1 calls an end without close_notify a system error without errno. */
        if (code == SSL_ERROR_ZERO_RETURN || (code == SSL_ERROR_SYSCALL && saved_errno == 0))
            break;
        again = wait_ssl(connection, code);
        if (again < 0)
            return fail(connection, "answer", "timeout");
        if (again == 0)
            return fail_ssl(connection, "answer", code, saved_errno);
    }
    if (len == 0 && options->request_len > 0)
        return fail(connection, "answer", "empty");
    connection->outcome->said = options->says != NULL && strstr(answer, options->says) != NULL;
    return true;
}

/* Sends our close_notify and waits a while for the peer's. */
static void close_orderly(struct connection *connection)
{
    double latest = now_seconds() + CLOSE_SECONDS;

    if (connection->deadline > latest)
        connection->deadline = latest;
    for (;;) {
        int rc;

        ERR_clear_error();
        rc = SSL_shutdown(connection->ssl);
        if (rc == 1)
            return;
        if (rc == 0)
            continue;
        if (wait_ssl(connection, SSL_get_error(connection->ssl, rc)) != 1)
            return;
    }
}

static bool run(struct connection *connection, SSL_SESSION *session, double due)
{
    if (!open_socket(connection) || !handshake(connection, session))
        return false;
    connection->outcome->latency_ns = (uint64_t)((now_seconds() - due) * 1e9) + 1;
    connection->outcome->resumed = SSL_session_reused(connection->ssl) == 1;
    return send_request(connection) && read_answer(connection);
}

void client_connect(struct client *client, int version, SSL_SESSION *session, double due,
                    struct outcome *outcome)
{
    struct connection connection = {
        .client = client,
        .outcome = outcome,
        .version = version,
        .fd = -1,
        .deadline = now_seconds() + client->options->timeout,
    };

    *outcome = (struct outcome){0};
    if (run(&connection, session, due))
        close_orderly(&connection);
    SSL_free(connection.ssl);
    if (connection.fd >= 0)
        close(connection.fd);
    /*
     * A session of TLS 1.2 is offered again as long as the server takes it; a
     * ticket of TLS 1.3 is offered once.
     */
    if (session != NULL && version == TLS12 && outcome->resumed && !outcome->failed)
        pool_put(&client->pool, version, session);
    else
        SSL_SESSION_free(session);
}
