/*
 * alloc: fails the n-th allocation made below one call, for each n in turn:
 * those of the shim, which is linked into this program with the fake core, and
 * those of libssl and libcrypto. The call may fail, or miss; the process must
 * live, no lock may stay held, and no session be lost. Where an allocation of
 * the shim fails, handshakes succeed all the same.
 *
 * Every case runs in a child of its own, for much is allocated only once.
 */
#include "../harness.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHIM, LIBCRYPTO, THREADS, KINDS };
static const char *const kind_names[] = {"allocation of the shim", "allocation of OpenSSL",
                                         "thread of the shim"};

/* The call under way fails number `due` of the kind; 0: none. */
static _Atomic int due[KINDS];
static atomic_bool fired;

static int fails(int kind)
{
    if (atomic_load(&due[kind]) == 0 || atomic_fetch_sub(&due[kind], 1) != 1)
        return 0;
    atomic_store(&fired, 1);
    errno = kind == THREADS ? EAGAIN : ENOMEM;
    return 1;
}

/* ld --wrap gives these the calls of this program, of which the shim is a part. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *s);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
char *__wrap_strdup(const char *s);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg);

void *__wrap_malloc(size_t size)
{
    return fails(SHIM) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails(SHIM) ? NULL : __real_calloc(n, size);
}

char *__wrap_strdup(const char *s)
{
    return fails(SHIM) ? NULL : __real_strdup(s);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                          void *arg)
{
    return fails(THREADS) ? EAGAIN : __real_pthread_create(thread, attr, run, arg);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return fails(LIBCRYPTO) ? NULL : __real_malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return fails(LIBCRYPTO) ? NULL : realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    free(p);
}

/* What the cases work on. */
static SSL_CTX *server, *client, *ctx;
static SSL_SESSION *a, *twin, *b, *c, *session;
static int kind;

static void prepare(void)
{
    ctx = plain_context();
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    a = make_session("a", TLS1_3_VERSION);
    twin = make_session("a", TLS1_3_VERSION);
    b = make_session("b", TLS1_3_VERSION);
    c = make_session("c", TLS1_3_VERSION);
}

static void prepare_full(void)
{
    prepare();
    REQUIRE(SSL_CTX_add_session(ctx, a) == 1);
    REQUIRE(SSL_CTX_add_session(ctx, b) == 1);
}

static void prepare_mirror(void)
{
    prepare_full();
    REQUIRE(SSL_CTX_sessions(ctx) != NULL);
}

static void prepare_handshake(void)
{
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
}

static void prepare_resumption(void)
{
    prepare_handshake();
    REQUIRE(visit(server, client, &session) == FULL);
}

static void clean(void)
{
    SSL_CTX_free(ctx);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    SSL_SESSION_free(a);
    SSL_SESSION_free(twin);
    SSL_SESSION_free(b);
    SSL_SESSION_free(c);
    SSL_SESSION_free(session);
}

/* The calls: each returns whether its result is one that it may have. */

static int context(void)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());

    /* A context that could not be attached is libssl's alone. */
    const int well = made != NULL || kind == LIBCRYPTO;
    SSL_CTX_free(made);
    return well;
}

static int add(void)
{
    const int result = SSL_CTX_add_session(ctx, c);

    return (result == 1 && SSL_CTX_sess_number(ctx) == 1) ||
           (result == 0 && SSL_CTX_sess_number(ctx) == 0);
}

static int replace(void)
{
    const int result = SSL_CTX_add_session(ctx, twin);

    return (result == 1 || result == 0) && SSL_CTX_sess_number(ctx) == 2;
}

static int evict(void)
{
    SSL_CTX_sess_set_cache_size(ctx, 1);
    const int result = SSL_CTX_add_session(ctx, c);

    return SSL_CTX_sess_number(ctx) == (result == 1 ? 1 : 2);
}

static int remove_one(void)
{
    return SSL_CTX_remove_session(ctx, a) == 1 && SSL_CTX_sess_number(ctx) == 1;
}

static int look(void)
{
    const long number = SSL_CTX_sess_number(ctx);
    SSL *ssl = SSL_new(ctx);
    unsigned len;

    if (ssl != NULL)
        SSL_has_matching_session_id(ssl, SSL_SESSION_get_id(a, &len), len);
    SSL_free(ssl);
    return number == 2 && (ssl != NULL || kind == LIBCRYPTO);
}

static int flush(void)
{
    SSL_CTX_flush_sessions(ctx, 0);
    /* A flush for which memory is short drops what it can. */
    return SSL_CTX_sess_number(ctx) >= 0;
}

static int mirror(void)
{
    return SSL_CTX_sessions(ctx) != NULL && SSL_CTX_sess_number(ctx) == 2;
}

static int add_mirrored(void)
{
    const int result = SSL_CTX_add_session(ctx, c);

    return SSL_CTX_sess_number(ctx) == (result == 1 ? 3 : 2);
}

static int lifetime(void)
{
    return SSL_SESSION_set_timeout(a, 1000) == 1 && SSL_SESSION_set_time(b, EPOCH + 5) == EPOCH + 5;
}

static int generate(SSL *ssl, unsigned char *id, unsigned *len)
{
    (void)ssl;
    memset(id, 'i', *len);
    return 1;
}

static int settings(void)
{
    SSL *ssl;

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH);
    SSL_CTX_sess_set_new_cb(ctx, keep_new);
    SSL_CTX_sess_set_get_cb(ctx, miss_get);
    SSL_CTX_set_generate_session_id(ctx, generate);
    ssl = SSL_new(ctx);
    if (ssl != NULL)
        SSL_set_generate_session_id(ssl, generate);
    SSL_free(ssl);
    return SSL_CTX_get_session_cache_mode(ctx) == SSL_SESS_CACHE_BOTH &&
           (ssl != NULL || kind == LIBCRYPTO);
}

static int full(void)
{
    return visit(server, client, &session) == FULL;
}

static int resume(void)
{
    return visit(server, client, &session) >= FULL;
}

/*
 * In the cases without `openssl` only allocations of the shim fail: where
 * OpenSSL sets itself up, and in a handshake, it may not recover whoever calls
 * it, and its SSL_CTX_add_session, which keeps the mirror, leaves a session it
 * had no memory for in its list without a reference.
 */
static const struct fault_case {
    const char *name;
    void (*prepare)(void);
    int (*call)(void);
    int openssl;
} cases[] = {
    {"the first context", NULL, context, 0},
    {"another context", prepare, context, 1},
    {"the first add", prepare, add, 1},
    {"an add that replaces", prepare_full, replace, 1},
    {"an add that evicts", prepare_full, evict, 1},
    {"a removal", prepare_full, remove_one, 1},
    {"a lookup", prepare_full, look, 1},
    {"a flush", prepare_full, flush, 1},
    {"the mirror", prepare_full, mirror, 0},
    {"an add to the mirror", prepare_mirror, add_mirrored, 0},
    {"new lifetimes", prepare_full, lifetime, 1},
    {"settings", prepare, settings, 1},
    {"a full handshake", prepare_handshake, full, 0},
    {"a resumed handshake", prepare_resumption, resume, 0},
};

/* What a child reports: its judgement, and FIRED if an allocation has failed. */
enum { WELL, WRONG, LOST, BROKEN, FIRED = 16 };
static const char *const judgements[] = {"well", "not a result it may have", "a session is lost",
                                         "the cache does not work afterwards"};

/* The cache has to work after the fault; a lock left held shows as a hang, which the alarm ends. */
static int works(void)
{
    SSL_CTX *other = plain_context();
    SSL_SESSION *sess = make_session("w", TLS1_3_VERSION);
    int well;

    well = SSL_CTX_add_session(other, sess) == 1 && SSL_CTX_sess_number(other) == 1 &&
           SSL_CTX_remove_session(other, sess) == 1;
    SSL_SESSION_free(sess);
    SSL_CTX_free(other);
    return well;
}

static int judge(const struct fault_case *fault, int n)
{
    if (!CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free))
        return BROKEN;
    begin();
    if (fault->prepare != NULL)
        fault->prepare();
    atomic_store(&due[kind], n);
    const int well = fault->call();
    atomic_store(&due[kind], 0);
    ERR_clear_error();
    clean();
    if (!well)
        return WRONG;
    if (!works())
        return BROKEN;
    free_certificate();
    return sessions_alive() != 0 ? LOST : WELL;
}

/* run returns what the child reports, or the negative number of the signal that killed it. */
static int run(const struct fault_case *fault, int n)
{
    int status = 0;

    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        const int judgement = judge(fault, n);
        _exit(judgement | (atomic_load(&fired) ? FIRED : 0));
    }
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* Fails allocation after allocation until the call makes no more. Returns how many cases failed. */
static int in_turn(const struct fault_case *fault)
{
    int failures = 0;
    int n = 0;
    int result;

    do {
        result = run(fault, ++n);
        if (result < 0)
            printf("%s, %s %d: killed by signal %d\n", fault->name, kind_names[kind], n, -result);
        else if ((result & ~FIRED) != WELL)
            printf("%s, %s %d: %s\n", fault->name, kind_names[kind], n,
                   (result & ~FIRED) <= BROKEN ? judgements[result & ~FIRED] : "ended early");
        failures += result < 0 || (result & ~FIRED) != WELL;
    } while ((result < 0 || (result & FIRED) != 0) && failures < 5);
    printf("%s: %d of kind '%s'\n", fault->name, n - 1, kind_names[kind]);
    return failures;
}

int main(void)
{
    int failures = 0;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (kind = 0; kind < KINDS; kind++) {
            if (kind != LIBCRYPTO || cases[i].openssl)
                failures += in_turn(&cases[i]);
        }
    }
    return failures != 0;
}
