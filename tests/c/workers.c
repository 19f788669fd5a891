/* workers.c: forks workers and passes them what they are to do. */
#include "workers.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where a worker finds what it is to do, and leaves what came of it. */
struct desk {
    worker_task *task; /* NULL: end */
    SSL_CTX *server;
    int with_session;
    saved session;
    long n;
    long result;
};

/* In memory that all share. */
struct board {
    struct desk desks[WORKERS];
    pthread_barrier_t barrier;
};
static struct board *board;

static struct {
    pid_t pid; /* 0: not there */
    int wire;  /* a byte in each direction: begin, done */
} workers[WORKERS];

static int self = -1;

void *shared_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    REQUIRE(memory != MAP_FAILED);
    return memory;
}

int worker_there(int w)
{
    return workers[w].pid != 0;
}

int this_worker(void)
{
    return self;
}

void meet(void)
{
    const int met = pthread_barrier_wait(&board->barrier);

    REQUIRE(met == 0 || met == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void worker(int wire, void (*last)(void))
{
    struct desk *desk = &board->desks[self];
    char byte;

    guard();
    REQUIRE(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    for (;;) {
        REQUIRE(read(wire, &byte, 1) == 1);
        if (desk->task == NULL)
            break;
        desk->result =
            desk->task(desk->server, desk->with_session ? &desk->session : NULL, desk->n);
        fflush(stdout);
        REQUIRE(write(wire, &byte, 1) == 1);
    }
    if (desk->n == LEAVES_FREEING) {
        last();
        REQUIRE(sessions_alive() == 0);
    }
    exit(0);
}

void workers_start(void (*last)(void))
{
    pthread_barrierattr_t attributes;
    int wires[2];
    int w;

    if (board == NULL) {
        board = shared_memory(sizeof(*board));
        pthread_barrierattr_init(&attributes);
        REQUIRE(pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
        REQUIRE(pthread_barrier_init(&board->barrier, &attributes, WORKERS) == 0);
        pthread_barrierattr_destroy(&attributes);
    }
    fflush(stdout);
    for (w = 0; w < WORKERS; w++) {
        REQUIRE(workers[w].pid == 0);
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wires) == 0);
        workers[w].pid = fork();
        REQUIRE(workers[w].pid >= 0);
        if (workers[w].pid == 0) {
            close(wires[0]);
            self = w;
            worker(wires[1], last);
        }
        close(wires[1]);
        workers[w].wire = wires[0];
    }
}

static void begin_at(int w, worker_task *task, SSL_CTX *server, const saved *session, long n)
{
    struct desk *desk = &board->desks[w];

    REQUIRE(workers[w].pid != 0);
    desk->task = task;
    desk->server = server;
    desk->with_session = session != NULL;
    if (session != NULL)
        desk->session = *session;
    desk->n = n;
    /* Ours, which the worker's lines are to follow. */
    fflush(stdout);
    REQUIRE(write(workers[w].wire, "", 1) == 1);
}

static void wait_for(int w)
{
    char byte;

    REQUIRE(read(workers[w].wire, &byte, 1) == 1);
}

long at(int w, worker_task *task, SSL_CTX *server, saved *session, long n)
{
    begin_at(w, task, server, session, n);
    wait_for(w);
    if (session != NULL)
        *session = board->desks[w].session;
    return board->desks[w].result;
}

void at_all(worker_task *task, SSL_CTX *server, const saved *session, long n, long results[WORKERS])
{
    int w;

    for (w = 0; w < WORKERS; w++)
        begin_at(w, task, server, session, n);
    for (w = 0; w < WORKERS; w++) {
        wait_for(w);
        results[w] = board->desks[w].result;
    }
}

void leave(int w, enum leaving how)
{
    int status;

    if (how == LEAVES_KILLED)
        REQUIRE(kill(workers[w].pid, SIGKILL) == 0);
    else
        begin_at(w, NULL, NULL, NULL, how);
    REQUIRE(waitpid(workers[w].pid, &status, 0) == workers[w].pid);
    if (how == LEAVES_KILLED)
        REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
        REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(workers[w].wire);
    workers[w].pid = 0;
}

void workers_stop(void)
{
    int w;

    for (w = 0; w < WORKERS; w++) {
        if (workers[w].pid != 0)
            leave(w, LEAVES_FREEING);
    }
}
