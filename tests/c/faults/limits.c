/*
 * limits WHAT: what a process may run out of, or throw away.
 *
 *   files     no file descriptor is left when the Go core is to start
 *   closed    all descriptors from 3 on are closed once it runs
 *   space N   RLIMIT_AS of N MiB before it starts
 *   little N  RLIMIT_AS of what is used and N MiB, set once it runs
 */
#include "../library.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

static SSL_CTX *server;
static SSL_CTX *client;

static void limit(int resource, unsigned long to)
{
    struct rlimit now;

    REQUIRE(getrlimit(resource, &now) == 0);
    now.rlim_cur = to;
    REQUIRE(setrlimit(resource, &now) == 0);
}

static unsigned long address_space(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");

    REQUIRE(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    return pages * (unsigned long)sysconf(_SC_PAGESIZE);
}

/* Handshakes, some of them resumed, in a thread of their own. */
static void *visits(void *arg)
{
    SSL_SESSION *session = NULL;
    int *resumed = arg;

    *resumed = 0;
    for (int i = 0; i < 50; i++)
        *resumed += visit(server, client, &session) == RESUMED;
    SSL_SESSION_free(session);
    return NULL;
}

static void serve(void)
{
    pthread_t threads[2];
    int resumed[2];

    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, visits, &resumed[i]) == 0);
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        /* A session that could not be stored for want of memory is a miss. */
        TRACE(resumed[i] > 40);
    }
}

static void add_many(void)
{
    unsigned char id[32] = "";
    long added = 0;

    for (unsigned i = 0; i < 20000; i++) {
        SSL_SESSION *sess = SSL_SESSION_new();
        if (sess == NULL)
            break;
        memcpy(id, &i, sizeof(i));
        REQUIRE(SSL_SESSION_set1_id(sess, id, sizeof(id)));
        REQUIRE(SSL_SESSION_set_protocol_version(sess, TLS1_3_VERSION));
        added += SSL_CTX_add_session(server, sess) == 1;
        SSL_SESSION_free(sess);
    }
    TRACE(added > 0);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    const unsigned long mib = argc > 2 ? strtoul(argv[2], NULL, 10) << 20 : 0;

    begin();
    server = server_context(TLS1_2_VERSION);
    client = client_context(TLS1_2_VERSION);
    use_certificate(client); /* loads what OpenSSL reads from files */
    TRACE(library_attached(server));
    if (strcmp(what, "files") == 0) {
        limit(RLIMIT_NOFILE, 64);
        while (dup(0) >= 0)
            ;
    } else if (strcmp(what, "space") == 0) {
        limit(RLIMIT_AS, mib);
    }
    serve();
    TRACE(library_attached(server));
    if (strcmp(what, "closed") == 0) {
        for (int fd = 3; fd < 1024; fd++)
            close(fd);
        /* The host takes the numbers for files of its own. */
        REQUIRE(open("/dev/null", O_RDWR) == 3 && open("/dev/null", O_RDWR) == 4);
    } else if (strcmp(what, "little") == 0) {
        limit(RLIMIT_AS, address_space() + mib);
    }
    add_many();
    serve();
    TRACE(library_attached(server));
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return finish();
}
