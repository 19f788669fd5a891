/*
 * Signals are the host's: the start of the Go core leaves every handler, every
 * ignored signal and the mask of the calling thread as they were, and replaces none
 * in the meantime. Handlers gain SA_ONSTACK, which Go needs of them.
 */
#include "harness.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

/* Flags that say nothing of the host's wish: Go's need, and libc's own (SA_RESTORER). */
#define IGNORED_FLAGS (SA_ONSTACK | 0x04000000)

static volatile sig_atomic_t caught;

static void count_signal(int sig)
{
    (void)sig;
    caught++;
}

static void set(int sig, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    REQUIRE(sigaction(sig, &action, NULL) == 0);
}

static struct sigaction before[NSIG];
static _Atomic bool watched, done;
static _Atomic int replaced;

/* Looks at the handler of a signal for which the runtime usually has one, and at one of the host's. */
static void *watch(void *arg)
{
    struct sigaction fault, pipe;

    (void)arg;
    while (!done) {
        REQUIRE(sigaction(SIGSEGV, NULL, &fault) == 0 && sigaction(SIGPIPE, NULL, &pipe) == 0);
        if (fault.sa_handler != before[SIGSEGV].sa_handler || pipe.sa_handler != SIG_IGN)
            replaced = 1;
        watched = true;
    }
    return NULL;
}

/* Threads of the process, but for the calling one, that do not block `sig`. */
static int others_open_to(int sig)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int n = 0;

    REQUIRE(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL) {
        char path[300], line[256];
        unsigned long blocked = 0;
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = fopen(path, "re");
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            if (sscanf(line, "SigBlk: %lx", &blocked) == 1 && (blocked >> (sig - 1) & 1) == 0)
                n++;
        }
        if (status != NULL)
            fclose(status);
    }
    closedir(tasks);
    return n;
}

int main(void)
{
    struct sigaction after;
    sigset_t mask, mask_after;
    int changed = 0, masks_differ = 0, without_flag = 0;
    pthread_t watcher;

    begin();
    SSL_CTX *ctx = plain_context();
    SSL_SESSION *sess = make_session("A", TLS1_2_VERSION);
    set(SIGPIPE, SIG_IGN, 0);
    set(SIGUSR1, count_signal, 0);
    set(SIGUSR2, count_signal, SA_RESTART);
    set(SIGPROF, count_signal, SA_ONSTACK);
    set(SIGURG, count_signal, 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGHUP);
    REQUIRE(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0);
    for (int sig = 1; sig < NSIG; sig++)
        sigaction(sig, NULL, &before[sig]);

    REQUIRE(pthread_create(&watcher, NULL, watch, NULL) == 0);
    while (!watched)
        sched_yield();
    TRACE(SSL_CTX_add_session(ctx, sess));
    done = true;
    REQUIRE(pthread_join(watcher, NULL) == 0);
    TRACE(replaced);
    TRACE(thread_count() > 1);
    for (int sig = 1; sig < NSIG; sig++) {
        if (sigaction(sig, NULL, &after) != 0)
            continue;
        if (after.sa_handler != before[sig].sa_handler ||
            (after.sa_flags & ~IGNORED_FLAGS) != (before[sig].sa_flags & ~IGNORED_FLAGS)) {
            printf("signal %d has changed\n", sig);
            changed++;
        }
        if (after.sa_handler != SIG_DFL && after.sa_handler != SIG_IGN &&
            (after.sa_flags & SA_ONSTACK) == 0)
            without_flag++;
    }
    TRACE(changed);
    TRACE(without_flag);
    REQUIRE(pthread_sigmask(SIG_SETMASK, NULL, &mask_after) == 0);
    for (int sig = 1; sig < NSIG; sig++) {
        if (sigismember(&mask, sig) != sigismember(&mask_after, sig))
            masks_differ++;
    }
    TRACE(masks_differ);

    STEP("signals reach the host's threads only");
    TRACE(others_open_to(SIGUSR1));
    TRACE(others_open_to(SIGALRM));
    TRACE(others_open_to(SIGHUP));
    for (int i = 0; i < 100; i++) {
        kill(getpid(), i % 2 == 0 ? SIGUSR1 : SIGUSR2);
        SSL_CTX_remove_session(ctx, sess);
        SSL_CTX_add_session(ctx, sess);
    }
    TRACE(caught);
    SSL_SESSION_free(sess);
    SSL_CTX_free(ctx);
    return finish();
}
