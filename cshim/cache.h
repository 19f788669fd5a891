/*
 * cache.h: the operations of one context's cache, between the entry points and
 * trampolines on one side and the Go core on the other. They count references
 * and call remove callbacks; what is stored, found and displaced the core says.
 */
#ifndef SSC_CACHE_H
#define SSC_CACHE_H

#include "ctx.h"

/*
 * `caches` are those beyond the context's own (SSCORE_REGION, SSCORE_STORE)
 * which an operation concerns; share.h says which they can be. `ssl` is the
 * session's connection, or NULL where there is none.
 *
 * ssc_cache_add stores the session: 1, or 0 if this object is stored already or
 * nothing could be stored. Starts the Go core if need be; where it cannot run,
 * the context is detached and libssl's own cache takes the session.
 */
int ssc_cache_add(struct ssc_ctx *rec, const SSL *ssl, SSL_SESSION *sess, uint32_t caches);

/* ssc_cache_share gives a session that is stored to other processes and hosts. */
void ssc_cache_share(struct ssc_ctx *rec, const SSL *ssl, SSL_SESSION *sess, uint32_t caches);

/*
 * ssc_cache_store stores the session in the table of the core, and shares it as
 * the record says (NULL: not): 1 or 0 as ssc_cache_add.
 */
int ssc_cache_store(struct ssc_ctx *rec, sscore_table table, const SSL *ssl, SSL_SESSION *sess,
                    sscore_record *record);

/*
 * ssc_cache_lookup returns the session that `ssl` is asked to resume, with a
 * reference for the caller, or NULL. It may have expired: that is for libssl to
 * say, which counts it. What is found in `caches` is stored here too. With
 * SSCORE_TAKE among them, the session is found once in all processes.
 */
SSL_SESSION *ssc_cache_lookup(struct ssc_ctx *rec, const SSL *ssl, const unsigned char *id,
                              size_t len, uint32_t caches);

/* ssc_cache_contains is true if a session of this ID and version is stored. */
bool ssc_cache_contains(struct ssc_ctx *rec, const unsigned char *id, size_t len, int version,
                        uint32_t caches);

/*
 * ssc_cache_remove does what SSL_CTX_remove_session promises: libssl marks the
 * session, and ssc_cache_removed, called back by its trampoline, does the rest.
 * `asked` tells that the application called it, not libssl.
 */
int ssc_cache_remove(struct ssc_ctx *rec, SSL_SESSION *sess, bool asked);

/* ssc_cache_removed: libssl removes `sess` (or was asked to by ssc_cache_remove). */
void ssc_cache_removed(struct ssc_ctx *rec, SSL_SESSION *sess);

/*
 * ssc_cache_mark marks a session as not resumable, which libssl alone can do, and
 * only with its SSL_CTX_remove_session. The session leaves libssl's copy of the
 * cache with that.
 */
void ssc_cache_mark(struct ssc_ctx *rec, SSL_SESSION *sess);

/* ssc_cache_withdraw takes this very object out again, without mark or callback. */
void ssc_cache_withdraw(struct ssc_ctx *rec, SSL_SESSION *sess);

/* ssc_cache_flush drops what expired before `tm`, or all. */
void ssc_cache_flush(struct ssc_ctx *rec, int64_t tm, bool all, uint32_t caches);

/* ssc_cache_end drops all, also what libssl's copy alone may still have. */
void ssc_cache_end(struct ssc_ctx *rec);

/* ssc_cache_moved gives a session whose time or timeout changed its new place, where it is cached. */
void ssc_cache_moved(SSL_SESSION *sess);

/* ssc_cache_number is the number of sessions stored. */
uint64_t ssc_cache_number(struct ssc_ctx *rec);

/*
 * ssc_cache_mirror keeps libssl's own table of the context as a copy of the
 * cache from here on: for SSL_CTX_sessions, and for the protection of early
 * data against replay, for which libssl asks its own table.
 */
void ssc_cache_mirror(struct ssc_ctx *rec);

/* ssc_cache_in_libssl is true while this thread is in a libssl call made to keep the mirror. */
bool ssc_cache_in_libssl(void);

#endif
