/* sessions.h: the three callbacks between OpenSSL's session cache and the file cache. */
#ifndef SESSFILE_SESSIONS_H
#define SESSFILE_SESSIONS_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "filecache.h"

/* What is known of one connection; its SSL has it as application data. */
struct connection {
    bool from_file; /* the session came out of the file cache */
};

/* sessions_attach puts `cache` behind the internal cache of `ctx`. */
void sessions_attach(SSL_CTX *ctx, struct filecache *cache);

/* sessions_detach makes `ctx` forget it; call it before SSL_CTX_free. */
void sessions_detach(SSL_CTX *ctx);

#endif
