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
#include <time.h>

struct run {
    const struct options *options;
    struct report *report;
    atomic_long left;      /* connections nobody has begun */
    atomic_int clients;    /* threads at work */
    atomic_bool no_client; /* a thread could not set up its client */
    pthread_mutex_t lock;
    pthread_cond_t ended; /* a thread has ended */
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

/* Connections at random: the version, whether a session is offered, and which. */
static void run_load(struct run *run, struct client *client)
{
    while (atomic_fetch_sub(&run->left, 1) > 0) {
        int version = pick_version(client);
        SSL_SESSION *session = NULL;
        struct outcome outcome;

        if ((int)(client_random(client) % 100) < run->options->resume_percent)
            session = pool_take(&client->pool, version, client_random(client));
        client_connect(client, version, session, &outcome);
        report_add(run->report, version, &outcome);
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

            client_connect(client, version, pool_take_newest(&client->pool, version), &outcome);
            report_add(run->report, version, &outcome);
        }
    }
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct run *run = worker->run;
    struct client client;

    if (!client_init(&client, run->options, worker->number))
        atomic_store(&run->no_client, true);
    else if (run->options->sequence)
        run_sequence(run, &client);
    else
        run_load(run, &client);
    client_free(&client);
    pthread_mutex_lock(&run->lock);
    atomic_fetch_sub(&run->clients, 1);
    pthread_cond_signal(&run->ended);
    pthread_mutex_unlock(&run->lock);
    return NULL;
}

/* Waits for the threads and shows the progress meanwhile. */
static void wait_for_end(struct run *run, double start)
{
    pthread_mutex_lock(&run->lock);
    while (atomic_load(&run->clients) > 0) {
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
        report_progress(run->report, now_seconds() - start, false);
    }
    pthread_mutex_unlock(&run->lock);
    if (run->options->progress)
        report_progress(run->report, now_seconds() - start, true);
}

static int run_all(struct run *run, struct worker *workers)
{
    int threads = run->options->threads, started;
    double start = now_seconds(), seconds;

    atomic_store(&run->clients, threads);
    for (started = 0; started < threads; started++) {
        int rc;

        workers[started].run = run;
        workers[started].number = started;
        rc = pthread_create(&workers[started].thread, NULL, work, &workers[started]);
        if (rc != 0) {
            fprintf(stderr, "tlsload: cannot start %d threads: %s\n", threads, strerror(rc));
            atomic_store(&run->left, 0);
            atomic_fetch_sub(&run->clients, threads - started);
            break;
        }
    }
    wait_for_end(run, start);
    seconds = now_seconds() - start;
    for (int i = 0; i < started; i++)
        pthread_join(workers[i].thread, NULL);
    if (atomic_load(&run->no_client))
        fprintf(stderr, "tlsload: a client cannot be set up: check --cipher, --client-cert and "
                        "--client-key\n");
    report_print(run->report, seconds);
    if (started < threads || atomic_load(&run->no_client) || report_failed(run->report) > 0)
        return 1;
    return 0;
}

int main(int argc, char **argv)
{
    struct options options;
    struct worker *workers;
    struct run run = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    long total;
    int status = 1;

    if (!options_parse(&options, argc, argv)) {
        options_usage(options.help ? stdout : stderr);
        return options.help ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN);
    total = options.connections;
    if (options.sequence)
        total *= options.tls[TLS12] + options.tls[TLS13];
    run.options = &options;
    run.report = report_new(total, options.sequence);
    atomic_init(&run.left, total);
    workers = calloc((size_t)options.threads, sizeof(*workers));
    if (run.report == NULL || workers == NULL)
        fprintf(stderr, "tlsload: no memory for %ld connections\n", total);
    else
        status = run_all(&run, workers);
    free(workers);
    report_free(run.report);
    options_free(&options);
    return status;
}
