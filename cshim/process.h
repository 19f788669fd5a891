/*
 * process.h: what belongs to this process and not to the one it was forked
 * from: the figures block and the knowledge of a fork.
 */
#ifndef SSC_PROCESS_H
#define SSC_PROCESS_H

#include <stdatomic.h>

#include "sscore.h"
#include "ssc.h"

enum ssc_core_state {
    SSC_CORE_NOT_STARTED = 0,
    SSC_CORE_STARTING = 1,
    SSC_CORE_RUNNING = 2,
    SSC_CORE_UNAVAILABLE = 3, /* libssl's own cache serves */
};

/*
 * ssc_process_load maps the figures file, if one is configured, and claims this
 * process's block in it. Called once, when the library is loaded: later the
 * host may have changed its root directory and its user.
 */
void ssc_process_load(void);

/* ssc_process returns this process's figures. Never NULL. */
static inline sscore_process *ssc_process(void)
{
    extern _Atomic(sscore_process *) ssc_process_block;

    return atomic_load_explicit(&ssc_process_block, memory_order_relaxed);
}

/*
 * ssc_fork_check returns false normally. In a child, the first call after the
 * fork gives the process a block of its own and calls `forked` of each part of
 * the shim. Every entry point and trampoline calls it first; it costs a load.
 */
enum { SSC_FORKED = 0, SSC_SETTLING = 1, SSC_SETTLED = 2 }; /* of *ssc_settled */
void ssc_settle(void);
static inline void ssc_fork_check(void)
{
    extern _Atomic uint32_t *ssc_settled;

    if (ssc_unlikely(atomic_load_explicit(ssc_settled, memory_order_acquire) != SSC_SETTLED))
        ssc_settle();
}

/* ssc_count adds to a figure of this process. */
#define ssc_count(field, n)                                                                        \
    __atomic_fetch_add(&ssc_process()->field, (uint64_t)(n), __ATOMIC_RELAXED)

/*
 * ssc_lane is the number of the lane in which this thread counts, below
 * SSC_LANES; ssc_count_lane adds to a figure there. ssc_lane_leave is called at
 * a thread's end.
 */
unsigned ssc_lane_take(void);
void ssc_lane_leave(void);
static inline unsigned ssc_lane(void)
{
    extern __thread unsigned ssc_lane_taken; /* 0: none yet */

    return ssc_likely(ssc_lane_taken != 0) ? ssc_lane_taken - 1 : ssc_lane_take();
}
#define ssc_count_lane(field, n)                                                                   \
    __atomic_fetch_add(&ssc_process()->lane[ssc_lane()].field, (uint64_t)(n), __ATOMIC_RELAXED)

#endif
