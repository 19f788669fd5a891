/*
 * bench.h: what the programs that measure have in common. They use OpenSSL's
 * public API only, so the same binary runs on stock libssl and, preloaded, on
 * the library. Each prints its measurements on standard output, one JSON object
 * a line; bench/run puts them beside each other.
 */
#ifndef BENCH_H
#define BENCH_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* bench_fail ends the program with a message and status 1. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *format, ...);

/* bench_number reads an unsigned decimal number from the command line, or fails. */
unsigned long bench_number(const char *text);

/*
 * bench_list reads numbers with commas between them, such as 1,2,4, into an array
 * of `most` and returns how many they are. It fails if one is 0 or there are more.
 */
size_t bench_list(const char *text, unsigned *numbers, size_t most);

/* bench_ns is the time of a clock that does not jump, in nanoseconds. */
uint64_t bench_ns(void);

/* bench_random is the next number of a generator (splitmix64) whose state is *state. */
uint64_t bench_random(uint64_t *state);

/* bench_shuffle puts an array of session pointers in a random order. */
void bench_shuffle(SSL_SESSION **sessions, size_t n, uint64_t *state);

/* bench_context makes a server's context that keeps `size` sessions, 0: any number. */
SSL_CTX *bench_context(unsigned long size);

/*
 * bench_session makes a session with an ID of 32 random bytes, of the protocol
 * version that a new SSL of bench_context has. The caller owns the reference.
 */
SSL_SESSION *bench_session(uint64_t *state, long timeout);

/*
 * bench_threads runs task(arg, number) in n threads that begin at the same
 * moment, and returns the nanoseconds from then until the last has ended. Each
 * has asked for the number of ctx's sessions before: a server's threads live long,
 * and what a thread's first call costs more would be a part of each short round.
 */
uint64_t bench_threads(unsigned n, SSL_CTX *ctx, void (*task)(void *arg, unsigned number),
                       void *arg);

/*
 * bench_pass passes the turn on to the programs that are measured beside this one,
 * and returns when it is this one's turn again: what the machine does meanwhile,
 * it does to all of them. Without BENCH_TURNS in the environment there are none.
 * Not from several threads.
 */
void bench_pass(void);

/* bench_resident is the resident memory of the process in bytes. */
uint64_t bench_resident(void);

#endif
