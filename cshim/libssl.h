/*
 * libssl.h: the real functions, found at run time in whichever libssl and
 * libcrypto (1.1, 3, 4) the process uses. The library links neither.
 */
#ifndef SSC_LIBSSL_H
#define SSC_LIBSSL_H

#include <stdatomic.h>

#include "ssc.h"

/* Commands of SSL_CTX_ctrl and options of SSL that the shim knows; the same numbers since 1.1.0. */
enum {
    SSC_CTRL_SESS_NUMBER = 20,
    SSC_CTRL_SESS_CONNECT_GOOD = 22,
    SSC_CTRL_SESS_ACCEPT_GOOD = 25,
    SSC_CTRL_SESS_CB_HIT = 28,
    SSC_CTRL_SESS_MISSES = 29,
    SSC_CTRL_SESS_CACHE_FULL = 31,
    SSC_CTRL_SET_SESS_CACHE_SIZE = 42,
    SSC_CTRL_GET_SESS_CACHE_SIZE = 43,
    SSC_CTRL_SET_SESS_CACHE_MODE = 44,
    SSC_CTRL_GET_SESS_CACHE_MODE = 45,
};
#define SSC_OP_NO_TICKET (UINT64_C(1) << 14)
#define SSC_OP_NO_ANTI_REPLAY (UINT64_C(1) << 24)
#define SSC_TLS1_3_VERSION 0x0304

/* Classes of CRYPTO_get_ex_new_index. */
enum { SSC_EX_INDEX_SSL = 0, SSC_EX_INDEX_SSL_CTX = 1 };

typedef void ssc_ex_new(void *parent, void *ptr, void *ad, int idx, long argl, void *argp);
typedef void ssc_ex_free(void *parent, void *ptr, void *ad, int idx, long argl, void *argp);
typedef int ssc_ex_dup(void *to, const void *from, void **from_d, int idx, long argl, void *argp);

typedef void *ssc_crypto_malloc(size_t size, const char *file, int line);

/*
 * SSC_LIBSSL_FUNCTIONS lists the real functions: return type, name, parameters.
 * SSC_LIBSSL_OPTIONAL are those that not every libssl has; they may be NULL.
 */
/* clang-format off */
#define SSC_LIBSSL_FUNCTIONS(X)                                                                    \
    X(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *))                                                \
    X(const SSL_METHOD *, TLS_method, (void))                                                      \
    X(void, SSL_CTX_free, (SSL_CTX *))                                                             \
    X(long, SSL_CTX_ctrl, (SSL_CTX *, int, long, void *))                                          \
    X(void, SSL_CTX_sess_set_new_cb, (SSL_CTX *, ssc_new_cb))                                      \
    X(void, SSL_CTX_sess_set_remove_cb, (SSL_CTX *, ssc_remove_cb))                                \
    X(void, SSL_CTX_sess_set_get_cb, (SSL_CTX *, ssc_get_cb))                                      \
    X(ssc_new_cb, SSL_CTX_sess_get_new_cb, (SSL_CTX *))                                            \
    X(ssc_remove_cb, SSL_CTX_sess_get_remove_cb, (SSL_CTX *))                                      \
    X(ssc_get_cb, SSL_CTX_sess_get_get_cb, (SSL_CTX *))                                            \
    X(int, SSL_CTX_add_session, (SSL_CTX *, SSL_SESSION *))                                        \
    X(int, SSL_CTX_remove_session, (SSL_CTX *, SSL_SESSION *))                                     \
    X(void, SSL_CTX_flush_sessions, (SSL_CTX *, long))                                             \
    X(struct lhash_st_SSL_SESSION *, SSL_CTX_sessions, (SSL_CTX *))                                \
    X(int, SSL_has_matching_session_id, (const SSL *, const unsigned char *, unsigned int))        \
    X(int, SSL_CTX_set_generate_session_id, (SSL_CTX *, GEN_SESSION_CB))                           \
    X(int, SSL_set_generate_session_id, (SSL *, GEN_SESSION_CB))                                   \
    X(long, SSL_SESSION_set_time, (SSL_SESSION *, long))                                           \
    X(long, SSL_SESSION_set_timeout, (SSL_SESSION *, long))                                        \
    X(long, SSL_SESSION_get_time, (const SSL_SESSION *))                                           \
    X(long, SSL_SESSION_get_timeout, (const SSL_SESSION *))                                        \
    X(const unsigned char *, SSL_SESSION_get_id, (const SSL_SESSION *, unsigned int *))            \
    X(int, SSL_SESSION_get_protocol_version, (const SSL_SESSION *))                                \
    X(int, SSL_SESSION_is_resumable, (const SSL_SESSION *))                                        \
    X(const unsigned char *, SSL_SESSION_get0_id_context, (const SSL_SESSION *, unsigned int *))   \
    X(void *, SSL_SESSION_get_ex_data, (const SSL_SESSION *, int))                                 \
    X(int, i2d_SSL_SESSION, (const SSL_SESSION *, unsigned char **))                               \
    X(SSL_SESSION *, d2i_SSL_SESSION, (SSL_SESSION **, const unsigned char **, long))              \
    X(int, SSL_SESSION_up_ref, (SSL_SESSION *))                                                    \
    X(void, SSL_SESSION_free, (SSL_SESSION *))                                                     \
    X(SSL_CTX *, SSL_get_SSL_CTX, (const SSL *))                                                   \
    X(SSL *, SSL_new, (SSL_CTX *))                                                                 \
    X(SSL_CTX *, SSL_set_SSL_CTX, (SSL *, SSL_CTX *))                                              \
    X(int, SSL_version, (const SSL *))                                                             \
    X(int, SSL_get_verify_mode, (const SSL *))                                                     \
    X(int, SSL_CTX_get_verify_mode, (const SSL_CTX *))                                             \
    X(int, SSL_CTX_set_session_id_context, (SSL_CTX *, const unsigned char *, unsigned int))       \
    X(void *, SSL_CTX_get0_certificate, (const SSL_CTX *))                                         \
    X(const void *, SSL_CTX_get_client_CA_list, (const SSL_CTX *))                                 \
    X(int, SSL_is_server, (const SSL *))                                                           \
    X(uint64_t, SSL_get_options, (const SSL *))                                                    \
    X(uint32_t, SSL_get_max_early_data, (const SSL *))                                             \
    X(void *, SSL_get_ex_data, (const SSL *, int))                                                 \
    X(int, SSL_set_ex_data, (SSL *, int, void *))                                                  \
    X(void *, SSL_CTX_get_ex_data, (const SSL_CTX *, int))                                         \
    X(int, SSL_CTX_set_ex_data, (SSL_CTX *, int, void *))                                          \
    X(const char *, OpenSSL_version, (int))                                                        \
    X(int, X509_up_ref, (void *))                                                                  \
    X(void, X509_free, (void *))                                                                   \
    X(int, i2d_X509, (const void *, unsigned char **))                                             \
    X(int, i2d_X509_NAME, (const void *, unsigned char **))                                        \
    X(int, OPENSSL_sk_num, (const void *))                                                         \
    X(void *, OPENSSL_sk_value, (const void *, int))                                               \
    X(void, CRYPTO_free, (void *, const char *, int))                                              \
    X(int, ERR_set_mark, (void))                                                                   \
    X(int, ERR_pop_to_mark, (void))                                                                \
    X(int, CRYPTO_get_ex_new_index, (int, long, void *, ssc_ex_new *, ssc_ex_dup *, ssc_ex_free *))\
    X(int, CRYPTO_set_ex_data, (void *, int, void *))                                              \
    X(void *, CRYPTO_get_ex_data, (const void *, int))
#define SSC_LIBSSL_OPTIONAL(X)                                                                     \
    X(SSL_CTX *, SSL_CTX_new_ex, (struct ossl_lib_ctx_st *, const char *, const SSL_METHOD *))     \
    X(void, SSL_CTX_flush_sessions_ex, (SSL_CTX *, time_t))                                        \
    X(time_t, SSL_SESSION_set_time_ex, (SSL_SESSION *, time_t))                                    \
    X(void *, CRYPTO_malloc, (size_t, const char *, int))                                          \
    X(void, CRYPTO_get_mem_functions, (ssc_crypto_malloc **, void *, void *))
/* clang-format on */

struct ssc_libssl {
    bool complete;            /* an OpenSSL with every function: its contexts can be attached */
    uintptr_t code, code_end; /* where its code lies */
#define SSC_FIELD(type, name, args) type(*name) args;
    SSC_LIBSSL_FUNCTIONS(SSC_FIELD)
    SSC_LIBSSL_OPTIONAL(SSC_FIELD)
#undef SSC_FIELD
};

/*
 * ssc_libssl returns the real functions of the libssl that is stood in front
 * of: the first that was asked for something. NULL if none has been found yet.
 * Of one that is not complete (LibreSSL, BoringSSL, before 1.1.1) only the
 * function that was called may be used. Any thread.
 */
static inline const struct ssc_libssl *ssc_libssl(void)
{
    extern struct ssc_libssl ssc_libssl_tables[];
    extern _Atomic unsigned ssc_libssl_len;

    return ssc_likely(atomic_load_explicit(&ssc_libssl_len, memory_order_acquire) > 0)
               ? &ssc_libssl_tables[0]
               : NULL;
}

/*
 * ssc_libssl_find is ssc_libssl, which first looks for a libssl on behalf of
 * code at `caller` if none has been found.
 */
const struct ssc_libssl *ssc_libssl_search(const void *caller);
static inline const struct ssc_libssl *ssc_libssl_find(const void *caller)
{
    const struct ssc_libssl *real = ssc_libssl();

    return ssc_likely(real != NULL) ? real : ssc_libssl_search(caller);
}

/*
 * ssc_libssl_foreign returns the functions of another libssl, if `caller` is
 * linked with one: a Python extension may bring its own beside the system's.
 * Our names hide both from their callers, so each entry point asks whom it
 * stands for; contexts of a foreign libssl are left alone. NULL normally, at
 * the cost of a load. `deciding` is set where a context is made: nobody can
 * have one of a foreign libssl before that.
 */
const struct ssc_libssl *ssc_libssl_bound(const void *caller);
static inline const struct ssc_libssl *ssc_libssl_foreign(const void *caller, bool deciding)
{
    extern _Atomic unsigned ssc_libssl_len;
    const unsigned n = atomic_load_explicit(&ssc_libssl_len, memory_order_acquire);

    return n == 0 || (ssc_likely(n == 1) && !deciding) ? NULL : ssc_libssl_bound(caller);
}

/* SSC_PASS_FOREIGN ends an entry point with the foreign function, if the caller has one. */
#define SSC_PASS_FOREIGN(name, ...)                                                                \
    do {                                                                                           \
        const struct ssc_libssl *foreign_ =                                                        \
            ssc_libssl_foreign(__builtin_return_address(0), false);                                \
        if (ssc_unlikely(foreign_ != NULL))                                                        \
            return foreign_->name(__VA_ARGS__);                                                    \
    } while (0)

/* SSC_ENTER begins an entry point that libssl has too: `real` is the libssl it stands for, or NULL. */
#define SSC_ENTER(name, ...)                                                                       \
    SSC_PASS_FOREIGN(name, __VA_ARGS__);                                                           \
    const struct ssc_libssl *real = ssc_libssl_find(__builtin_return_address(0))

/* ssc_libssl_is is true if `address` lies in the code of the libssl of ssc_libssl. */
bool ssc_libssl_is(const void *address);

/*
 * ssc_libssl_take_place takes a place for data of the shim's in each object of a
 * class, unless *place (-1: none) has one. False: there is none to be had. Without
 * a lock of ours, for OpenSSL takes one of its own: should two threads be here, the
 * place of one of them stays unused.
 */
bool ssc_libssl_take_place(_Atomic int *place, int class, ssc_ex_new *made, ssc_ex_dup *duplicated,
                           ssc_ex_free *freed);

/*
 * ssc_libssl_scope returns the handle for dlsym of the library to which the
 * dynamic loader would bind the `symbol` of code at `caller`, were it not for
 * us; RTLD_NEXT if it cannot be told.
 */
void *ssc_libssl_scope(const void *caller, const char *symbol);

/*
 * ssc_libssl_flush and ssc_libssl_set_time call the function with the suffix
 * _ex where this libssl has it (from 3.4 and 3.3 on): there the one without
 * calls the one with it, by a name that is ours.
 */
void ssc_libssl_flush(const struct ssc_libssl *real, SSL_CTX *ctx, time_t tm);
time_t ssc_libssl_set_time(const struct ssc_libssl *real, SSL_SESSION *sess, time_t t);

/* ssc_libssl_forked frees what another thread of the parent may have locked. */
void ssc_libssl_forked(void);

/*
 * ssc_libssl_calls_us is true if the calls that libssl makes of its own
 * functions have been seen to reach ours, which they do not in builds with
 * -Bsymbolic. ssc_libssl_seen_calling_us notes it.
 */
bool ssc_libssl_calls_us(void);
void ssc_libssl_seen_calling_us(void);

/*
 * ssc_libssl_warn_order says on stderr if the program was linked so that
 * libssl's functions come before ours. Called once, when the library is loaded.
 */
void ssc_libssl_warn_order(void);

#endif
