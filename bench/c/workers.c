/*
 * workers: memory of a server of several processes that caches many sessions.
 *
 *     workers WORKERS SESSIONS TABLE own|all
 *
 * behaves as nginx does: a parent makes the context, whose cache holds TABLE
 * sessions, and forks WORKERS processes. With "own" each of them adds its part
 * of the sessions, as if it had made them in handshakes; with "all" each adds
 * all of them, which is what processes need that share nothing and yet shall
 * resume whatever a client offers. Nobody keeps a reference beside the cache.
 *
 * It prints the memory of all processes together, where what they share counts
 * once (PSS): when each has added one session, and when all are in. At the end
 * each worker looks for sessions of all workers; "found" is the share that it
 * has.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define TIMEOUT 3600
#define WORKERS_MAX 256u
#define ASKED_MAX 50000u /* sessions that each worker looks for at the end */

/* A child, and the pipes by which it is told to go on and says what came of it. */
struct worker {
    pid_t pid;
    int orders, answers;
};

struct setting {
    unsigned workers;
    size_t sessions, table;
    bool all;
    SSL_CTX *ctx;
    const SSL_CIPHER *cipher;
};

/* nginx's is the SHA-1 of its names and certificates. */
static const unsigned char site[20] = "workers";

static void use_certificate(SSL_CTX *ctx)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *generator = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    X509 *certificate = X509_new();

    if (generator == NULL || certificate == NULL || EVP_PKEY_keygen_init(generator) != 1 ||
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(generator, NID_X9_62_prime256v1) != 1 ||
        EVP_PKEY_keygen(generator, &key) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) != 1 ||
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0) == NULL ||
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) == NULL ||
        X509_set_pubkey(certificate, key) != 1 || X509_sign(certificate, key, EVP_sha256()) == 0 ||
        SSL_CTX_use_certificate(ctx, certificate) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        bench_fail("no certificate could be made");
    X509_free(certificate);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(generator);
}

static void set_up(struct setting *setting)
{
    SSL *ssl;

    setting->ctx = bench_context(setting->table);
    use_certificate(setting->ctx);
    if (SSL_CTX_set_session_id_context(setting->ctx, site, sizeof site) != 1)
        bench_fail("the context cannot be set up");
    ssl = SSL_new(setting->ctx);
    if (ssl != NULL) /* TLS_AES_256_GCM_SHA384 */
        setting->cipher = SSL_CIPHER_find(ssl, (const unsigned char *)"\x13\x02");
    if (setting->cipher == NULL)
        bench_fail("a cipher is missing");
    SSL_free(ssl);
}

/* Session i of a worker: the same in every process, and with what one of a handshake has. */
static SSL_SESSION *make(const struct setting *setting, unsigned worker, size_t i)
{
    uint64_t seed = (uint64_t)worker << 40 | i, state = bench_random(&seed);
    uint64_t master[6];
    SSL_SESSION *sess = bench_session(&state, TIMEOUT);

    for (size_t word = 0; word < sizeof master / sizeof *master; word++)
        master[word] = bench_random(&state);
    if (!SSL_SESSION_set1_master_key(sess, (const unsigned char *)master, sizeof master) ||
        !SSL_SESSION_set_cipher(sess, setting->cipher) ||
        !SSL_SESSION_set1_id_context(sess, site, sizeof site))
        bench_fail("no session could be made");
    return sess;
}

/* How many sessions the worker makes itself. */
static size_t part(const struct setting *setting, unsigned worker)
{
    return setting->sessions / setting->workers + (worker < setting->sessions % setting->workers);
}

static void add(const struct setting *setting, unsigned worker, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        SSL_SESSION *sess = make(setting, worker, i);
        if (SSL_CTX_add_session(setting->ctx, sess) != 1)
            bench_fail("a session was not added");
        SSL_SESSION_free(sess);
    }
}

/* The share of the sessions of all workers that this process knows, by a sample. */
static double look_up(const struct setting *setting)
{
    const size_t step = setting->sessions / ASKED_MAX + 1;
    size_t asked = 0, found = 0;
    SSL *ssl = SSL_new(setting->ctx);

    if (ssl == NULL)
        bench_fail("SSL_new failed");
    for (unsigned worker = 0; worker < setting->workers; worker++) {
        for (size_t i = 0; i < part(setting, worker); i += step) {
            SSL_SESSION *sess = make(setting, worker, i);
            unsigned len;
            const unsigned char *id = SSL_SESSION_get_id(sess, &len);
            found += SSL_has_matching_session_id(ssl, id, len) == 1;
            asked++;
            SSL_SESSION_free(sess);
        }
    }
    SSL_free(ssl);
    return (double)found / (double)asked;
}

static void receive(int pipe, void *value, size_t size)
{
    if (read(pipe, value, size) != (ssize_t)size)
        bench_fail("a process has ended too early");
}

static void send_on(int pipe, const void *value, size_t size)
{
    if (write(pipe, value, size) != (ssize_t)size)
        bench_fail("a process has ended too early");
}

/* Says that a step is done, and waits for the word to go on. */
static void step_done(int orders, int answers, double result)
{
    char go;

    send_on(answers, &result, sizeof result);
    receive(orders, &go, sizeof go);
}

/* What a worker does: one session, its sessions, its look-ups; a word before each. */
static void work(const struct setting *setting, unsigned number, int orders, int answers)
{
    step_done(orders, answers, 0);
    add(setting, number, 0, 1);
    step_done(orders, answers, 0);
    add(setting, number, 1, part(setting, number));
    for (unsigned other = 0; setting->all && other < setting->workers; other++) {
        if (other != number)
            add(setting, other, 0, part(setting, other));
    }
    step_done(orders, answers, 0);
    step_done(orders, answers, look_up(setting));
}

static void fork_workers(const struct setting *setting, struct worker *workers)
{
    for (unsigned i = 0; i < setting->workers; i++) {
        int orders[2], answers[2];

        if (pipe(orders) != 0 || pipe(answers) != 0)
            bench_fail("no pipe could be made");
        workers[i] = (struct worker){fork(), orders[1], answers[0]};
        if (workers[i].pid < 0)
            bench_fail("no process could be made");
        if (workers[i].pid == 0) {
            /* The other ends are the parent's alone, so that its end is the end of all. */
            for (unsigned other = 0; other <= i; other++) {
                close(workers[other].orders);
                close(workers[other].answers);
            }
            work(setting, i, orders[0], answers[1]);
            /* As a killed worker ends: what is shared stays, and nothing is tidied up. */
            _exit(0);
        }
        close(orders[0]);
        close(answers[1]);
    }
}

/* Waits until every worker has done its step; the sum of what they answer. */
static double await(const struct setting *setting, struct worker *workers)
{
    double sum = 0;

    for (unsigned i = 0; i < setting->workers; i++) {
        double result;

        receive(workers[i].answers, &result, sizeof result);
        sum += result;
    }
    return sum;
}

/* Has every worker do its next step, and waits for it. */
static double next(const struct setting *setting, struct worker *workers)
{
    for (unsigned i = 0; i < setting->workers; i++)
        send_on(workers[i].orders, "", 1);
    return await(setting, workers);
}

/* What a process takes, in bytes; a page that n processes share counts 1/n for each. */
static uint64_t proportional(pid_t pid)
{
    char path[64], line[128];
    unsigned long kilobytes = 0;
    FILE *rollup;

    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", (long)pid);
    rollup = fopen(path, "r");
    if (rollup == NULL)
        bench_fail("%s cannot be read", path);
    while (fgets(line, sizeof line, rollup) != NULL && sscanf(line, "Pss: %lu", &kilobytes) != 1)
        ;
    fclose(rollup);
    if (kilobytes == 0)
        bench_fail("%s does not tell the memory", path);
    return (uint64_t)kilobytes << 10;
}

static uint64_t memory(const struct setting *setting, const struct worker *workers)
{
    uint64_t sum = proportional(getpid());

    for (unsigned i = 0; i < setting->workers; i++)
        sum += proportional(workers[i].pid);
    return sum;
}

static void measure(const struct setting *setting, struct worker *workers)
{
    uint64_t before, after, begun;
    double seconds, found;

    await(setting, workers);
    next(setting, workers);
    before = memory(setting, workers);
    begun = bench_ns();
    next(setting, workers);
    seconds = (double)(bench_ns() - begun) / 1e9;
    after = memory(setting, workers);
    found = next(setting, workers) / setting->workers;
    printf("{\"bench\":\"workers\",\"workers\":%u,\"sessions\":%zu,\"table\":%zu,\"adds\":\"%s\","
           "\"before_bytes\":%lu,\"total_bytes\":%lu,\"session_bytes\":%.1f,\"found\":%.4f,"
           "\"seconds\":%.2f}\n",
           setting->workers, setting->sessions, setting->table, setting->all ? "all" : "own",
           (unsigned long)before, (unsigned long)after,
           ((double)after - (double)before) / (double)setting->sessions, found, seconds);
}

int main(int argc, char **argv)
{
    static struct worker workers[WORKERS_MAX];
    struct setting setting = {0};
    int status = 0;

    if (argc != 5 || (strcmp(argv[4], "own") != 0 && strcmp(argv[4], "all") != 0))
        bench_fail("usage: workers WORKERS SESSIONS TABLE own|all");
    setting.workers = (unsigned)bench_number(argv[1]);
    setting.sessions = bench_number(argv[2]);
    setting.table = bench_number(argv[3]);
    setting.all = strcmp(argv[4], "all") == 0;
    if (setting.workers < 1 || setting.workers > WORKERS_MAX || setting.sessions < setting.workers)
        bench_fail("there have to be 1 to %u workers, and a session for each", WORKERS_MAX);
    /* A worker that ended is told by what it answers. */
    signal(SIGPIPE, SIG_IGN);
    set_up(&setting);
    fork_workers(&setting, workers);
    measure(&setting, workers);
    for (unsigned i = 0; i < setting.workers; i++) {
        int ended;

        send_on(workers[i].orders, "", 1);
        if (waitpid(workers[i].pid, &ended, 0) != workers[i].pid || ended != 0)
            status = 1;
    }
    SSL_CTX_free(setting.ctx);
    return status;
}
