#include "caller.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process.h"
#include "reserve.h"
#include "runtime.h"
#include "slot.h"
#include "sscore.h"

/*
 * Handlers of the host run on an alternate stack once Go is here. The runtime
 * gives a thread that has none one of 32 KB; handlers that interrupt each other
 * need more. Only what is touched takes memory.
 */
#define SIGNAL_STACK (256u << 10)

__thread bool ssc_caller_known;
static __thread char *signal_stack; /* with a page before it that nobody may touch */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t callers; /* threads that have called and not ended */
static uint32_t callers_told;    /* guarded by lock */
static pthread_key_t ends;
static _Atomic bool have_ends;

void ssc_caller_prepare(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    stack_t stack;

    if (signal_stack != NULL || sigaltstack(NULL, &stack) != 0 ||
        (stack.ss_flags & SS_DISABLE) == 0)
        return;
    char *memory = mmap(NULL, page + SIGNAL_STACK, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return;
    stack = (stack_t){.ss_sp = memory + page, .ss_size = SIGNAL_STACK};
    if (mprotect(memory, page, PROT_NONE) != 0 || sigaltstack(&stack, NULL) != 0) {
        munmap(memory, page + SIGNAL_STACK);
        return;
    }
    signal_stack = memory;
}

static void drop_signal_stack(void)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const stack_t none = {.ss_flags = SS_DISABLE};
    stack_t stack;

    if (signal_stack == NULL || sigaltstack(NULL, &stack) != 0)
        return;
    if (stack.ss_sp == signal_stack + page && sigaltstack(&none, NULL) != 0)
        return;
    munmap(signal_stack, page + SIGNAL_STACK);
    signal_stack = NULL;
}

/* After Go's own destructor, whose key is older. */
static void caller_ended(void *unused)
{
    (void)unused;
    atomic_fetch_sub(&callers, 1);
    ssc_lane_leave();
    ssc_slot_thread_ends();
    ssc_reserve_thread_ends();
    drop_signal_stack();
}

void ssc_caller_first(void)
{
    sigset_t mask;

    if (!ssc_runtime_running())
        return;
    ssc_caller_known = true;
    ssc_caller_prepare();
    /* Any value but NULL makes the end of the thread known. */
    const uint32_t now = atomic_load(&have_ends) && pthread_setspecific(ends, &callers) == 0
                             ? atomic_fetch_add(&callers, 1) + 1
                             : 0;
    /* The runtime unblocks some signals in a thread that is new to it. */
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    pthread_mutex_lock(&lock);
    if (now > callers_told)
        callers_told = now;
    sscore_threads(callers_told);
    pthread_mutex_unlock(&lock);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

void ssc_caller_started(void)
{
    atomic_store(&have_ends, pthread_key_create(&ends, caller_ended) == 0);
}

void ssc_caller_forked(void)
{
    pthread_mutex_init(&lock, NULL);
}
