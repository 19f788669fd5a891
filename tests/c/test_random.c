/*
 * random: long sequences of calls, drawn from a fixed seed, on one context:
 * add, replace, remove, flush, new lifetimes, sizes, the clock. Each result and
 * each remove_cb is printed, so that any difference in what is kept, in which
 * order it goes and how it is counted shows.
 */
#include "harness.h"

#define IDS 40

static SSL_CTX *ctx;
static SSL_SESSION *sessions[IDS][2]; /* two objects of each ID */
static unsigned long long seed;

static unsigned draw(unsigned below)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % below;
}

/* What libssl adds to a size to hold as many: one from 3.0 on, nothing here. */
static long one_more(void)
{
    SSL_CTX *probe = plain_context();
    char name[16];
    long more;
    int i;

    SSL_CTX_sess_set_cache_size(probe, 3);
    for (i = 0; i < 3; i++) {
        SSL_SESSION *sess;

        snprintf(name, sizeof(name), "p%d", i);
        sess = make_session(name, TLS1_3_VERSION);
        SSL_CTX_add_session(probe, sess);
        SSL_SESSION_free(sess);
    }
    more = 3 - SSL_CTX_sess_number(probe);
    SSL_CTX_free(probe);
    return more;
}

static void fresh(int id, int which)
{
    char name[16];

    snprintf(name, sizeof(name), "r%d", id);
    SSL_SESSION_free(sessions[id][which]);
    /* Every fourth ID exists in two protocol versions instead of two objects of one. */
    sessions[id][which] =
        make_session(name, id % 4 == 0 && which == 1 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_SESSION_set_timeout(sessions[id][which], 100 + 50 * draw(8));
}

static void one_call(long more)
{
    const int id = (int)draw(IDS);
    SSL_SESSION *sess = sessions[id][draw(2)];
    const long t = time(NULL);
    char name[16];

    snprintf(name, sizeof(name), "r%d", id);
    switch (draw(16)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
    case 5:
        note("add(%s)=%d", name, SSL_CTX_add_session(ctx, sess));
        break;
    case 6:
        note("remove(%s)=%d", name, SSL_CTX_remove_session(ctx, sess));
        break;
    case 7:
        note("timeout(%s)=%ld", name, SSL_SESSION_set_timeout(sess, 100 + 50 * draw(8)));
        break;
    case 8:
        note("time(%s)=%d", name, SSL_SESSION_set_time(sess, t - 50 * (long)draw(4)) != 0);
        break;
    case 9:
        note("flush");
        SSL_CTX_flush_sessions(ctx, t);
        break;
    case 10:
        advance(draw(60));
        break;
    case 11:
        note("cached(%s)=%d", name, cached(ctx, name));
        break;
    case 12:
        fresh(id, (int)draw(2));
        break;
    case 13:
        if (draw(8) == 0) {
            note("size");
            SSL_CTX_sess_set_cache_size(ctx, 2 + draw(30) + more);
        }
        break;
    case 14:
        if (draw(30) == 0) {
            note("flush all");
            SSL_CTX_flush_sessions(ctx, 0);
        }
        break;
    default:
        if (draw(8) == 0)
            SSL_CTX_set_session_cache_mode(ctx, draw(2) ? SSL_SESS_CACHE_SERVER
                                                        : SSL_SESS_CACHE_SERVER |
                                                              SSL_SESS_CACHE_UPDATE_TIME);
        note("resumable(%s)=%d", name, SSL_SESSION_is_resumable(sess));
    }
}

static void sequence(unsigned start, int with_table, long more)
{
    int i;
    int which;

    printf("-- seed %u\n", start);
    seed = start;
    set_clock(EPOCH);
    ctx = plain_context();
    SSL_CTX_sess_set_remove_cb(ctx, log_remove);
    for (i = 0; i < IDS; i++)
        for (which = 0; which < 2; which++)
            fresh(i, which);
    if (with_table)
        TRACE(SSL_CTX_sessions(ctx) != NULL);
    for (i = 0; i < 3000; i++) {
        one_call(more);
        if (i % 20 == 19) {
            print_log();
            printf("number=%ld cache_full=%ld alive=%ld\n", SSL_CTX_sess_number(ctx),
                   SSL_CTX_sess_cache_full(ctx), sessions_alive());
        }
    }
    SSL_CTX_free(ctx);
    print_log();
    for (i = 0; i < IDS; i++)
        for (which = 0; which < 2; which++) {
            SSL_SESSION_free(sessions[i][which]);
            sessions[i][which] = NULL;
        }
    TRACE(sessions_alive());
}

int main(void)
{
    unsigned start;
    long more;

    begin();
    more = one_more();
    for (start = 1; start <= 10; start++)
        sequence(start, start > 8, more);
    return finish();
}
