/*
 * openssl_sess.h: the session cache API of OpenSSL, as libsesscache serves it.
 *
 * The header stands alone: it needs no OpenSSL header. It may also be included
 * after (or before) <openssl/ssl.h> of OpenSSL 1.1.1 to 4.0; then it declares
 * only what that header does not.
 *
 * Link with `-lsesscache -lssl -lcrypto`, in this order, or preload
 * libsesscache.so in front of an unmodified program.
 *
 * Rules that hold for every function here:
 *
 *   Threads     Every function may be called from any thread at any time,
 *               also from inside the three callbacks. No lock of the library
 *               is held while a callback runs, so a callback may call any of
 *               these functions, block, or leave by longjmp.
 *   References  An SSL_SESSION is counted. "Takes a reference" means that the
 *               cache adds one of its own; the caller keeps and still has to
 *               free the one it holds.
 *   Errors      A NULL context or session is not an error of the process: the
 *               function does nothing and returns 0, or NULL. errno and
 *               OpenSSL's error queue are left as they were found.
 *   Fork        Settings made before a fork hold in the child. A child of a
 *               process whose cache has already stored sessions goes on with
 *               libssl's own cache, with the same settings; the sessions move
 *               there at its first call that does more than ask for a setting.
 */
#ifndef SESSCACHE_OPENSSL_SESS_H
#define SESSCACHE_OPENSSL_SESS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* OpenSSL 1.1 guards its header with HEADER_SSL_H, 3.0 and later with OPENSSL_SSL_H. */
#if !defined(OPENSSL_SSL_H) && !defined(HEADER_SSL_H)
#define SESSCACHE_DECLARE_OPENSSL 1
#endif

#ifdef SESSCACHE_DECLARE_OPENSSL
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_session_st SSL_SESSION;
typedef struct ssl_method_st SSL_METHOD;
struct ossl_lib_ctx_st;
struct lhash_st_SSL_SESSION;

/*
 * GEN_SESSION_CB makes a session ID for `ssl`. On entry `*id_len` is the room
 * at `id` (32 bytes) and the length wanted; the callback may lower it, never
 * raise it or set it to 0. It returns 1, or 0 to fail the handshake.
 * Follows SSL_CTX_set_generate_session_id(3).
 */
typedef int (*GEN_SESSION_CB)(SSL *ssl, unsigned char *id, unsigned int *id_len);
#endif

#ifndef SSL_SESS_CACHE_OFF
/* Bits of the session cache mode; see SSL_CTX_set_session_cache_mode(3). */
#define SSL_SESS_CACHE_OFF 0x0000    /* no session is cached */
#define SSL_SESS_CACHE_CLIENT 0x0001 /* sessions of clients are cached */
#define SSL_SESS_CACHE_SERVER 0x0002 /* sessions of servers are cached; default */
#define SSL_SESS_CACHE_BOTH (SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_SERVER)
#define SSL_SESS_CACHE_NO_AUTO_CLEAR 0x0080      /* expired sessions stay until flushed */
#define SSL_SESS_CACHE_NO_INTERNAL_LOOKUP 0x0100 /* look up in get_cb only */
#define SSL_SESS_CACHE_NO_INTERNAL_STORE 0x0200  /* store by the application only */
#define SSL_SESS_CACHE_NO_INTERNAL                                                                 \
    (SSL_SESS_CACHE_NO_INTERNAL_LOOKUP | SSL_SESS_CACHE_NO_INTERNAL_STORE)
#endif
#ifndef SSL_SESS_CACHE_UPDATE_TIME
#define SSL_SESS_CACHE_UPDATE_TIME 0x0400 /* adding a session refreshes its time */
#endif

#ifdef SESSCACHE_DECLARE_OPENSSL

/*
 * SSL_CTX_new creates a context for `method` and attaches it to the cache.
 * Returns the context, which the caller frees with SSL_CTX_free, or NULL, with
 * the reason in OpenSSL's error queue. A context that cannot be attached (no
 * memory) is returned all the same and uses libssl's own cache.
 * Follows SSL_CTX_new(3).
 */
SSL_CTX *SSL_CTX_new(const SSL_METHOD *method);

/*
 * SSL_CTX_new_ex is SSL_CTX_new with a library context and a property query
 * (OpenSSL 3.0 and later; with 1.1.1 it returns NULL). Follows SSL_CTX_new(3).
 */
SSL_CTX *SSL_CTX_new_ex(struct ossl_lib_ctx_st *libctx, const char *propq,
                        const SSL_METHOD *method);

/*
 * SSL_CTX_free drops a reference to the context, and with the last one the
 * context; each session in its cache is dropped then, and the remove callback
 * called for it. NULL is ignored. Follows SSL_CTX_free(3).
 */
void SSL_CTX_free(SSL_CTX *ctx);

/*
 * SSL_new makes a connection of the context, which owns the connection's
 * sessions from then on, also when SSL_set_SSL_CTX gives it another. Returns
 * it, freed by SSL_free, or NULL. Follows SSL_new(3).
 */
SSL *SSL_new(SSL_CTX *ctx);

/*
 * SSL_set_SSL_CTX gives the connection another context, whose certificate and
 * callbacks it uses from then on, but for those of the session cache. It takes a
 * reference to it. Returns the context, or NULL if memory is short, with nothing
 * changed. Follows ssl_lib.c of OpenSSL, which has no manual page for it.
 */
SSL_CTX *SSL_set_SSL_CTX(SSL *ssl, SSL_CTX *ctx);

/*
 * SSL_CTX_ctrl answers the commands behind the macros of the session cache:
 * SSL_CTRL_SET_SESS_CACHE_MODE and _SIZE (44, 42) return the value before,
 * their getters (45, 43) the application's value, and the counters
 * SSL_CTRL_SESS_NUMBER to SSL_CTRL_SESS_CACHE_FULL (20 to 31) what
 * SSL_CTX_sess_number(3) says. A negative size is refused: 0 is returned and
 * nothing changes. Every other command goes to libssl.
 */
long SSL_CTX_ctrl(SSL_CTX *ctx, int cmd, long larg, void *parg);

/*
 * SSL_CTX_sess_set_new_cb sets the callback that runs when a session has been
 * negotiated: once a full handshake up to TLS 1.2, for each ticket in TLS 1.3,
 * then also after the handshake. `sess` carries one reference on behalf of
 * the application. Returning 1 keeps it (the application calls
 * SSL_SESSION_free later); returning 0 gives it back, and the session that was
 * stored for this handshake leaves the internal cache. NULL unsets it.
 * Follows SSL_CTX_sess_set_get_cb(3).
 */
void SSL_CTX_sess_set_new_cb(SSL_CTX *ctx, int (*new_session_cb)(SSL *ssl, SSL_SESSION *sess));

/*
 * SSL_CTX_sess_set_remove_cb sets the callback that runs when the engine drops
 * a session: expired, evicted, flushed, removed after a fatal alert or an
 * unclean shutdown, and for each session of a context that is freed. The
 * cache's reference is held until the callback has returned; the callback
 * does not own it. NULL unsets it. Follows SSL_CTX_sess_set_get_cb(3).
 */
void SSL_CTX_sess_set_remove_cb(SSL_CTX *ctx,
                                void (*remove_session_cb)(SSL_CTX *ctx, SSL_SESSION *sess));

/*
 * SSL_CTX_sess_set_get_cb sets the callback of a server that runs when a
 * client proposes the session ID `data` of `len` bytes and the internal cache
 * does not have it, also when caching is off. `*copy` is 1 on entry: left so,
 * the engine takes a reference of its own to the session returned; set to 0,
 * the engine takes over the callback's. NULL means that there is no such
 * session, or, as the argument of this setter, unsets the callback.
 * Follows SSL_CTX_sess_set_get_cb(3).
 */
void SSL_CTX_sess_set_get_cb(SSL_CTX *ctx,
                             SSL_SESSION *(*get_session_cb)(SSL *ssl, const unsigned char *data,
                                                            int len, int *copy));

/*
 * The getters return the application's callback, or NULL if none is set.
 * Follow SSL_CTX_sess_set_get_cb(3).
 */
int (*SSL_CTX_sess_get_new_cb(SSL_CTX *ctx))(SSL *ssl, SSL_SESSION *sess);
void (*SSL_CTX_sess_get_remove_cb(SSL_CTX *ctx))(SSL_CTX *ctx, SSL_SESSION *sess);
SSL_SESSION *(*SSL_CTX_sess_get_get_cb(SSL_CTX *ctx))(SSL *ssl, const unsigned char *data, int len,
                                                      int *copy);

/*
 * SSL_CTX_add_session stores `sess` in the context's cache, whatever the mode,
 * and takes one reference. Returns 1 if it was stored; another object of the
 * same ID and protocol version is replaced and the cache's reference to it
 * dropped. Returns 0, and takes no reference, if this very object is already
 * there. Follows SSL_CTX_add_session(3).
 */
int SSL_CTX_add_session(SSL_CTX *ctx, SSL_SESSION *sess);

/*
 * SSL_CTX_remove_session drops the session of the same ID and protocol version
 * as `sess` from the context's cache, with the cache's reference, marks `sess`
 * as not resumable and calls the remove callback, also when the session was
 * not cached. Returns 1 if it was, else 0. Follows SSL_CTX_add_session(3).
 */
int SSL_CTX_remove_session(SSL_CTX *ctx, SSL_SESSION *sess);

/*
 * SSL_CTX_flush_sessions drops every session that expired before the time `tm`
 * (seconds since the epoch), or all of them if `tm` is 0. Other threads'
 * handshakes go on meanwhile. Follows SSL_CTX_flush_sessions(3).
 */
void SSL_CTX_flush_sessions(SSL_CTX *ctx, long tm);

/*
 * SSL_CTX_sessions returns libssl's own hash table of the context's sessions.
 * From then on the cache keeps a copy of its content there. The table belongs
 * to the context. Follows SSL_CTX_sessions(3).
 */
struct lhash_st_SSL_SESSION *SSL_CTX_sessions(SSL_CTX *ctx);

/*
 * SSL_CTX_set_session_id_context names the service that the context's sessions
 * are for: they resume with contexts of the same name only, in this process and
 * in others. `sid_ctx_len` is at most 32. Returns 1, or 0 if it is more.
 * Follows SSL_CTX_set_session_id_context(3).
 */
int SSL_CTX_set_session_id_context(SSL_CTX *ctx, const unsigned char *sid_ctx,
                                   unsigned int sid_ctx_len);

/*
 * SSL_has_matching_session_id returns 1 if the context of `ssl` has a cached
 * session of this ID and of the protocol version of `ssl`, else 0.
 * Follows SSL_CTX_set_generate_session_id(3).
 */
int SSL_has_matching_session_id(const SSL *ssl, const unsigned char *id, unsigned int id_len);

/*
 * SSL_CTX_set_generate_session_id and SSL_set_generate_session_id set the
 * callback that makes the IDs of new sessions, for a context or for one
 * connection; NULL restores random IDs. They return 1.
 * Follow SSL_CTX_set_generate_session_id(3).
 */
int SSL_CTX_set_generate_session_id(SSL_CTX *ctx, GEN_SESSION_CB cb);
int SSL_set_generate_session_id(SSL *ssl, GEN_SESSION_CB cb);

/*
 * SSL_SESSION_set_time sets the session's creation time, in seconds since the
 * epoch, and its place in the order of expiry if it is cached. Returns `t`, or
 * 0 if `sess` is NULL. Follows SSL_SESSION_get_time(3).
 */
long SSL_SESSION_set_time(SSL_SESSION *sess, long t);

/*
 * SSL_SESSION_set_timeout sets the session's lifetime in seconds and its place
 * in the order of expiry if it is cached. Returns 1, or 0 if `sess` is NULL or
 * libssl refuses a negative lifetime. Follows SSL_SESSION_get_time(3).
 */
long SSL_SESSION_set_timeout(SSL_SESSION *sess, long t);

#endif /* SESSCACHE_DECLARE_OPENSSL */

/*
 * SSL_CTX_flush_sessions_ex is SSL_CTX_flush_sessions with a time_t
 * (in libssl from 3.4; here with every libssl). Follows SSL_CTX_flush_sessions(3).
 */
void SSL_CTX_flush_sessions_ex(SSL_CTX *ctx, time_t tm);

/*
 * SSL_SESSION_set_time_ex is SSL_SESSION_set_time with a time_t (in libssl
 * from 3.3; here with every libssl). Follows SSL_SESSION_get_time(3).
 */
time_t SSL_SESSION_set_time_ex(SSL_SESSION *sess, time_t t);

/* Old names of SSL_CTX_add_session and SSL_CTX_remove_session, with the same contract. */
int SSL_add_session(SSL_CTX *ctx, SSL_SESSION *sess);
int SSL_remove_session(SSL_CTX *ctx, SSL_SESSION *sess);

/*
 * The functions behind the macros of <openssl/ssl.h>, for languages and
 * programs that cannot use macros. The parentheses keep those macros from
 * expanding here.
 *
 * SSL_CTX_set_session_cache_mode sets the mode (SSL_SESS_CACHE_*) and returns
 * the one before; SSL_CTX_get_session_cache_mode returns the mode the
 * application set. Follow SSL_CTX_set_session_cache_mode(3).
 */
long(SSL_CTX_set_session_cache_mode)(SSL_CTX *ctx, long mode);
long(SSL_CTX_get_session_cache_mode)(SSL_CTX *ctx);

#ifdef SESSCACHE_DECLARE_OPENSSL
/* The macros of <openssl/ssl.h> over SSL_CTX_ctrl; SSL_CTX_sess_number(3) says what they count. */
#define SSL_CTX_sess_number(ctx) SSL_CTX_ctrl(ctx, 20, 0, NULL)
#define SSL_CTX_sess_connect(ctx) SSL_CTX_ctrl(ctx, 21, 0, NULL)
#define SSL_CTX_sess_connect_good(ctx) SSL_CTX_ctrl(ctx, 22, 0, NULL)
#define SSL_CTX_sess_connect_renegotiate(ctx) SSL_CTX_ctrl(ctx, 23, 0, NULL)
#define SSL_CTX_sess_accept(ctx) SSL_CTX_ctrl(ctx, 24, 0, NULL)
#define SSL_CTX_sess_accept_good(ctx) SSL_CTX_ctrl(ctx, 25, 0, NULL)
#define SSL_CTX_sess_accept_renegotiate(ctx) SSL_CTX_ctrl(ctx, 26, 0, NULL)
#define SSL_CTX_sess_hits(ctx) SSL_CTX_ctrl(ctx, 27, 0, NULL)
#define SSL_CTX_sess_cb_hits(ctx) SSL_CTX_ctrl(ctx, 28, 0, NULL)
#define SSL_CTX_sess_misses(ctx) SSL_CTX_ctrl(ctx, 29, 0, NULL)
#define SSL_CTX_sess_timeouts(ctx) SSL_CTX_ctrl(ctx, 30, 0, NULL)
#define SSL_CTX_sess_cache_full(ctx) SSL_CTX_ctrl(ctx, 31, 0, NULL)
#define SSL_CTX_sess_set_cache_size(ctx, t) SSL_CTX_ctrl(ctx, 42, t, NULL)
#define SSL_CTX_sess_get_cache_size(ctx) SSL_CTX_ctrl(ctx, 43, 0, NULL)
#endif

/*
 * sesscache_version returns the library's version, such as "0.1.0". The string
 * is static.
 */
const char *sesscache_version(void);

/*
 * sesscache_attached returns 1 if the sessions of `ctx` live in the library's
 * cache, and 0 if libssl's own cache serves it: the context is NULL or was
 * made before the library could see it, memory was short, the process cannot
 * run the Go core, or it is a fork of one that already did.
 */
int sesscache_attached(SSL_CTX *ctx);

/*
 * sesscache_ctx_share makes `dst` use the cache of `src`, so that a session
 * made with one context resumes with the other, and what one removes is gone
 * for both. Call it before `dst` serves its first connection; several contexts
 * may share one cache. The size is that which `src` had at its first session,
 * or that set last on any of them; mode and callbacks stay each context's own,
 * and a remove callback runs for the context that dropped the session. The
 * cache ends with the last context that uses it.
 *
 * It is safe where a client that one context has let in may be let in by the
 * other: both present certificates of the same service and ask the same of
 * clients. Contexts that differ in what they ask (one verifies clients, the
 * other does not) must have different session id contexts
 * (SSL_CTX_set_session_id_context): libssl then refuses the other's sessions.
 *
 * Contexts that share keep no copy in libssl's own table: SSL_CTX_sessions
 * stays empty, and with a libssl that resolves its own calls itself (3.6 and
 * later) TLS 1.3 connections that accept early data make full handshakes.
 *
 * Returns 1, also if they share already. Returns 0 and changes nothing if an
 * argument is NULL or not attached, if `dst` has cached sessions or shares with
 * another, or if SSL_CTX_sessions was called for one of them.
 */
int sesscache_ctx_share(SSL_CTX *dst, SSL_CTX *src);

/*
 * sesscache_stats is what the Go core counted for one context since its first
 * session. lookups = hits + misses; adds - replaced - evicted - expired -
 * removed - flushed = entries.
 */
typedef struct sesscache_stats {
    uint64_t lookups;     /* sessions asked for by ID in the cache */
    uint64_t hits;        /* found, and not expired */
    uint64_t misses;      /* not found, or found expired */
    uint64_t adds;        /* stored; the same object again does not count */
    uint64_t replaced;    /* dropped for another object of the same ID */
    uint64_t evicted;     /* dropped because the cache was full */
    uint64_t expired;     /* dropped after their time: found by a lookup or a flush */
    uint64_t removed;     /* dropped on request before their time */
    uint64_t flushed;     /* dropped by a flush before their time */
    uint64_t entries;     /* cached now */
    uint64_t shared_hits; /* of the hits: found in the memory that workers share */
    uint64_t stored_hits; /* of the hits: found in the store that hosts share */
} sesscache_stats;

/*
 * sesscache_ctx_stats fills `stats`, of `size` bytes (sizeof(*stats): a program
 * built against an older, shorter structure stays valid), with the figures of
 * `ctx`. A context that has not cached anything yet has zeros. Returns 1, or 0
 * if an argument is NULL or the context is not attached.
 */
int sesscache_ctx_stats(SSL_CTX *ctx, sesscache_stats *stats, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* SESSCACHE_OPENSSL_SESS_H */
