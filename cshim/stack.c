#include "stack.h"

#include <errno.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

/* Where the kernel left the stack pointer at the start of the program; of the dynamic loader. */
extern void *__libc_stack_end;

/* The kernel maps nothing else so close below the top of the initial stack. */
#define INITIAL_MAX ((uintptr_t)128 << 20)

struct stack {
    uintptr_t low, high;
};

static bool contains(const struct stack *stack, uintptr_t address)
{
    return address > stack->low && address <= stack->high;
}

/*
 * Finds the bounds of the initial stack, if `address` lies in it. Whose it is
 * does not matter: after a fork it need not be that of a process's first thread.
 */
static bool in_initial(uintptr_t address, struct stack *stack)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t high = ((uintptr_t)__libc_stack_end | (page - 1)) + 1;
    /* Arguments and environment lie above and count as well; last in the last
     * page comes the name that the program was started by. */
    const uintptr_t top = ((uintptr_t)getauxval(AT_EXECFN) | (page - 1)) + 1;
    struct rlimit limit;

    if (address > high || address < high - INITIAL_MAX || getrlimit(RLIMIT_STACK, &limit) != 0)
        return false;
    const uintptr_t size = limit.rlim_cur < INITIAL_MAX ? limit.rlim_cur : INITIAL_MAX;
    const uintptr_t above = top > high && top - high < INITIAL_MAX ? top - high : 0;
    if (size <= above)
        return false;
    const struct stack found = {.low = high - ((size - above) & ~(page - 1)), .high = high};
    if (!contains(&found, address))
        return false;
    *stack = found;
    return true;
}

/* What the C library knows of the calling thread. */
static void ask(struct stack *stack)
{
    pthread_attr_t attr;
    void *low;
    size_t size;

    /* Before glibc 2.32 it was not always initialised by the next. */
    if (pthread_attr_init(&attr) != 0)
        return;
    if (pthread_getattr_np(pthread_self(), &attr) == 0 &&
        pthread_attr_getstack(&attr, &low, &size) == 0)
        *stack = (struct stack){.low = (uintptr_t)low, .high = (uintptr_t)low + size};
    pthread_attr_destroy(&attr);
}

int ssc_core_pthread_getattr_np(pthread_t self, pthread_attr_t *attr)
{
    static __thread struct stack own;
    static __thread bool asked;
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    (void)self;
    if (!contains(&own, here) && !in_initial(here, &own) && !asked)
        ask(&own);
    asked = true;
    if (own.high == 0)
        return ENOENT;
    return pthread_attr_setstack(attr, (void *)own.low, own.high - own.low);
}
