#include "share.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "keys.h"
#include "region.h"
#include "runtime.h"

/* libssl's SSL_VERIFY_PEER. */
#define VERIFY_PEER 1
/* Places in a session where applications keep data of their own; few use more than one. */
#define SESSION_PLACES 16

/* The caches that this process shares with others. */
static uint32_t process_caches(void)
{
    const bool store = ssc_config()->store != NULL;

    return (ssc_share_region() ? SSCORE_REGION : 0) | (store ? SSCORE_STORE : 0);
}

/* The caches of a context whose server side may use them as far as `flag` is not set. */
static uint32_t caches_unless(struct ssc_ctx *rec, long flag)
{
    const long mode = atomic_load_explicit(&rec->mode, memory_order_relaxed);

    if (!ssc_config()->takeover && (mode & flag) != 0)
        return 0;
    return process_caches();
}

/* Nobody looks up the sessions of clients: they are told which one to use. */
static bool serves(struct ssc_ctx *rec)
{
    return ssc_config()->takeover ||
           (atomic_load_explicit(&rec->mode, memory_order_relaxed) & SSL_SESS_CACHE_SERVER) != 0;
}

uint32_t ssc_share_lookups_of(struct ssc_ctx *rec)
{
    return serves(rec) ? caches_unless(rec, SSL_SESS_CACHE_NO_INTERNAL_LOOKUP) : 0;
}

uint32_t ssc_share_stores_of(struct ssc_ctx *rec)
{
    return serves(rec) ? caches_unless(rec, SSL_SESS_CACHE_NO_INTERNAL_STORE) : 0;
}

uint32_t ssc_share_removals_of(struct ssc_ctx *rec)
{
    return ssc_share_lookups_of(rec) | ssc_share_stores_of(rec);
}

/* The names that a context asks client certificates for, one after the other. False: they cannot be told. */
static bool authorities_of(const SSL_CTX *ctx, uint8_t **all, uint32_t *len)
{
    const struct ssc_libssl *real = ssc_libssl();
    const void *names = real->SSL_CTX_get_client_CA_list(ctx);
    const int n = names != NULL ? real->OPENSSL_sk_num(names) : 0;
    uint8_t *end;
    size_t sum = 0;

    *all = NULL;
    *len = 0;
    for (int i = 0; i < n; i++) {
        const int size = real->i2d_X509_NAME(real->OPENSSL_sk_value(names, i), NULL);
        sum += size > 0 ? (size_t)size : 0;
    }
    if (sum == 0)
        return true;
    if (sum > INT_MAX || (*all = malloc(sum)) == NULL)
        return false;
    end = *all;
    for (int i = 0; i < n; i++)
        real->i2d_X509_NAME(real->OPENSSL_sk_value(names, i), &end);
    *len = (uint32_t)sum;
    return true;
}

/* What of the context's identity may change while it is used; compared at each use. */
static uint64_t identity_now(struct ssc_ctx *rec)
{
    const struct ssc_libssl *real = ssc_libssl();
    const uintptr_t certificate = (uintptr_t)real->SSL_CTX_get0_certificate(rec->ctx);
    const uint64_t mode = (uint64_t)(unsigned)real->SSL_CTX_get_verify_mode(rec->ctx);

    return (certificate ^ mode << 56 ^
            (uint64_t)atomic_load_explicit(&rec->context_ids_set, memory_order_relaxed) << 48) |
           1;
}

static uint32_t identify(struct ssc_ctx *rec, sscore_table core)
{
    const struct ssc_libssl *real = ssc_libssl();
    void *certificate = real->SSL_CTX_get0_certificate(rec->ctx);
    uint8_t *der = NULL;
    const int der_len = certificate != NULL ? real->i2d_X509(certificate, &der) : 0;
    sscore_identity identity = {
        .certificate = der_len > 0 ? der : NULL,
        .certificate_len = der_len > 0 ? (uint32_t)der_len : 0,
        .context_id = rec->context_id,
        .context_id_len = rec->context_id_len,
        .verify_mode = real->SSL_CTX_get_verify_mode(rec->ctx),
        .number = ssc_ctx_table(rec)->number,
    };
    uint8_t *authorities;
    uint32_t caches = 0;

    /* A context that cannot be told from others shares with none. */
    if (authorities_of(rec->ctx, &authorities, &identity.authorities_len) &&
        (certificate == NULL || der_len > 0)) {
        identity.authorities = authorities;
        caches = sscore_table_identify(core, &identity);
        if ((caches & SSCORE_BIND) != 0 && ssc_ctx_table(rec)->by_worker)
            caches &= ~(uint32_t)SSCORE_REGION;
    }
    free(authorities);
    real->CRYPTO_free(der, __FILE__, __LINE__);
    if (certificate != NULL)
        real->X509_up_ref(certificate);
    real->X509_free(ssc_ctx_table(rec)->certificate);
    ssc_ctx_table(rec)->certificate = certificate;
    return caches;
}

static sscore_table core_for(struct ssc_ctx *rec, uint32_t *caches)
{
    if (!ssc_runtime_start()) {
        *caches = 0;
        return 0;
    }
    struct ssc_table *table = ssc_ctx_table(rec);
    const sscore_table core = ssc_table_core(table, ssc_ctx_capacity(rec));
    if (core == 0) {
        *caches = 0;
        return 0;
    }
    uint64_t identity = atomic_load_explicit(&table->identity, memory_order_acquire);
    const bool owner = atomic_load_explicit(&table->owner, memory_order_relaxed) == rec;
    if (ssc_unlikely(identity == 0 || (owner && identity != identity_now(rec)))) {
        struct ssc_ctx *first = ssc_ctx_lock_owner(table, rec);
        identity = identity_now(first);
        if (atomic_load(&table->identity) != identity) {
            atomic_store(&table->caches, identify(first, core));
            atomic_store_explicit(&table->identity, identity, memory_order_release);
        }
        ssc_ctx_unlock_owner();
    }
    const uint32_t possible = atomic_load_explicit(&table->caches, memory_order_relaxed);
    *caches = (*caches & (possible | SSCORE_TAKE)) | (possible & SSCORE_BIND);
    if (ssc_config()->key_file != NULL)
        ssc_share_keys();
    return core;
}

sscore_table ssc_share_core_for(struct ssc_ctx *rec, uint32_t *caches)
{
    const int saved_errno = errno;
    const sscore_table core = core_for(rec, caches);

    errno = saved_errno;
    return core;
}

uint32_t ssc_share_certificate(const SSL *ssl, uint8_t **der)
{
    const struct ssc_libssl *real = ssc_libssl();
    const SSL_CTX *ctx = real->SSL_get_SSL_CTX(ssl);
    const void *certificate = ctx != NULL ? real->SSL_CTX_get0_certificate(ctx) : NULL;

    *der = NULL;
    const int len = certificate != NULL ? real->i2d_X509(certificate, der) : 0;
    return len > 0 ? (uint32_t)len : 0;
}

bool ssc_share_unfit(const SSL *ssl, const SSL_SESSION *sess)
{
    const struct ssc_libssl *real = ssc_libssl();
    unsigned int len = 0;

    if ((real->SSL_get_verify_mode(ssl) & VERIFY_PEER) == 0 || !ssc_share_any())
        return false;
    real->SSL_SESSION_get0_id_context(sess, &len);
    return len == 0;
}

/*
 * OpenSSL 1.1.1 (it has no SSL_CTX_new_ex) makes the tickets of a connection that
 * resumed with early data from the session that it took out of the cache, mark
 * and all, and does not mind the mark in TLS 1.3.
 */
static bool marked_without_reason(const SSL_SESSION *sess)
{
    const struct ssc_libssl *real = ssc_libssl();

    return real->SSL_CTX_new_ex == NULL &&
           real->SSL_SESSION_get_protocol_version(sess) == SSC_TLS1_3_VERSION;
}

bool ssc_share_fits(const SSL_SESSION *sess)
{
    const struct ssc_libssl *real = ssc_libssl();
    unsigned int id_len = 0;

    real->SSL_SESSION_get_id(sess, &id_len);
    if (id_len == 0 || (!real->SSL_SESSION_is_resumable(sess) && !marked_without_reason(sess)))
        return false;
    for (int i = 0; i < SESSION_PLACES; i++) {
        if (real->SSL_SESSION_get_ex_data(sess, i) != NULL)
            return false;
    }
    return true;
}

bool ssc_share_encode(const SSL *ssl, SSL_SESSION *sess, uint32_t caches, sscore_record *record)
{
    uint8_t *certificate = NULL;
    const struct ssc_libssl *real = ssc_libssl();
    uint8_t *der = NULL;

    *record = (sscore_record){.caches = caches};
    if (caches == 0)
        return false;
    if (!ssc_share_fits(sess))
        return false;
    real->ERR_set_mark();
    const int len = real->i2d_SSL_SESSION(sess, &der);
    real->ERR_pop_to_mark();
    if (len <= 0)
        return false;
    record->der = der;
    record->len = (uint32_t)len;
    if ((caches & SSCORE_BIND) != 0 && ssl != NULL)
        record->certificate_len = ssc_share_certificate(ssl, &certificate);
    record->certificate = certificate;
    return true;
}

void ssc_share_wipe(sscore_record *record)
{
    ssc_libssl()->CRYPTO_free((void *)record->certificate, __FILE__, __LINE__);
    record->certificate = NULL;
    if (record->der == NULL)
        return;
    explicit_bzero((void *)record->der, record->len);
    ssc_libssl()->CRYPTO_free((void *)record->der, __FILE__, __LINE__);
    record->der = NULL;
}

SSL_SESSION *ssc_share_decode(const SSL *ssl, const sscore_key *key, const uint8_t *der, size_t len)
{
    const struct ssc_libssl *real = ssc_libssl();
    const uint8_t *end = der;
    unsigned int id_len = 0;

    real->ERR_set_mark();
    SSL_SESSION *sess = real->d2i_SSL_SESSION(NULL, &end, (long)len);
    real->ERR_pop_to_mark();
    if (sess == NULL)
        return NULL;
    const uint8_t *id = real->SSL_SESSION_get_id(sess, &id_len);
    if (end != der + len || id_len != key->id_len || memcmp(id, key->id, id_len) != 0 ||
        real->SSL_SESSION_get_protocol_version(sess) != key->version ||
        ssc_share_unfit(ssl, sess)) {
        real->SSL_SESSION_free(sess);
        return NULL;
    }
    return sess;
}

void ssc_share_keys(void)
{
    static _Atomic uint32_t given;
    uint8_t keys[SSC_KEYS_MAX][SSC_KEY_SIZE];
    uint32_t generation;

    ssc_keys_refresh(false);
    if (atomic_load_explicit(&given, memory_order_relaxed) == ssc_keys_generation())
        return;
    const size_t n = ssc_keys_get(keys, &generation);
    sscore_set_keys(keys[0], (uint32_t)n);
    atomic_store(&given, generation);
    explicit_bzero(keys, sizeof keys);
}
