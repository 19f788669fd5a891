/* workers_tasks.c: what workers are asked to do: connections, removals, questions. */
#include "workers.h"
#include "library.h"

#include <inttypes.h>

SSL_CTX *worker_client;
void (*worker_prepares)(SSL *server);
static pair open_pair; /* of this worker */

void save(saved *to, SSL_SESSION *session)
{
    unsigned char *end = to->der;

    /* The client is to go on offering it when the server's has expired. */
    SSL_SESSION_set_timeout(session, 1000000);
    to->len = i2d_SSL_SESSION(session, NULL);
    REQUIRE(to->len > 0 && (size_t)to->len <= sizeof(to->der));
    REQUIRE(i2d_SSL_SESSION(session, &end) == to->len);
}

SSL_SESSION *restore(const saved *session)
{
    const unsigned char *der = session->der;
    SSL_SESSION *made;

    REQUIRE(session->len > 0);
    made = d2i_SSL_SESSION(NULL, &der, session->len);
    REQUIRE(made != NULL);
    return made;
}

SSL_SESSION *server_session(const saved *session)
{
    SSL_SESSION *of_client = restore(session);
    SSL_SESSION *made = SSL_SESSION_new();
    const unsigned char *id;
    unsigned int id_len;
    size_t ticket_len;

    REQUIRE(made != NULL);
    id = SSL_SESSION_get_id(of_client, &id_len);
    /* A client gives sessions with tickets an ID that the server does not know. */
    if (SSL_SESSION_has_ticket(of_client)) {
        SSL_SESSION_get0_ticket(of_client, &id, &ticket_len);
        id_len = (unsigned int)ticket_len;
    }
    REQUIRE(SSL_SESSION_set1_id(made, id, id_len));
    REQUIRE(SSL_SESSION_set_protocol_version(made, SSL_SESSION_get_protocol_version(of_client)));
    SSL_SESSION_free(of_client);
    return made;
}

/* Makes a connection: what offer returns. Both ends stay open. */
static int make_connection(pair *p, SSL_CTX *server, const saved *session)
{
    SSL_SESSION *resume = session->len > 0 ? restore(session) : NULL;
    int result = FAILED;

    *p = pair_new(server, worker_client, resume);
    if (worker_prepares != NULL)
        worker_prepares(p->server);
    if (handshake(p)) {
        result = SSL_session_reused(p->server) ? RESUMED : FULL;
        REQUIRE(SSL_session_reused(p->client) == SSL_session_reused(p->server));
    }
    SSL_SESSION_free(resume);
    return result;
}

static void keep_session(pair *p, saved *session)
{
    SSL_SESSION *made = SSL_get1_session(p->client);

    save(session, made);
    SSL_SESSION_free(made);
}

long visit_task(SSL_CTX *server, saved *session, long n)
{
    pair p;
    const int result = make_connection(&p, server, session);

    (void)n;
    if (result != FAILED)
        keep_session(&p, session);
    pair_close(&p);
    return result;
}

int visit_at(int w, SSL_CTX *server, saved *session)
{
    return (int)at(w, visit_task, server, session, 0);
}

long offer_task(SSL_CTX *server, saved *session, long n)
{
    pair p;
    const int result = make_connection(&p, server, session);

    (void)n;
    pair_close(&p);
    return result;
}

int offer_at(int w, SSL_CTX *server, saved *session)
{
    return (int)at(w, offer_task, server, session, 0);
}

static long open_task(SSL_CTX *server, saved *session, long n)
{
    const int result = make_connection(&open_pair, server, session);

    (void)n;
    REQUIRE(result != FAILED);
    keep_session(&open_pair, session);
    return result;
}

int open_at(int w, SSL_CTX *server, saved *session)
{
    return (int)at(w, open_task, server, session, 0);
}

static long close_task(SSL_CTX *server, saved *session, long how)
{
    char bytes[100];

    (void)server, (void)session;
    memset(bytes, 0x55, sizeof(bytes));
    switch (how) {
    case CLEAN:
        pair_close(&open_pair);
        return 0;
    case FATAL_RECEIVED:
        /* The client is given nonsense and tells the server by an alert. */
        BIO_write(SSL_get_rbio(open_pair.client), bytes, sizeof(bytes));
        SSL_read(open_pair.client, bytes, 1);
        SSL_read(open_pair.server, bytes, 1);
        break;
    case FATAL_SENT:
        BIO_write(SSL_get_rbio(open_pair.server), bytes, sizeof(bytes));
        SSL_read(open_pair.server, bytes, 1);
        break;
    default:
        break;
    }
    pair_drop(&open_pair);
    ERR_clear_error();
    return 0;
}

void close_at(int w, enum ending how)
{
    at(w, close_task, NULL, NULL, how);
}

long early_task(SSL_CTX *server, saved *session, long n)
{
    static const char text[] = "early";
    SSL_SESSION *resume = restore(session);
    pair p = pair_new(server, worker_client, resume);
    char bytes[2 * sizeof(text)];
    int got = SSL_READ_EARLY_DATA_ERROR;
    size_t done, len = 0;
    long result;
    int i;

    (void)n;
    if (worker_prepares != NULL)
        worker_prepares(p.server);
    REQUIRE(SSL_write_early_data(p.client, text, sizeof(text), &done) == 1);
    for (i = 0; i < 5 && got != SSL_READ_EARLY_DATA_FINISH; i++) {
        got = SSL_read_early_data(p.server, bytes + len, sizeof(bytes) - len, &done);
        if (got == SSL_READ_EARLY_DATA_SUCCESS)
            len += done;
    }
    if (!handshake(&p)) {
        result = FAILED;
    } else if (SSL_get_early_data_status(p.server) == SSL_EARLY_DATA_ACCEPTED) {
        REQUIRE(len == sizeof(text) && memcmp(bytes, text, len) == 0);
        REQUIRE(SSL_get_early_data_status(p.client) == SSL_EARLY_DATA_ACCEPTED);
        REQUIRE(SSL_session_reused(p.server));
        result = EARLY;
    } else {
        REQUIRE(len == 0 && SSL_get_early_data_status(p.client) == SSL_EARLY_DATA_REJECTED);
        result = SSL_session_reused(p.server) ? RESUMED : FULL;
    }
    SSL_SESSION_free(resume);
    pair_close(&p);
    return result;
}

int early_at(int w, SSL_CTX *server, saved *session)
{
    return (int)at(w, early_task, server, session, 0);
}

static long remove_task(SSL_CTX *server, saved *session, long n)
{
    SSL_SESSION *named = server_session(session);
    const int removed = SSL_CTX_remove_session(server, named);

    (void)n;
    SSL_SESSION_free(named);
    return removed;
}

int remove_at(int w, SSL_CTX *server, saved *session)
{
    return (int)at(w, remove_task, server, session, 0);
}

static long flush_task(SSL_CTX *server, saved *session, long tm)
{
    (void)session;
    SSL_CTX_flush_sessions(server, tm);
    return 0;
}

void flush_at(int w, SSL_CTX *server, long tm)
{
    at(w, flush_task, server, NULL, tm);
}

static long advance_task(SSL_CTX *server, saved *session, long seconds)
{
    (void)server, (void)session;
    advance(seconds);
    return 0;
}

void advance_at(int w, long seconds)
{
    at(w, advance_task, NULL, NULL, seconds);
}

void advance_all(long seconds)
{
    int w;

    for (w = 0; w < WORKERS; w++)
        advance_at(w, seconds);
}

void resumes(const char *title, SSL_CTX *server, saved *session)
{
    int results[WORKERS] = {0};
    int w;

    for (w = 0; w < WORKERS; w++) {
        if (worker_there(w))
            results[w] = offer_at(w, server, session);
    }
    printf("%s:", title);
    for (w = 0; w < WORKERS; w++) {
        if (worker_there(w))
            printf(" %c %d", 'A' + w, results[w]);
        else
            printf(" %c -", 'A' + w);
    }
    printf("\n");
}

static long counters_task(SSL_CTX *server, saved *session, long n)
{
    sesscache_stats s;

    (void)session, (void)n;
    REQUIRE(library_stats(server, &s, sizeof(s)) == 1);
    REQUIRE(s.lookups == s.hits + s.misses && s.hits >= s.shared_hits + s.stored_hits);
    REQUIRE(s.adds - s.replaced - s.evicted - s.expired - s.removed - s.flushed == s.entries);
    REQUIRE((long)s.entries == SSL_CTX_sess_number(server));
    printf(
        "%c: accept=%ld hits=%ld misses=%ld timeouts=%ld cb_hits=%ld number=%ld; lookups=%" PRIu64
        " hits=%" PRIu64 " shared_hits=%" PRIu64 " stored_hits=%" PRIu64 " misses=%" PRIu64 "\n",
        'A' + this_worker(), SSL_CTX_sess_accept(server), SSL_CTX_sess_hits(server),
        SSL_CTX_sess_misses(server), SSL_CTX_sess_timeouts(server), SSL_CTX_sess_cb_hits(server),
        SSL_CTX_sess_number(server), s.lookups, s.hits, s.shared_hits, s.stored_hits, s.misses);
    return 0;
}

void counters_at(int w, SSL_CTX *server)
{
    at(w, counters_task, server, NULL, 0);
}
