/* report.c: the sums of a run, its progress and its JSON. */
#include "tlsload.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REASONS_MAX 32

struct reason {
    char text[128];
    long count;
};

struct counts {
    long full, resumed, offered, refused;
    char *history; /* one letter a connection, or NULL */
    size_t history_len;
};

struct report {
    pthread_mutex_t lock;
    struct bounds bounds;
    long done, failed, said, said_resumed, unfinished;
    struct counts version[TLS_VERSIONS];
    struct reason reason[REASONS_MAX];
    int reasons;
    long handshakes;     /* that ended well */
    struct hist latency; /* of those, and of unfinished arrivals as far as it is known */
    struct hist lag;     /* of an open loop */
    int progress_steps;  /* lines of progress printed */
};

struct report *report_new(const struct bounds *bounds)
{
    struct report *report = calloc(1, sizeof(*report));

    if (report == NULL)
        return NULL;
    pthread_mutex_init(&report->lock, NULL);
    report->bounds = *bounds;
    for (int i = 0; bounds->histories && i < TLS_VERSIONS; i++) {
        report->version[i].history = calloc((size_t)bounds->connections + 1, 1);
        if (report->version[i].history == NULL) {
            report_free(report);
            return NULL;
        }
    }
    return report;
}

void report_free(struct report *report)
{
    if (report == NULL)
        return;
    for (int i = 0; i < TLS_VERSIONS; i++)
        free(report->version[i].history);
    pthread_mutex_destroy(&report->lock);
    free(report);
}

/* Counts a reason; when the table is full, its last entry stands for all others. */
static void add_reason(struct report *report, const char *text)
{
    struct reason *reason;
    int i;

    for (i = 0; i < report->reasons; i++)
        if (strcmp(report->reason[i].text, text) == 0)
            break;
    if (i == REASONS_MAX)
        i--;
    reason = &report->reason[i];
    if (i == report->reasons) {
        report->reasons++;
        snprintf(reason->text, sizeof(reason->text), "%s", i < REASONS_MAX - 1 ? text : "other");
    }
    reason->count++;
}

void report_add(struct report *report, int version, const struct outcome *outcome)
{
    struct counts *counts = &report->version[version];
    char letter;

    pthread_mutex_lock(&report->lock);
    report->done++;
    counts->offered += outcome->offered;
    if (outcome->failed) {
        report->failed++;
        add_reason(report, outcome->reason);
        letter = 'x';
    } else if (outcome->resumed) {
        counts->resumed++;
        letter = 'r';
    } else {
        counts->full++;
        counts->refused += outcome->offered;
        letter = 'f';
    }
    if (counts->history != NULL)
        counts->history[counts->history_len++] = letter;
    report->said += outcome->said;
    report->said_resumed += outcome->said && outcome->resumed;
    if (outcome->latency_ns > 0) {
        report->handshakes++;
        hist_add(&report->latency, outcome->latency_ns);
    }
    pthread_mutex_unlock(&report->lock);
}

static uint64_t nanoseconds(double seconds)
{
    return seconds > 0 ? (uint64_t)(seconds * 1e9) : 0;
}

void report_lag(struct report *report, double seconds)
{
    pthread_mutex_lock(&report->lock);
    hist_add(&report->lag, nanoseconds(seconds));
    pthread_mutex_unlock(&report->lock);
}

/* It counts as if it had been served now, which is better than the truth, but not as if it had
 * never come. */
void report_unfinished(struct report *report, double seconds)
{
    pthread_mutex_lock(&report->lock);
    report->unfinished++;
    hist_add(&report->latency, nanoseconds(seconds));
    pthread_mutex_unlock(&report->lock);
}

long report_failed(struct report *report)
{
    long failed;

    pthread_mutex_lock(&report->lock);
    failed = report->failed + report->unfinished;
    pthread_mutex_unlock(&report->lock);
    return failed;
}

/* How much of the run is behind, from 0 to 1. */
static double share_done(const struct report *report, long done, double seconds)
{
    double share = (double)done / (double)report->bounds.connections;

    if (report->bounds.seconds > 0 && seconds / report->bounds.seconds > share)
        share = seconds / report->bounds.seconds;
    return share < 1 ? share : 1;
}

void report_progress(struct report *report, double seconds, bool last)
{
    enum { WIDTH = 30, STEPS = 5 };
    long done, failed, resumed, full;
    bool terminal = isatty(STDERR_FILENO) == 1;
    char bar[WIDTH + 1], total[32];
    int step, filled;
    double share;

    pthread_mutex_lock(&report->lock);
    done = report->done;
    failed = report->failed;
    resumed = report->version[TLS12].resumed + report->version[TLS13].resumed;
    full = report->version[TLS12].full + report->version[TLS13].full;
    pthread_mutex_unlock(&report->lock);
    share = share_done(report, done, seconds);
    step = (int)(share * STEPS);
    if (!terminal && step <= report->progress_steps)
        return;
    report->progress_steps = step;
    filled = (int)(share * WIDTH);
    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[WIDTH] = '\0';
    total[0] = '\0';
    if (report->bounds.seconds == 0)
        snprintf(total, sizeof(total), " of %ld", report->bounds.connections);
    fprintf(stderr, "%s[%s] %3d%% %ld%s, %.0f/s, full %ld, resumed %ld, failed %ld%s%s",
            terminal ? "\r" : "", bar, (int)(share * 100), done, total,
            seconds > 0 ? (double)done / seconds : 0.0, full, resumed, failed,
            terminal ? "\033[K" : "", last || !terminal ? "\n" : "");
    fflush(stderr);
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void print_version(const char *name, const struct counts *counts)
{
    printf(",\"%s\":{\"full\":%ld,\"resumed\":%ld,\"offered\":%ld,\"refused\":%ld", name,
           counts->full, counts->resumed, counts->offered, counts->refused);
    if (counts->history != NULL)
        printf(",\"history\":\"%s\"", counts->history);
    putchar('}');
}

static void print_hist(const char *name, const struct hist *hist)
{
    printf(",\"%s\":{\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p99.9\":%.3f,\"max\":%.3f}", name,
           hist_ms(hist, 50), hist_ms(hist, 90), hist_ms(hist, 99), hist_ms(hist, 99.9),
           hist_ms(hist, 100));
}

void report_print(struct report *report, const struct run_facts *facts)
{
    const struct counts *old = &report->version[TLS12], *new = &report->version[TLS13];

    printf("{\"connections\":%ld,\"failed\":%ld,\"full\":%ld,\"resumed\":%ld,\"offered\":%ld,"
           "\"refused\":%ld,\"said\":%ld,\"said_resumed\":%ld,\"errors\":{",
           report->done, report->failed, old->full + new->full, old->resumed + new->resumed,
           old->offered + new->offered, old->refused + new->refused, report->said,
           report->said_resumed);
    for (int i = 0; i < report->reasons; i++) {
        if (i > 0)
            putchar(',');
        print_string(report->reason[i].text);
        printf(":%ld", report->reason[i].count);
    }
    printf("},\"seconds\":%.3f,\"own_cpu_seconds\":%.6f,\"handshakes_per_second\":%.1f",
           facts->seconds, facts->own_seconds,
           facts->seconds > 0 ? (double)report->handshakes / facts->seconds : 0.0);
    print_hist("latency_ms", &report->latency);
    if (facts->rate > 0) {
        printf(",\"rate\":%.1f,\"unfinished\":%ld", facts->rate, report->unfinished);
        print_hist("lag_ms", &report->lag);
    }
    if (facts->cpu_seconds >= 0)
        printf(",\"cpu_seconds\":%.6f", facts->cpu_seconds);
    print_version("tls12", old);
    print_version("tls13", new);
    printf("}\n");
    fflush(stdout);
}
