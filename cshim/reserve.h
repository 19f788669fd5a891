/*
 * reserve.h: places in the heap for the sessions of a thread's next handshakes.
 *
 * A session that stays in the cache lies between what its connection has freed
 * since, so that each connection leaves a hole that the next ones fill with
 * smaller blocks, a long way apart and out of the processor's caches; malloc took
 * a fifteenth of a full handshake by that, with libssl's own cache too. So a thread
 * has malloc make places of a session's size side by side, and gives one back
 * just before libssl needs it: malloc keeps what a thread has freed last for
 * its next block of that size.
 */
#ifndef SSC_RESERVE_H
#define SSC_RESERVE_H

#include "libssl.h"

/*
 * ssc_reserve_place makes place for the session of the thread's next handshake. It
 * is called when `stays`, that of the last one, was added to a cache that grew by it.
 * Any thread. Where memory is short or the application has libssl allocate
 * otherwise it does nothing.
 */
void ssc_reserve_place(const SSL_SESSION *stays);

/* ssc_reserve_thread_ends frees what this thread, which ends, has in reserve. */
void ssc_reserve_thread_ends(void);

#endif
