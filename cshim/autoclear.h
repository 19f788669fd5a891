/*
 * autoclear.h: the automatic flush of SSL_CTX_set_session_cache_mode(3): unless
 * the mode says NO_AUTO_CLEAR, a context drops what has expired in every 256th
 * good handshake of a side whose sessions it caches (ssl_update_cache).
 */
#ifndef SSC_AUTOCLEAR_H
#define SSC_AUTOCLEAR_H

#include "ctx.h"

/*
 * ssc_autoclear flushes if that is due after the side's good handshakes, which
 * are those that libssl has counted and `under_way`, once for each 256, by
 * whichever thread comes first. Remove callbacks may run.
 */
void ssc_autoclear(struct ssc_ctx *rec, bool server, long under_way);

/*
 * ssc_autoclear_mode_set is called when the mode, which was `before`, has been set:
 * flushes that the mode of their time did not want are not made up for.
 */
void ssc_autoclear_mode_set(struct ssc_ctx *rec, long before);

#endif
