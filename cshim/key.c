#include "key.h"

#include <stdatomic.h>
#include <string.h>

#include "libssl.h"

bool ssc_key_make_short(sscore_key *key, const unsigned char *id, size_t len, int version)
{
    if (len > sizeof key->id || (id == NULL && len > 0) || version != (uint16_t)version)
        return false;
    *key = (sscore_key){.version = (uint16_t)version, .id_len = (uint8_t)len};
    if (len > 0)
        memcpy(key->id, id, len);
    return true;
}

/*
 * Where a session has its ID, behind its start: of a struct that is libssl's own,
 * so no more than a hint. Its times and its count of references follow.
 */
static _Atomic ptrdiff_t id_offset;
#define AFTER_ID 128
/* And what malloc gives libssl 3.0 for one; with others it is less, or no more than a line more. */
#define SESSION_SIZE 936u

void ssc_key_prefetch(const SSL_SESSION *sess)
{
    const char *id = (const char *)sess + atomic_load_explicit(&id_offset, memory_order_relaxed);

    __builtin_prefetch(sess);
    __builtin_prefetch(id);
    __builtin_prefetch(id + AFTER_ID, 1);
}

void ssc_key_prefetch_all(const SSL_SESSION *sess)
{
    for (size_t line = 0; line < SESSION_SIZE; line += 64)
        __builtin_prefetch((const char *)sess + line, 1);
}

bool ssc_key_of(const SSL_SESSION *sess, sscore_key *key)
{
    const struct ssc_libssl *real = ssc_libssl();
    unsigned int len = 0;
    const unsigned char *id = real->SSL_SESSION_get_id(sess, &len);

    if (ssc_unlikely(atomic_load_explicit(&id_offset, memory_order_relaxed) == 0))
        atomic_store_explicit(&id_offset, (const char *)id - (const char *)sess,
                              memory_order_relaxed);
    return ssc_key_make(key, id, len, real->SSL_SESSION_get_protocol_version(sess));
}

/* From 3.3 on libssl counts nanoseconds in 64 bits; so many seconds are beyond them. */
#define NANOSECOND_RANGE ((int64_t)(UINT64_MAX / 1000000000u))

int64_t ssc_key_expiry(const SSL_SESSION *sess)
{
    const struct ssc_libssl *real = ssc_libssl();
    const int64_t time = real->SSL_SESSION_get_time(sess);
    const int64_t timeout = real->SSL_SESSION_get_timeout(sess);
    int64_t expiry;

    if (time < 0 || __builtin_add_overflow(time, timeout > 0 ? timeout : 0, &expiry))
        return SSCORE_NEVER;
    if (real->SSL_SESSION_set_time_ex != NULL && expiry >= NANOSECOND_RANGE)
        return SSCORE_NEVER;
    return expiry;
}
