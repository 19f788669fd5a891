/*
 * stacks WHERE [nofiles]: the core is called from every kind of stack: the
 * initial one, near its top and deep down, those of threads, and such as the
 * host makes for itself (coroutines). It is started from
 *
 *   initial    the initial stack
 *   coroutine  a coroutine in the process's first thread
 *   forked     the stack of a thread, in the child that this thread forked
 *
 * With "nofiles" no file can be opened before, as in an empty root without /proc.
 *
 * After the first call from a stack the calling thread is forbidden to open a
 * file and to ask for what the C library looks up with a stack's bounds: the
 * kernel ends the process if it does. So no call but the first may.
 */
#include "../library.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CALLS 500
#define MIB (1024ul * 1024)

static SSL_CTX *ctx;
static SSL_SESSION *session;
static __thread ucontext_t scheduler, coroutine;

/* Calls of the kernel that this thread and those it makes get `action` for. */
static void refuse(uint32_t action)
{
    const uint32_t arch = AUDIT_ARCH_X86_64;
    const struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getaffinity, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {
        .len = sizeof program / sizeof *program,
        .filter = (struct sock_filter *)program,
    };

    REQUIRE(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    REQUIRE(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0);
}

/* Each pair is at least one call of the core. */
static void call(int times)
{
    for (int i = 0; i < times; i++) {
        REQUIRE(SSL_CTX_add_session(ctx, session) == 0);
        REQUIRE(SSL_CTX_sess_number(ctx) == 1);
    }
}

/* Calls from `depth` bytes further down. */
__attribute__((noinline)) static int call_below(size_t depth, int times)
{
    volatile unsigned char room[16384];

    room[0] = 1;
    if (depth < sizeof room)
        call(times);
    else
        room[0] = (unsigned char)call_below(depth - sizeof room, times);
    return room[0];
}

/* A coroutine that calls once, and once more each time it is resumed. */
static void coroutine_main(void)
{
    for (;;) {
        call(1);
        REQUIRE(swapcontext(&coroutine, &scheduler) == 0);
    }
}

static char *coroutine_make(size_t size)
{
    char *stack = malloc(size);

    REQUIRE(stack != NULL && getcontext(&coroutine) == 0);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = size;
    makecontext(&coroutine, coroutine_main, 0);
    return stack;
}

/* Calls from a coroutine and from the thread's own stack in turns. */
static void in_turns(void)
{
    for (int i = 0; i < CALLS; i++) {
        REQUIRE(swapcontext(&scheduler, &coroutine) == 0);
        call_below(i % 2 * 100000ul, 1);
    }
}

static void *thread_main(void *arg)
{
    const bool coroutine_first = *(const bool *)arg;
    char *stack = coroutine_make(64 * 1024);

    if (coroutine_first)
        REQUIRE(swapcontext(&scheduler, &coroutine) == 0);
    else
        call(1);
    refuse(SECCOMP_RET_KILL_PROCESS);
    call(CALLS);
    call_below(MIB, CALLS);
    in_turns();
    free(stack);
    return NULL;
}

static void in_thread(bool coroutine_first)
{
    pthread_t thread;

    REQUIRE(pthread_create(&thread, NULL, thread_main, &coroutine_first) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}

/* The core is started here, and called from other threads before more is forbidden. */
static void begin_calls(void)
{
    REQUIRE(SSL_CTX_add_session(ctx, session) == 1);
    REQUIRE(library_attached(ctx) == 1);
    in_thread(false);
    in_thread(true);
    refuse(SECCOMP_RET_KILL_PROCESS);
    STEP("calls");
    call(CALLS);
    call_below(MIB, CALLS);
}

static void begin_in_coroutine(void)
{
    begin_calls();
    coroutine_main();
}

static void with_coroutines(void)
{
    char *stack = coroutine_make(64 * 1024);

    STEP("coroutines");
    in_turns();
    free(stack);
}

/* From the initial stack, further down than its limit was when it was first called from. */
static void below_the_former_limit(void)
{
    struct rlimit limit;

    REQUIRE(getrlimit(RLIMIT_STACK, &limit) == 0);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur > 48 * MIB)
        return;
    limit.rlim_cur = 64 * MIB;
    if (setrlimit(RLIMIT_STACK, &limit) != 0) {
        REQUIRE(errno == EPERM);
        return;
    }
    call_below(50 * MIB, CALLS);
    call(CALLS);
}

static void from_initial(void)
{
    begin_calls();
    with_coroutines();
    below_the_former_limit();
}

static void from_coroutine(void)
{
    char *stack = coroutine_make(2 * MIB);

    makecontext(&coroutine, begin_in_coroutine, 0);
    in_turns();
    free(stack);
    with_coroutines();
    below_the_former_limit();
}

/* As in a server whose thread forks: in the child it is the first, with the stack it had. */
static void *from_forked(void *unused)
{
    int status;

    (void)unused;
    fflush(stdout);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        guard();
        begin_calls();
        with_coroutines();
        fflush(stdout);
        _exit(0);
    }
    REQUIRE(waitpid(child, &status, 0) == child);
    TRACE(status);
    return NULL;
}

int main(int argc, char **argv)
{
    const char *where = argc > 1 ? argv[1] : "";
    const struct rlimit no_core = {0};
    pthread_t thread;

    begin();
    ctx = plain_context();
    session = make_session("A", TLS1_3_VERSION);
    REQUIRE(setrlimit(RLIMIT_CORE, &no_core) == 0);
    if (argc > 2 && strcmp(argv[2], "nofiles") == 0)
        refuse(SECCOMP_RET_ERRNO | ENOENT);
    if (strcmp(where, "forked") == 0) {
        REQUIRE(pthread_create(&thread, NULL, from_forked, NULL) == 0);
        REQUIRE(pthread_join(thread, NULL) == 0);
    } else if (strcmp(where, "coroutine") == 0) {
        from_coroutine();
    } else {
        from_initial();
    }
    SSL_SESSION_free(session);
    SSL_CTX_free(ctx);
    return finish();
}
