/*
 * bounds: what cshim/stack.c says of stacks, beside what the C library says.
 * Prints a line for each difference; status 1 if there is one.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "stack.h"

#define LARGEST (128ul << 20)

static int failures;

static void bounds(int (*get)(pthread_t, pthread_attr_t *), char **low, char **high)
{
    pthread_attr_t attr;
    void *start = NULL;
    size_t size = 0;

    pthread_attr_init(&attr);
    if (get(pthread_self(), &attr) == 0 && pthread_attr_getstack(&attr, &start, &size) != 0)
        failures++;
    pthread_attr_destroy(&attr);
    *low = start;
    *high = *low + size;
}

/* Where the size has no limit, the C library looks where the next mapping is: `exact` is false. */
static void compare(const char *where, bool exact)
{
    char *low, *high, *true_low, *true_high, *const here = __builtin_frame_address(0);

    bounds(ssc_core_pthread_getattr_np, &low, &high);
    bounds(pthread_getattr_np, &true_low, &true_high);
    if (high == true_high && (exact ? low == true_low : low >= true_low) && low < here &&
        here <= high)
        return;
    printf("%s: %p to %p, the C library says %p to %p\n", where, (void *)low, (void *)high,
           (void *)true_low, (void *)true_high);
    failures++;
}

static __attribute__((noinline)) void deep(const char *where, size_t depth)
{
    volatile char room[65536];

    room[0] = 1;
    if (depth < sizeof room)
        compare(where, true);
    else
        deep(where, depth - sizeof room);
    room[1] = room[0]; /* not a tail call */
}

static void *in_thread(void *where)
{
    compare(where, true);
    deep(where, 200000);
    return NULL;
}

int main(void)
{
    struct rlimit limit;
    pthread_t thread;

    if (getrlimit(RLIMIT_STACK, &limit) != 0)
        return 2;
    const bool small = limit.rlim_cur <= LARGEST / 2;
    compare("initial stack", small);
    if (small) {
        deep("initial stack, deep", limit.rlim_cur / 4);
        limit.rlim_cur *= 2;
        if (limit.rlim_cur <= limit.rlim_max && setrlimit(RLIMIT_STACK, &limit) == 0)
            deep("below the former limit", limit.rlim_cur * 5 / 8);
    }
    if (pthread_create(&thread, NULL, in_thread, "thread") != 0 || pthread_join(thread, NULL) != 0)
        return 2;
    return failures != 0;
}
