/*
 * fork: a context made before a fork serves parent and children, whether or not
 * the parent had cached sessions by then. Settings made before the fork hold.
 */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

static SSL_CTX *server;
static SSL_CTX *client;

static void open_contexts(int version)
{
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    SSL_CTX_sess_set_cache_size(server, 100);
    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_CTX_sess_set_get_cb(server, miss_get);
}

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    print_log();
    TRACE(store_clear());
    TRACE(sessions_alive());
}

/* settings prints what was configured before the fork. */
static void settings(void)
{
    TRACE(SSL_CTX_get_session_cache_mode(server));
    TRACE(SSL_CTX_sess_get_cache_size(server));
    TRACE(SSL_CTX_sess_get_new_cb(server) == keep_new);
    TRACE(SSL_CTX_sess_get_remove_cb(server) == log_remove);
    TRACE(SSL_CTX_sess_get_get_cb(server) == miss_get);
}

/* fresh connects twice: a session made here resumes here. */
static void fresh(void)
{
    SSL_SESSION *session = NULL;

    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    print_log();
    SSL_SESSION_free(session);
}

/* in_child runs `body` in a child and waits for it. */
static void in_child(void (*body)(void))
{
    int status = -1;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        guard();
        body();
        fflush(stdout);
        _exit(0);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    TRACE(WIFEXITED(status));
    TRACE(WEXITSTATUS(status));
}

static void child_uses(void)
{
    settings();
    fresh();
    TRACE(SSL_CTX_sess_hits(server) > 0);
}

static void child_orderly_end(void)
{
    fresh();
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(SSL_CTX_sess_number(server));
    RUN(SSL_CTX_free(server));
    SSL_CTX_free(client);
    store_clear();
}

static void child_exits(void)
{
    fresh();
    fflush(stdout);
    exit(0);
}

static void grandchild(void)
{
    fresh();
    in_child(child_uses);
    fresh();
}

static void child_makes_context(void)
{
    open_contexts(TLS1_3_VERSION);
    fresh();
    RUN(SSL_CTX_free(server));
}

static void children(void)
{
    in_child(child_uses);
    in_child(child_orderly_end);
    in_child(child_exits);
    in_child(grandchild);
    in_child(child_makes_context);
}

static void round_of(int version)
{
    printf("-- fork before the first session, version %x\n", (unsigned)version);
    open_contexts(version);
    children();
    STEP("the parent's first session");
    fresh();
    STEP("fork after it");
    children();
    STEP("the parent goes on");
    fresh();
    settings();
    in_child(child_uses);
    fresh();
    close_contexts();
}

int main(void)
{
    begin();
    round_of(TLS1_2_VERSION);
    round_of(TLS1_3_VERSION);
    return finish();
}
