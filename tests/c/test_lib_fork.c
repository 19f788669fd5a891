/*
 * lib_fork: whom the cache serves after a fork: the library in a child whose
 * parent had not started the core, libssl in one whose parent had.
 */
#include "library.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static SSL_CTX *server;
static SSL_CTX *client;

/* OpenSSL's allocations so far. */
static atomic_long allocations;

static void *counted_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    atomic_fetch_add(&allocations, 1);
    return malloc(size);
}

static void *counted_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    atomic_fetch_add(&allocations, 1);
    return realloc(block, size);
}

static void counted_free(void *block, const char *file, int line)
{
    (void)file, (void)line;
    free(block);
}

static void in_child(void (*body)(void))
{
    int status = -1;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        guard();
        body();
        fflush(stdout);
        _exit(0);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid);
    printf("child: exited %d, status %d\n", WIFEXITED(status), WEXITSTATUS(status));
}

static void use(void)
{
    SSL_SESSION *session = NULL;
    SSL_CTX *fresh;

    TRACE(visit(server, client, &session));
    TRACE(visit(server, client, &session));
    SSL_SESSION_free(session);
    TRACE(library_attached(server));
    TRACE(thread_count() > 1);
    fresh = plain_context();
    session = make_session("A", TLS1_3_VERSION);
    TRACE(SSL_CTX_add_session(fresh, session));
    TRACE(cached(fresh, "A"));
    TRACE(library_attached(fresh));
    SSL_SESSION_free(session);
    SSL_CTX_free(fresh);
}

static void look(void)
{
    TRACE(library_attached(server));
    print_stats(server);
}

/* Other threads of the parent are in the midst of everything when it forks. */
static atomic_int stop;
static void *busy(void *arg)
{
    SSL_SESSION *session = NULL;

    (void)arg;
    while (!atomic_load(&stop)) {
        visit(server, client, &session);
        SSL_CTX_flush_sessions(server, EPOCH);
    }
    SSL_SESSION_free(session);
    return NULL;
}

/*
 * What a child of a busy process may do is exec, or calls that take no lock;
 * OpenSSL promises nothing more. Asking is one of these. So it must not be what
 * moves the sessions of the parent into libssl's cache, which allocates.
 */
static void ask(void)
{
    const long before = atomic_load(&allocations);

    if (library_attached(server) != 0)
        _exit(3);
    if (SSL_CTX_get_session_cache_mode(server) != SSL_SESS_CACHE_SERVER ||
        SSL_CTX_sess_get_cache_size(server) != SSL_SESSION_CACHE_MAX_SIZE_DEFAULT ||
        SSL_CTX_sess_get_new_cb(server) != NULL || SSL_CTX_sess_get_remove_cb(server) != NULL ||
        SSL_CTX_sess_get_get_cb(server) != NULL)
        _exit(4);
    if (atomic_load(&allocations) != before)
        _exit(5);
}

static void forks_of_a_busy_process(void)
{
    pthread_t threads[2];
    int status;
    int bad = 0;
    int i;

    STEP("forks of a busy process");
    for (i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, busy, NULL) == 0);
    for (i = 0; i < 50; i++) {
        pid_t pid = fork();

        REQUIRE(pid >= 0);
        if (pid == 0) {
            guard();
            ask();
            _exit(0);
        }
        REQUIRE(waitpid(pid, &status, 0) == pid);
        bad += status != 0;
    }
    atomic_store(&stop, 1);
    for (i = 0; i < 2; i++)
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    TRACE(bad);
    TRACE(library_attached(server));
}

int main(void)
{
    REQUIRE(CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free));
    begin();
    server = server_context(0);
    client = client_context(TLS1_2_VERSION);
    STEP("a child before the parent's first session has a core of its own");
    in_child(use);
    TRACE(thread_count());
    in_child(use);

    STEP("the parent starts its own");
    use();
    print_stats(server);

    STEP("a child after that goes on with libssl");
    in_child(look);
    in_child(use);
    use();
    forks_of_a_busy_process();
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return finish();
}
