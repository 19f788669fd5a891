/* Entry points: the making of contexts, and places in their ex_data. */
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "ctx.h"
#include "libssl.h"

/* The context that this thread is freeing. */
static __thread SSL_CTX *freeing;

bool ssc_ctx_being_freed(const SSL_CTX *ctx)
{
    return freeing == ctx;
}

static SSL_CTX *attached(SSL_CTX *ctx)
{
    if (ctx != NULL) {
        /* A remove callback may have left SSL_CTX_free of another one there by longjmp. */
        if (freeing == ctx)
            freeing = NULL;
        ssc_ctx_attach(ctx);
    }
    return ctx;
}

SSC_EXPORT SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
{
    const struct ssc_libssl *real = ssc_libssl();

    if (real == NULL)
        return NULL;
    ssc_ctx_indices();
    return attached(real->SSL_CTX_new(method));
}

SSC_EXPORT SSL_CTX *SSL_CTX_new_ex(struct ossl_lib_ctx_st *libctx, const char *propq,
                                   const SSL_METHOD *method)
{
    const struct ssc_libssl *real = ssc_libssl();

    if (real == NULL || real->SSL_CTX_new_ex == NULL)
        return NULL;
    ssc_ctx_indices();
    return attached(real->SSL_CTX_new_ex(libctx, propq, method));
}

/* Seen only to tell libssl's flush at the end of a context from the application's. */
SSC_EXPORT void SSL_CTX_free(SSL_CTX *ctx)
{
    const struct ssc_libssl *real = ssc_libssl();
    SSL_CTX *outer = freeing;

    if (real == NULL || ctx == NULL)
        return;
    freeing = ctx;
    real->SSL_CTX_free(ctx);
    freeing = outer;
}

typedef int get_ex_new_index(int class_index, long argl, void *argp, ssc_ex_new *new_func,
                             ssc_ex_dup *dup_func, ssc_ex_free *free_func);
SSC_EXPORT get_ex_new_index CRYPTO_get_ex_new_index;

/* The function in the libcrypto that the caller itself is linked with: a process may have several. */
static get_ex_new_index *real_get_ex_new_index(const void *caller)
{
    struct link_map *map = NULL;
    get_ex_new_index *found = NULL;
    Dl_info info;

    if (dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && map != NULL &&
        map->l_name[0] != '\0') {
        void *handle = dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
        if (handle != NULL) {
            *(void **)&found = dlsym(handle, "CRYPTO_get_ex_new_index");
            dlclose(handle);
        }
    }
    if (found == NULL || found == CRYPTO_get_ex_new_index)
        *(void **)&found = dlsym(RTLD_NEXT, "CRYPTO_get_ex_new_index");
    return found;
}

/*
 * libcrypto's function, passed on. Its calls are seen only so that the shim's
 * own places come before the application's first (see ssc_ctx_indices).
 */
int CRYPTO_get_ex_new_index(int class_index, long argl, void *argp, ssc_ex_new *new_func,
                            ssc_ex_dup *dup_func, ssc_ex_free *free_func)
{
    get_ex_new_index *real = real_get_ex_new_index(__builtin_return_address(0));

    if (real == NULL)
        return -1;
    if (class_index == SSC_EX_INDEX_SSL_CTX || class_index == SSC_EX_INDEX_SSL)
        ssc_ctx_indices();
    return real(class_index, argl, argp, new_func, dup_func, free_func);
}
