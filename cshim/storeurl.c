#include "storeurl.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* What of the text from `at` up to `end` has been read. */
struct text {
    const char *at, *end;
};

struct scheme {
    const char *name;
    bool user;    /* a user and a password may be given */
    bool several; /* hosts, separated by commas */
    bool master;  /* the path begins with a name that Sentinel knows */
    bool db;      /* the path ends with the number of a database */
};

static const struct scheme schemes[] = {
    {.name = "redis", .user = true, .db = true},
    {.name = "rediss", .user = true, .db = true},
    {.name = "redis-sentinel", .user = true, .several = true, .master = true, .db = true},
    {.name = "redis-cluster", .user = true, .several = true},
    {.name = "memcached", .several = true},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What a host's name may have, and the name of a master. */
static bool is_name(char c)
{
    return is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static size_t length(struct text t)
{
    return (size_t)(t.end - t.at);
}

/* Takes what stands before the first `mark` out of *t, and the mark; all of it if there is none. */
static struct text cut(struct text *t, char mark, bool *found)
{
    const char *at = length(*t) > 0 ? memchr(t->at, mark, length(*t)) : NULL;
    const struct text before = {t->at, at != NULL ? at : t->end};

    *found = at != NULL;
    t->at = at != NULL ? at + 1 : t->end;
    return before;
}

static bool is_number(struct text t, unsigned long least, unsigned long most)
{
    unsigned long n = 0;

    if (length(t) < 1 || length(t) > 5 || (*t.at == '0' && length(t) > 1))
        return false;
    for (; t.at < t.end; t.at++) {
        if (!is_digit(*t.at))
            return false;
        n = n * 10 + (unsigned long)(*t.at - '0');
    }
    return n >= least && n <= most;
}

static bool all_names(struct text t)
{
    for (; t.at < t.end; t.at++) {
        if (!is_name(*t.at))
            return false;
    }
    return true;
}

static bool is_ipv6(struct text t)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr in;

    if (length(t) >= sizeof address)
        return false;
    memcpy(address, t.at, length(t));
    address[length(t)] = '\0';
    return inet_pton(AF_INET6, address, &in) == 1;
}

static const char *check_host(struct text t)
{
    bool found;
    struct text host;

    if (length(t) > 0 && *t.at == '[') {
        t.at++;
        host = cut(&t, ']', &found);
        if (!found || !is_ipv6(host))
            return "what stands in brackets is not an IPv6 address";
        if (length(t) == 0)
            return NULL;
        if (*t.at++ != ':')
            return "after an address in brackets stands something other than a port";
    } else {
        host = cut(&t, ':', &found);
        if (length(host) < 1 || length(host) > 253)
            return "the name of a host is missing or too long";
        if (!all_names(host))
            return "the name of a host has a character that is none of names";
        if (!found)
            return NULL;
    }
    return is_number(t, 1, 65535) ? NULL : "a port is not a number from 1 to 65535";
}

static const char *check_hosts(struct text t, bool several)
{
    const char *why = NULL;
    unsigned n = 0;

    for (bool more = true; more && why == NULL;) {
        const struct text host = cut(&t, ',', &more);
        if (more && !several)
            return "this scheme takes one host";
        if (++n > SSC_STOREURL_HOSTS)
            return "there are more than 64 hosts";
        why = check_host(host);
    }
    return why;
}

static int hex(char c)
{
    if (is_digit(c))
        return c - '0';
    return is_one_of(c, "abcdefABCDEF") ? (c | 0x20) - 'a' + 10 : -1;
}

/* The length of the character or escape at the start of `t` that may be part of a user; or 0. */
static size_t user_character(struct text t)
{
    if (*t.at != '%')
        return is_alnum(*t.at) || is_one_of(*t.at, "-._~!$&'()*+,;=:") ? 1 : 0;
    if (length(t) < 3 || hex(t.at[1]) < 0 || hex(t.at[2]) < 0)
        return 0;
    return t.at[1] == '0' && t.at[2] == '0' ? 0 : 3;
}

static const char *check_user(struct text t)
{
    struct text rest = t;
    bool found;

    while (length(rest) > 0) {
        const size_t n = user_character(rest);
        if (n == 0)
            return "the user or the password has a character that must be an escape such as %40";
        rest.at += n;
    }
    cut(&t, ':', &found);
    if (!found || length(t) == 0)
        return "before the @ stands no password (user:password@ or :password@)";
    return NULL;
}

static const char *check_path(struct text t, const struct scheme *scheme)
{
    bool found = true;

    if (scheme->master) {
        const struct text master = cut(&t, '/', &found);
        if (length(master) < 1 || length(master) > 253 || !all_names(master))
            return "after the hosts stands no name of a master (/mymaster)";
        if (!found)
            return NULL;
    } else if (length(t) == 0) {
        return NULL;
    }
    if (!scheme->db)
        return "this scheme has no path";
    return is_number(t, 0, 65535) ? NULL : "the database is not a number from 0 to 65535";
}

/* The scheme of a URL, which *t then stands behind; NULL if it is none of ours. */
static const struct scheme *find_scheme(struct text *t)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const size_t len = strlen(schemes[i].name);
        if (length(*t) >= len + 3 && memcmp(t->at, schemes[i].name, len) == 0 &&
            memcmp(t->at + len, "://", 3) == 0) {
            t->at += len + 3;
            return &schemes[i];
        }
    }
    return NULL;
}

const char *ssc_storeurl_check(const char *url)
{
    struct text t = {url, url + strlen(url)};
    const char *why;
    bool found;

    if (length(t) > SSC_STOREURL_MAX)
        return "it is longer than 4096 bytes";
    const struct scheme *scheme = find_scheme(&t);
    if (scheme == NULL)
        return "it begins with none of the schemes";
    /* An @ or a slash that belongs to a password has to be escaped, so the first are marks. */
    if (length(t) > 0 && memchr(t.at, '@', length(t)) != NULL) {
        const struct text user = cut(&t, '@', &found);
        if (!scheme->user)
            return "this scheme takes no user and no password";
        if ((why = check_user(user)) != NULL)
            return why;
    }
    for (const char *p = t.at; p < t.end; p++) {
        if (*p == '?' || *p == '#' || *p == '@')
            return "a ?, # or further @ has no meaning there";
    }
    const struct text hosts = cut(&t, '/', &found);
    if ((why = check_hosts(hosts, scheme->several)) != NULL)
        return why;
    return check_path(t, scheme);
}

bool ssc_storeurl_tls(const char *url)
{
    return strncmp(url, "rediss://", sizeof("rediss://") - 1) == 0;
}

/* True if the text is hosts with ports and nothing that could be a word with a password behind it. */
static bool plain_hosts(struct text t)
{
    for (bool more = true; more;) {
        struct text host = cut(&t, ',', &more);
        const bool ipv6 = length(host) > 0 && *host.at == '[';
        bool found;
        const struct text name = cut(&host, ipv6 ? ']' : ':', &found);

        if (ipv6) {
            for (const char *p = name.at + 1; p < name.end; p++) {
                if (hex(*p) < 0 && *p != ':' && *p != '.')
                    return false;
            }
            if (!found || (length(host) > 0 && *host.at++ != ':'))
                return false;
        } else if (!all_names(name) || (found && length(name) == 0)) {
            return false;
        }
        if (length(host) > 5)
            return false;
        for (; host.at < host.end; host.at++) {
            if (!is_digit(*host.at))
                return false;
        }
    }
    return true;
}

void ssc_storeurl_mask(const char *url, char *shown, size_t size)
{
    struct text rest = {url, url + strlen(url)};
    struct text scheme = {url, url};
    const char *mark = strstr(url, "://");
    bool found;

    if (mark != NULL && mark - url <= 20 && all_names((struct text){url, mark})) {
        scheme.end = mark + 3;
        rest.at = scheme.end;
    }
    /* The last @: one that belongs to the password may stand there as it is. */
    const char *user = length(rest) > 0 ? memrchr(rest.at, '@', length(rest)) : NULL;
    if (user != NULL)
        rest.at = user + 1;
    const struct text hosts = cut(&rest, '/', &found);
    bool plain = plain_hosts(hosts);
    for (const char *p = rest.at; p < rest.end; p++)
        plain = plain && (is_name(*p) || *p == '/');
    snprintf(shown, size, "%.*s%s%.*s%s%.*s", (int)length(scheme), scheme.at,
             user != NULL ? "***@" : "", plain ? (int)length(hosts) : 3, plain ? hosts.at : "***",
             plain && found ? "/" : "", plain ? (int)length(rest) : 0, rest.at);
}
