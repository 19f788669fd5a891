/*
 * lib_workers_fork: children of workers, and their parent. A child whose parent
 * has a core goes on with libssl's own cache; one whose parent has none yet is
 * a worker itself.
 */
#include "library.h"
#include "workers.h"

#include <sys/wait.h>
#include <unistd.h>

static SSL_CTX *server;

static void close_contexts(void)
{
    SSL_CTX_free(server);
    SSL_CTX_free(worker_client);
}

static void open_contexts(int version)
{
    server = server_context(version);
    worker_client = client_context(version);
    SSL_CTX_set_num_tickets(server, 1);
    workers_start(close_contexts);
}

/* What a worker's child does with a session of others, and with one of its own. */
static void child(saved *session)
{
    saved own = {0};

    TRACE(library_attached(server));
    TRACE(offer_task(server, session, 0));
    TRACE(library_attached(server));
    TRACE(visit_task(server, &own, 0));
    TRACE(offer_task(server, &own, 0));
    *session = own;
    close_contexts();
    TRACE(sessions_alive());
    fflush(stdout);
    _exit(0);
}

/* Leaves the session that the child made in *session. */
static long fork_child(SSL_CTX *ctx, saved *session, long n)
{
    saved *passed = shared_memory(sizeof(*passed));
    int status;
    pid_t pid;

    (void)ctx, (void)n;
    *passed = *session;
    fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        guard();
        child(passed);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    *session = *passed;
    return library_attached(server);
}

static void children(int version)
{
    saved s = {0}, at_b = {0}, made;

    printf("-- a child of a worker with a core, version %x\n", (unsigned)version);
    open_contexts(version);
    TRACE(visit_at(A, server, &s));
    TRACE(visit_at(B, server, &at_b));
    made = at_b;
    TRACE(at(A, fork_child, server, &made, 0));
    resumes("made by the child", server, &made);
    resumes("made by its parent", server, &s);
    resumes("made by another", server, &at_b);

    workers_stop();
    workers_start(close_contexts);
    STEP("a child of a worker that has not needed one yet");
    s = (saved){0};
    TRACE(visit_at(A, server, &s));
    made = s;
    TRACE(at(D, fork_child, server, &made, 0));
    resumes("made by the child", server, &made);
    resumes("made by another", server, &s);
    workers_stop();
    close_contexts();
}

/* The process that forked the workers serves nobody; what it makes is its own affair. */
static void parent(void)
{
    saved s = {0}, own = {0};

    STEP("the parent of the workers");
    open_contexts(TLS1_2_VERSION);
    TRACE(visit_at(A, server, &s));
    TRACE(offer_task(server, &s, 0));
    TRACE(visit_task(server, &own, 0));
    TRACE(offer_task(server, &own, 0));
    resumes("made by the parent", server, &own);
    resumes("made by a worker", server, &s);
    workers_stop();
    close_contexts();
}

int main(void)
{
    begin();
    children(TLS1_2_VERSION);
    children(TLS1_3_VERSION);
    parent();
    return finish();
}
