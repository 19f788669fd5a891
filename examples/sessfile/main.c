/*
 * sessfile: a TLS server whose sessions outlive it. It is linked with
 * -lsesscache -lssl -lcrypto: the Go core of libsesscache keeps the sessions
 * of this process, and a directory (filecache.h), behind the three callbacks
 * (sessions.c), those of the processes before it.
 *
 *   sessfile PORT CERTIFICATE KEY DIRECTORY [THREADS]
 *
 * GET / says whether the session was resumed and from where; GET /forget also
 * ends the session, as a log-out would. SIGTERM or SIGINT stops the server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "filecache.h"
#include "openssl_sess.h"
#include "pool.h"
#include "sessions.h"

#define FILES_MAX 20000
#define THREADS_DEFAULT 8
#define THREADS_MAX 1024
#define PATIENCE_SECONDS 10 /* for a client that says nothing */

static void answer(SSL *ssl, const struct connection *connection)
{
    char request[4096], text[256];
    size_t len = 0;
    int n;

    do {
        n = SSL_read(ssl, request + len, (int)(sizeof request - 1 - len));
        if (n <= 0)
            return;
        len += (size_t)n;
        request[len] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL && len < sizeof request - 1);

    if (strncmp(request, "GET /forget ", strlen("GET /forget ")) == 0)
        SSL_CTX_remove_session(SSL_get_SSL_CTX(ssl), SSL_get_session(ssl));
    const char *session = !SSL_session_reused(ssl) ? "new"
                          : connection->from_file  ? "resumed from a file"
                                                   : "resumed";
    n = snprintf(text, sizeof text,
                 "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n%s, session %s\n",
                 SSL_get_version(ssl), session);
    SSL_write(ssl, text, n);
}

/* Serves one connection; called by the threads of the pool. */
static void serve(void *argument, int fd)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct connection connection = {0};
    const int on = 1;
    SSL *ssl = SSL_new(argument);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (ssl != NULL) {
        SSL_set_app_data(ssl, &connection);
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1) {
            answer(ssl, &connection);
            /* Without a close_notify of ours the session would not be resumable. */
            if (SSL_shutdown(ssl) == 0)
                SSL_shutdown(ssl);
        }
        SSL_free(ssl);
    }
    ERR_clear_error();
    close(fd);
}

static SSL_CTX *make_context(const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        SSL_CTX_free(ctx);
        return NULL;
    }
    /* Tickets that carry the session would make every cache idle. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx, 1);
    return ctx;
}

/* listen_on listens on the loopback interface and says where; port 0 takes a free one. */
static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    socklen_t len = sizeof address;
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        fprintf(stderr, "sessfile: port %s: %s\n", port, strerror(errno));
        return -1;
    }
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* accept_until_signal hands connections to the pool until a signal ends the server. */
static void accept_until_signal(int listener, int signals, struct pool *pool)
{
    struct pollfd events[] = {{.fd = signals, .events = POLLIN},
                              {.fd = listener, .events = POLLIN}};

    for (;;) {
        if (poll(events, 2, -1) < 0 && errno != EINTR)
            return;
        if (events[0].revents != 0)
            return;
        int fd = events[1].revents == 0 ? -1 : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            pool_submit(pool, fd);
    }
}

static void print_figures(SSL_CTX *ctx, struct filecache *cache)
{
    struct filecache_figures files;
    sesscache_stats core;

    if (sesscache_ctx_stats(ctx, &core, sizeof core))
        printf("core: lookups=%llu hits=%llu misses=%llu adds=%llu removed=%llu entries=%llu\n",
               (unsigned long long)core.lookups, (unsigned long long)core.hits,
               (unsigned long long)core.misses, (unsigned long long)core.adds,
               (unsigned long long)core.removed, (unsigned long long)core.entries);
    else
        printf("core: libssl's own cache served\n");
    filecache_read_figures(cache, &files);
    printf("files: stored=%lu found=%lu removed=%lu entries=%lu\n", files.stored, files.found,
           files.removed, files.entries);
}

int main(int argc, char **argv)
{
    unsigned long threads = argc == 6 ? strtoul(argv[5], NULL, 10) : THREADS_DEFAULT;
    sigset_t ends;

    if (argc < 5 || argc > 6 || threads == 0 || threads > THREADS_MAX) {
        fprintf(stderr, "usage: sessfile PORT CERTIFICATE KEY DIRECTORY [THREADS]\n");
        return 2;
    }
    /* Blocked here, before any thread starts, so that only the descriptor sees them. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    signal(SIGPIPE, SIG_IGN);

    struct filecache *cache = filecache_open(argv[4], FILES_MAX);
    if (cache == NULL) {
        fprintf(stderr, "sessfile: %s: %s\n", argv[4], strerror(errno));
        return 1;
    }
    SSL_CTX *ctx = make_context(argv[2], argv[3]);
    if (ctx == NULL) {
        filecache_close(cache);
        return 1;
    }
    sessions_attach(ctx, cache);

    int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    int listener = listen_on(argv[1]);
    struct pool *pool =
        signals < 0 || listener < 0 ? NULL : pool_start((unsigned)threads, serve, ctx);
    int status = pool == NULL;
    if (pool != NULL) {
        accept_until_signal(listener, signals, pool);
        pool_stop(pool);
        print_figures(ctx, cache);
    }
    if (listener >= 0)
        close(listener);
    if (signals >= 0)
        close(signals);
    sessions_detach(ctx);
    SSL_CTX_free(ctx);
    filecache_close(cache);
    return status;
}
