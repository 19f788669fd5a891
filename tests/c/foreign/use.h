/* use.h: what the program does with its libssl and the plugin with its own. */
#ifndef TESTS_C_FOREIGN_USE_H
#define TESTS_C_FOREIGN_USE_H

#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

/* The file name of the libssl that made the context: its default callback lies there. */
static const char *made_by(SSL_CTX *ctx)
{
    void *fn = NULL;
    Dl_info info;
    int (*cb)(const SSL *, const SSL_CTX *, int, int, int, void *, void *) =
        SSL_CTX_get_security_callback(ctx);

    memcpy(&fn, &cb, sizeof fn);
    if (dladdr(fn, &info) == 0)
        return "?";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash != NULL ? slash + 1 : info.dli_fname;
}

static void use(const char *who)
{
    static const unsigned char id[4] = "one";
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL_SESSION *sess = SSL_SESSION_new();
    int (*attached)(SSL_CTX *) = NULL;
    void *fn = dlsym(RTLD_DEFAULT, "sesscache_attached");

    memcpy(&attached, &fn, sizeof fn);
    SSL_SESSION_set1_id(sess, id, sizeof id);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH);
    printf("%s: made by %s, attached %d, mode %ld", who, made_by(ctx),
           attached != NULL ? attached(ctx) : -1, SSL_CTX_get_session_cache_mode(ctx));
    printf(", added %d", SSL_CTX_add_session(ctx, sess));
    printf(", number %ld", SSL_CTX_sess_number(ctx));
    SSL_SESSION_set_timeout(sess, 10);
    printf(", removed %d", SSL_CTX_remove_session(ctx, sess));
    printf(", number %ld\n", SSL_CTX_sess_number(ctx));
    SSL_SESSION_free(sess);
    SSL_CTX_free(ctx);
}

#endif
