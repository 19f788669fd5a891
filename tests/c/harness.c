/* harness.c: start and end of a program, clock, names, log, external store. */
#include "harness.h"

#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <unistd.h>

static atomic_long clock_now = EPOCH;
static atomic_long made;
static atomic_long freed;
static int counting_index = -1;

/* In front of libc's: libssl and the library ask this clock. */
time_t time(time_t *t)
{
    time_t now = (time_t)atomic_load(&clock_now);

    if (t != NULL)
        *t = now;
    return now;
}

/* libssl from 3.3 on asks this one. */
int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    (void)tz;
    tv->tv_sec = (time_t)atomic_load(&clock_now);
    tv->tv_usec = 0;
    return 0;
}

void set_clock(long t)
{
    atomic_store(&clock_now, t);
}

void advance(long seconds)
{
    atomic_fetch_add(&clock_now, seconds);
}

void fail_require(const char *expr, const char *file, int line)
{
    fflush(stdout);
    fprintf(stderr, "%s:%d: required: %s\n", file, line, expr);
    ERR_print_errors_fp(stderr);
    _exit(2);
}

static void on_made(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent, (void)ptr, (void)ad, (void)idx, (void)argl, (void)argp;
    atomic_fetch_add(&made, 1);
}

static void on_freed(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent, (void)ptr, (void)ad, (void)idx, (void)argl, (void)argp;
    atomic_fetch_add(&freed, 1);
}

void guard(void)
{
    const char *seconds = getenv("TESTS_C_ALARM");

    alarm(seconds != NULL ? (unsigned)atoi(seconds) : 20);
}

void begin(void)
{
    guard();
    setvbuf(stdout, NULL, _IOLBF, 0);
    counting_index = SSL_SESSION_get_ex_new_index(0, NULL, on_made, NULL, on_freed);
    REQUIRE(counting_index >= 0);
}

int finish(void)
{
    free_certificate();
    printf("sessions never freed: %ld\n", sessions_alive());
    fflush(stdout);
    return 0;
}

long sessions_alive(void)
{
    return atomic_load(&made) - atomic_load(&freed);
}

long sessions_made(void)
{
    return atomic_load(&made);
}

/* Names of IDs, in the order of their first sight. */
#define MAX_NAMES 4096
static struct {
    unsigned char id[32];
    unsigned int len;
    char name[16];
} names[MAX_NAMES];
static int names_len;
static int numbered;
static pthread_mutex_t names_lock = PTHREAD_MUTEX_INITIALIZER;

static const char *name_of(const unsigned char *id, unsigned int len, const char *given)
{
    const char *found = NULL;
    int i;

    if (len == 0)
        return "(no id)";
    pthread_mutex_lock(&names_lock);
    for (i = 0; i < names_len && found == NULL; i++)
        if (names[i].len == len && memcmp(names[i].id, id, len) == 0)
            found = names[i].name;
    if (found == NULL) {
        REQUIRE(names_len < MAX_NAMES && len <= sizeof(names[0].id));
        memcpy(names[names_len].id, id, len);
        names[names_len].len = len;
        if (given != NULL)
            snprintf(names[names_len].name, sizeof(names[0].name), "%s", given);
        else
            snprintf(names[names_len].name, sizeof(names[0].name), "S%d", ++numbered);
        found = names[names_len++].name;
    }
    pthread_mutex_unlock(&names_lock);
    return found;
}

void forget_names(void)
{
    names_len = numbered = 0;
}

const char *id_name(const unsigned char *id, unsigned int len)
{
    return name_of(id, len, NULL);
}

const char *session_name(const SSL_SESSION *sess)
{
    unsigned int len;
    const unsigned char *id;

    if (sess == NULL)
        return "(none)";
    id = SSL_SESSION_get_id(sess, &len);
    return name_of(id, len, NULL);
}

static void make_id(const char *name, unsigned char id[32])
{
    memset(id, 0, 32);
    memcpy(id, name, strnlen(name, 32));
}

SSL_SESSION *make_session(const char *name, int version)
{
    unsigned char id[32];
    SSL_SESSION *sess = SSL_SESSION_new();

    make_id(name, id);
    REQUIRE(sess != NULL);
    REQUIRE(SSL_SESSION_set1_id(sess, id, sizeof(id)));
    REQUIRE(SSL_SESSION_set_protocol_version(sess, version));
    name_of(id, sizeof(id), name);
    return sess;
}

int cached(SSL_CTX *ctx, const char *name)
{
    unsigned char id[32];
    SSL *ssl = SSL_new(ctx);
    int found;

    /* Before its handshake an SSL of a context without bounds has the version TLS 1.3. */
    REQUIRE(ssl != NULL && SSL_version(ssl) == TLS1_3_VERSION);
    make_id(name, id);
    found = SSL_has_matching_session_id(ssl, id, sizeof(id));
    SSL_free(ssl);
    return found;
}

static char log_text[16384];
static size_t log_len;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

void note(const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&log_lock);
    if (log_len + 1 < sizeof(log_text)) {
        log_text[log_len++] = ' ';
        va_start(args, format);
        log_len += (size_t)vsnprintf(log_text + log_len, sizeof(log_text) - log_len, format, args);
        va_end(args);
        if (log_len >= sizeof(log_text))
            log_len = sizeof(log_text) - 1;
    }
    pthread_mutex_unlock(&log_lock);
}

void print_log(void)
{
    printf("log:%.*s\n", log_len == 0 ? 2 : (int)log_len, log_len == 0 ? " -" : log_text);
    log_len = 0;
}

#define MAX_STORE 64
static SSL_SESSION *store[MAX_STORE];
static int store_len;
int store_get_copy = COPY_UNTOUCHED;
int copy_on_entry = -2;

SSL_SESSION *store_find(const unsigned char *id, unsigned int len)
{
    unsigned int have;
    const unsigned char *data;
    int i;

    for (i = 0; i < store_len; i++) {
        data = SSL_SESSION_get_id(store[i], &have);
        if (have == len && memcmp(data, id, len) == 0)
            return store[i];
    }
    return NULL;
}

void store_put(SSL_SESSION *sess)
{
    REQUIRE(store_len < MAX_STORE);
    store[store_len++] = sess;
}

int store_clear(void)
{
    int n = store_len;

    while (store_len > 0)
        SSL_SESSION_free(store[--store_len]);
    return n;
}

static const char *side(SSL *ssl)
{
    return SSL_is_server(ssl) ? "" : "client-";
}

int keep_new(SSL *ssl, SSL_SESSION *sess)
{
    note("%snew(%s)", side(ssl), session_name(sess));
    store_put(sess);
    return 1;
}

int refuse_new(SSL *ssl, SSL_SESSION *sess)
{
    note("%snew(%s)", side(ssl), session_name(sess));
    return 0;
}

void log_remove(SSL_CTX *ctx, SSL_SESSION *sess)
{
    (void)ctx;
    note("remove(%s)", session_name(sess));
}

SSL_SESSION *miss_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    (void)ssl;
    copy_on_entry = *copy;
    note("get(%s)", id_name(id, (unsigned)len));
    return NULL;
}

SSL_SESSION *store_get(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    SSL_SESSION *sess = store_find(id, (unsigned)len);

    (void)ssl;
    copy_on_entry = *copy;
    note("get(%s)%s", id_name(id, (unsigned)len), sess != NULL ? "" : "-none");
    if (store_get_copy != COPY_UNTOUCHED)
        *copy = store_get_copy;
    if (store_get_copy == 0 && sess != NULL)
        SSL_SESSION_up_ref(sess);
    return sess;
}

void print_counters(const char *title, SSL_CTX *ctx)
{
    printf("%s: number=%ld connect=%ld connect_good=%ld connect_renegotiate=%ld accept=%ld "
           "accept_good=%ld accept_renegotiate=%ld hits=%ld cb_hits=%ld misses=%ld timeouts=%ld "
           "cache_full=%ld\n",
           title, SSL_CTX_sess_number(ctx), SSL_CTX_sess_connect(ctx),
           SSL_CTX_sess_connect_good(ctx), SSL_CTX_sess_connect_renegotiate(ctx),
           SSL_CTX_sess_accept(ctx), SSL_CTX_sess_accept_good(ctx),
           SSL_CTX_sess_accept_renegotiate(ctx), SSL_CTX_sess_hits(ctx), SSL_CTX_sess_cb_hits(ctx),
           SSL_CTX_sess_misses(ctx), SSL_CTX_sess_timeouts(ctx), SSL_CTX_sess_cache_full(ctx));
}

int thread_count(void)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    int n = 0;

    REQUIRE(dir != NULL);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            n++;
    closedir(dir);
    return n;
}
