#include "index.h"

#include "ssc.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A lookup gives up, and the core is asked, after so many lines or changes met. */
#define MAX_LINES 16
#define MAX_TRIES 4

#define LOAD(p) atomic_load_explicit(p, memory_order_relaxed)
#define ACQUIRE(p) atomic_load_explicit(p, memory_order_acquire)

static uint64_t fold(uint64_t a, uint64_t b)
{
    const unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Key.hash of gocore/cache. */
static uint32_t hash(const struct ssc_index_key *key, const uint64_t *seeds)
{
    const uint64_t version = key->kind & 0xFFFF, len = key->kind >> 16;
    const uint64_t h = fold(key->id[0] ^ seeds[0], key->id[1] ^ seeds[1]) ^
                       fold(key->id[2] ^ seeds[2], key->id[3] ^ seeds[3]);

    return (uint32_t)(fold(h ^ seeds[4], (version << 8) ^ len ^ UINT64_C(0x9E3779B97F4A7C15)) >>
                      32);
}

/* Key.Spread of gocore/cache. */
static uint32_t spread(const struct ssc_index_key *key)
{
    static const uint64_t seeds[5] = {
        UINT64_C(0x243F6A8885A308D3), UINT64_C(0x13198A2E03707344), UINT64_C(0xA4093822299F31D0),
        UINT64_C(0x082EFA98EC4E6C89), UINT64_C(0x452821E638D01377),
    };

    return hash(key, seeds);
}

/* The chunk of item i, and i's place in it. Chunk 1 begins with item 16, chunk 2 with 32. */
static unsigned place_of(uint32_t *i)
{
    const int chunk =
        __builtin_clz(SSC_INDEX_FIRST - 1) - __builtin_clz(*i | (SSC_INDEX_FIRST - 1));

    *i -= SSC_INDEX_FIRST / 2 << chunk & ~(SSC_INDEX_FIRST - 1);
    return (unsigned)chunk;
}

#define ITEM(chunks, i)                                                                            \
    __extension__({                                                                                \
        uint32_t item_ = (i);                                                                      \
        const unsigned chunk_ = place_of(&item_);                                                  \
        &LOAD(&(chunks)[chunk_])[item_];                                                           \
    })

/* Lines that have not been split in this round hold what others will take from them. */
static uint32_t line_of(const struct ssc_index *index, uint32_t hash)
{
    const uint32_t lines = ACQUIRE(&index->lines);
    const uint32_t mask = UINT32_MAX >> __builtin_clz((lines - 1) | 1);
    const uint32_t line = hash & mask;

    return line < lines ? line : line & mask >> 1;
}

/* What differs between a key and one in memory; 0 if they are the same. */
static uint64_t difference(const struct ssc_index_key *key, const _Atomic uint64_t *id,
                           const _Atomic uint32_t *kind)
{
    uint64_t differs = LOAD(kind) ^ key->kind;

    for (int i = 0; i < 4; i++)
        differs |= LOAD(&id[i]) ^ key->id[i];
    return differs;
}

/* Is this the key's entry, whole and as it stands in the table at this moment? */
static enum ssc_index_answer look(const struct ssc_index *index, uint32_t number,
                                  const struct ssc_index_key *key, struct ssc_index_item *item)
{
    struct ssc_index_entry *entry = ITEM(index->entry_chunks, number);
    const uint64_t sequence = ACQUIRE(&entry->sequence);
    const uint64_t differs = difference(key, entry->id, &entry->kind);
    const uint32_t stamp = LOAD(&entry->stamp);

    item->ref = LOAD(&entry->ref);
    item->sequence = sequence;
    item->number = number;
    atomic_thread_fence(memory_order_acquire);
    if (sequence == 0 || LOAD(&entry->sequence) != sequence)
        return SSC_INDEX_UNSURE;
    if (differs != 0 || (sequence & SSC_INDEX_GONE) != 0)
        return SSC_INDEX_ABSENT;
    const _Atomic uint32_t *space = ACQUIRE(&index->space);
    if (space != NULL &&
        ((LOAD(space) + LOAD(&index->stamps[spread(key) & index->stamp_mask])) ^ stamp) &
            ~SSC_INDEX_ALONE)
        return SSC_INDEX_UNSURE;
    return SSC_INDEX_FOUND;
}

/*
 * Which words of a line have the hash: a bit for each. No more than a hint, for a word
 * may change by the time it is loaded by itself. Without branches, as the place of an
 * item in its line is anybody's guess: a wrong one took a quarter of a hit.
 */
#ifdef __SSE2__
static __m128i higher_halves(const _Atomic uint64_t *word)
{
    const __m128 first = _mm_load_ps((const float *)word);
    const __m128 second = _mm_load_ps((const float *)(word + 2));

    return _mm_castps_si128(_mm_shuffle_ps(first, second, _MM_SHUFFLE(3, 1, 3, 1)));
}

static unsigned words_with(const struct ssc_index_line *line, uint32_t hash)
{
    const __m128i sought = _mm_set1_epi32((int)hash);
    const __m128i four = _mm_cmpeq_epi32(higher_halves(&line->word[0]), sought);
    const __m128i three = _mm_cmpeq_epi32(higher_halves(&line->word[4]), sought); /* and `more` */
    const __m128i halves = _mm_packs_epi32(four, three);
    const int bytes = _mm_movemask_epi8(_mm_packs_epi16(halves, halves));

    return (unsigned)bytes & ((1u << SSC_INDEX_WORDS) - 1);
}
#else
static unsigned words_with(const struct ssc_index_line *line, uint32_t hash)
{
    unsigned words = 0;

    for (unsigned i = 0; i < SSC_INDEX_WORDS; i++)
        words |= (unsigned)(ACQUIRE(&line->word[i]) >> 32 == hash) << i;
    return words;
}
#endif

static enum ssc_index_answer search(const struct ssc_index *index, const struct ssc_index_key *key,
                                    struct ssc_index_item *item)
{
    const uint32_t splits = ACQUIRE(&index->splits);
    const struct ssc_index_line *line = ITEM(index->line_chunks, line_of(index, key->hash));

    for (int n = 0; n < MAX_LINES; n++) {
        for (unsigned words = words_with(line, key->hash); words != 0; words &= words - 1) {
            const uint64_t word = ACQUIRE(&line->word[__builtin_ctz(words)]);
            if (word >> 32 != key->hash || (uint32_t)word == 0)
                continue;
            const enum ssc_index_answer answer = look(index, (uint32_t)word, key, item);
            if (answer != SSC_INDEX_ABSENT)
                return answer;
        }
        const uint32_t more = (uint32_t)ACQUIRE(&line->more);
        if (more == 0) {
            /* What was in the table all the time was in one of these words, unless it was moved. */
            atomic_thread_fence(memory_order_acquire);
            return (splits & 1) != 0 || LOAD(&index->splits) != splits ? SSC_INDEX_UNSURE
                                                                       : SSC_INDEX_ABSENT;
        }
        line = ITEM(index->overflow_chunks, more);
    }
    return SSC_INDEX_UNSURE;
}

/*
 * Is the key's session on its way into the table? What the core has taken
 * meanwhile may have been overwritten; the caller finds that out.
 */
static enum ssc_index_answer search_added(const struct ssc_index *index,
                                          const struct ssc_index_key *key,
                                          struct ssc_index_item *item)
{
    struct ssc_index_notes *notes = ACQUIRE(&index->notes);

    item->mark = 0;
    if (notes == NULL)
        return SSC_INDEX_ABSENT;
    item->mark = ACQUIRE(&notes->mark[key->hash % SSC_INDEX_MARKS]);
    /* After the mark, so that what that names is among them. */
    const uint32_t pending = ACQUIRE(&index->added.tail) - item->head;
    uint32_t number = item->mark - 1;
    for (uint32_t i = 0; i < pending && number - item->head < pending; i++) {
        const struct ssc_index_noted *noted = ssc_index_added(index, notes, number);
        if (difference(key, noted->id, &noted->kind) == 0) {
            item->ref = LOAD(&noted->ref);
            item->number = 0;
            item->note = number;
            return SSC_INDEX_FOUND;
        }
        number = LOAD(&noted->before) - 1;
    }
    return SSC_INDEX_ABSENT;
}

/* The table first: what it takes from the notes meanwhile moves their head, as the last thing. */
static enum ssc_index_answer search_both(const struct ssc_index *index,
                                         const struct ssc_index_key *key,
                                         struct ssc_index_item *item)
{
    item->head = ACQUIRE(&index->added.head);
    enum ssc_index_answer answer = search(index, key, item);
    if (answer != SSC_INDEX_ABSENT)
        return answer;
    answer = search_added(index, key, item);
    atomic_thread_fence(memory_order_acquire);
    return LOAD(&index->added.head) == item->head ? answer : SSC_INDEX_UNSURE;
}

void ssc_index_hash(const struct ssc_index *index, struct ssc_index_key *key)
{
    _Static_assert(sizeof key->key == sizeof key->id + sizeof key->kind, "no padding");
    key->hash = hash(key, index->seeds);
}

enum ssc_index_answer ssc_index_find(const struct ssc_index *index, const struct ssc_index_key *key,
                                     struct ssc_index_item *item)
{
    enum ssc_index_answer answer = SSC_INDEX_UNSURE;

    for (int i = 0; i < MAX_TRIES && answer == SSC_INDEX_UNSURE; i++)
        answer = search_both(index, key, item);
    return answer;
}

void ssc_index_leave(const struct ssc_index *index, const struct ssc_index_item *item)
{
    struct ssc_index_entry *entry = ITEM(index->entry_chunks, item->number);
    uint64_t sequence = item->sequence;

    /* Not by a store: what has another sequence by now is another session. */
    atomic_compare_exchange_strong_explicit(&entry->sequence, &sequence, sequence | SSC_INDEX_GONE,
                                            memory_order_release, memory_order_relaxed);
}

void ssc_index_prefetch(const struct ssc_index *index, const struct ssc_index_key *key)
{
    __builtin_prefetch(ITEM(index->line_chunks, line_of(index, key->hash)), 1);
}
