// stderr: this process cannot run the Go core: its address space is limited
// stderr: this process cannot run the Go core: it may not create threads
// unsanitized: the sanitizers map more address space than the limit leaves
/*
 * Where a process cannot run the Go core, one line says so and libssl's own
 * cache serves, with the application's mode, size and callbacks.
 */
#include "harness.h"

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openssl_sess.h"

static int (*attached)(SSL_CTX *ctx);

static void serve(void)
{
    SSL_CTX *server = server_context(TLS1_2_VERSION);
    SSL_CTX *client = client_context(TLS1_2_VERSION);
    SSL_CTX *second = server_context(TLS1_3_VERSION);
    SSL_CTX *second_client = client_context(TLS1_3_VERSION);
    SSL_SESSION *session = NULL;

    SSL_CTX_sess_set_new_cb(server, keep_new);
    SSL_CTX_sess_set_remove_cb(server, log_remove);
    SSL_CTX_sess_set_cache_size(server, 100);
    TRACE(attached(server));
    TRACE(visit(server, client, &session));
    TRACE(attached(server));
    TRACE(visit(server, client, &session));
    TRACE(SSL_CTX_sess_hits(server));
    TRACE(SSL_CTX_sess_number(server));
    TRACE(SSL_CTX_sess_get_cache_size(server));
    TRACE(SSL_CTX_get_session_cache_mode(server));
    TRACE(SSL_CTX_sess_get_new_cb(server) == keep_new);
    RUN(SSL_CTX_flush_sessions(server, 0));
    print_log();
    SSL_SESSION_free(session);
    session = NULL;

    STEP("another context of the process");
    TRACE(visit(second, second_client, &session));
    TRACE(visit(second, second_client, &session));
    TRACE(attached(second));
    TRACE(thread_count());
    SSL_SESSION_free(session);
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    SSL_CTX_free(second);
    SSL_CTX_free(second_client);
    store_clear();
    fflush(stdout);
}

static void in_child(void (*limit)(void))
{
    int status = 0;

    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        guard();
        limit();
        serve();
        _exit(0);
    }
    REQUIRE(pid > 0 && waitpid(pid, &status, 0) == pid);
    TRACE(status);
}

/* Half of what the Go runtime is given at least. */
static void little_address_space(void)
{
    const struct rlimit limit = {.rlim_cur = 512ul << 20, .rlim_max = 512ul << 20};

    REQUIRE(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* Root may create threads whatever the limit says. */
static void no_threads(void)
{
    const struct rlimit limit = {.rlim_cur = 0, .rlim_max = 0};

    REQUIRE(setrlimit(RLIMIT_NPROC, &limit) == 0);
    if (geteuid() == 0)
        REQUIRE(setgid(65534) == 0 && setuid(65534) == 0);
}

int main(void)
{
    begin();
    *(void **)&attached = dlsym(RTLD_DEFAULT, "sesscache_attached");
    REQUIRE(attached != NULL);
    STEP("an address space too small");
    in_child(little_address_space);
    STEP("no thread may be created");
    in_child(no_threads);
    return finish();
}
