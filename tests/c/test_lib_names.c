/*
 * lib_names: functions that the library exports beside those of libssl: what
 * OpenSSL has as macros, what only later lines have, and those of the C library
 * that it watches and passes on.
 */
#include "harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

static void *find(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);

    REQUIRE(function != NULL);
    return function;
}

static void modes(void)
{
    long (*set_mode)(SSL_CTX *, long) = find("SSL_CTX_set_session_cache_mode");
    long (*get_mode)(SSL_CTX *) = find("SSL_CTX_get_session_cache_mode");
    SSL_CTX *ctx = plain_context();

    STEP("the mode by functions and by macros");
    TRACE(get_mode(ctx));
    TRACE(set_mode(ctx, SSL_SESS_CACHE_BOTH));
    TRACE(SSL_CTX_get_session_cache_mode(ctx));
    TRACE(SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF));
    TRACE(get_mode(ctx));
    SSL_CTX_free(ctx);
}

static void made_with_library_context(void)
{
    SSL_CTX *(*new_ex)(void *, const char *, const SSL_METHOD *) = find("SSL_CTX_new_ex");
    SSL_CTX *ctx = new_ex(NULL, NULL, TLS_server_method());

    STEP("SSL_CTX_new_ex makes contexts from 3.0 on, and none on 1.1.1");
    TRACE((ctx != NULL) == (OpenSSL_version_num() >= 0x30000000L));
    SSL_CTX_free(ctx);
    ERR_clear_error();
}

static void limits(void)
{
    struct rlimit limit;
    struct rlimit64 limit64;

    STEP("resource limits are set");
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 100);
    limit.rlim_cur = 100;
    TRACE(setrlimit(RLIMIT_NOFILE, &limit));
    TRACE(prlimit64(0, RLIMIT_NOFILE, NULL, &limit64));
    TRACE(limit64.rlim_cur);
    limit64.rlim_cur = 90;
    TRACE(setrlimit64(RLIMIT_NOFILE, &limit64));
    TRACE(prlimit(0, RLIMIT_NOFILE, NULL, &limit));
    TRACE(limit.rlim_cur);
    errno = 0;
    TRACE(setrlimit(-1, &limit));
    TRACE(errno == EINVAL);
}

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    (void)number;
    caught++;
}

static void signals(void)
{
    struct sigaction action = {.sa_handler = SIG_IGN};
    struct sigaction before;

    STEP("signal handlers are set");
    TRACE(signal(SIGUSR1, on_signal) == SIG_DFL);
    TRACE(raise(SIGUSR1));
    TRACE(caught);
    TRACE(sigaction(SIGUSR1, &action, &before));
    TRACE(before.sa_handler == on_signal);
    TRACE(signal(SIGUSR1, SIG_DFL) == SIG_IGN);
    errno = 0;
    TRACE(signal(SIGKILL, on_signal) == SIG_ERR);
    TRACE(errno == EINVAL);
}

int main(void)
{
    begin();
    modes();
    made_with_library_context();
    limits();
    signals();
    return finish();
}
