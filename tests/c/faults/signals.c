/*
 * signals [nested|blocked]: a storm of signals with the host's own handlers,
 * without SA_ONSTACK, while threads add, look up and remove sessions: some
 * installed before the Go core starts, some after, with sigaction and with
 * signal. The handlers use 20 KB of stack, more than a goroutine has. Timers
 * fire every millisecond (SIGALRM) and every millisecond of work (SIGPROF).
 *
 * With "nested" such handlers interrupt one another. With "blocked" the host
 * blocks all signals in all its threads, and they have to stay so.
 */
#include "../library.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/time.h>
#include <unistd.h>

#define WORKERS 3
#define ROUNDS 40000L
#define STACK_USED (20 * 1024)

static SSL_CTX *ctx;
static bool nested;
static atomic_long caught[NSIG];
static atomic_int masks_changed;
static atomic_bool stop;

/* signal cannot keep others from interrupting the handler. */
static void on_signal_small(int sig)
{
    atomic_fetch_add(&caught[sig], 1);
}

/* Fills 20 KB of whatever stack it stands on. */
static void on_signal(int sig)
{
    volatile unsigned char room[STACK_USED];
    const int saved_errno = errno;

    for (size_t i = 0; i < sizeof(room); i += 64)
        room[i] = (unsigned char)sig;
    atomic_fetch_add(&caught[sig], room[128] == (unsigned char)sig);
    errno = saved_errno;
}

static void on_signal_with_info(int sig, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    on_signal(sig);
}

static void install(int sig, int how)
{
    struct sigaction action = {.sa_handler = on_signal};

    if (how == 0) {
        REQUIRE(signal(sig, nested ? on_signal : on_signal_small) != SIG_ERR);
        return;
    }
    if (!nested)
        sigfillset(&action.sa_mask);
    if (how == 1) {
        action.sa_sigaction = on_signal_with_info;
        action.sa_flags = SA_SIGINFO | SA_RESTART;
    }
    REQUIRE(sigaction(sig, &action, NULL) == 0);
}

static void start_timers(void)
{
    const struct itimerval often = {.it_interval = {.tv_usec = 1000},
                                    .it_value = {.tv_usec = 1000}};

    REQUIRE(setitimer(ITIMER_REAL, &often, NULL) == 0);
    REQUIRE(setitimer(ITIMER_PROF, &often, NULL) == 0);
}

static void stop_timers(void)
{
    const struct itimerval none = {0};

    REQUIRE(setitimer(ITIMER_REAL, &none, NULL) == 0);
    REQUIRE(setitimer(ITIMER_PROF, &none, NULL) == 0);
}

static void *work(void *arg)
{
    SSL_SESSION *sessions[8];
    SSL *ssl = SSL_new(ctx);
    char name[16];
    unsigned len;
    sigset_t before, mask;

    REQUIRE(pthread_sigmask(SIG_SETMASK, NULL, &before) == 0);
    for (int i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "%s%d", (const char *)arg, i);
        sessions[i] = make_session(name, TLS1_3_VERSION);
    }
    for (long n = 0; n < ROUNDS; n++) {
        SSL_SESSION *sess = sessions[n % 8];
        SSL_CTX_add_session(ctx, sess);
        SSL_has_matching_session_id(ssl, SSL_SESSION_get_id(sess, &len), len);
        SSL_SESSION_set_timeout(sess, n % 1000);
        if (n % 3 == 0)
            SSL_CTX_remove_session(ctx, sess);
        if (n % 500 == 0)
            SSL_CTX_flush_sessions(ctx, 0);
    }
    REQUIRE(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
    for (int sig = 1; sig < NSIG; sig++)
        if (sigismember(&mask, sig) != sigismember(&before, sig))
            atomic_fetch_add(&masks_changed, 1);
    SSL_free(ssl);
    for (int i = 0; i < 8; i++)
        SSL_SESSION_free(sessions[i]);
    return NULL;
}

/* Sends signals to the process and to the workers, as long as those run. */
static void *bombard(void *arg)
{
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGPIPE, SIGCHLD, SIGHUP, SIGWINCH};
    const pthread_t *workers = arg;
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (unsigned n = 0; !atomic_load(&stop); n++) {
        const int sig = signals[n % 6];
        if (n % 7 == 0)
            kill(getpid(), sig);
        else
            pthread_kill(workers[n % WORKERS], sig);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static char names[WORKERS][2] = {"x", "y", "z"};
    static const int before[] = {SIGUSR1, SIGPIPE, SIGALRM, SIGWINCH};
    static const int after[] = {SIGUSR2, SIGCHLD, SIGPROF, SIGHUP};
    nested = argc > 1 && strcmp(argv[1], "nested") == 0;
    const bool blocked = argc > 1 && strcmp(argv[1], "blocked") == 0;
    pthread_t workers[WORKERS], sender;
    SSL_SESSION *first;
    sigset_t all;

    begin();
    alarm(0); /* the timer of this test is the alarm's; the runner ends a hang */
    if (blocked) {
        sigfillset(&all);
        REQUIRE(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
    }
    ctx = plain_context();
    for (int i = 0; i < 4; i++)
        install(before[i], i % 3);
    REQUIRE(signal(SIGPROF, SIG_IGN) != SIG_ERR); /* its handler comes after the start */
    start_timers();
    first = make_session("first", TLS1_3_VERSION);
    REQUIRE(SSL_CTX_add_session(ctx, first) == 1);
    REQUIRE(library_attached(ctx) == 1);
    SSL_SESSION_free(first);
    for (int i = 0; i < 4; i++)
        install(after[i], i % 3);
    for (int i = 0; i < WORKERS; i++)
        REQUIRE(pthread_create(&workers[i], NULL, work, names[i]) == 0);
    REQUIRE(pthread_create(&sender, NULL, bombard, workers) == 0);
    for (int i = 0; i < WORKERS; i++)
        REQUIRE(pthread_join(workers[i], NULL) == 0);
    atomic_store(&stop, true);
    REQUIRE(pthread_join(sender, NULL) == 0);
    stop_timers();
    SSL_CTX_free(ctx);
    for (int sig = 1; sig < NSIG; sig++)
        if (atomic_load(&caught[sig]) != 0)
            fprintf(stderr, "signal %d: %ld\n", sig, atomic_load(&caught[sig]));
    for (int i = 0; i < 4; i++) {
        TRACE(atomic_load(&caught[before[i]]) > 0);
        TRACE(atomic_load(&caught[after[i]]) > 0);
    }
    TRACE(atomic_load(&masks_changed));
    TRACE(sessions_alive());
    return 0;
}
