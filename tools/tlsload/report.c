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
    long connections, done, failed, said, said_resumed;
    struct counts version[TLS_VERSIONS];
    struct reason reason[REASONS_MAX];
    int reasons;
    uint32_t *latency; /* of the handshakes that ended well, in microseconds */
    long latencies;
    int progress_steps; /* lines of progress printed */
};

struct report *report_new(long connections, bool histories)
{
    struct report *report = calloc(1, sizeof(*report));

    if (report == NULL)
        return NULL;
    pthread_mutex_init(&report->lock, NULL);
    report->connections = connections;
    report->latency = calloc((size_t)connections, sizeof(*report->latency));
    if (report->latency == NULL) {
        report_free(report);
        return NULL;
    }
    for (int i = 0; histories && i < TLS_VERSIONS; i++) {
        report->version[i].history = calloc((size_t)connections + 1, 1);
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
    free(report->latency);
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
    if (outcome->handshake_us > 0)
        report->latency[report->latencies++] = outcome->handshake_us;
    pthread_mutex_unlock(&report->lock);
}

long report_failed(struct report *report)
{
    long failed;

    pthread_mutex_lock(&report->lock);
    failed = report->failed;
    pthread_mutex_unlock(&report->lock);
    return failed;
}

void report_progress(struct report *report, double seconds, bool last)
{
    enum { WIDTH = 30, STEPS = 5 };
    long done, failed, resumed, full;
    bool terminal = isatty(STDERR_FILENO) == 1;
    char bar[WIDTH + 1];
    int step, filled;

    pthread_mutex_lock(&report->lock);
    done = report->done;
    failed = report->failed;
    resumed = report->version[TLS12].resumed + report->version[TLS13].resumed;
    full = report->version[TLS12].full + report->version[TLS13].full;
    pthread_mutex_unlock(&report->lock);
    step = (int)(done * STEPS / report->connections);
    if (!terminal && step <= report->progress_steps)
        return;
    report->progress_steps = step;
    filled = (int)(done * WIDTH / report->connections);
    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[WIDTH] = '\0';
    fprintf(stderr, "%s[%s] %3ld%% %ld of %ld, %.0f/s, full %ld, resumed %ld, failed %ld%s%s",
            terminal ? "\r" : "", bar, done * 100 / report->connections, done, report->connections,
            seconds > 0 ? (double)done / seconds : 0.0, full, resumed, failed,
            terminal ? "\033[K" : "", last || !terminal ? "\n" : "");
    fflush(stderr);
}

static int by_value(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

/* The latency that `percent` of the handshakes do not exceed, in milliseconds. */
static double percentile(const struct report *report, double percent)
{
    long at = (long)((double)report->latencies * percent / 100.0);

    if (report->latencies == 0)
        return 0;
    if (at >= report->latencies)
        at = report->latencies - 1;
    return report->latency[at] / 1000.0;
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

void report_print(struct report *report, double seconds)
{
    const struct counts *old = &report->version[TLS12], *new = &report->version[TLS13];

    qsort(report->latency, (size_t)report->latencies, sizeof(*report->latency), by_value);
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
    printf("},\"seconds\":%.3f,\"handshakes_per_second\":%.1f,\"latency_ms\":{\"p50\":%.3f,"
           "\"p90\":%.3f,\"p99\":%.3f,\"max\":%.3f}",
           seconds, seconds > 0 ? (double)report->latencies / seconds : 0.0, percentile(report, 50),
           percentile(report, 90), percentile(report, 99), percentile(report, 100));
    print_version("tls12", old);
    print_version("tls13", new);
    printf("}\n");
    fflush(stdout);
}
