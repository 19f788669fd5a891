/*
 * main.c: tlsload opens TLS connections to a server, offers sessions to resume
 * and reports what was resumed. The server under test may use any session
 * cache; this client keeps its sessions itself.
 */
#include "tlsload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

struct run {
    const struct options *options;
    struct report *report;
    struct schedule schedule; /* of an open loop */
    atomic_long begun;        /* connections that somebody has begun, or taken from the schedule */
    long connections;         /* how many there may be */
    atomic_bool no_client;    /* a thread could not set up its client */
    pthread_mutex_t lock;
    pthread_cond_t ready; /* one more thread may begin */
    pthread_cond_t go;    /* all of them may */
    pthread_cond_t ended; /* a thread has ended */
    int waiting;          /* threads that may begin; under the lock, like the next two */
    int clients;          /* threads at work */
    double start;         /* 0: not yet */
};

struct worker {
    pthread_t thread;
    struct run *run;
    int number;
};

double now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int pick_version(struct client *client)
{
    const struct options *options = client->options;

    if (options->tls[TLS12] && options->tls[TLS13])
        return client_random(client) & 1 ? TLS13 : TLS12;
    return options->tls[TLS13] ? TLS13 : TLS12;
}

/* Makes the connection that an arrival at `due` stands for; the version, whether a session is
 * offered, and which, are random. */
static void connect_at(struct run *run, struct client *client, double due)
{
    int version = pick_version(client);
    SSL_SESSION *session = NULL;
    struct outcome outcome;

    if ((int)(client_random(client) % 100) < run->options->resume_percent)
        session = pool_take(&client->pool, version, client_random(client));
    client_connect(client, version, session, due, &outcome);
    report_add(run->report, version, &outcome);
}

/* Closed loop: each client begins a connection when it has ended the one before. */
static void run_closed(struct run *run, struct client *client)
{
    double seconds = run->options->seconds, until = run->start + seconds;

    while (atomic_fetch_add(&run->begun, 1) < run->connections) {
        double now = now_seconds();

        if (seconds > 0 && now >= until)
            return;
        connect_at(run, client, now);
    }
}

/* Open loop: the clients take the arrivals in their order, each as soon as it is free. */
static void run_open(struct run *run, struct client *client)
{
    double limit = run->start + run->schedule.last + run->options->timeout;
    long arrival;

    while ((arrival = atomic_fetch_add(&run->begun, 1)) < run->schedule.arrivals) {
        double due = run->start + run->schedule.due[arrival], now = now_seconds();

        if (now < due) {
            sleep_until(due);
            now = now_seconds();
        }
        if (now > limit) {
            report_unfinished(run->report, now - due);
            continue;
        }
        report_lag(run->report, now - due);
        connect_at(run, client, due);
    }
}

/* Connections in a fixed order: in each version one without a session, then the newest each time.
 */
static void run_sequence(struct run *run, struct client *client)
{
    for (int version = 0; version < TLS_VERSIONS; version++) {
        if (!run->options->tls[version])
            continue;
        for (long i = 0; i < run->options->connections; i++) {
            struct outcome outcome;

            client_connect(client, version, pool_take_newest(&client->pool, version), now_seconds(),
                           &outcome);
            report_add(run->report, version, &outcome);
        }
    }
}

/* Gets sessions before the load; what goes wrong with it counts all the same. */
static void warm_up(struct run *run, struct client *client)
{
    for (int version = 0; version < TLS_VERSIONS; version++) {
        struct outcome outcome;

        if (!run->options->tls[version])
            continue;
        client_connect(client, version, NULL, now_seconds(), &outcome);
        if (outcome.failed)
            report_add(run->report, version, &outcome);
    }
}

/* Says that this thread may begin, and waits until all may. */
static void wait_for_start(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    run->waiting++;
    pthread_cond_signal(&run->ready);
    while (run->start == 0)
        pthread_cond_wait(&run->go, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct run *run = worker->run;
    const struct options *options = run->options;
    struct client client;
    bool able = client_init(&client, options, worker->number);

    if (!able)
        atomic_store(&run->no_client, true);
    else if (options->warm && !options->sequence)
        warm_up(run, &client);
    wait_for_start(run);
    if (able && options->sequence)
        run_sequence(run, &client);
    else if (able && options->rate > 0)
        run_open(run, &client);
    else if (able)
        run_closed(run, &client);
    client_free(&client);
    pthread_mutex_lock(&run->lock);
    run->clients--;
    pthread_cond_signal(&run->ended);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* Waits for the threads and shows the progress meanwhile. */
static void wait_for_end(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    while (run->clients > 0) {
        struct timespec until;

        if (!run->options->progress) {
            pthread_cond_wait(&run->ended, &run->lock);
            continue;
        }
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 100000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&run->ended, &run->lock, &until);
        report_progress(run->report, now_seconds() - run->start, false);
    }
    pthread_mutex_unlock(&run->lock);
    if (run->options->progress)
        report_progress(run->report, now_seconds() - run->start, true);
}

static int start_threads(struct run *run, struct worker *workers)
{
    int threads = run->options->threads, started;

    run->clients = threads;
    for (started = 0; started < threads; started++) {
        int rc;

        workers[started].run = run;
        workers[started].number = started;
        rc = pthread_create(&workers[started].thread, NULL, work, &workers[started]);
        if (rc != 0) {
            fprintf(stderr, "tlsload: cannot start %d threads: %s\n", threads, strerror(rc));
            atomic_store(&run->begun, run->connections);
            pthread_mutex_lock(&run->lock);
            run->clients -= threads - started;
            pthread_mutex_unlock(&run->lock);
            break;
        }
    }
    return started;
}

static double own_seconds(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* The load itself, once all threads are ready, and what it took. */
static struct run_facts run_load(struct run *run, int started)
{
    const struct options *options = run->options;
    struct run_facts facts = {.rate = options->rate, .cpu_seconds = -1};
    double before, after, own;

    pthread_mutex_lock(&run->lock);
    while (run->waiting < started)
        pthread_cond_wait(&run->ready, &run->lock);
    before = cpu_seconds(options->cpu_of, options->cpu_of_len);
    own = own_seconds();
    run->start = now_seconds();
    pthread_cond_broadcast(&run->go);
    pthread_mutex_unlock(&run->lock);
    wait_for_end(run);
    facts.seconds = now_seconds() - run->start;
    after = cpu_seconds(options->cpu_of, options->cpu_of_len);
    facts.own_seconds = own_seconds() - own;
    if (options->cpu_of_len > 0 && before >= 0 && after >= 0)
        facts.cpu_seconds = after - before;
    return facts;
}

static int run_all(struct run *run, struct worker *workers)
{
    const struct options *options = run->options;
    int started = start_threads(run, workers);
    struct run_facts facts = run_load(run, started);

    for (int i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    if (atomic_load(&run->no_client))
        fprintf(stderr, "tlsload: a client cannot be set up: check --cipher, --client-cert and "
                        "--client-key\n");
    report_print(run->report, &facts);
    if (started < options->threads || atomic_load(&run->no_client) ||
        report_failed(run->report) > 0 || (options->cpu_of_len > 0 && facts.cpu_seconds < 0))
        return 1;
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    struct worker *workers;
    struct bounds bounds;
    struct run run = {.lock = PTHREAD_MUTEX_INITIALIZER,
                      .ready = PTHREAD_COND_INITIALIZER,
                      .go = PTHREAD_COND_INITIALIZER,
                      .ended = PTHREAD_COND_INITIALIZER};
    int status = 1;

    if (!options_parse(&options, argc, argv)) {
        options_usage(options.help ? stdout : stderr);
        return options.help ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN);
    /* Sleeps end when they are told to; the threads inherit it. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    run.options = &options;
    run.connections = options.connections;
    if (options.sequence)
        run.connections *= options.tls[TLS12] + options.tls[TLS13];
    if (options.rate > 0 && schedule_init(&run.schedule, &options))
        run.connections = run.schedule.arrivals;
    bounds = (struct bounds){run.connections, options.seconds, options.sequence};
    run.report = report_new(&bounds);
    atomic_init(&run.begun, 0);
    workers = calloc((size_t)options.threads, sizeof(*workers));
    if (run.report == NULL || workers == NULL || (options.rate > 0 && run.schedule.due == NULL))
        fprintf(stderr, "tlsload: no memory for %ld connections\n", run.connections);
    else
        status = run_all(&run, workers);
    free(workers);
    report_free(run.report);
    schedule_free(&run.schedule);
    options_free(&options);
    return status;
}
