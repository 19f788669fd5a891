/*
 * workers.h: forked workers that do what the program tells them, one after the
 * other or all at once.
 *
 * The program makes its contexts and forks the workers; it adds no session
 * itself before that, for then the workers would have no core of their own. What was
 * made before the fork has the same address everywhere, so workers are told
 * what to do by a function and a context. A worker is client and server of its
 * connections; the client's session travels to the others as DER. Each worker
 * has a clock of its own, which advance_at moves.
 */
#ifndef TESTS_C_WORKERS_H
#define TESTS_C_WORKERS_H

#include "harness.h"

enum { A, B, C, D, WORKERS };

/* A client's session between processes. */
typedef struct saved {
    long len; /* 0: none yet */
    unsigned char der[4096];
} saved;

/* save stores a session; restore makes one of it, which the caller owns. */
void save(saved *to, SSL_SESSION *session);
SSL_SESSION *restore(const saved *session);

/* server_session makes a session of the ID and version by which servers know `session`. */
SSL_SESSION *server_session(const saved *session);

/* The context of all clients; the program sets it before workers_start. */
extern SSL_CTX *worker_client;

/* What a worker does with its end of each connection before the handshake; NULL: nothing. */
extern void (*worker_prepares)(SSL *server);

/*
 * workers_start forks the workers. `last` is what each of them does at its end:
 * it frees the contexts. workers_stop ends those that are left and fails the
 * program if one of them never freed a session.
 */
void workers_start(void (*last)(void));
void workers_stop(void);

/* The ways in which a worker ends before workers_stop. */
enum leaving {
    LEAVES_FREEING, /* it does what it does last, and exits */
    LEAVES_AS_IS,   /* it exits and frees nothing */
    LEAVES_KILLED   /* by SIGKILL */
};
void leave(int worker, enum leaving how);

/* worker_there is 1 if the worker has neither left nor been stopped. */
int worker_there(int worker);

/*
 * A task runs in a worker. at runs one and waits for it: what it wrote to
 * *session (NULL: the task has none) is there then. at_all runs it in all
 * workers at once and stores what each returned; each has a copy of *session.
 */
typedef long worker_task(SSL_CTX *server, saved *session, long n);
long at(int worker, worker_task *task, SSL_CTX *server, saved *session, long n);
void at_all(worker_task *task, SSL_CTX *server, const saved *session, long n,
            long results[WORKERS]);

/* For tasks: the worker that runs it, and a point where each of at_all waits for the others. */
int this_worker(void);
void meet(void);

/* shared_memory makes memory that the program and workers which it forks later share. */
void *shared_memory(size_t size);

/*
 * The tasks that most programs need. visit_at and offer_at are visit and offer
 * (harness.h) in a worker. early_at offers the session with early data and
 * returns EARLY if that was accepted. open_at is visit_at, but leaves the
 * connection open, and close_at ends it.
 */
#define EARLY 2
int visit_at(int worker, SSL_CTX *server, saved *session);
int offer_at(int worker, SSL_CTX *server, saved *session);
int early_at(int worker, SSL_CTX *server, saved *session);
worker_task visit_task, offer_task, early_task;

enum ending { CLEAN, DROPPED, FATAL_RECEIVED, FATAL_SENT };
int open_at(int worker, SSL_CTX *server, saved *session);
void close_at(int worker, enum ending how);

/* remove_at and flush_at call SSL_CTX_remove_session and SSL_CTX_flush_sessions in a worker. */
int remove_at(int worker, SSL_CTX *server, saved *session);
void flush_at(int worker, SSL_CTX *server, long tm);

/* advance_at moves the clock of a worker; advance_all that of each. */
void advance_at(int worker, long seconds);
void advance_all(long seconds);

/* resumes prints which of the workers that are left resume the session, on one line. */
void resumes(const char *title, SSL_CTX *server, saved *session);

/* counters_at prints what libssl's API and the library say a context of a worker has counted. */
void counters_at(int worker, SSL_CTX *server);

/*
 * workers_modes shows for each mode of a context what its workers share; `new_cb`
 * is the application's callback of new sessions, or NULL.
 */
void workers_modes(int (*new_cb)(SSL *ssl, SSL_SESSION *sess));

#endif
