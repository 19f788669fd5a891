/*
 * drop.h: sessions that the cache gives up by itself: those that the core has
 * displaced when others were added, by a call or by notes (notes.h).
 *
 * Callbacks of the application run here, with no lock held.
 */
#ifndef SSC_DROP_H
#define SSC_DROP_H

#include "ctx.h"

/*
 * ssc_drop_mark marks a session as not resumable, which libssl alone can do, and
 * only with its SSL_CTX_remove_session. The session leaves libssl's copy of the
 * cache with that. Defined in cache.c, whose trampoline the call comes back to.
 */
void ssc_drop_mark(struct ssc_ctx *rec, SSL_SESSION *sess);

/* ssc_drop_displaced ends what *displaced names, and what the core has left to be asked for. */
void ssc_drop_displaced(struct ssc_ctx *rec, sscore_table table, sscore_displaced *displaced);

/*
 * ssc_drop_due has the core do the adds that are noted and due, unless another
 * thread is at it, and ends what they displace.
 */
void ssc_drop_due(struct ssc_ctx *rec, sscore_table table);

#endif
