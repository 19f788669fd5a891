#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

typedef void *thread_main(void *);

/* A thread of the reserve, which waits to be told what to run. */
struct parked {
    struct parked *next;
    sem_t wake;
    thread_main *run;
    void *arg;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct parked *reserve;
static unsigned reserve_len;
static _Atomic bool reserve_first;
static _Atomic unsigned asked; /* threads that the core has asked for */

/*
 * The second thread of the runtime is its monitor (runtime.sysmon), which looks
 * after the others every 20 microseconds for a while after each call from C:
 * in a server with a thousand calls a second, for ever. The kernel may wake it
 * as late as this, with some other timer; nothing waits for it here as long as
 * there are processors for all threads that call (see sscore_threads).
 */
#define MONITOR 2
#define MONITOR_SLACK_NS 10000000ul

/* What a thread of the core is to run, where something is to be done before. */
struct start {
    thread_main *run;
    void *arg;
};

static void *run_monitor(void *arg)
{
    const struct start start = *(struct start *)arg;

    free(arg);
    prctl(PR_SET_TIMERSLACK, MONITOR_SLACK_NS, 0, 0, 0);
    return start.run(start.arg);
}

/* What scripts/go-core.sh puts in the place of the core's pthread_create. */
int ssc_core_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main *run,
                            void *arg);

static void *park(void *arg)
{
    struct parked *self = arg;

    while (sem_wait(&self->wake) != 0 && errno == EINTR)
        ;
    thread_main *const run = self->run;
    arg = self->arg;
    /* Who woke us may still be in sem_post. */
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    sem_destroy(&self->wake);
    free(self);
    return run(arg);
}

/* Gives `run` to a parked thread. False if there is none. */
static bool serve_from_reserve(thread_main *run, void *arg)
{
    pthread_mutex_lock(&lock);
    struct parked *thread = reserve;
    if (thread != NULL) {
        reserve = thread->next;
        reserve_len--;
        thread->run = run;
        thread->arg = arg;
        sem_post(&thread->wake);
    }
    pthread_mutex_unlock(&lock);
    return thread != NULL;
}

/* With the lock held: one more thread. It need not have arrived when it is given its work. */
static bool park_one(const pthread_attr_t *attr)
{
    struct parked *thread = calloc(1, sizeof *thread);
    pthread_t id;

    if (thread == NULL)
        return false;
    sem_init(&thread->wake, 0, 0);
    if (pthread_create(&id, attr, park, thread) != 0) {
        sem_destroy(&thread->wake);
        free(thread);
        return false;
    }
    thread->next = reserve;
    reserve = thread;
    reserve_len++;
    return true;
}

bool ssc_threads_reserve(unsigned n)
{
    pthread_attr_t attr;
    sigset_t all, mask;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &mask);
    pthread_mutex_lock(&lock);
    while (reserve_len < n && park_one(&attr))
        ;
    const bool enough = reserve_len >= n;
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    pthread_attr_destroy(&attr);
    return enough;
}

void ssc_threads_serve_reserve_first(bool first)
{
    atomic_store(&reserve_first, first);
}

int ssc_core_pthread_create(pthread_t *thread, const pthread_attr_t *attr, thread_main *run,
                            void *arg)
{
    if (atomic_fetch_add(&asked, 1) + 1 == MONITOR) {
        struct start *start = malloc(sizeof *start);
        if (start != NULL) {
            *start = (struct start){.run = run, .arg = arg};
            run = run_monitor;
            arg = start;
        }
    }
    if (atomic_load(&reserve_first) && serve_from_reserve(run, arg))
        return 0;
    const int err = pthread_create(thread, attr, run, arg);
    if (err != 0 && serve_from_reserve(run, arg))
        return 0;
    return err;
}

void ssc_threads_forked(void)
{
    pthread_mutex_init(&lock, NULL);
    reserve = NULL;
    reserve_len = 0;
    atomic_store(&reserve_first, false);
}
