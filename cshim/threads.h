/*
 * threads.h: the threads of the Go core. A runtime that is refused a thread
 * aborts the process, so threads are put by while they can still be had:
 * parked, with all signals blocked, until the runtime asks for one.
 */
#ifndef SSC_THREADS_H
#define SSC_THREADS_H

#include "ssc.h"

/* ssc_threads_reserve sees to it that `n` threads are parked. False if they cannot be had. */
bool ssc_threads_reserve(unsigned n);

/*
 * ssc_threads_serve_reserve_first: whether the runtime gets a parked thread
 * rather than a new one. While it starts it does, for its first threads have
 * been made sure of; later the reserve is for when no new one can be had.
 */
void ssc_threads_serve_reserve_first(bool first);

/* ssc_threads_forked: the parked threads are the parent's. */
void ssc_threads_forked(void);

#endif
