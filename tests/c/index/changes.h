/*
 * A table in memory and its changes, each write of them kept in its order: those that
 * the core makes (lines.go, table.go, added.go and retired.go of gocore/cache) and those
 * of the shim's threads. index.c comes before.
 */
#ifndef CHANGES_H
#define CHANGES_H

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

static void take_word(_Atomic uint64_t *word)
{
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

static void take(int n)
{
    take_word(word_of(n));
}

/* A thread of the shim takes key n out of service: ssc_index_leave. */
static void retire(int n)
{
    struct ssc_index_entry *e = &now.entries[(uint32_t)*word_of(n)];

    write64(&e->sequence, e->sequence | SSC_INDEX_GONE);
}

/* The core takes out what was retired: takeOneRetired. Another of its key may be there by now. */
static void take_retired(void)
{
    for (int l = 0; l < 2 * LINES; l++) {
        struct ssc_index_line *line = l < LINES ? &now.own[l] : &now.overflow[l - LINES];
        for (int i = 0; i < SSC_INDEX_WORDS; i++) {
            if ((now.entries[(uint32_t)line->word[i]].sequence & SSC_INDEX_GONE) != 0)
                take_word(&line->word[i]);
        }
    }
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

#endif
