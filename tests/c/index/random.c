/*
 * The notes of what the shim adds and takes out by itself, called at random beside a
 * core that takes some of them now and then, and a model: what is found, what the
 * core is told and in which order. Rings and spill are small, so that they go round.
 */
#include <stdio.h>
#include <stdlib.h>

#define SSC_INDEX_ADDED 8
#define SSC_INDEX_RETIRED 8
#define SSC_INDEX_SPILLED 24
#define SSC_INDEX_MARKS 4
#include "index.c"
#include "notes.c"

#define KEYS 40
#define CALLS 2000000
#define ADDED_ROOM (SSC_INDEX_ADDED + SSC_INDEX_SPILLED)
#define RETIRED_ROOM (SSC_INDEX_RETIRED + SSC_INDEX_SPILLED)

__thread unsigned ssc_lane_taken = 3; /* lane 2 */

unsigned ssc_lane_take(void)
{
    abort();
}

static struct ssc_index table;
static struct ssc_index_notes notes;
static struct ssc_index_spill spill;
static struct ssc_index_line line;
static struct ssc_index_entry entries[SSC_INDEX_FIRST];

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "call %ld, line %d: %s\n", call, __LINE__, #condition);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
static long call, spilled, withdrawn, refused;

/* What has been noted and not been taken, in its order. */
static struct noted {
    int key;
    uint64_t ref;
    bool gone, claimed;
} added[ADDED_ROOM];
static unsigned added_first, added_count;
static uint64_t retired[RETIRED_ROOM];
static unsigned retired_first, retired_count;

static struct noted *nth(unsigned n)
{
    return &added[(added_first + n) % ADDED_ROOM];
}

static struct noted *noted_of(int key)
{
    for (unsigned n = 0; n < added_count; n++) {
        if (nth(n)->key == key && !nth(n)->gone)
            return nth(n);
    }
    return NULL;
}

static struct ssc_index_key key_of(int n)
{
    struct ssc_index_key key = {.key = {.id = {(uint8_t)n, 1}, .version = 0x0303, .id_len = 32}};

    ssc_index_hash(&table, &key);
    return key;
}

static uint64_t object_of(uint64_t ref)
{
    return ref * 16;
}

static void add(int n)
{
    const struct ssc_index_key key = key_of(n);
    const uint64_t ref = (uint64_t)call + 1;
    const struct ssc_note note = {.ref = ref, .object = object_of(ref), .expiry = n};
    const bool room = added_count < ADDED_ROOM &&
                      (added_count < SSC_INDEX_ADDED || table.added.spilled < SSC_INDEX_SPILLED);
    const bool there = noted_of(n) != NULL;
    const enum ssc_noted answer = ssc_notes_add(&table, &key, &note);

    if (there || answer == SSC_NOTED_NOT) {
        /* It may only refuse when there is no room, or the spill has yet to be emptied. */
        CHECK(answer == SSC_NOTED_NOT);
        CHECK(there || !room || table.added.spilled == SSC_INDEX_SPILLED);
        refused += !there;
        return;
    }
    *nth(added_count++) = (struct noted){.key = n, .ref = ref};
    spilled += table.added.spilled > 0;
}

static void find(int n)
{
    const struct ssc_index_key key = key_of(n);
    const struct noted *noted = noted_of(n);
    struct ssc_index_item item;
    const enum ssc_index_answer answer = ssc_index_find(&table, &key, &item);

    CHECK(answer == (noted != NULL ? SSC_INDEX_FOUND : SSC_INDEX_ABSENT));
    CHECK(noted == NULL || (item.ref == noted->ref && item.number == 0));
}

static void withdraw(int n)
{
    const struct ssc_index_key key = key_of(n);
    struct noted *noted = noted_of(n);
    struct ssc_index_item item;

    if (noted == NULL || ssc_index_find(&table, &key, &item) != SSC_INDEX_FOUND)
        return;
    const enum ssc_noted answer =
        ssc_notes_withdraw(&table, &item, object_of(noted->ref), n % 2 == 0);
    CHECK((answer == SSC_NOTED) == !noted->claimed);
    noted->gone = answer == SSC_NOTED;
    withdrawn += noted->gone;
    /* Not once more, and not for another object. */
    CHECK(ssc_notes_withdraw(&table, &item, object_of(noted->ref), false) == SSC_NOTED_NOT);
}

/* The core's note at the head or behind it. */
static struct ssc_index_noted *core_added(unsigned n)
{
    return ssc_index_added(&table, &notes, table.added.head + n);
}

/* The core is taking the first notes, and moves the head later. */
static void claim(unsigned n)
{
    n = n < added_count ? n : added_count;
    if (n > table.added.taking - table.added.head)
        table.added.taking = table.added.head + n;
    for (unsigned i = 0; i < n; i++) {
        struct noted *noted = nth(i);
        if (noted->claimed)
            continue;
        const uint64_t object = atomic_exchange(&core_added(i)->object, 0);
        const uint64_t gone =
            noted->gone ? SSC_INDEX_WITHDRAWN | (noted->key % 2 == 0 ? SSC_INDEX_EXPIRED : 0) : 0;
        CHECK(object == (object_of(noted->ref) | gone));
        noted->claimed = true;
    }
}

static void take(unsigned n)
{
    n = n < added_count ? n : added_count;
    claim(n);
    for (unsigned i = 0; i < n; i++) {
        CHECK(core_added(i)->ref == nth(i)->ref && core_added(i)->expiry == nth(i)->key);
        CHECK(((core_added(i)->kind & SSC_INDEX_NO_KEY) != 0) == nth(i)->gone);
    }
    CHECK(table.added.tail - table.added.head == added_count);
    table.added.head += n;
    added_first = (added_first + n) % ADDED_ROOM;
    added_count -= n;
}

static uint32_t entry_of(uint64_t ref)
{
    return 1 + (uint32_t)(ref % (SSC_INDEX_FIRST - 1));
}

static void retire(void)
{
    const uint64_t ref = (uint64_t)call + 1, stored = ref + 100;
    const struct ssc_index_item item = {.ref = ref, .number = entry_of(ref), .sequence = stored};
    /* Now and then the core has put another session there. */
    const uint64_t sequence = call % 5 == 0 ? stored + 1 : stored;
    _Atomic uint64_t *const at = &entries[item.number].sequence;
    *at = sequence;
    const enum ssc_noted answer = ssc_notes_retire(&table, &item, call % 2 == 0);
    const struct ssc_index_ring *ring = &table.retired[2];

    if (answer == SSC_NOTED_NOT) {
        CHECK(ring->spilled == SSC_INDEX_SPILLED && *at == sequence);
        refused++;
        return;
    }
    CHECK(*at == (sequence == stored ? stored | SSC_INDEX_GONE : sequence));
    retired[(retired_first + retired_count++) % RETIRED_ROOM] = ref;
}

static void take_retired(unsigned n)
{
    struct ssc_index_ring *ring = &table.retired[2];

    for (; n > 0 && retired_count > 0; n--) {
        const struct ssc_index_retired *at = retired_at(&table, &notes, 2, ring->head);
        CHECK(at->ref == retired[retired_first] && at->number == entry_of(at->ref));
        CHECK(at->expired == at->ref % 2);
        ring->head++;
        retired_first = (retired_first + 1) % RETIRED_ROOM;
        retired_count--;
    }
    CHECK(ring->tail - ring->head == retired_count);
}

/* How many notes are taken at a time: few for some while, so that they become many. */
static unsigned some(void)
{
    return (unsigned)rand() % (call / 500 % 2 == 0 ? 4 : 40);
}

int main(void)
{
    table.lines = 1;
    table.line_chunks[0] = &line;
    table.entry_chunks[0] = entries;
    table.notes = &notes;
    table.spill = &spill;
    table.added.head = table.added.taking = table.added.tail = UINT32_MAX - 20;
    table.retired[2].head = table.retired[2].tail = UINT32_MAX - 20;
    srand(1);
    for (call = 0; call < CALLS; call++) {
        const int n = rand() % KEYS;
        switch (rand() % 16) {
        default:
            add(n);
            break;
        case 0:
        case 1:
            find(n);
            break;
        case 2:
        case 3:
            withdraw(n);
            break;
        case 4:
            claim(some());
            break;
        case 5:
        case 6:
            take(some());
            break;
        case 7:
        case 8:
        case 9:
            retire();
            break;
        case 10:
            take_retired(some());
            break;
        }
    }
    printf("spilled=%ld withdrawn=%ld refused=%ld\n", spilled, withdrawn, refused);
    return spilled == 0 || withdrawn == 0 || refused == 0;
}
