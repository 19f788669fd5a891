#include "libssl.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "log.h"

static struct ssc_libssl functions;
static _Atomic(const struct ssc_libssl *) found;
static pthread_mutex_t find_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * A program that opens libssl with RTLD_LOCAL (CPython's ssl module, Apache's
 * mod_ssl) keeps it out of the scope that RTLD_NEXT searches; then it is found
 * among the loaded objects, by its file's name.
 */
static int is_libssl(struct dl_phdr_info *info, size_t size, void *result)
{
    (void)size;
    const char *base = strrchr(info->dlpi_name, '/');
    base = base != NULL ? base + 1 : info->dlpi_name;
    if (strncmp(base, "libssl.so", sizeof("libssl.so") - 1) != 0)
        return 0;
    *(const char **)result = info->dlpi_name;
    return 1;
}

static void *libssl_handle(void)
{
    const char *name = NULL;

    dl_iterate_phdr(is_libssl, &name);
    /* NODELETE: its functions are called for as long as the process lives. */
    return name != NULL ? dlopen(name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) : NULL;
}

/* Fills the table from one place. False if a function that every libssl has is missing. */
static bool fill(void *handle, struct ssc_libssl *table)
{
    bool complete = true;

#define SSC_FIND(name) *(void **)&table->name = dlsym(handle, #name)
#define SSC_REQUIRED(type, name, args)                                                             \
    SSC_FIND(name);                                                                                \
    complete = complete && table->name != NULL;
#define SSC_WANTED(type, name, args) SSC_FIND(name);
    SSC_LIBSSL_FUNCTIONS(SSC_REQUIRED)
    SSC_LIBSSL_OPTIONAL(SSC_WANTED)
#undef SSC_WANTED
#undef SSC_REQUIRED
#undef SSC_FIND
    return complete;
}

static const struct ssc_libssl *find(void)
{
    const struct ssc_libssl *table = NULL;
    void *handle;

    pthread_mutex_lock(&find_lock);
    if ((table = atomic_load(&found)) == NULL) {
        if (fill(RTLD_NEXT, &functions) ||
            ((handle = libssl_handle()) != NULL && fill(handle, &functions))) {
            table = &functions;
            atomic_store(&found, table);
        }
    }
    pthread_mutex_unlock(&find_lock);
    return table;
}

const struct ssc_libssl *ssc_libssl(void)
{
    const struct ssc_libssl *table = atomic_load_explicit(&found, memory_order_acquire);

    return ssc_likely(table != NULL) ? table : find();
}

void ssc_libssl_warn_order(void)
{
    void *first = dlsym(RTLD_DEFAULT, "SSL_CTX_new");

    if (first != NULL && first != (void *)&SSL_CTX_new)
        ssc_log("libssl's functions come before the library's, so nothing is cached here; "
                "link with -lsesscache -lssl -lcrypto, in this order");
}
