#include "slot.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "key.h"
#include "libssl.h"
#include "process.h"

/*
 * state: generation (32 bits), CLOSED (1 bit), holders (31 bits). The cache is
 * one holder from ssc_slot_fill to ssc_slot_release; each lookup is one while it
 * takes its reference. Who lets go last frees the session and the slot.
 */
#define CLOSED (UINT64_C(1) << 31)
#define HOLDERS (CLOSED - 1)
#define GENERATION_SHIFT 32

struct slot {
    _Atomic uint64_t state;
    _Atomic(SSL_SESSION *) sess;
    _Atomic(struct node *) node; /* NULL: none */
    _Atomic uint32_t owner;      /* the context's number */
    _Atomic uint32_t next;       /* in the list of free slots: index + 1 */
};

/*
 * A block of the size of a node of libssl's own table, which comes and goes with
 * a connection's session as that would, so that a server's heap looks as it does
 * without us. Between sessions, their locks and what a connection frees such places
 * remain, and malloc prefers them, which are out of the processor's caches, to those
 * that the last connection has just left: without the nodes in them a handshake
 * took 2 % longer, and ten came to twice as many pages of a full cache's heap.
 */
struct node {
    char room[24];
};

/*
 * Nodes that the thread keeps for the sessions that it adds next: of a full cache
 * some sessions go at a time, and malloc itself keeps fewer blocks at hand. Those
 * of a thread are made some at a time, so that they lie side by side.
 */
#define SPARE 16
static __thread struct {
    struct node *node[SPARE];
    unsigned n;
} spare;

static struct node *new_node(void)
{
    if (spare.n == 0) {
        while (spare.n < SPARE && (spare.node[spare.n] = malloc(sizeof(struct node))) != NULL)
            spare.n++;
    }
    return spare.n > 0 ? spare.node[--spare.n] : NULL;
}

static void free_node(struct node *node)
{
    if (node == NULL)
        return;
    if (spare.n < SPARE)
        spare.node[spare.n++] = node;
    else
        free(node);
}

void ssc_slot_thread_ends(void)
{
    while (spare.n > 0)
        free(spare.node[--spare.n]);
}

/*
 * Slots come in chunks that stay where they are; an index is chunk and place. Of a chunk
 * as many as fill a page are written and put into use at a time: a worker may keep few.
 */
#define CHUNK_BITS 10
#define CHUNK_SLOTS (1u << CHUNK_BITS)
#define MAX_CHUNKS (1u << 16)
#define GROWTH 128u

static _Atomic(struct slot *) chunks[MAX_CHUNKS];
static _Atomic uint32_t slot_count; /* those in use, or free */
static pthread_mutex_t grow_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * Heads of the lists of free slots: a count of changes (32 bits) against ABA,
 * index + 1 (32 bits). A thread uses the list of its lane as long as that has any.
 */
static struct {
    _Alignas(64) _Atomic uint64_t head;
} free_slots[SSC_LANES];

static struct slot *slot_at(uint32_t index)
{
    return &atomic_load_explicit(&chunks[index >> CHUNK_BITS],
                                 memory_order_acquire)[index & (CHUNK_SLOTS - 1)];
}

/* The state orders it; ssc_slot_prefetch alone looks without that. */
static SSL_SESSION *session_of(const struct slot *slot)
{
    return atomic_load_explicit(&slot->sess, memory_order_relaxed);
}

static sscore_ref make_ref(uint32_t index, uint64_t state)
{
    return (state >> GENERATION_SHIFT << GENERATION_SHIFT) | (index + 1);
}

static struct slot *slot_of(sscore_ref ref)
{
    const uint32_t number = (uint32_t)ref;

    if (number == 0 || number > atomic_load_explicit(&slot_count, memory_order_acquire))
        return NULL;
    return slot_at(number - 1);
}

static struct node *node_of(const struct slot *slot)
{
    return atomic_load_explicit(&slot->node, memory_order_relaxed);
}

static void push_free(uint32_t index)
{
    _Atomic uint64_t *const free_head = &free_slots[ssc_lane()].head;
    struct slot *slot = slot_at(index);
    uint64_t head = atomic_load_explicit(free_head, memory_order_relaxed);
    uint64_t next;

    do {
        atomic_store_explicit(&slot->next, (uint32_t)head, memory_order_relaxed);
        next = (((head >> 32) + 1) << 32) | (index + 1);
    } while (!atomic_compare_exchange_weak_explicit(free_head, &head, next, memory_order_release,
                                                    memory_order_relaxed));
}

/* A slot that was free, and its index; NULL if the list is empty. */
static struct slot *pop_from(_Atomic uint64_t *free_head, uint32_t *index)
{
    uint64_t head = atomic_load_explicit(free_head, memory_order_acquire);
    uint64_t next;
    struct slot *slot;

    do {
        if ((uint32_t)head == 0)
            return NULL;
        *index = (uint32_t)head - 1;
        slot = slot_at(*index);
        next = (((head >> 32) + 1) << 32) | atomic_load_explicit(&slot->next, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(free_head, &head, next, memory_order_acquire,
                                                    memory_order_acquire));
    return slot;
}

static bool any_free(void)
{
    for (unsigned i = 0; i < SSC_LANES; i++) {
        if ((uint32_t)atomic_load(&free_slots[i].head) != 0)
            return true;
    }
    return false;
}

static bool make_chunk(uint32_t n)
{
    struct slot *chunk = n >> CHUNK_BITS < MAX_CHUNKS ? malloc(CHUNK_SLOTS * sizeof *chunk) : NULL;

    if (chunk != NULL)
        atomic_store(&chunks[n >> CHUNK_BITS], chunk);
    return chunk != NULL;
}

static bool grow(void)
{
    bool grown = true;

    pthread_mutex_lock(&grow_lock);
    if (!any_free()) { /* else another thread was faster */
        const uint32_t n = atomic_load(&slot_count);
        grown = n % CHUNK_SLOTS != 0 || make_chunk(n);
        if (grown) {
            memset(slot_at(n), 0, GROWTH * sizeof(struct slot));
            atomic_store(&slot_count, n + GROWTH);
            for (uint32_t i = GROWTH; i-- > 0;)
                push_free(n + i);
        }
    }
    pthread_mutex_unlock(&grow_lock);
    return grown;
}

/* Where the thread's own list has no slot: one of another list, or of a new chunk. */
static __attribute__((noinline, cold)) struct slot *find_slot(uint32_t *index)
{
    struct slot *slot = NULL;

    do {
        for (unsigned i = 0; slot == NULL && i < SSC_LANES; i++)
            slot = pop_from(&free_slots[(ssc_lane() + i) % SSC_LANES].head, index);
    } while (slot == NULL && grow());
    return slot;
}

uint32_t ssc_slot_reserve(uint32_t owner, bool connection)
{
    uint32_t index;
    struct node *node = connection ? new_node() : NULL;

    if (connection && node == NULL)
        return 0;
    struct slot *slot = pop_from(&free_slots[ssc_lane()].head, &index);
    if (ssc_unlikely(slot == NULL) && (slot = find_slot(&index)) == NULL) {
        free_node(node);
        return 0;
    }
    atomic_store_explicit(&slot->owner, owner, memory_order_relaxed);
    atomic_store_explicit(&slot->node, node, memory_order_relaxed);
    return index + 1;
}

void ssc_slot_cancel(uint32_t number)
{
    struct node *const node = node_of(slot_at(number - 1));

    push_free(number - 1);
    free_node(node);
}

sscore_ref ssc_slot_fill(uint32_t number, SSL_SESSION *sess)
{
    struct slot *slot = slot_at(number - 1);

    atomic_store_explicit(&slot->sess, sess, memory_order_relaxed);
    /* One holder: the cache. Nobody else has a number of this generation yet. */
    const uint64_t state = (atomic_load_explicit(&slot->state, memory_order_relaxed) >>
                            GENERATION_SHIFT << GENERATION_SHIFT) |
                           1;
    atomic_store_explicit(&slot->state, state, memory_order_release);
    ssc_count_lane(slots_used, 1);
    return make_ref(number - 1, state);
}

/* `before`: the state when the last holder let go. */
static void end(struct slot *slot, uint32_t index, uint64_t before)
{
    SSL_SESSION *const sess = session_of(slot);
    struct node *const node = node_of(slot);
    atomic_store_explicit(&slot->sess, NULL, memory_order_relaxed);
    atomic_store_explicit(&slot->state, ((before >> GENERATION_SHIFT) + 1) << GENERATION_SHIFT,
                          memory_order_release);
    push_free(index);
    ssc_count_lane(slots_used, -1);
    free_node(node);
    ssc_libssl()->SSL_SESSION_free(sess);
}

static void let_go(struct slot *slot, uint32_t index)
{
    const uint64_t before = atomic_fetch_sub_explicit(&slot->state, 1, memory_order_acq_rel);

    if ((before & HOLDERS) == 1)
        end(slot, index, before);
}

/* Is this the state of the slot while the session of `ref` can be had? */
static bool is_open(uint64_t state, sscore_ref ref)
{
    return state >> GENERATION_SHIFT == ref >> GENERATION_SHIFT && (state & CLOSED) == 0 &&
           (state & HOLDERS) != 0;
}

SSL_SESSION *ssc_slot_get1(sscore_ref ref)
{
    struct slot *slot = slot_of(ref);

    if (slot == NULL)
        return NULL;
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    do {
        if (!is_open(state, ref))
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&slot->state, &state, state + 1,
                                                    memory_order_acq_rel, memory_order_acquire));
    SSL_SESSION *sess = session_of(slot);
    ssc_key_prefetch_all(sess); /* libssl is going to read here and there of it */
    ssc_libssl()->SSL_SESSION_up_ref(sess);
    let_go(slot, (uint32_t)ref - 1);
    return sess;
}

bool ssc_slot_open(sscore_ref ref)
{
    struct slot *slot = slot_of(ref);

    return slot != NULL && is_open(atomic_load_explicit(&slot->state, memory_order_acquire), ref);
}

/* What malloc has before a node, which it needs when the node is freed. */
static void prefetch_node(const struct slot *slot)
{
    const struct node *node = node_of(slot);

    if (node != NULL)
        __builtin_prefetch((const void *)((uintptr_t)node - sizeof(size_t)), 1);
}

void ssc_slot_prefetch(sscore_ref ref)
{
    const struct slot *slot = slot_of(ref);
    const SSL_SESSION *sess = slot != NULL ? session_of(slot) : NULL;

    /* Nothing is read through them: they may be gone. */
    if (sess == NULL)
        return;
    ssc_key_prefetch_all(sess);
    prefetch_node(slot);
}

SSL_SESSION *ssc_slot_close(sscore_ref ref)
{
    struct slot *slot = slot_of(ref);

    if (slot == NULL)
        return NULL;
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    do {
        if (!is_open(state, ref))
            return NULL;
    } while (!atomic_compare_exchange_weak_explicit(&slot->state, &state, state | CLOSED,
                                                    memory_order_acq_rel, memory_order_acquire));
    prefetch_node(slot);
    return session_of(slot);
}

void ssc_slot_release(sscore_ref ref)
{
    struct slot *slot = slot_of(ref);

    if (slot == NULL)
        return;
    /* It is closed, so nobody comes any more: a holder who is alone stays alone. */
    const uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    if ((state & HOLDERS) == 1)
        end(slot, (uint32_t)ref - 1, state);
    else
        let_go(slot, (uint32_t)ref - 1);
}

/* The next open slot of a context from `*index` on, or 0. */
static sscore_ref next_open(uint32_t owner, uint32_t *index)
{
    const uint32_t slots = atomic_load(&slot_count);

    while (*index < slots) {
        const uint32_t i = (*index)++;
        const uint64_t state = atomic_load(&slot_at(i)->state);
        if ((state & HOLDERS) != 0 && (state & CLOSED) == 0 &&
            atomic_load_explicit(&slot_at(i)->owner, memory_order_relaxed) == owner)
            return make_ref(i, state);
    }
    return 0;
}

SSL_SESSION *ssc_slot_find1(uint32_t owner, const unsigned char *id, size_t len, int version)
{
    const struct ssc_libssl *real = ssc_libssl();
    sscore_ref ref;

    for (uint32_t index = 0; (ref = next_open(owner, &index)) != 0;) {
        const SSL_SESSION *sess = session_of(slot_of(ref));
        unsigned int sess_len = 0;
        const unsigned char *sess_id = real->SSL_SESSION_get_id(sess, &sess_len);
        if (sess_len == len && memcmp(sess_id, id, len) == 0 &&
            real->SSL_SESSION_get_protocol_version(sess) == version)
            return ssc_slot_get1(ref);
    }
    return NULL;
}

void ssc_slot_drain(uint32_t owner, void (*visit)(SSL_SESSION *sess, void *arg), void *arg)
{
    sscore_ref ref;

    for (uint32_t index = 0; (ref = next_open(owner, &index)) != 0;) {
        visit(ssc_slot_close(ref), arg);
        ssc_slot_release(ref);
    }
}
