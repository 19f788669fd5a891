/*
 * fork_inherited: what a child sees of the sessions that its parent had cached
 * before the fork.
 */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

static SSL_CTX *server;
static SSL_CTX *client;
static SSL_SESSION *session;

static void child(void)
{
    SSL_SESSION *own = make_session("A", TLS1_3_VERSION);

    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(SSL_CTX_sess_hits(server));
    TRACE(SSL_CTX_add_session(server, own));
    TRACE(SSL_CTX_add_session(server, own));
    TRACE(SSL_CTX_remove_session(server, own));
    SSL_SESSION_free(own);
    RUN(SSL_CTX_flush_sessions(server, 0));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(offer(server, client, session));
}

static void round_of(int version)
{
    int status = -1;
    pid_t pid;

    printf("-- version %x\n", (unsigned)version);
    server = server_context(version);
    client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    session = NULL;
    TRACE(visit(server, client, &session));
    fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        guard();
        child();
        fflush(stdout);
        _exit(0);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    TRACE(WIFEXITED(status));
    TRACE(WEXITSTATUS(status));
    STEP("the parent keeps its own");
    TRACE(offer(server, client, session));
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

int main(void)
{
    begin();
    round_of(TLS1_2_VERSION);
    round_of(TLS1_3_VERSION);
    return finish();
}
