/*
 * Lookups with a change of the table at every moment: before each load of
 * ssc_index_find some writes of the change are made, before a later load the
 * rest, in the order in which the core makes them (lines.go, table.go of
 * gocore/cache). The answer must be one that was right at some time meanwhile,
 * or that it is not sure.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static void before_load(void);
#undef atomic_load_explicit
#define atomic_load_explicit(p, order) (before_load(), __atomic_load_n(p, order))
/* Few notes, or there would be too many moments, and marks that they have in common. */
#define SSC_INDEX_ADDED 4
#define SSC_INDEX_RETIRED 1
#define SSC_INDEX_SPILLED 8
#define SSC_INDEX_MARKS 2
#include "index.c"

#define MAX_WRITES 512
#define LINES 16
#define ENTRIES 32

static struct world {
    struct ssc_index index;
    struct ssc_index_notes notes;
    struct ssc_index_spill spill;
    struct ssc_index_line own[LINES], overflow[LINES];
    struct ssc_index_entry entries[ENTRIES];
    uint32_t used_overflow, used_entries, freed[ENTRIES], free;
    uint64_t sequence;
} now, start;

/* The writes of a change, in their order. */
static struct write {
    _Atomic uint64_t *whole;
    _Atomic uint32_t *half;
    uint64_t value;
} writes[MAX_WRITES];
static int write_count;

static void write64(_Atomic uint64_t *at, uint64_t value)
{
    writes[write_count++] = (struct write){.whole = at, .value = value};
    *at = value;
}

static void write32(_Atomic uint32_t *at, uint32_t value)
{
    writes[write_count++] = (struct write){.half = at, .value = value};
    *at = value;
}

/* Keys differ in one byte. */
static sscore_key key_of(int n)
{
    sscore_key key = {.id = {7, 7, 7}, .version = 0x0303, .id_len = 32};

    key.id[31] = (uint8_t)n;
    return key;
}

static struct ssc_index_key own_key_of(int n)
{
    struct ssc_index_key own = {.key = key_of(n)};

    ssc_index_hash(&now.index, &own);
    return own;
}

static uint32_t hash_of(int n)
{
    return own_key_of(n).hash;
}

static struct ssc_index_line *line_at(uint32_t h)
{
    return &now.own[line_of(&now.index, h)];
}

static void put(struct ssc_index_line *line, uint64_t word)
{
    for (;; line = &now.overflow[line->more]) {
        for (int i = 0; i < SSC_INDEX_WORDS; i++) {
            if (line->word[i] == 0) {
                write64(&line->word[i], word);
                return;
            }
        }
        if (line->more == 0) {
            now.used_overflow++;
            write64(&now.overflow[now.used_overflow].more, 0);
            write64(&line->more, now.used_overflow);
        }
    }
}

/* Adds a key under a hash, that of its own or, to collide, another's. */
static void add_as(int n, uint32_t h, uint64_t ref)
{
    const struct ssc_index_key key = own_key_of(n);
    const uint32_t number = now.free > 0 ? now.freed[--now.free] : ++now.used_entries;
    struct ssc_index_entry *e = &now.entries[number];

    put(line_at(h), (uint64_t)h << 32 | number);
    for (int i = 0; i < 4; i++)
        write64(&e->id[i], key.id[i]);
    write32(&e->kind, key.kind);
    write32(&e->stamp, 0);
    write64(&e->ref, ref);
    write64(&e->object, ref);
    write64(&e->sequence, ++now.sequence);
}

static void add(int n, uint64_t ref)
{
    add_as(n, hash_of(n), ref);
}

/* The word of a key that was added under its own hash. */
static _Atomic uint64_t *word_of(int n)
{
    const struct ssc_index_key key = own_key_of(n);

    for (struct ssc_index_line *l = line_at(hash_of(n));; l = &now.overflow[l->more]) {
        for (int i = 0; i < SSC_INDEX_WORDS; i++) {
            if (l->word[i] >> 32 == hash_of(n) &&
                now.entries[(uint32_t)l->word[i]].id[3] == key.id[3])
                return &l->word[i];
        }
    }
}

static void take(int n)
{
    _Atomic uint64_t *word = word_of(n);
    const uint32_t number = (uint32_t)*word;
    struct ssc_index_entry *e = &now.entries[number];

    write64(&e->sequence, 0);
    for (int i = 0; i < 4; i++)
        write64(&e->id[i], 0);
    write32(&e->kind, 0);
    write32(&e->stamp, 0);
    write64(&e->ref, 0);
    write64(&e->object, 0);
    write64(word, 0);
    now.freed[now.free++] = number;
}

static void replace(int n, uint64_t ref)
{
    struct ssc_index_entry *e = &now.entries[(uint32_t)*word_of(n)];

    write64(&e->sequence, 0);
    write64(&e->ref, ref);
    write64(&e->object, ref);
    write64(&e->sequence, ++now.sequence);
}

static struct ssc_index_noted *note_of(uint32_t number)
{
    return ssc_index_added(&now.index, &now.notes, number);
}

/* The next note gets a place: have_room of notes.c. */
static void make_room(void)
{
    struct ssc_index_ring *ring = &now.index.added;

    if (ring->spilled > 0 && ring->tail == ring->head)
        write32(&ring->spilled, 0);
    if (ring->spilled == 0 && ring->tail - ring->head < SSC_INDEX_ADDED)
        return;
    if (ring->spilled == 0)
        write32(&ring->spill_from, ring->tail);
    write32(&ring->spilled, ring->spilled + 1);
}

/* A thread of the shim adds key n without a crossing: ssc_notes_add. */
static void note(int n, uint64_t ref)
{
    const uint32_t tail = now.index.added.tail;
    const struct ssc_index_key key = own_key_of(n);
    make_room();
    struct ssc_index_noted *const at = note_of(tail);

    for (int i = 0; i < 4; i++)
        write64(&at->id[i], key.id[i]);
    write32(&at->before, now.notes.mark[key.hash % SSC_INDEX_MARKS]);
    write32(&at->kind, key.kind);
    write64(&at->ref, ref);
    write64(&at->object, ref);
    write32(&now.index.added.tail, tail + 1);
    write32(&now.notes.mark[key.hash % SSC_INDEX_MARKS], tail + 1);
}

/* As many as the ring has room for, of other keys, and so many that spill. */
static void note_round(int n, int spilled)
{
    for (int i = 0; i < SSC_INDEX_ADDED + spilled; i++)
        note(n + i, 400);
}

/* A thread of the shim takes out the one that was noted last: ssc_notes_withdraw. */
static void withdraw(void)
{
    struct ssc_index_noted *at = note_of(now.index.added.tail - 1);

    write64(&at->object, at->object | SSC_INDEX_WITHDRAWN);
    write32(&at->kind, at->kind | SSC_INDEX_NO_KEY);
}

/* The core takes the notes into the table: takeAdded. */
static void take_noted(void)
{
    for (uint32_t i = now.index.added.head; i != now.index.added.tail; i++) {
        struct ssc_index_noted *noted = note_of(i);
        const bool withdrawn = (noted->object & SSC_INDEX_WITHDRAWN) != 0;
        write64(&noted->object, 0);
        if (!withdrawn)
            add((int)(noted->id[3] >> 56), noted->ref);
    }
    write32(&now.index.added.head, now.index.added.tail);
}

static void split(void)
{
    const uint32_t added = now.index.lines, mask = UINT32_MAX >> __builtin_clz(added);
    struct ssc_index_line *from = &now.own[added & mask >> 1], *to = &now.own[added];
    uint64_t words[LINES * SSC_INDEX_WORDS];
    int count = 0;
    const uint32_t first = (uint32_t)from->more;

    for (struct ssc_index_line *l = from;; l = &now.overflow[l->more]) {
        for (int i = 0; i < SSC_INDEX_WORDS; i++)
            words[count++] = l->word[i];
        if (l->more == 0)
            break;
    }
    write32(&now.index.splits, now.index.splits + 1);
    write32(&now.index.lines, added + 1);
    for (int i = 0; i < SSC_INDEX_WORDS; i++)
        write64(&from->word[i], 0);
    write64(&from->more, 0);
    for (int i = 0; i < count; i++) {
        if (words[i] != 0)
            put((uint32_t)(words[i] >> 32 & mask) == added ? to : from, words[i]);
    }
    for (uint32_t free = first, next; free != 0; free = next) {
        next = (uint32_t)now.overflow[free].more;
        for (int i = 0; i < SSC_INDEX_WORDS; i++)
            write64(&now.overflow[free].word[i], 0);
        write64(&now.overflow[free].more, 0);
    }
    write32(&now.index.splits, now.index.splits + 1);
}

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
