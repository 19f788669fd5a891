/*
 * caller.h: the threads of the host that call the Go core. What the runtime
 * does to a thread at its first call is done here in the host's favour before,
 * or undone after.
 */
#ifndef SSC_CALLER_H
#define SSC_CALLER_H

#include "ssc.h"

/*
 * ssc_caller_enter precedes a thread's calls of the core: the first time it
 * gives the thread a signal stack, counts it for sscore_threads, and sees to it
 * that its signal mask stays. It costs a load.
 */
void ssc_caller_first(void);
extern __thread bool ssc_caller_known;
static inline void ssc_caller_enter(void)
{
    if (ssc_unlikely(!ssc_caller_known))
        ssc_caller_first();
}

/* ssc_caller_prepare gives the thread a signal stack: for the one that starts the core. */
void ssc_caller_prepare(void);

/* ssc_caller_started: the core runs. Ends of threads are noticed from here on. */
void ssc_caller_started(void);

/* ssc_caller_forked frees what another thread of the parent may have locked. */
void ssc_caller_forked(void);

#endif
