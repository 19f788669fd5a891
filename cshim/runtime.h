/*
 * runtime.h: the Go core's start, at the first need of the cache in a process
 * and never at load, so that a server may fork, change its root and drop its
 * rights first; and what becomes of it in a child.
 */
#ifndef SSC_RUNTIME_H
#define SSC_RUNTIME_H

#include "process.h"
#include "ssc.h"

/*
 * ssc_runtime_start starts the core if that has not been done and returns true
 * when it runs. False, with one line on stderr, if this process cannot run it:
 * libssl's own cache serves then. Other threads that need the core wait.
 */
bool ssc_runtime_start(void);

/* ssc_runtime_running is true if the core answers in this process. */
static inline bool ssc_runtime_running(void)
{
    extern _Atomic int ssc_runtime_state;

    return atomic_load_explicit(&ssc_runtime_state, memory_order_acquire) == SSC_CORE_RUNNING;
}

/* ssc_runtime_unavailable is true if the core will never answer in this process. */
static inline bool ssc_runtime_unavailable(void)
{
    extern _Atomic int ssc_runtime_state;

    return atomic_load_explicit(&ssc_runtime_state, memory_order_acquire) == SSC_CORE_UNAVAILABLE;
}

/*
 * ssc_runtime_uses_stacks is true if threads of the host may stand on stacks of
 * the Go core: it runs or is being started. Async-signal-safe.
 */
bool ssc_runtime_uses_stacks(void);

/* ssc_runtime_forked: this process is a new child. The core of the parent is not here. */
void ssc_runtime_forked(void);

/* ssc_runtime_memory_limit: the host is about to limit its address space to `limit` bytes. */
void ssc_runtime_memory_limit(uint64_t limit);

/*
 * ssc_runtime_before_limit: the host is about to limit its threads to `limit`.
 * If the core runs, or some context will need it, it is started and threads
 * are put by for it.
 */
void ssc_runtime_before_limit(uint64_t limit);

#endif
