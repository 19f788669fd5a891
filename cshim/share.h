/*
 * share.h: the sessions that other processes and hosts get: which they are,
 * whose they are, and their passage through DER.
 */
#ifndef SSC_SHARE_H
#define SSC_SHARE_H

#include "config.h"
#include "ctx.h"
#include "region.h"
#include "ssc.h"

/*
 * ssc_share_region is true if this process has memory to share. A process that
 * has forked no workers has nobody to share it with. But with a store it needs
 * it to remember what it removed from there. And in takeover mode it keeps its
 * sessions there as bytes, as the caches do that are taken over: as objects they
 * lie between what each connection frees, and malloc took 7 % of a handshake's
 * time longer in haproxy.
 */
static inline bool ssc_share_region(void)
{
    const struct ssc_region *region = ssc_region();

    return region->base != NULL && (ssc_config()->store != NULL || ssc_config()->takeover ||
                                    region->in_file || ssc_region_inherited());
}

/* ssc_share_any is true if this process shares sessions: it has a region with others, or a store. */
static inline bool ssc_share_any(void)
{
    return ssc_config()->store != NULL || ssc_share_region();
}

/*
 * ssc_share_lookups, ssc_share_stores and ssc_share_removals return the caches
 * (SSCORE_REGION, SSCORE_STORE) that the context's mode lets its server side
 * look into, store into and remove from; 0 in a process that shares nothing.
 */
uint32_t ssc_share_lookups_of(struct ssc_ctx *rec);
uint32_t ssc_share_stores_of(struct ssc_ctx *rec);
uint32_t ssc_share_removals_of(struct ssc_ctx *rec);
static inline uint32_t ssc_share_lookups(struct ssc_ctx *rec)
{
    return ssc_likely(!ssc_share_any()) ? 0 : ssc_share_lookups_of(rec);
}
static inline uint32_t ssc_share_stores(struct ssc_ctx *rec)
{
    return ssc_likely(!ssc_share_any()) ? 0 : ssc_share_stores_of(rec);
}
static inline uint32_t ssc_share_removals(struct ssc_ctx *rec)
{
    return ssc_likely(!ssc_share_any()) ? 0 : ssc_share_removals_of(rec);
}

/*
 * ssc_share_core returns the context's table in the core, for a call of the
 * core that concerns *caches. If there are any, the core is started and the
 * table made where that is yet to be done, and the table is told whose sessions
 * it has. 0 if there is no table; *caches is 0 then. errno stays as it is.
 */
sscore_table ssc_share_core_for(struct ssc_ctx *rec, uint32_t *caches);
static inline sscore_table ssc_share_core(struct ssc_ctx *rec, uint32_t *caches)
{
    return ssc_likely(*caches == 0) ? ssc_ctx_core(rec) : ssc_share_core_for(rec, caches);
}

/*
 * ssc_share_fits is false if the session cannot be shared: it has no ID, is not
 * resumable, or the application keeps data with it that DER does not carry.
 */
bool ssc_share_fits(const SSL_SESSION *sess);

/*
 * ssc_share_encode makes the record of a session for `caches`. False, and a
 * record that is not shared, if there are none or the session does not fit. `ssl` is its connection, or NULL: then the store does not
 * get it if SSCORE_BIND is among the caches. ssc_share_wipe frees what the record
 * holds.
 */
bool ssc_share_encode(const SSL *ssl, SSL_SESSION *sess, uint32_t caches, sscore_record *record);
void ssc_share_wipe(sscore_record *record);

/*
 * ssc_share_decode makes the session of a DER for a connection that asked for
 * the key. The caller owns it. NULL if it is not that session, or one that
 * libssl would not just ignore but fail the handshake for. OpenSSL's error
 * queue stays as it is.
 */
SSL_SESSION *ssc_share_decode(const SSL *ssl, const sscore_key *key, const uint8_t *der,
                              size_t len);

/*
 * ssc_share_certificate is the certificate that a connection shows, as long as
 * nobody has chosen another one, in DER: its length, and *der, which the caller
 * frees with CRYPTO_free; or 0.
 */
uint32_t ssc_share_certificate(const SSL *ssl, uint8_t **der);

/*
 * ssc_share_unfit is true if libssl would fail the handshake that resumes the
 * session: a server that verifies clients without a session id context. A
 * process that shares sessions may have one that it did not make.
 */
bool ssc_share_unfit(const SSL *ssl, const SSL_SESSION *sess);

/* ssc_share_keys gives the core the keys if they have changed. Called now and then. */
void ssc_share_keys(void);

#endif
