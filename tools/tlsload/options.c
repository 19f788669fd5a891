/* options.c: the command line of tlsload. */
#include "tlsload.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define CONNECTIONS_MAX 100000000

static const char default_request[] = "GET / HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n";

void options_usage(FILE *out)
{
    fprintf(
        out,
        "usage: tlsload --connect HOST:PORT|unix:PATH [options]\n"
        "  --connections N    connections to make (1000); with --sequence: for each version\n"
        "  --seconds S        begin connections for so long; the default of N is then no limit\n"
        "  --rate R           open loop: R arrivals a second at times fixed in advance, however\n"
        "                     slow the server is; latency counts from those times. An arrival\n"
        "                     waits while all clients are busy; one that has waited for the\n"
        "                     time of --timeout after the last arrival is unfinished\n"
        "  --arrivals KIND    of an open loop: poisson or constant (poisson)\n"
        "  --threads T        clients at once, each with sessions of its own (1)\n"
        "  --warm             each client first gets a session in each version; uncounted\n"
        "  --tls V            1.2, 1.3 or mix (mix)\n"
        "  --resume PERCENT   share of connections that offer a session (90)\n"
        "  --sequence         for each version: one full handshake, then offer the newest\n"
        "                     session each time; one thread\n"
        "  --request TEXT     sent after the handshake; \\r \\n \\t \\\\ are understood; may be\n"
        "                     empty (an HTTP/1.0 GET of /)\n"
        "  --says TEXT        count the answers that contain TEXT\n"
        "  --sni NAME         server name to send (none)\n"
        "  --cipher LIST      cipher list, or TLS 1.3 cipher suites (TLS_...)\n"
        "  --timeout SEC      for one connection (10)\n"
        "  --client-cert FILE --client-key FILE\n"
        "  --cpu-of PID,...   report the processor time that these processes use meanwhile\n"
        "  --progress         say on stderr how far it is\n"
        "One JSON object on stdout. Exit status: 0, 1 if a connection failed or did not\n"
        "finish, 2 for usage.\n");
}

static bool fail(const char *what, const char *value)
{
    fprintf(stderr, "tlsload: %s: %s\n", what, value);
    return false;
}

/* Resolves \r \n \t and \\; anything else after a backslash stays as it is. */
static char *unescape(const char *text, size_t *len)
{
    char *out = malloc(strlen(text) + 1);
    size_t n = 0;

    if (out == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        const char *known = NULL;

        if (*text == '\\' && text[1] != '\0')
            known = strchr("rnt\\", text[1]);
        if (known == NULL) {
            out[n++] = *text;
            continue;
        }
        text++;
        out[n++] = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text == 't' ? '\t' : '\\';
    }
    out[n] = '\0';
    *len = n;
    return out;
}

static bool number(const char *name, const char *text, long min, long max, long *value)
{
    char *end;

    errno = 0;
    *value = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *value < min || *value > max) {
        fprintf(stderr, "tlsload: --%s must be a number from %ld to %ld, not '%s'\n", name, min,
                max, text);
        return false;
    }
    return true;
}

static bool fraction(const char *name, const char *text, double max, double *value)
{
    char *end;

    *value = strtod(text, &end);
    /* Also false for NaN. */
    if (end != text && *end == '\0' && *value > 0 && *value <= max)
        return true;
    fprintf(stderr, "tlsload: --%s must be a number above 0 and at most %.0f, not '%s'\n", name,
            max, text);
    return false;
}

static bool resolve_unix(struct options *options, const char *path)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&options->address;

    if (*path == '\0' || strlen(path) >= sizeof(address->sun_path))
        return fail("not a usable socket path", path);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    options->address_len = sizeof(*address);
    return true;
}

/* Resolves HOST:PORT or [HOST]:PORT once, so that connections do not ask the resolver. */
static bool resolve(struct options *options)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char host[256];
    const char *colon, *start = options->connect;
    size_t len;
    int rc;

    if (strncmp(start, "unix:", 5) == 0)
        return resolve_unix(options, start + 5);
    colon = strrchr(start, ':');
    if (colon == NULL || colon[1] == '\0')
        return fail("--connect must be HOST:PORT or unix:PATH, not", start);
    len = (size_t)(colon - start);
    if (len >= 2 && start[0] == '[' && start[len - 1] == ']') {
        start++;
        len -= 2;
    }
    if (len == 0 || len >= sizeof(host))
        return fail("--connect must be HOST:PORT or unix:PATH, not", options->connect);
    memcpy(host, start, len);
    host[len] = '\0';
    rc = getaddrinfo(host, colon + 1, &hints, &list);
    if (rc != 0) {
        fprintf(stderr, "tlsload: %s: %s\n", options->connect, gai_strerror(rc));
        return false;
    }
    memcpy(&options->address, list->ai_addr, list->ai_addrlen);
    options->address_len = list->ai_addrlen;
    freeaddrinfo(list);
    return true;
}

static bool parse_tls(struct options *options, const char *text)
{
    bool mix = strcmp(text, "mix") == 0;

    options->tls[TLS12] = mix || strcmp(text, "1.2") == 0;
    options->tls[TLS13] = mix || strcmp(text, "1.3") == 0;
    if (!options->tls[TLS12] && !options->tls[TLS13])
        return fail("--tls must be 1.2, 1.3 or mix, not", text);
    return true;
}

static bool parse_arrivals(struct options *options, const char *text)
{
    options->constant = strcmp(text, "constant") == 0;
    if (!options->constant && strcmp(text, "poisson") != 0)
        return fail("--arrivals must be poisson or constant, not", text);
    return true;
}

/* A list of process numbers with commas between. */
static bool parse_pids(struct options *options, const char *text)
{
    const char *at = text;
    size_t most = 1;

    for (; *at != '\0'; at++)
        most += *at == ',';
    free(options->cpu_of);
    options->cpu_of_len = 0;
    options->cpu_of = calloc(most, sizeof(*options->cpu_of));
    if (options->cpu_of == NULL)
        return fail("memory", "none left");
    for (at = text;; at++) {
        char *end;
        long pid = strtol(at, &end, 10);

        if (end == at || pid < 1 || pid > INT_MAX || (*end != ',' && *end != '\0'))
            return fail("--cpu-of must be process numbers with commas between, not", text);
        options->cpu_of[options->cpu_of_len++] = (pid_t)pid;
        at = end;
        if (*at == '\0')
            return true;
    }
}

static const struct option names[] = {
    {"connect", required_argument, NULL, 'c'},
    {"connections", required_argument, NULL, 'n'},
    {"seconds", required_argument, NULL, 'd'},
    {"rate", required_argument, NULL, 'a'},
    {"arrivals", required_argument, NULL, 'A'},
    {"warm", no_argument, NULL, 'w'},
    {"cpu-of", required_argument, NULL, 'P'},
    {"threads", required_argument, NULL, 't'},
    {"tls", required_argument, NULL, 'v'},
    {"resume", required_argument, NULL, 'r'},
    {"sequence", no_argument, NULL, 'q'},
    {"request", required_argument, NULL, 'R'},
    {"says", required_argument, NULL, 's'},
    {"sni", required_argument, NULL, 'S'},
    {"cipher", required_argument, NULL, 'C'},
    {"timeout", required_argument, NULL, 'T'},
    {"client-cert", required_argument, NULL, 'x'},
    {"client-key", required_argument, NULL, 'k'},
    {"progress", no_argument, NULL, 'p'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static bool parse_one(struct options *options, int opt, const char *value, const char **request)
{
    long n = 0;

    switch (opt) {
    case 'c':
        options->connect = value;
        return true;
    case 'n':
        return number("connections", value, 1, CONNECTIONS_MAX, &options->connections);
    case 'd':
        return fraction("seconds", value, 86400, &options->seconds);
    case 'a':
        return fraction("rate", value, 10000000, &options->rate);
    case 'A':
        return parse_arrivals(options, value);
    case 'w':
        options->warm = true;
        return true;
    case 'P':
        return parse_pids(options, value);
    case 't':
        if (!number("threads", value, 1, 1024, &n))
            return false;
        options->threads = (int)n;
        return true;
    case 'v':
        return parse_tls(options, value);
    case 'r':
        if (!number("resume", value, 0, 100, &n))
            return false;
        options->resume_percent = (int)n;
        return true;
    case 'T':
        if (!number("timeout", value, 1, 86400, &n))
            return false;
        options->timeout = (double)n;
        return true;
    case 'q':
        options->sequence = true;
        return true;
    case 'p':
        options->progress = true;
        return true;
    case 'R':
        *request = value;
        return true;
    case 's':
        options->says = value;
        return true;
    case 'S':
        options->sni = value;
        return true;
    case 'C':
        options->cipher = value;
        return true;
    case 'x':
        options->client_cert = value;
        return true;
    case 'k':
        options->client_key = value;
        return true;
    default:
        return false;
    }
}

static bool parse_all(struct options *options, int argc, char **argv)
{
    const char *request = default_request;
    int opt;

    *options = (struct options){
        .threads = 1,
        .tls = {true, true},
        .resume_percent = 90,
        .timeout = 10,
    };
    while ((opt = getopt_long(argc, argv, "", names, NULL)) != -1)
        if (!parse_one(options, opt, optarg, &request)) {
            options->help = opt == 'h';
            return false;
        }
    if (optind < argc)
        return fail("unexpected argument", argv[optind]);
    if (options->connect == NULL)
        return fail("missing option", "--connect");
    if ((options->client_cert == NULL) != (options->client_key == NULL))
        return fail("--client-cert and --client-key", "one is missing");
    if (options->sequence && (options->seconds > 0 || options->rate > 0))
        return fail("--sequence", "not with --seconds or --rate");
    if (options->sequence)
        options->threads = 1;
    if (options->connections == 0)
        options->connections = options->seconds > 0 ? CONNECTIONS_MAX : 1000;
    options->request = unescape(request, &options->request_len);
    if (options->request == NULL)
        return fail("memory", "none left");
    return resolve(options);
}

bool options_parse(struct options *options, int argc, char **argv)
{
    if (parse_all(options, argc, argv))
        return true;
    options_free(options);
    return false;
}

void options_free(struct options *options)
{
    free(options->request);
    free(options->cpu_of);
    options->request = NULL;
    options->cpu_of = NULL;
}
