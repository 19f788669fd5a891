/*
 * tlsload.h: what the files of tlsload share. tlsload is a TLS client that
 * loads a server with full and resumed handshakes and counts which is which.
 * It uses libssl's public API only (1.1.1 to 4.0).
 */
#ifndef TLSLOAD_H
#define TLSLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <openssl/ssl.h>

/* The two protocol versions, as index of arrays. */
enum { TLS12, TLS13, TLS_VERSIONS };

/* What the command line says. */
struct options {
    const char *connect; /* as given, for messages */
    struct sockaddr_storage address;
    socklen_t address_len;
    long connections;
    double seconds; /* of the load, without a warm-up; 0: no limit */
    double rate;    /* arrivals a second of an open loop; 0: a closed loop */
    bool constant;  /* arrivals at equal distances, not those of a Poisson process */
    bool warm;      /* each client begins with sessions */
    pid_t *cpu_of;  /* processes whose processor time is reported */
    int cpu_of_len;
    int threads;
    bool tls[TLS_VERSIONS];
    int resume_percent;
    bool sequence;
    bool progress;
    bool help;
    double timeout; /* seconds for one connection, all of it */
    const char *sni;
    char *request; /* escapes resolved */
    size_t request_len;
    const char *says;
    const char *cipher;
    const char *client_cert;
    const char *client_key;
};

/*
 * Fills `options` from the command line. Returns false if it is wrong, with a
 * message on stderr, or if it asks for help.
 */
bool options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);
void options_usage(FILE *out);

/*
 * A pool of the sessions one thread holds, one list for each version. It owns
 * one reference to each. When it is full, the oldest makes room.
 */
#define POOL_MAX 64
struct pool {
    SSL_SESSION *session[TLS_VERSIONS][POOL_MAX];
    int len[TLS_VERSIONS];
};

void pool_put(struct pool *pool, int version, SSL_SESSION *session); /* takes over the reference */
SSL_SESSION *pool_take(struct pool *pool, int version, uint32_t random); /* NULL if empty */
SSL_SESSION *pool_take_newest(struct pool *pool, int version);           /* NULL if empty */
void pool_clear(struct pool *pool);

/* What became of one connection. */
struct outcome {
    bool failed;
    bool offered; /* the client offered a session */
    bool resumed;
    bool said;           /* the answer has the text of --says */
    uint64_t latency_ns; /* until the handshake was done; 0 if it was not */
    char reason[128];    /* of the failure */
};

/* A client: the state of one thread. */
struct client {
    const struct options *options;
    SSL_CTX *ctx[TLS_VERSIONS];
    struct pool pool;
    char *answer; /* buffer for one answer */
    uint64_t random;
};

bool client_init(struct client *client, const struct options *options, int number);
void client_free(struct client *client);
uint32_t client_random(struct client *client);

/*
 * Makes one connection, with a session if `session` is not NULL (takes over the
 * reference). Its latency counts from `due`, in seconds of the monotonic clock,
 * even if that has passed by.
 */
void client_connect(struct client *client, int version, SSL_SESSION *session, double due,
                    struct outcome *outcome);

/* Durations in classes; all zero is an empty one. */
#define HIST_CLASSES 7424
struct hist {
    uint64_t count[HIST_CLASSES];
    uint64_t total, max;
};

void hist_add(struct hist *hist, uint64_t ns);
/* The duration that `percent` of all do not exceed, in milliseconds; 0 of an empty one. */
double hist_ms(const struct hist *hist, double percent);

/* When the connections of an open loop are to begin, in seconds after its start. */
struct schedule {
    double *due;
    long arrivals;
    double last; /* the last of `due` */
};

/* False if there is no memory. */
bool schedule_init(struct schedule *schedule, const struct options *options);
void schedule_free(struct schedule *schedule);

/* Sleeps until a moment of the monotonic clock. */
void sleep_until(double seconds);

/* How a run is bounded, for its report. */
struct bounds {
    long connections;
    double seconds; /* 0: by the connections alone */
    bool histories; /* a letter is kept for each connection */
};

/* The sums over all connections; safe to use from all threads. */
struct report;
struct report *report_new(const struct bounds *bounds);
void report_free(struct report *report);
void report_add(struct report *report, int version, const struct outcome *outcome);
/* Notes how much after its time a connection of an open loop began. */
void report_lag(struct report *report, double seconds);
/* Notes an arrival that was given up, after so many seconds, before it began. */
void report_unfinished(struct report *report, double seconds);
long report_failed(struct report *report); /* unfinished ones included */
void report_progress(struct report *report, double seconds, bool last);

/* What is known of a run beside its connections. */
struct run_facts {
    double seconds;
    double own_seconds; /* processor time of this program meanwhile */
    double rate;        /* of arrivals; 0: closed loop */
    double cpu_seconds; /* of the processes of --cpu-of; negative: none */
};

void report_print(struct report *report, const struct run_facts *facts); /* JSON on stdout */

/*
 * The processor time that the processes have used, with all their threads, in
 * seconds. Negative, with a message, if one of them is gone.
 */
double cpu_seconds(const pid_t *pids, int len);

/* Seconds of the monotonic clock. */
double now_seconds(void);

#endif
