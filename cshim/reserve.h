/*
 * reserve.h: places in the heap for the sessions of a thread's next handshakes.
 *
 * A session that stays in the cache lies between what its connection has freed
 * since, and its lock somewhere else there, so that each connection leaves holes
 * that the next ones fill with smaller blocks, a long way apart and out of the
 * processor's caches; malloc took a fifteenth of a full handshake by that, with
 * libssl's own cache too. So a thread has malloc make places for sessions side by
 * side, and for their locks, and gives one back just before libssl needs it: malloc
 * keeps what a thread has freed last for its next block of that size. Where the cache
 * is full the place of a session that leaves is kept for one that comes.
 */
#ifndef SSC_RESERVE_H
#define SSC_RESERVE_H

#include <stdbool.h>

#include "libssl.h"

/*
 * ssc_reserve_place makes place for the session of the thread's next handshake. It
 * is called when `stays`, that of the last one, was added to a cache; `grows`: none
 * leaves for it, so that new places are due. Any thread. Where memory is short or the
 * application has libssl allocate otherwise it does nothing.
 */
void ssc_reserve_place(const SSL_SESSION *stays, bool grows);

/*
 * ssc_reserve_keep takes one more place in reserve, unless there are enough. It is
 * called just before the thread frees a session that has left the cache, so that
 * malloc has room at hand for that. Any thread; one that makes no sessions keeps none.
 */
void ssc_reserve_keep(void);

/* ssc_reserve_thread_ends frees what this thread, which ends, has in reserve. */
void ssc_reserve_thread_ends(void);

#endif
