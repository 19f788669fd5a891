/*
 * Lookups with a change of the table at every moment: before each load of
 * ssc_index_find some writes of the change are made, before a later load the
 * rest, in the order in which the core makes them (lines.go, table.go of
 * gocore/cache). The answer must be one that was right at some time meanwhile,
 * or that it is not sure.
 */
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void before_load(void);
#undef atomic_load_explicit
#define atomic_load_explicit(p, order) (before_load(), __atomic_load_n(p, order))
#define _mm_load_ps(p) (before_load(), (_mm_load_ps)(p))
/* Few notes, or there would be too many moments, and marks that they have in common. */
#define SSC_INDEX_ADDED 4
#define SSC_INDEX_RETIRED 1
#define SSC_INDEX_SPILLED 8
#define SSC_INDEX_MARKS 2
#include "index.c"

#include "changes.h"

/* A lookup under way: so many writes have been made; those up to `until` come before load `at`. */
static struct {
    int loads, done;
    struct {
        int at, until;
    } stop[2];
} under_way;

static void before_load(void)
{
    for (int s = 0; s < 2; s++) {
        while (under_way.loads == under_way.stop[s].at &&
               under_way.done < under_way.stop[s].until) {
            const struct write *w = &writes[under_way.done++];
            if (w->whole != NULL)
                *w->whole = w->value;
            else
                *w->half = (uint32_t)w->value;
        }
    }
    under_way.loads++;
}

/* What may be answered. */
struct valid {
    uint64_t ref, other; /* references that may be found; 0: none */
    bool absent;
};

static long lookups, unsure, failures;

/* One lookup of key 1, from the start. */
static void look_up(const char *what, const struct valid *valid, int first, int until, int last)
{
    struct ssc_index_item item = {0};

    now = start;
    const struct ssc_index_key key = own_key_of(1);
    memset(&under_way, 0, sizeof under_way);
    under_way.stop[0].at = first;
    under_way.stop[0].until = until;
    under_way.stop[1].at = last;
    under_way.stop[1].until = write_count;
    const enum ssc_index_answer answer = ssc_index_find(&now.index, &key, &item);
    lookups++;
    unsure += answer == SSC_INDEX_UNSURE;
    if (answer == SSC_INDEX_ABSENT
            ? !valid->absent
            : answer == SSC_INDEX_FOUND &&
                  (item.ref == 0 || (item.ref != valid->ref && item.ref != valid->other))) {
        if (failures++ == 0)
            fprintf(stderr, "%s, %d of %d writes before load %d and the rest before %d: %s %llu\n",
                    what, until, write_count, first, last,
                    answer == SSC_INDEX_FOUND ? "found" : "absent", (unsigned long long)item.ref);
    }
}

/* Every pair of loads, and every number of writes before the first of them. */
static void at_every_moment(const char *what, struct valid valid)
{
    int first = 0, last = 0;

    do {
        for (last = first; last == first || last <= under_way.loads; last++) {
            for (int until = last == first ? write_count : 1; until <= write_count; until++)
                look_up(what, &valid, first, until, last);
        }
    } while (++first <= under_way.loads);
    /* A change that stays half done, as its thread was stopped. */
    for (int until = 1; until < write_count; until++)
        look_up(what, &valid, 0, until, -1);
}

/* A table with key 1, reference 100, somewhere in a line of `others` more, and `lines` lines. */
static void begin(uint32_t lines, int others, bool with)
{
    memset(&now, 0, sizeof now);
    now.index.lines = lines;
    for (unsigned i = 0; i < 5; i++)
        now.index.seeds[i] = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    now.index.line_chunks[0] = now.own;
    now.index.overflow_chunks[0] = now.overflow;
    now.index.entry_chunks[0] = now.entries;
    now.index.entry_chunks[1] = now.entries + SSC_INDEX_FIRST;
    now.index.notes = &now.notes;
    now.index.spill = &now.spill;
    for (int n = 2; others > 0; n++) {
        if (line_at(hash_of(n)) != line_at(hash_of(1)))
            continue;
        if (--others == 2 && with)
            add(1, 100);
        add(n, 100u + (unsigned)n);
    }
    start = now;
    write_count = 0;
}

/* The same, with keys that have been noted before. */
static void begin_noted(uint32_t lines, int others, bool with, int notes)
{
    begin(lines, others, false);
    now.index.added.head = now.index.added.tail = UINT32_MAX - 1;
    for (int n = 0; n < notes; n++)
        note(100 + n, 500);
    if (with)
        note(1, 100);
    start = now;
    write_count = 0;
}

/* A table whose key 1 was retired, and noted once more. */
static void begin_again(uint32_t lines, int others)
{
    begin(lines, others, true);
    now.index.added.head = now.index.added.tail = UINT32_MAX;
    retire(1);
    note(1, 300);
    start = now;
    write_count = 0;
}

#define CHANGE(code, ...)                                                                          \
    do {                                                                                           \
        code;                                                                                      \
        at_every_moment(#code, (struct valid){__VA_ARGS__});                                       \
    } while (0)

static int other_in_line(void)
{
    int n = 2;

    while (line_at(hash_of(n)) != line_at(hash_of(1)))
        n++;
    return n;
}

int main(void)
{
    for (int others = 3; others <= 12; others += 3) {
        for (uint32_t lines = 1; lines <= 4; lines++) {
            const int b = 200;
            begin(lines, others, true);
            const int other = other_in_line();
            CHANGE(split(), .ref = 100);
            begin(lines, others, true);
            CHANGE((split(), split()), .ref = 100);
            begin(lines, others, true);
            CHANGE(take(1), .ref = 100, .absent = true);
            begin(lines, others, true);
            CHANGE((take(1), add(b, 300)), .ref = 100, .absent = true);
            begin(lines, others, true);
            CHANGE((take(1), add_as(b, hash_of(1), 300)), .ref = 100, .absent = true);
            begin(lines, others, true);
            CHANGE(replace(1, 300), .ref = 100, .other = 300);
            begin(lines, others, true);
            CHANGE((take(1), add(1, 300)), .ref = 100, .other = 300, .absent = true);
            begin(lines, others, true);
            CHANGE((take(other), add(b, 300)), .ref = 100);
            begin(lines, others, true);
            CHANGE((take(other), add_as(b, hash_of(1), 300)), .ref = 100);
            begin(lines, others, false);
            CHANGE(add(1, 300), .other = 300, .absent = true);
            begin(lines, others, false);
            CHANGE((take(other), add(1, 300)), .other = 300, .absent = true);
            begin(lines, others, false);
            CHANGE(add_as(b, hash_of(1), 300), .absent = true);
            begin(lines, others, false);
            CHANGE((add(1, 300), split()), .other = 300, .absent = true);
            begin_noted(lines, others, false, 2);
            CHANGE(note(1, 300), .other = 300, .absent = true);
            begin_noted(lines, others, true, 2);
            CHANGE(note(b, 300), .ref = 100);
            begin_noted(lines, others, true, 0);
            CHANGE(take_noted(), .ref = 100);
            begin_noted(lines, others, true, 0);
            CHANGE((take_noted(), split()), .ref = 100);
            begin_noted(lines, others, false, 1);
            CHANGE((note(1, 300), take_noted()), .other = 300, .absent = true);
            begin_noted(lines, others, true, 0);
            CHANGE((take_noted(), take(1)), .ref = 100, .absent = true);
            /* The ring goes round: what is looked at becomes another note. */
            begin_noted(lines, others, true, 0);
            CHANGE((take_noted(), note_round(b, 0)), .ref = 100);
            begin_noted(lines, others, true, 0);
            CHANGE(withdraw(), .ref = 100, .absent = true);
            begin_noted(lines, others, true, 1);
            CHANGE((withdraw(), take_noted()), .ref = 100, .absent = true);
            begin_noted(lines, others, true, 1);
            CHANGE((withdraw(), note(1, 300)), .ref = 100, .other = 300, .absent = true);
            begin(lines, others, true);
            CHANGE(retire(1), .ref = 100, .absent = true);
            begin(lines, others, true);
            CHANGE((retire(1), take_retired()), .ref = 100, .absent = true);
            begin(lines, others, true);
            CHANGE((retire(1), note(1, 300)), .ref = 100, .other = 300, .absent = true);
            /* It is there all the time, among the notes or in another entry. */
            begin_again(lines, others);
            CHANGE(take_retired(), .ref = 300);
            begin_again(lines, others);
            CHANGE((take_retired(), take_noted()), .ref = 300);
            begin_again(lines, others);
            CHANGE((take_noted(), take_retired()), .ref = 300);
            begin_again(lines, others);
            CHANGE((take_noted(), split(), take_retired()), .ref = 300);
            /* More notes than usual, and back. */
            begin_noted(lines, others, false, SSC_INDEX_ADDED);
            CHANGE(note(1, 300), .other = 300, .absent = true);
            begin_noted(lines, others, true, SSC_INDEX_ADDED);
            CHANGE(note(b, 300), .ref = 100);
            begin_noted(lines, others, true, SSC_INDEX_ADDED);
            CHANGE((take_noted(), note(b, 300)), .ref = 100);
            begin_noted(lines, others, true, 0);
            CHANGE((take_noted(), note_round(b, 2)), .ref = 100);
            begin_noted(lines, others, true, SSC_INDEX_ADDED);
            CHANGE((withdraw(), note(1, 300)), .ref = 100, .other = 300, .absent = true);
            if (others <= 6) { /* there is no room for more entries */
                begin_noted(lines, others, true, SSC_INDEX_ADDED);
                CHANGE((take_noted(), note_round(b, 2)), .ref = 100);
            }
        }
    }
    printf("lookups=%ld unsure=%ld wrong=%ld\n", lookups, unsure, failures);
    return failures != 0 || unsure == 0 || unsure == lookups;
}
