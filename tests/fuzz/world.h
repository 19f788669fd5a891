/*
 * world.h: what the calls of one fuzz input work on: a few contexts, a pool of
 * session objects, a few connections, and callbacks whose answers are drawn
 * from the input's seed. Everything is made anew for each input.
 *
 * The same input must give the same transcript on stock libssl and with the
 * library in front. Where docs/DIVERGENCES.md says that it does not, the world
 * keeps away from it; each such place names the number.
 */
#ifndef TESTS_FUZZ_WORLD_H
#define TESTS_FUZZ_WORLD_H

#include "harness.h"

#define SLOTS 4     /* contexts in use: two servers, a client, one that is both */
#define MADE_MAX 64 /* contexts that one input may make */
#define OBJECTS 16  /* session objects at hand */
#define BY_HAND 10  /* the first of them are made by hand; the others are those of clients */
#define KEPT 8      /* session objects that new callbacks kept */
#define CONNECTIONS 3

/* What an input's lifetimes may be: see D5 in world.c. */
enum lifetimes { BACKWARDS = 0, NEVER_EXPIRING = 1, BEFORE_1970 = 2 };

/* A context that was made, and what its callbacks do. Kept until the input's end. */
struct context {
    SSL_CTX *ctx;
    int number;
    int alive;        /* libssl has not destroyed it yet */
    int mirrored;     /* libssl's own table was asked for, by the input or for early data */
    int ending;       /* it has been freed, perhaps with connections left */
    int never_clears; /* see D9 in connection.c */
    long mode;
    unsigned new_answer; /* 0: 0, 1: 1, else drawn */
    unsigned get_answer; /* what on_get looks for */
    unsigned generate;   /* what on_generate makes */
    unsigned reentry;    /* what callbacks call, if anything */
    struct context *sni; /* where its servername callback leads */
};

struct connection {
    struct context *server, *client; /* NULL: not open */
    pair ends;
    int tried; /* a handshake was begun */
    int good;
};

extern struct world {
    int lifetimes;
    int without_ids; /* sessions without an ID occur, but no sizes */
    int by_hand;     /* no handshakes; see D4 in calls.c */
    long more;       /* see D1 in world.c */
    struct context made[MADE_MAX];
    int made_len;
    struct context *slots[SLOTS];
    SSL_SESSION *objects[OBJECTS];
    SSL_SESSION *kept[KEPT];
    int kept_next;
    struct connection connections[CONNECTIONS];
} world;

/* Once in the process; then for each input, with its first bytes. */
void world_init(void);
void world_begin(const unsigned char *header);
void world_end(int objects_first);

/* draw is a number below `below`, from the input's seed. */
unsigned draw(unsigned below);

/* Puts a new context in the place `slot`. */
void renew(int slot);

/* label prints a session as its ID's name, number of the object, and "x" if not resumable. */
const char *label(SSL_SESSION *sess);

/* The number that label has given to an object, or 0. */
int label_number(const SSL_SESSION *sess);

/*
 * A session object is in the cache of one context only (D7): its home. usable
 * says whether the object may enter that context's cache; settle makes it the home.
 */
int usable(SSL_SESSION *sess, const struct context *c);
void settle(SSL_SESSION *sess, const struct context *c);

/* before_placing is called with a session that is about to be added: see D5 in world.c. */
void before_placing(SSL_SESSION *sess);

/* Puts a session in the pool, in place of another. Takes over the reference. */
void put_object(int slot, SSL_SESSION *sess);

/* Sets callbacks of a context: bits 0 new, 1 remove, 2 get. */
void set_callbacks(struct context *c, unsigned bits);
void set_generate(struct context *c, SSL *ssl, unsigned kind);

/* Collects sessions whose order says nothing; items_note puts their numbers into the log. */
void items_add(SSL_SESSION *sess);
void items_note(void);

/* Prints what the callbacks did, errors, and counters that changed. */
void report(void);

/* A call of the input, of RECORD bytes: the first says which. */
#define RECORD 6
#define CALLS 40
void call(const unsigned char *r);
const char *call_name(const unsigned char *r);

/* connection.c */
void open_connection(struct connection *k, struct context *server, struct context *client,
                     unsigned how, SSL_SESSION *resume);
void shake_hands(struct connection *k, int early);
void describe(const struct connection *k);
void close_connection(struct connection *k, unsigned how);
void burst(struct context *server, struct context *client, unsigned how, SSL_SESSION *resume,
           int count);
/* The context that owns the sessions of a connection's end. */
struct context *owner_of(const SSL *ssl);
void own(SSL *ssl, struct context *c);

#endif
