/*
 * cost: does each operation of the session cache many times, for a tool that
 * counts instructions and calls.
 *
 *     cost alone|shared
 *
 * The parts of the run are told apart by calls of cost_mark, at each of which the
 * tool is to begin a new count. The program prints a line for each, in the order
 * of the calls: the name of the operation that was counted until then and how
 * often it was done, or "- 0" for what only prepares one.
 *
 * With "shared" all is done by a process that was forked after its contexts were
 * made, as a worker of a server is: it shares its sessions.
 */
#include "harness.h"

#include <sys/wait.h>

#define CALLS 2000
#define HANDSHAKES 8
#define TIMEOUT 3600
#define FEW 80 /* sessions after which those that are added are noted */

/* Not static and never inlined: the tool finds it by its name. */
__attribute__((noinline)) void cost_mark(void);
void cost_mark(void)
{
    __asm__ volatile("" ::: "memory");
}

/* What was done since the part before was an operation, so often. */
static void counted(const char *operation, unsigned times)
{
    cost_mark();
    printf("%s %u\n", operation, times);
}

static void prepared(void)
{
    counted("-", 0);
}

/* IDs of 32 bytes as random as those of libssl, the same in each run. */
static void make_id(unsigned char id[32], unsigned number)
{
    for (unsigned i = 0; i < 4; i++) {
        unsigned long long word = (4ull * number + i + 1) * 0x9E3779B97F4A7C15u;
        word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9u;
        word = (word ^ (word >> 27)) * 0x94D049BB133111EBu;
        word ^= word >> 31;
        memcpy(id + 8 * i, &word, sizeof word);
    }
}

static unsigned made;

static SSL_SESSION *new_session(void)
{
    SSL_SESSION *sess = SSL_SESSION_new();
    unsigned char id[32];
    const SSL_CIPHER *cipher;
    static SSL *any;

    /* What is shared has to be whole: with a cipher and a secret. */
    if (any == NULL) {
        SSL_CTX *ctx = plain_context();
        any = SSL_new(ctx);
        SSL_CTX_free(ctx);
    }
    make_id(id, made++);
    cipher = SSL_CIPHER_find(any, (const unsigned char *)"\x13\x01");
    REQUIRE(sess != NULL && cipher != NULL);
    REQUIRE(SSL_SESSION_set1_id(sess, id, sizeof id));
    REQUIRE(SSL_SESSION_set1_master_key(sess, id, sizeof id));
    REQUIRE(SSL_SESSION_set_cipher(sess, cipher));
    REQUIRE(SSL_SESSION_set_protocol_version(sess, TLS1_3_VERSION));
    REQUIRE(SSL_SESSION_set_timeout(sess, TIMEOUT));
    return sess;
}

static void make_sessions(SSL_SESSION *sessions[CALLS])
{
    for (unsigned i = 0; i < CALLS; i++)
        sessions[i] = new_session();
}

static void free_sessions(SSL_SESSION *sessions[CALLS])
{
    for (unsigned i = 0; i < CALLS; i++)
        SSL_SESSION_free(sessions[i]);
}

static void each(SSL_CTX *ctx, SSL_SESSION *sessions[CALLS], int (*call)(SSL_CTX *, SSL_SESSION *),
                 int expected)
{
    for (unsigned i = 0; i < CALLS; i++)
        REQUIRE(call(ctx, sessions[i]) == expected);
}

/* For each session one call after the other. */
static void each_in_turn(SSL_CTX *ctx, SSL_SESSION *sessions[CALLS],
                         int (*first)(SSL_CTX *, SSL_SESSION *),
                         int (*second)(SSL_CTX *, SSL_SESSION *))
{
    for (unsigned i = 0; i < CALLS; i++) {
        REQUIRE(first(ctx, sessions[i]) == 1);
        REQUIRE(second(ctx, sessions[i]) == 1);
    }
}

/* A flush that finds nothing expired, as each 256th handshake does. */
static int flush_none(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)sess;
    SSL_CTX_flush_sessions(ctx, EPOCH);
    return 1;
}

static void look_up(SSL *ssl, unsigned first, int expected)
{
    unsigned char id[32];

    for (unsigned i = 0; i < CALLS; i++) {
        make_id(id, first + i);
        REQUIRE(SSL_has_matching_session_id(ssl, id, sizeof id) == expected);
    }
}

static void operations(SSL_CTX *ctx)
{
    static SSL_SESSION *stay[CALLS], *come[CALLS];
    SSL *ssl = SSL_new(ctx);

    REQUIRE(ssl != NULL);
    SSL_CTX_sess_set_cache_size(ctx, 0);
    make_sessions(stay);
    make_sessions(come);
    /* The tables grow to what they have to be, and the core starts. */
    each(ctx, stay, SSL_CTX_add_session, 1);
    each(ctx, come, SSL_CTX_add_session, 1);
    each(ctx, come, SSL_CTX_remove_session, 1);
    free_sessions(come);
    make_sessions(come);
    prepared();
    each(ctx, come, SSL_CTX_add_session, 1);
    counted("add", CALLS);
    each(ctx, come, SSL_CTX_add_session, 0);
    counted("re-add", CALLS);
    look_up(ssl, made - CALLS, 1);
    counted("hit", CALLS);
    look_up(ssl, made, 0);
    counted("miss", CALLS);
    for (unsigned i = 0; i < CALLS; i++)
        SSL_SESSION_set_timeout(come[i], TIMEOUT + 1);
    counted("set-timeout", CALLS);
    each(ctx, come, SSL_CTX_remove_session, 1);
    counted("remove", CALLS);
    free_sessions(come);
    make_sessions(come);
    prepared();
    each_in_turn(ctx, come, SSL_CTX_add_session, SSL_CTX_remove_session);
    counted("add-remove", CALLS);
    each(ctx, come, SSL_CTX_add_session, 1);
    prepared();
    each_in_turn(ctx, come, SSL_CTX_remove_session, SSL_CTX_add_session);
    counted("remove-add", CALLS);
    each(ctx, come, SSL_CTX_remove_session, 1);
    prepared();
    each_in_turn(ctx, come, SSL_CTX_add_session, flush_none);
    counted("add-flush", CALLS);
    each(ctx, come, SSL_CTX_remove_session, 1);
    free_sessions(come);
    free_sessions(stay);
    make_sessions(come);
    /* What stock libssl calls a size of N is N-1 sessions (D2); one add makes it even. */
    SSL_CTX_sess_set_cache_size(ctx, CALLS);
    SSL_SESSION *const one = new_session();
    REQUIRE(SSL_CTX_add_session(ctx, one) == 1);
    SSL_SESSION_free(one);
    prepared();
    each(ctx, come, SSL_CTX_add_session, 1);
    counted("add-full", CALLS);
    free_sessions(come);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    prepared();
}

/* Connections that resume, with both their ends, and those that do not. */
static void handshakes(SSL_CTX *server, int version, const char *full, const char *resumed)
{
    SSL_CTX *client = client_context(version);
    SSL_SESSION *sessions[HANDSHAKES] = {NULL};

    REQUIRE(visit(server, client, &sessions[0]) == FULL);
    REQUIRE(visit(server, client, &sessions[0]) == RESUMED);
    SSL_SESSION_free(sessions[0]);
    sessions[0] = NULL;
    for (unsigned i = 0; i < FEW; i++) {
        SSL_SESSION *const one = new_session();
        REQUIRE(SSL_CTX_add_session(server, one) == 1);
        SSL_SESSION_free(one);
    }
    prepared();
    for (unsigned i = 0; i < HANDSHAKES; i++)
        REQUIRE(visit(server, client, &sessions[i]) == FULL);
    counted(full, HANDSHAKES);
    for (unsigned i = 0; i < HANDSHAKES; i++)
        REQUIRE(visit(server, client, &sessions[i]) == RESUMED);
    counted(resumed, HANDSHAKES);
    for (unsigned i = 0; i < HANDSHAKES; i++)
        SSL_SESSION_free(sessions[i]);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
    prepared();
}

static void removed(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx, (void)sess;
}

static void run(SSL_CTX *plain, SSL_CTX *tls12, SSL_CTX *tls13)
{
    operations(plain);
    handshakes(tls12, TLS1_2_VERSION, "full-tls12", "resumed-tls12");
    handshakes(tls13, TLS1_3_VERSION, "full-tls13", "resumed-tls13");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 2);
    SSL_CTX *plain = plain_context();
    SSL_CTX *tls12 = server_context(TLS1_2_VERSION);
    SSL_CTX *tls13 = server_context(TLS1_3_VERSION);

    if (strcmp(argv[1], "shared") == 0) {
        int status = -1;
        const pid_t child = fork();
        if (child != 0) {
            REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
            return status == 0 ? 0 : 1;
        }
        /* A worker whose application is to hear of each session that goes has all in its own table. */
        SSL_CTX_sess_set_remove_cb(plain, removed);
    }
    run(plain, tls12, tls13);
    free_certificate();
    return 0;
}
