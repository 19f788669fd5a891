#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sysexits.h>
#include <unistd.h>

#include "file.h"
#include "keys.h"
#include "log.h"
#include "setting.h"
#include "storeurl.h"

/* The region is divided into pages. */
#define PAGE UINT64_C(4096)
/* How much of a value is shown: a line has to have room for the rest. */
#define SHOWN 100

struct ssc_config ssc_config_now;
static bool loading, refused;

static void end_process(void)
{
    ssc_log("SESSCACHE_STRICT=1: this process does not go on with a setting that was refused");
    _exit(EX_CONFIG);
}

void ssc_config_refuse(const char *variable, const char *value, const char *why, ...)
{
    const int saved_errno = errno;
    char text[400];
    va_list args;

    va_start(args, why);
    vsnprintf(text, sizeof text, why, args);
    va_end(args);
    if (value == NULL)
        ssc_log("%s: %s", variable, text);
    else
        ssc_log("%s=%.*s%s: %s", variable, SHOWN, value, strlen(value) > SHOWN ? "..." : "", text);
    refused = true;
    if (!loading && ssc_config_now.strict)
        end_process();
    errno = saved_errno;
}

/* The value of a variable, or NULL if it is not set or empty. */
static const char *get(const char *variable)
{
    const char *value = secure_getenv(variable);

    return value != NULL && *value != '\0' ? value : NULL;
}

/* A copy that stays when the host rewrites its environment (nginx does); NULL if that cannot be had. */
static const char *copy(const char *variable, const char *value)
{
    const char *own = strdup(value);

    if (own == NULL)
        ssc_config_refuse(variable, NULL, "%s; going on without it", strerror(errno));
    return own;
}

/* Forgets a copy; that of a store may have a password. */
static void drop(const char **setting)
{
    if (*setting == NULL)
        return;
    explicit_bzero((void *)*setting, strlen(*setting));
    free((void *)*setting);
    *setting = NULL;
}

static bool load_flag(const char *variable)
{
    const char *value = get(variable);
    const char *why;
    bool flag = false;

    if (value != NULL && (why = ssc_setting_flag(value, &flag)) != NULL)
        ssc_config_refuse(variable, value, "%s; going on as with 0", why);
    return flag;
}

static const char *load_path(const char *variable, const char *without)
{
    const char *value = get(variable);
    const char *why;

    if (value == NULL)
        return NULL;
    if ((why = ssc_setting_path(value)) != NULL) {
        ssc_config_refuse(variable, value, "%s, such as /path/to/file; %s", why, without);
        return NULL;
    }
    return copy(variable, value);
}

static void load_mode(void)
{
    const char *mode = get("SESSCACHE_MODE");

    if (mode == NULL)
        return;
    ssc_config_now.takeover = strcmp(mode, "takeover") == 0;
    if (!ssc_config_now.takeover && strcmp(mode, "documented") != 0)
        ssc_config_refuse("SESSCACHE_MODE", mode,
                          "neither 'documented' nor 'takeover'; going on as 'documented'");
}

static void load_stats_file(void)
{
    const char *path = get("SESSCACHE_STATS_FILE");

    if (path != NULL)
        ssc_config_now.stats_file = copy("SESSCACHE_STATS_FILE", path);
}

static void load_region(void)
{
    const char *const variable = "SESSCACHE_SHARED_SIZE";
    const char *value = get(variable);
    const char *why = NULL;
    uint64_t size = SSC_SHARED_SIZE_DEFAULT;

    if (value != NULL) {
        why = ssc_setting_size(value, &size);
        if (why == NULL && size != 0 && size < SSC_SHARED_SIZE_LEAST)
            why = "too small";
        else if (why == NULL && size > SSC_SHARED_SIZE_MOST)
            why = "too large";
    }
    if (why != NULL) {
        ssc_config_refuse(variable, value,
                          "%s; accepted are 256K to 64G, in bytes or with K, M or G, and 0 for "
                          "no shared memory; each process caches alone",
                          why);
        size = 0;
    }
    ssc_config_now.shared_size = (size_t)(size / PAGE * PAGE);
    ssc_config_now.shared_file =
        load_path("SESSCACHE_SHARED_FILE", "the sessions end with the server");
    if (ssc_config_now.shared_file != NULL && size == 0) {
        if (why == NULL)
            ssc_config_refuse("SESSCACHE_SHARED_FILE", ssc_config_now.shared_file,
                              "of no use with SESSCACHE_SHARED_SIZE=0; each process caches alone");
        drop(&ssc_config_now.shared_file);
    }
}

static void load_store(void)
{
    const char *const variable = "SESSCACHE_STORE";
    const char *value = get(variable);
    char shown[SHOWN + 4];
    const char *why;

    if (value == NULL)
        return;
    if ((why = ssc_storeurl_check(value)) == NULL) {
        ssc_config_now.store = copy(variable, value);
        return;
    }
    ssc_storeurl_mask(value, shown, sizeof shown);
    ssc_config_refuse(variable, shown,
                      "%s; accepted are redis://:password@host:6379/0 and so rediss://, "
                      "redis-sentinel://host,host/master, redis-cluster://host,host, "
                      "memcached://host,host; there is no store",
                      why);
}

static void load_timeout(void)
{
    const char *const variable = "SESSCACHE_STORE_TIMEOUT";
    const char *value = get(variable);
    const char *why = NULL;
    uint64_t millis = SSC_STORE_TIMEOUT_DEFAULT;

    if (value != NULL) {
        why = ssc_setting_millis(value, &millis);
        if (why == NULL && (millis < 1 || millis > SSC_STORE_TIMEOUT_MOST))
            why = "out of range";
    }
    if (why != NULL) {
        ssc_config_refuse(variable, value,
                          "%s; accepted are 1 to 1000 milliseconds; going on with %u", why,
                          SSC_STORE_TIMEOUT_DEFAULT);
        millis = SSC_STORE_TIMEOUT_DEFAULT;
    }
    ssc_config_now.store_timeout_ms = (uint32_t)millis;
}

/* Reads the file now: a server that has changed its root directory cannot. NULL with *why. */
static const char *read_ca(const char *path, const char **why)
{
    const size_t room = SSC_STORE_CA_MOST + 1;
    struct stat st;
    char *text;
    ssize_t len;

    const int fd = ssc_file_open(path, &st, why);
    if (fd < 0)
        return NULL;
    if (st.st_size > SSC_STORE_CA_MOST) {
        *why = "too long";
        close(fd);
        return NULL;
    }
    if ((text = malloc(room)) == NULL) {
        *why = strerror(errno);
        close(fd);
        return NULL;
    }
    if ((len = ssc_file_read(fd, text, room, why)) >= 0) {
        text[len] = '\0';
        if (strlen(text) == (size_t)len && strstr(text, "-----BEGIN CERTIFICATE-----") != NULL) {
            char *shorter = realloc(text, (size_t)len + 1);
            return shorter != NULL ? shorter : text;
        }
        *why = "not a file of certificates in PEM";
    }
    free(text);
    return NULL;
}

static void load_store_ca(bool store_wanted)
{
    const char *const variable = "SESSCACHE_STORE_CA_FILE";
    const char *value = get(variable);
    const char *why;

    if (value == NULL || (ssc_config_now.store == NULL && store_wanted))
        return;
    if (ssc_config_now.store == NULL || !ssc_storeurl_tls(ssc_config_now.store)) {
        ssc_config_refuse(variable, value,
                          "of no use but with SESSCACHE_STORE=rediss://...; going on without it");
        return;
    }
    if ((why = ssc_setting_path(value)) == NULL)
        ssc_config_now.store_ca = read_ca(value, &why);
    if (ssc_config_now.store_ca == NULL) {
        /* Certificates of the system's authorities are not what was asked for. */
        ssc_config_refuse(variable, value,
                          "%s; accepted is the absolute path of at most 1 MiB of certificates "
                          "in PEM; there is no store",
                          why);
        drop(&ssc_config_now.store);
    }
}

/* What would leave the memory of this host, or of this server, stays off. */
static void drop_shared(void)
{
    drop(&ssc_config_now.store);
    drop(&ssc_config_now.store_ca);
    drop(&ssc_config_now.shared_file);
}

static void load_name(void)
{
    const char *const variable = "SESSCACHE_NAMESPACE";
    const char *value = get(variable);

    if (value == NULL)
        return;
    if (strlen(value) <= SSC_NAMESPACE_MOST) {
        ssc_config_now.name = copy(variable, value);
        if (ssc_config_now.name != NULL)
            return;
    } else {
        ssc_config_refuse(variable, value,
                          "%zu bytes long; accepted are 1 to 255; there is neither a store nor a "
                          "file without it",
                          strlen(value));
    }
    /* Without its name this server would share sessions with those of no name. */
    drop_shared();
}

static void refuse_without_key(const char *variable, const char *shown, const char *without)
{
    ssc_config_refuse(
        variable, shown,
        "there is no key that seals (SESSCACHE_KEY_FILE=FILE); " SSC_KEYS_RECIPE "; %s", without);
}

/*
 * A key file that is named but was refused is not the wish to go without, so
 * SESSCACHE_INSECURE=1 does not help there.
 */
static void require_key(void)
{
    if (ssc_keys_generation() != 0 ||
        (ssc_config_now.insecure && get("SESSCACHE_KEY_FILE") == NULL))
        return;
    if (ssc_config_now.store != NULL) {
        char shown[SHOWN + 4];
        ssc_storeurl_mask(ssc_config_now.store, shown, sizeof shown);
        refuse_without_key("SESSCACHE_STORE", shown, "there is no store");
    }
    if (ssc_config_now.shared_file != NULL)
        refuse_without_key("SESSCACHE_SHARED_FILE", ssc_config_now.shared_file,
                           "the sessions end with the server");
    drop_shared();
}

static void warn_ignored(void)
{
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, "SESSCACHE_", sizeof("SESSCACHE_") - 1) == 0) {
            ssc_log("this process runs with more rights than its caller, so no variable "
                    "SESSCACHE_... is read");
            return;
        }
    }
}

void ssc_config_load(void)
{
    loading = true;
    if (getauxval(AT_SECURE) != 0)
        warn_ignored();
    ssc_config_now.strict = load_flag("SESSCACHE_STRICT");
    ssc_config_now.insecure = load_flag("SESSCACHE_INSECURE");
    load_mode();
    load_stats_file();
    load_region();
    load_store();
    load_timeout();
    load_store_ca(get("SESSCACHE_STORE") != NULL);
    ssc_config_now.key_file = load_path("SESSCACHE_KEY_FILE", "there is no key");
    ssc_keys_load();
    load_name();
    require_key();
    loading = false;
    if (refused && ssc_config_now.strict)
        end_process();
}
