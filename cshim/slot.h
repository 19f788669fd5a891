/*
 * slot.h: references to sessions that the Go core keeps.
 *
 * The core holds a number, not a pointer. The number names a slot and the
 * generation of its use, so a lookup that comes with a number whose session
 * was dropped meanwhile finds nothing, instead of freed memory: slots are
 * never unmapped, and a session is freed only when no lookup is between
 * reading its slot and taking a reference of its own (law 5 of the design).
 */
#ifndef SSC_SLOT_H
#define SSC_SLOT_H

#include "sscore.h"
#include "ssc.h"

/*
 * ssc_slot_reserve reserves a slot on behalf of the context numbered `owner`,
 * which nobody finds before it is filled: its number, or 0 if memory is short.
 * `connection`: a connection has just made the session. ssc_slot_cancel gives it back.
 */
uint32_t ssc_slot_reserve(uint32_t owner, bool connection);
void ssc_slot_cancel(uint32_t number);

/*
 * ssc_slot_fill puts `sess` into a slot that was reserved, taking over one
 * reference of the caller's.
 */
sscore_ref ssc_slot_fill(uint32_t number, SSL_SESSION *sess);

/* ssc_slot_get1 returns the session with one more reference, or NULL if it was dropped. */
SSL_SESSION *ssc_slot_get1(sscore_ref ref);

/* ssc_slot_open is true if ssc_slot_get1 would return the session at this moment. */
bool ssc_slot_open(sscore_ref ref);

/* ssc_slot_prefetch fetches the session, which is going to be dropped or visited. */
void ssc_slot_prefetch(sscore_ref ref);

/*
 * ssc_slot_close ends the slot for lookups and returns its session, which
 * stays valid until ssc_slot_release. NULL if another thread was first: several
 * may come to drop one session, and who closes its slot does.
 */
SSL_SESSION *ssc_slot_close(sscore_ref ref);

/* ssc_slot_release drops the cache's reference of a slot that the caller has closed. */
void ssc_slot_release(sscore_ref ref);

/* ssc_slot_thread_ends frees what this thread, which ends, keeps for its next sessions. */
void ssc_slot_thread_ends(void);

/*
 * For a forked child of a process with the core, in which the core no longer
 * answers and nobody else uses slots:
 * ssc_slot_find1 returns the context's session of this ID and version with one
 * more reference, or NULL; ssc_slot_drain closes all of the context's slots,
 * calls `visit` with each session, and drops the cache's reference.
 */
SSL_SESSION *ssc_slot_find1(uint32_t owner, const unsigned char *id, size_t len, int version);
void ssc_slot_drain(uint32_t owner, void (*visit)(SSL_SESSION *sess, void *arg), void *arg);

#endif
