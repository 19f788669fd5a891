/*
 * handshake: how many handshakes a server can do with its session cache.
 *
 *     handshake tls12|tls13 internal|external THREADS SESSIONS MILLISECONDS [TURNS]
 *
 * Client and server are in one process and talk through memory, in the same
 * thread. First SESSIONS sessions are made, which stay cached. Then THREADS
 * threads, each with its part of the clients, resume them one after the other, or
 * make full handshakes, each for MILLISECONDS; THREADS may be a list (1,2),
 * measured one after the other. All of that is done in each of TURNS (1) turns.
 * TLS 1.2 resumes by session ID; in TLS 1.3 the tickets name a session in the
 * cache too (SSL_OP_NO_TICKET), and each handshake gives the client a new one.
 *
 * The server has libssl's internal cache, or one of its own behind the callbacks
 * (external.h). The client's context caches nothing, so that the only cache
 * at work is the server's.
 *
 * Of each kind it prints handshakes a second, CPU time of a handshake (client
 * and server), and the time that a handshake spends in the server's calls: mean
 * and median. Every handshake that offers a session has to resume, else the
 * program fails.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "external.h"
#include "histogram.h"
#include "pair.h"

#define TICKETS 100 /* that one handshake gives while the sessions are made */

/* Threads are not in step: the newest session of a slow one must not be evicted. */
#define ROOM 4

/* No thread makes more full handshakes in a millisecond. Each leaves two sessions at most. */
#define FULL_MOST 4u

#define THREADS_MOST 8u /* numbers of threads in one run */

struct client {
    SSL_SESSION **sessions; /* all of them; each thread has a part */
    size_t number;
    SSL_CTX *ctx, *server;
};

/*
 * At the beginning of a turn handshakes are made for so many ns that are not
 * counted: the rivals have had the processor and its caches until then.
 */
#define WARM_UP 3000000u

/*
 * The sessions that the cache has to hold, so that what full handshakes leave does
 * not evict those that are to be resumed.
 */
static size_t room_for(const struct client *client, unsigned threads, uint64_t budget,
                       unsigned long turns)
{
    return ROOM * client->number +
           2 * FULL_MOST * threads * (size_t)((budget + WARM_UP) / 1000000) * turns;
}

/* What one thread did. */
struct work {
    uint64_t handshakes, resumed, cpu_ns, ns;
    size_t next; /* of the thread's part of the clients */
    struct histogram server;
};

struct phase {
    struct client *client;
    unsigned threads;
    bool resume;       /* offer the sessions, else make full handshakes */
    uint64_t budget;   /* ns in each turn */
    struct work *work; /* of each thread, in all turns so far */
};

/* Offers *session if there is one, and puts the newest session there; none if `session` is NULL. */
static void handshake(const struct client *clients, SSL_SESSION **session, struct work *work)
{
    SSL *client, *server;

    pair_new(clients->ctx, clients->server, &client, &server);
    if (session != NULL && *session != NULL && SSL_set_session(client, *session) != 1)
        bench_fail("a session cannot be offered");
    const uint64_t ns = pair_handshake(client, server);
    work->handshakes++;
    work->resumed += (uint64_t)SSL_session_reused(server);
    histogram_note(&work->server, ns);
    if (session != NULL) {
        SSL_SESSION_free(*session);
        *session = SSL_get1_session(client);
    }
    pair_free(client, server);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Makes the handshakes of thread `number` for about so many ns, one at least. */
static void make_handshakes(const struct phase *phase, unsigned number, uint64_t ns,
                            struct work *work)
{
    const struct client *client = phase->client;
    const size_t first = client->number * number / phase->threads;
    const size_t count = client->number * (number + 1) / phase->threads - first;
    const uint64_t begun = bench_ns(), cpu = thread_cpu_ns();
    uint64_t now;

    do {
        SSL_SESSION **session = &client->sessions[first + work->next++ % count];
        handshake(client, phase->resume ? session : NULL, work);
        now = bench_ns();
    } while (now - begun < ns);
    work->ns += now - begun;
    work->cpu_ns += thread_cpu_ns() - cpu;
}

static void phase_task(void *arg, unsigned number)
{
    const struct phase *phase = arg;
    struct work *work = &phase->work[number], warm = {.next = work->next};

    make_handshakes(phase, number, WARM_UP, &warm);
    work->next = warm.next;
    make_handshakes(phase, number, phase->budget, work);
}

static void prepare(struct phase *phase, struct client *client, unsigned threads, bool resume,
                    uint64_t budget)
{
    *phase =
        (struct phase){.client = client, .threads = threads, .resume = resume, .budget = budget};
    phase->work = calloc(threads, sizeof *phase->work);
    if (phase->work == NULL)
        bench_fail("out of memory");
}

static void run(struct phase *phase)
{
    bench_threads(phase->threads, phase->client->server, phase_task, phase);
    bench_pass();
}

/* What all threads of a phase did is afterwards what the first did. */
static void sum_up(struct phase *phase)
{
    struct work *const sum = phase->work;

    for (unsigned i = 1; i < phase->threads; i++) {
        sum->handshakes += phase->work[i].handshakes;
        sum->resumed += phase->work[i].resumed;
        sum->cpu_ns += phase->work[i].cpu_ns;
        sum->ns += phase->work[i].ns;
        histogram_merge(&sum->server, &phase->work[i].server);
    }
    const uint64_t expected = phase->resume ? sum->handshakes : 0;
    if (sum->resumed != expected)
        bench_fail("%lu of %lu handshakes were resumed", (unsigned long)sum->resumed,
                   (unsigned long)sum->handshakes);
}

static void print_phase(struct phase *phase)
{
    const char *const name = phase->resume ? "resumed" : "full";
    const struct work *work = phase->work;
    sum_up(phase);
    const double n = (double)work->handshakes;

    printf(",\"%s_handshakes\":%.0f,\"%s_share_resumed\":%.4f,\"%s_per_second\":%.1f,"
           "\"%s_cpu_ns\":%.0f,\"%s_server_ns\":%.0f,\"%s_server_p50_ns\":%.1f",
           name, n, name, (double)work->resumed / n, name,
           n * 1e9 * phase->threads / (double)work->ns, name, (double)work->cpu_ns / n, name,
           (double)work->server.sum / n, name, histogram_percentile(&work->server, 0.5));
    free(phase->work);
}

/*
 * Sessions of TLS 1.2 are copies of one that a handshake made, each under an ID
 * of its own at both ends.
 */
static void fill_by_id(struct client *clients, bool external)
{
    SSL *client, *server;
    uint64_t state = 1, id[4];

    pair_new(clients->ctx, clients->server, &client, &server);
    pair_handshake(client, server);
    for (size_t i = 0; i < clients->number; i++) {
        SSL_SESSION *ours = SSL_SESSION_dup(SSL_get0_session(client));
        SSL_SESSION *theirs = SSL_SESSION_dup(SSL_get0_session(server));
        for (size_t word = 0; word < 4; word++)
            id[word] = bench_random(&state);
        if (ours == NULL || theirs == NULL ||
            !SSL_SESSION_set1_id(ours, (unsigned char *)id, sizeof id) ||
            !SSL_SESSION_set1_id(theirs, (unsigned char *)id, sizeof id))
            bench_fail("no session could be made");
        if (external)
            external_add(theirs);
        else if (SSL_CTX_add_session(clients->server, theirs) != 1)
            bench_fail("a session was not added");
        SSL_SESSION_free(theirs);
        clients->sessions[i] = ours;
    }
    pair_free(client, server);
}

/* Keeps a session that a ticket gave to the client. */
static int keep(SSL *ssl, SSL_SESSION *sess)
{
    SSL_SESSION ***next = SSL_get_app_data(ssl);

    *(*next)++ = sess;
    return 1;
}

/* In TLS 1.3 a handshake may give many tickets, each of which names a session of its own. */
static void fill_by_ticket(struct client *clients)
{
    SSL_CTX *ctx = pair_client(TLS1_3_VERSION);
    const size_t usual = SSL_CTX_get_num_tickets(clients->server);
    SSL_SESSION **next = clients->sessions, **const end = next + clients->number;

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep);
    while (next < end) {
        const size_t tickets = end - next < TICKETS ? (size_t)(end - next) : TICKETS;
        SSL_SESSION **const before = next;
        SSL *client, *server;
        SSL_CTX_set_num_tickets(clients->server, tickets);
        pair_new(ctx, clients->server, &client, &server);
        SSL_set_app_data(client, &next);
        pair_handshake(client, server);
        pair_free(client, server);
        if (next != before + tickets)
            bench_fail("%zu tickets came of %zu", (size_t)(next - before), tickets);
    }
    SSL_CTX_set_num_tickets(clients->server, usual);
    SSL_CTX_free(ctx);
}

/* Makes the sessions and returns how many the server has then. */
static size_t fill(struct client *clients, int version, bool external)
{
    if (version == TLS1_3_VERSION)
        fill_by_ticket(clients);
    else
        fill_by_id(clients, external);
    const size_t cached =
        external ? external_number() : (size_t)SSL_CTX_sess_number(clients->server);
    if (cached < clients->number)
        bench_fail("%zu sessions are cached of %zu", cached, clients->number);
    return cached;
}

int main(int argc, char **argv)
{
    static struct phase resumed[THREADS_MOST], full[THREADS_MOST];
    unsigned threads[THREADS_MOST];

    if (argc < 6 || argc > 7 || (strcmp(argv[1], "tls12") != 0 && strcmp(argv[1], "tls13") != 0) ||
        (strcmp(argv[2], "internal") != 0 && strcmp(argv[2], "external") != 0))
        bench_fail("usage: handshake tls12|tls13 internal|external THREADS SESSIONS MILLISECONDS "
                   "[TURNS]");
    const int version = strcmp(argv[1], "tls12") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
    const bool external = strcmp(argv[2], "external") == 0;
    const size_t n = bench_list(argv[3], threads, THREADS_MOST);
    const uint64_t budget = bench_number(argv[5]) * 1000000;
    const unsigned long turns = argc > 6 ? bench_number(argv[6]) : 1;
    struct client client = {.number = bench_number(argv[4])};
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += threads[i];
        prepare(&resumed[i], &client, threads[i], true, budget);
        prepare(&full[i], &client, threads[i], false, budget);
        if (client.number < threads[i])
            bench_fail("there have to be as many sessions as threads");
    }
    client.sessions = calloc(client.number, sizeof(SSL_SESSION *));
    if (client.sessions == NULL)
        bench_fail("out of memory");
    client.ctx = pair_client(version);
    const size_t room = room_for(&client, sum, budget, turns);
    client.server = pair_server(version, room);
    if (external)
        external_attach(client.server, room);

    const size_t cached = fill(&client, version, external);
    bench_pass();
    for (unsigned long turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < n; i++) {
            run(&resumed[i]);
            run(&full[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        printf("{\"bench\":\"handshake\",\"protocol\":\"%s\",\"cache\":\"%s\",\"threads\":%u,"
               "\"sessions\":%zu,\"cached\":%zu",
               argv[1], argv[2], threads[i], client.number, cached);
        print_phase(&resumed[i]);
        print_phase(&full[i]);
        printf("}\n");
    }
    for (size_t i = 0; i < client.number; i++)
        SSL_SESSION_free(client.sessions[i]);
    free(client.sessions);
    SSL_CTX_free(client.ctx);
    SSL_CTX_free(client.server);
    return 0;
}
