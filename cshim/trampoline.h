/* trampoline.h: the functions that libssl calls in place of the application's callbacks. */
#ifndef SSC_TRAMPOLINE_H
#define SSC_TRAMPOLINE_H

#include "ssc.h"

/* Installed with SSL_CTX_sess_set_new_cb: libssl's ssl_update_cache has a new session. */
int ssc_trampoline_new(SSL *ssl, SSL_SESSION *sess);

/* Installed with SSL_CTX_sess_set_remove_cb: libssl removes a session. */
void ssc_trampoline_remove(SSL_CTX *ctx, SSL_SESSION *sess);

/* Installed with SSL_CTX_sess_set_get_cb: libssl's lookup_sess_in_cache asks for a session. */
SSL_SESSION *ssc_trampoline_get(SSL *ssl, const unsigned char *id, int len, int *copy);

/* Installed with SSL_CTX_set_generate_session_id where the application set a callback. */
int ssc_trampoline_generate(SSL *ssl, unsigned char *id, unsigned int *len);

/*
 * ssc_trampoline_ended is called when an SSL is freed, with the context that
 * owns its sessions. A handshake that resumed up to TLS 1.2 has called no
 * trampoline at its end: the automatic flush that it made due is done here.
 */
void ssc_trampoline_ended(const SSL *ssl, SSL_CTX *ctx);

#endif
