/*
 * mark.h: marks sessions as not resumable. libssl alone can, and only in its
 * SSL_CTX_remove_session, which marks a session whether the context has it or not
 * (remove_session_lock in ssl/ssl_sess.c).
 */
#ifndef SSC_MARK_H
#define SSC_MARK_H

#include "ssc.h"

/*
 * ssc_mark marks a session, which has an ID, without asking its own context, for
 * whose lock all threads would wait; no callback runs. False if it does not: too
 * few were marked yet to be worth the context that this needs, or there is none to
 * be had. Keeps errno and OpenSSL's error queue. Any thread.
 */
bool ssc_mark(SSL_SESSION *sess);

/* ssc_mark_forked gives up what another thread of the parent may have locked. */
void ssc_mark_forked(void);

#endif
