package cache

// arity is the number of children of a heap item: four, which halves the depth
// of a binary heap for about as many comparisons.
const arity = 4

// expiryHeap keeps bucket numbers so that the one with the least expiry is at
// the top. Each bucket knows its place in the heap, so that any can be removed.
type expiryHeap struct {
	items   slab[heapItem]
	len     uint32
	buckets *slab[bucket]
}

// heapItem is a bucket with its expiry: the children of an item lie side by side,
// so that to compare them no bucket has to be fetched.
type heapItem struct {
	expiry int64
	bucket uint32
}

// expiry is that of a bucket, which must be in the heap.
func (h *expiryHeap) expiry(b uint32) int64 {
	return h.items.at(h.buckets.at(b).pos).expiry
}

// top is the bucket with the least expiry, or none.
func (h *expiryHeap) top() uint32 {
	if h.len == 0 {
		return none
	}
	return h.items.at(0).bucket
}

// second is the bucket with the least expiry but for the top, or none.
func (h *expiryHeap) second() uint32 {
	if h.len < 2 {
		return none
	}
	return h.items.at(h.leastChild(0)).bucket
}

func (h *expiryHeap) push(b uint32, expiry int64) {
	h.len++
	h.up(h.len-1, heapItem{expiry, b})
}

func (h *expiryHeap) remove(b uint32) {
	pos := h.buckets.at(b).pos
	expiry := h.items.at(pos).expiry
	h.len--
	moved := *h.items.at(h.len)
	if moved.bucket == b {
		return
	}
	// The last item takes the place, from where it may have to go either way.
	if moved.expiry < expiry {
		h.up(pos, moved)
	} else {
		h.down(pos, moved)
	}
}

// up puts an item at pos or above it.
func (h *expiryHeap) up(pos uint32, item heapItem) {
	for pos > 0 {
		parent := (pos - 1) / arity
		p := *h.items.at(parent)
		if item.expiry >= p.expiry {
			break
		}
		h.put(pos, p)
		pos = parent
	}
	h.put(pos, item)
}

// down puts an item at pos or below it.
func (h *expiryHeap) down(pos uint32, item heapItem) {
	for uint64(pos)*arity+1 < uint64(h.len) {
		child := h.leastChild(pos)
		c := *h.items.at(child)
		if c.expiry >= item.expiry {
			break
		}
		h.put(pos, c)
		pos = child
	}
	h.put(pos, item)
}

// leastChild is the place of the least child of pos, which must have one.
func (h *expiryHeap) leastChild(pos uint32) uint32 {
	child := pos*arity + 1
	least, expiry := child, h.items.at(child).expiry
	for n := uint32(1); n < min(arity, h.len-child); n++ {
		if e := h.items.at(child + n).expiry; e < expiry {
			least, expiry = child+n, e
		}
	}
	return least
}

func (h *expiryHeap) put(pos uint32, item heapItem) {
	*h.items.at(pos) = item
	h.buckets.at(item.bucket).pos = pos
}
