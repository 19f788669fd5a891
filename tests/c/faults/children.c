/*
 * children: a process whose Go core runs makes children in every way there is
 * (fork and exec, vfork, posix_spawn, system, popen, fork that goes on with
 * the cache) while other threads use the cache. Every child must end, and well.
 */
#include "../library.h"

#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 3
#define ROUNDS 25

static SSL_CTX *ctx;
static SSL_CTX *quiet;
static SSL_SESSION *kept; /* in the cache of quiet */
static atomic_bool stop;
static atomic_long calls;

static void use_cache(const char *name, long n)
{
    SSL_SESSION *sess = make_session(name, TLS1_3_VERSION);

    SSL_SESSION_set_timeout(sess, n % 100);
    SSL_CTX_add_session(ctx, sess);
    if (n % 2 == 0)
        SSL_CTX_remove_session(ctx, sess);
    if (n % 50 == 0)
        SSL_CTX_flush_sessions(ctx, 0);
    SSL_SESSION_free(sess);
}

static void *work(void *arg)
{
    for (long n = 0; !atomic_load(&stop); n++) {
        use_cache(arg, n);
        atomic_fetch_add(&calls, 1);
    }
    return NULL;
}

static int wait_for(pid_t pid)
{
    int status = -1;

    REQUIRE(pid > 0);
    while (waitpid(pid, &status, 0) != pid)
        REQUIRE(errno == EINTR);
    return status;
}

static char *const arguments[] = {"true", NULL};
extern char **environ;

static int fork_and_exec(void)
{
    const pid_t pid = fork();

    if (pid == 0) {
        execv("/bin/true", arguments);
        _exit(127);
    }
    return wait_for(pid);
}

static int by_vfork(void)
{
    const pid_t pid = vfork();

    if (pid == 0) {
        execv("/bin/true", arguments);
        _exit(127);
    }
    return wait_for(pid);
}

static int spawn(void)
{
    pid_t pid = 0;

    REQUIRE(posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ) == 0);
    return wait_for(pid);
}

static int by_shell(void)
{
    return system("exit 0");
}

static int read_from_shell(void)
{
    char text[8] = "";
    FILE *pipe = popen("echo hello", "r");

    REQUIRE(pipe != NULL && fgets(text, sizeof(text), pipe) != NULL &&
            strcmp(text, "hello\n") == 0);
    return pclose(pipe);
}

/*
 * The child has libssl's own cache, with what its parent had cached, whatever
 * the threads of the parent were at. It keeps to a context that they do not
 * use, whose lock in libssl they might hold, and makes nothing of its own.
 */
static int fork_and_go_on(void)
{
    SSL_SESSION *fresh = make_session("fresh", TLS1_3_VERSION);
    const pid_t pid = fork();
    int status;

    if (pid == 0) {
        guard();
        const bool well = SSL_CTX_add_session(quiet, fresh) == 1 && library_attached(quiet) == 0 &&
                          SSL_CTX_sess_number(quiet) == 2 &&
                          SSL_CTX_remove_session(quiet, fresh) == 1 &&
                          SSL_CTX_remove_session(quiet, kept) == 1;
        _exit(well ? 0 : 1);
    }
    status = wait_for(pid);
    SSL_SESSION_free(fresh);
    return status;
}

static const struct {
    const char *name;
    int (*make)(void);
} ways[] = {{"fork and exec", fork_and_exec}, {"vfork", by_vfork},
            {"posix_spawn", spawn},           {"system", by_shell},
            {"popen", read_from_shell},       {"fork", fork_and_go_on}};

int main(void)
{
    static char names[WORKERS][2] = {"x", "y", "z"};
    pthread_t workers[WORKERS];

    begin();
    ctx = plain_context();
    use_cache("first", 1);
    quiet = plain_context();
    kept = make_session("kept", TLS1_3_VERSION);
    REQUIRE(SSL_CTX_add_session(quiet, kept) == 1);
    REQUIRE(library_attached(ctx) == 1);
    for (int i = 0; i < WORKERS; i++)
        REQUIRE(pthread_create(&workers[i], NULL, work, names[i]) == 0);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        int bad = 0;
        for (int round = 0; round < ROUNDS; round++) {
            const long before = atomic_load(&calls);
            bad += ways[i].make() != 0;
            /* The cache goes on meanwhile. */
            while (atomic_load(&calls) == before)
                sched_yield();
        }
        printf("%s: %d of %d ended badly\n", ways[i].name, bad, ROUNDS);
    }
    TRACE(library_attached(ctx));
    atomic_store(&stop, true);
    for (int i = 0; i < WORKERS; i++)
        REQUIRE(pthread_join(workers[i], NULL) == 0);
    SSL_CTX_free(ctx);
    SSL_CTX_free(quiet);
    SSL_SESSION_free(kept);
    TRACE(sessions_alive());
    return 0;
}
