/*
 * drop.h: sessions that the cache gives up by itself: those that the core has
 * displaced when others were added, by a call or by notes (notes.h).
 *
 * Callbacks of the application run here, with no lock held.
 */
#ifndef SSC_DROP_H
#define SSC_DROP_H

#include "ctx.h"

/* ssc_drop_session ends a session that the core displaced: mark, callback, reference. */
void ssc_drop_session(struct ssc_ctx *rec, sscore_ref ref);

/* ssc_drop_displaced ends what *displaced names, and what the core has left to be asked for. */
void ssc_drop_displaced(struct ssc_ctx *rec, sscore_table table, sscore_displaced *displaced);

/*
 * ssc_drop_due has the core do the adds that are noted and due, unless another
 * thread is at it, and ends what they displace.
 */
void ssc_drop_due(struct ssc_ctx *rec, sscore_table table);

/*
 * ssc_drop_settle has the core do what was noted for it (see notes.h), and ends
 * what that displaces. It precedes what shows how many sessions there are, and a
 * change of how many there may be.
 */
void ssc_drop_settle(struct ssc_ctx *rec);

/* ssc_drop_settled is true if ssc_drop_settle would end nothing. */
bool ssc_drop_settled(struct ssc_ctx *rec);

#endif
