package cache

// arity is the number of children of a heap item: four, which halves the depth
// of a binary heap for about as many comparisons.
const arity = 4

// expiryHeap keeps bucket numbers so that the one with the least expiry is at
// the top. Each bucket knows its place in the heap, so that any can be removed.
type expiryHeap struct {
	items   slab[uint32]
	len     uint32
	buckets *slab[bucket]
}

// top is the bucket with the least expiry, or none.
func (h *expiryHeap) top() uint32 {
	if h.len == 0 {
		return none
	}
	return *h.items.at(0)
}

// second is the bucket with the least expiry but for the top, or none.
func (h *expiryHeap) second() uint32 {
	if h.len < 2 {
		return none
	}
	return *h.items.at(h.leastChild(0))
}

func (h *expiryHeap) push(b uint32) {
	h.len++
	h.up(h.len-1, b)
}

func (h *expiryHeap) remove(b uint32) {
	pos := h.buckets.at(b).pos
	h.len--
	moved := *h.items.at(h.len)
	if moved == b {
		return
	}
	// The last item takes the place, from where it may have to go either way.
	if h.less(moved, b) {
		h.up(pos, moved)
	} else {
		h.down(pos, moved)
	}
}

// up puts b at pos or above it.
func (h *expiryHeap) up(pos, b uint32) {
	for pos > 0 {
		parent := (pos - 1) / arity
		p := *h.items.at(parent)
		if !h.less(b, p) {
			break
		}
		h.put(pos, p)
		pos = parent
	}
	h.put(pos, b)
}

// down puts b at pos or below it.
func (h *expiryHeap) down(pos, b uint32) {
	for uint64(pos)*arity+1 < uint64(h.len) {
		child := h.leastChild(pos)
		c := *h.items.at(child)
		if !h.less(c, b) {
			break
		}
		h.put(pos, c)
		pos = child
	}
	h.put(pos, b)
}

// leastChild is the place of the least child of pos, which must have one.
func (h *expiryHeap) leastChild(pos uint32) uint32 {
	child := pos*arity + 1
	least := child
	for n := uint32(1); n < min(arity, h.len-child); n++ {
		if h.less(*h.items.at(child + n), *h.items.at(least)) {
			least = child + n
		}
	}
	return least
}

func (h *expiryHeap) less(a, b uint32) bool {
	return h.buckets.at(a).expiry < h.buckets.at(b).expiry
}

func (h *expiryHeap) put(pos, b uint32) {
	*h.items.at(pos) = b
	h.buckets.at(b).pos = pos
}
