/*
 * connection.h: what the shim knows of an SSL beside its context. Most
 * connections have nothing of that, and cost nothing.
 */
#ifndef SSC_CONNECTION_H
#define SSC_CONNECTION_H

#include "ssc.h"

/* ssc_connection_index takes the shim's place in each SSL. False: there is none. Any thread, repeatedly. */
bool ssc_connection_index(void);

/* ssc_connection_made notes what a new connection takes over from its context. */
void ssc_connection_made(SSL *ssl);

/*
 * ssc_connection_owner returns the context that owns the sessions of `ssl`: the
 * one it was made from, which it keeps a reference to, also after SNI switched
 * it. NULL as long as no context is attached.
 */
SSL_CTX *ssc_connection_owner(const SSL *ssl);

/*
 * ssc_connection_leave is called before `ssl` is given another context, and
 * notes the owner. False if memory is short.
 */
bool ssc_connection_leave(SSL *ssl);

/*
 * ssc_connection_generate_cb is the connection's own ID callback, or NULL;
 * ssc_connection_set_generate_cb sets it. False if memory is short.
 */
GEN_SESSION_CB ssc_connection_generate_cb(const SSL *ssl);
bool ssc_connection_set_generate_cb(SSL *ssl, GEN_SESSION_CB cb);

#endif
