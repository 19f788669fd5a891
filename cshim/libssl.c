#include "libssl.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* One libssl of the process. More than one is rare; four are beyond what was ever seen. */
#define MAX_LIBSSL 4
struct ssc_libssl ssc_libssl_tables[MAX_LIBSSL];
_Atomic unsigned ssc_libssl_len;
static pthread_mutex_t publish_lock = PTHREAD_MUTEX_INITIALIZER;

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
    if (strncmp(base, "libssl", sizeof("libssl") - 1) != 0 || strstr(base, ".so") == NULL)
        return 0;
    *(const char **)result = info->dlpi_name;
    return 1;
}

/* NODELETE: the functions found are called for as long as the process lives. */
static void *pinned(const char *name)
{
    return name != NULL && *name != '\0' ? dlopen(name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE)
                                         : NULL;
}

/* The handle of the object that `address` lies in; NULL for the program itself. */
static void *object_of(const void *address)
{
    struct link_map *map = NULL;
    Dl_info info;

    if (dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) == 0 || map == NULL)
        return NULL;
    return pinned(map->l_name);
}

static bool is_ours(const void *function)
{
    Dl_info theirs, ours;

    return dladdr(function, &theirs) != 0 && dladdr((void *)&ssc_libssl_is, &ours) != 0 &&
           theirs.dli_fbase == ours.dli_fbase;
}

/* What the dynamic loader would bind the caller's `symbol` to, were it not for us; or NULL. */
static void *bound_without_us(const void *caller, const char *symbol)
{
    static const char *const versions[] = {"OPENSSL_4.0.0", "OPENSSL_3.0.0", "OPENSSL_1_1_0"};
    void *const handle = object_of(caller);
    void *own = handle != NULL ? dlsym(handle, symbol) : NULL;
    void *object = NULL, *global = NULL;

    if (own == NULL || is_ours(own) || (object = object_of(own)) == NULL)
        return dlsym(RTLD_NEXT, symbol);
    /* The caller wants the version that its own libssl has. The scope of the
     * program comes before that libssl, if it has this version too. */
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        if (dlvsym(object, symbol, versions[i]) == own) {
            global = dlvsym(RTLD_NEXT, symbol, versions[i]);
            return global != NULL ? global : own;
        }
    }
    global = dlsym(RTLD_NEXT, symbol);
    return global != NULL ? global : own;
}

void *ssc_libssl_scope(const void *caller, const char *symbol)
{
    void *const bound = bound_without_us(caller, symbol);
    void *const object = bound != NULL ? object_of(bound) : NULL;

    return object != NULL ? object : RTLD_NEXT;
}

static int find_code(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct ssc_libssl *table = arg;
    const uintptr_t function = (uintptr_t)table->SSL_CTX_new;

    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        const uintptr_t end = start + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && function >= start && function < end) {
            table->code = start;
            table->code_end = end;
            return 1;
        }
    }
    return 0;
}

bool ssc_libssl_is(const void *address)
{
    const struct ssc_libssl *real = ssc_libssl();

    return real != NULL && (uintptr_t)address >= real->code && (uintptr_t)address < real->code_end;
}

/* Fills the table from one place. False if there is no libssl. */
static bool fill(void *handle, struct ssc_libssl *table)
{
    bool complete = true;

#define SSC_FIND(name) *(void **)&table->name = dlsym(handle, #name)
/* Another library that was preloaded may stand in front of a few functions only. */
#define SSC_REQUIRED(type, name, args)                                                             \
    SSC_FIND(name);                                                                                \
    if (table->name == NULL)                                                                       \
        *(void **)&table->name = dlsym(RTLD_NEXT, #name);                                          \
    complete = complete && table->name != NULL;
#define SSC_WANTED(type, name, args) SSC_FIND(name);
    SSC_LIBSSL_FUNCTIONS(SSC_REQUIRED)
    SSC_LIBSSL_OPTIONAL(SSC_WANTED)
#undef SSC_WANTED
#undef SSC_REQUIRED
#undef SSC_FIND
    dl_iterate_phdr(find_code, table);
    table->complete = complete && strncmp(table->OpenSSL_version(0), "OpenSSL ", 8) == 0;
    /* A search that begins with the program finds us first. */
    return table->SSL_CTX_new != NULL && table->SSL_CTX_new != SSL_CTX_new;
}

/*
 * Takes a filled table into use, unless the same libssl has one already; returns
 * that. Only here is the lock taken: a thread that waits for it may be in
 * dlopen, which the filling of another's table would wait for.
 */
static const struct ssc_libssl *publish(const struct ssc_libssl *filled)
{
    const struct ssc_libssl *table = NULL;

    pthread_mutex_lock(&publish_lock);
    const unsigned n = atomic_load(&ssc_libssl_len);
    for (unsigned i = 0; i < n && table == NULL; i++) {
        if (ssc_libssl_tables[i].SSL_CTX_new == filled->SSL_CTX_new)
            table = &ssc_libssl_tables[i];
    }
    if (table == NULL && n < MAX_LIBSSL) {
        ssc_libssl_tables[n] = *filled;
        table = &ssc_libssl_tables[n];
        atomic_store_explicit(&ssc_libssl_len, n + 1, memory_order_release);
    }
    pthread_mutex_unlock(&publish_lock);
    return table;
}

const struct ssc_libssl *ssc_libssl_search(const void *caller)
{
    struct ssc_libssl table = {0};
    const char *name = NULL;
    void *handle;

    if (fill(ssc_libssl_scope(caller, "SSL_CTX_new"), &table) ||
        (dl_iterate_phdr(is_libssl, &name) != 0 && (handle = pinned(name)) != NULL &&
         fill(handle, &table)))
        publish(&table);
    return ssc_libssl();
}

const struct ssc_libssl *ssc_libssl_bound(const void *caller)
{
    const unsigned n = atomic_load_explicit(&ssc_libssl_len, memory_order_acquire);
    struct ssc_libssl filled = {0};
    void *scope = ssc_libssl_scope(caller, "SSL_CTX_new");
    SSL_CTX *(*make)(const SSL_METHOD *);
    *(void **)&make = dlsym(scope, "SSL_CTX_new");
    if (make == NULL || make == SSL_CTX_new || make == ssc_libssl_tables[0].SSL_CTX_new)
        return NULL;
    for (unsigned i = 1; i < n; i++) {
        if (ssc_libssl_tables[i].SSL_CTX_new == make)
            return &ssc_libssl_tables[i];
    }
    return fill(scope, &filled) ? publish(&filled) : NULL;
}

bool ssc_libssl_take_place(_Atomic int *place, int class, ssc_ex_new *made, ssc_ex_dup *duplicated,
                           ssc_ex_free *freed)
{
    int none = -1;

    if (atomic_load(place) < 0)
        atomic_compare_exchange_strong(
            place, &none,
            ssc_libssl()->CRYPTO_get_ex_new_index(class, 0, NULL, made, duplicated, freed));
    return atomic_load(place) >= 0;
}

void ssc_libssl_flush(const struct ssc_libssl *real, SSL_CTX *ctx, time_t tm)
{
    if (real->SSL_CTX_flush_sessions_ex != NULL)
        real->SSL_CTX_flush_sessions_ex(ctx, tm);
    else
        real->SSL_CTX_flush_sessions(ctx, (long)tm);
}

time_t ssc_libssl_set_time(const struct ssc_libssl *real, SSL_SESSION *sess, time_t t)
{
    if (real->SSL_SESSION_set_time_ex != NULL)
        return real->SSL_SESSION_set_time_ex(sess, t);
    return (time_t)real->SSL_SESSION_set_time(sess, (long)t);
}

void ssc_libssl_forked(void)
{
    pthread_mutex_init(&publish_lock, NULL);
}

static _Atomic bool calls_us;

bool ssc_libssl_calls_us(void)
{
    return atomic_load_explicit(&calls_us, memory_order_relaxed);
}

void ssc_libssl_seen_calling_us(void)
{
    atomic_store_explicit(&calls_us, true, memory_order_relaxed);
}

void ssc_libssl_warn_order(void)
{
    void *first = dlsym(RTLD_DEFAULT, "SSL_CTX_new");

    if (first != NULL && first != (void *)&SSL_CTX_new)
        ssc_log("libssl's functions come before the library's, so nothing is cached here; "
                "link with -lsesscache -lssl -lcrypto, in this order");
}
