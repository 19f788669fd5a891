#include "threads.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "blocks.h"
#include "config.h"

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
static struct parked *spent; /* of threads that have been given their work */
static unsigned reserve_len;
static _Atomic bool reserve_first;
static _Atomic unsigned asked; /* threads that the core has asked for */

/*
 * The second thread of the runtime is its monitor (runtime.sysmon), which looks
 * after the others every 20 microseconds for a while after each call from C:
 * in a server with a thousand calls a second, for ever. What it finds is a thread
 * that is in C again, and has kept its processor of the scheduler for the next
 * call; it takes that away if 10 ms have passed, wakes a thread to see that there
 * is nothing else to do, and sleeps until the next call wakes it in turn. Or the
 * thread is in the core just then, where it seems to have been all the time: it is to
 * let others run, and sleeps, perhaps with a lock, until two more have woken it. All of
 * that makes calls dear, and nothing waits for it as long as there are processors
 * for all threads that call (see sscore_threads). So the kernel may wake it as
 * late as this. With a store the core has work of its own, which the monitor is to
 * look after more often.
 */
#define MONITOR 2
#define MONITOR_SLACK_NS 1000000000ul
#define MONITOR_SLACK_STORE_NS 10000000ul

/* What a thread of the core is to run, where something is to be done before. */
struct start {
    thread_main *run;
    void *arg;
    unsigned long slack; /* of run_punctually */
};

/* The slack that the monitor had at first; 0 in other threads. */
static __thread unsigned long usual_slack;

static void *run_monitor(void *arg)
{
    const struct start start = *(struct start *)arg;
    const int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);

    ssc_core_free(arg);
    usual_slack = slack > 0 ? (unsigned long)slack : 0;
    if (usual_slack != 0)
        prctl(PR_SET_TIMERSLACK,
              ssc_config()->store != NULL ? MONITOR_SLACK_STORE_NS : MONITOR_SLACK_NS, 0, 0, 0);
    return start.run(start.arg);
}

/* A thread that the monitor makes has inherited its slack, by which it would be late for all it waits for. */
static void *run_punctually(void *arg)
{
    const struct start start = *(struct start *)arg;

    ssc_core_free(arg);
    prctl(PR_SET_TIMERSLACK, start.slack, 0, 0, 0);
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
    sem_destroy(&self->wake);
    /* Not freed: for malloc this thread would be one more (blocks.c). */
    self->next = spent;
    spent = self;
    pthread_mutex_unlock(&lock);
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
    struct parked *thread = spent;
    pthread_t id;

    if (thread != NULL)
        spent = thread->next;
    else if ((thread = malloc(sizeof *thread)) == NULL)
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
    const bool monitor = atomic_fetch_add(&asked, 1) + 1 == MONITOR;

    if (monitor || usual_slack != 0) {
        struct start *start = ssc_core_malloc(sizeof *start);
        if (start != NULL) {
            *start = (struct start){.run = run, .arg = arg, .slack = usual_slack};
            run = monitor ? run_monitor : run_punctually;
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
    spent = NULL;
    reserve_len = 0;
    atomic_store(&reserve_first, false);
}
