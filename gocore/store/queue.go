package store

import (
	"context"
	"sync"
	"time"
)

const (
	// queueBytes bounds the memory of the writes that wait; opBytes is what one
	// counts besides its value.
	queueBytes = 8 << 20
	opBytes    = 128
)

// op is a write that waits.
type op struct {
	key     [32]byte
	value   []byte    // unless del
	expires time.Time // of the value
	del     bool
	tries   int // how often a deletion has met a server out of reach
}

func (o *op) bytes() int {
	return len(o.value) + opBytes
}

// queue holds the writes that wait for one backend. Those that are taken are
// counted until they are done.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond // when any field below has
	again   []op      // taken before, to be taken first
	ops     []op      // from head on, in order
	head    int
	taken   int
	bytes   int
	most    int // of ops
	paused  bool
	closed  bool
}

func newQueue(most int) *queue {
	q := &queue{most: most}
	q.changed.L = &q.mu
	return q
}

// add appends a write. It is false if there is no room, or if the queue is
// paused and the write is not a deletion.
func (q *queue) add(o op) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || (q.paused && !o.del) || q.len() >= q.most || q.bytes+o.bytes() > queueBytes {
		return false
	}
	if len(q.ops) == cap(q.ops) && q.head > 0 {
		n := copy(q.ops, q.ops[q.head:])
		clear(q.ops[n:])
		q.ops, q.head = q.ops[:n], 0
	}
	q.ops = append(q.ops, o)
	q.bytes += o.bytes()
	q.changed.Broadcast()
	return true
}

func (q *queue) len() int {
	return len(q.again) + len(q.ops) - q.head + q.taken
}

// take waits for writes and moves at most as many as batch has room for into
// it; done has to be called before the next take. It is nil once the queue is
// closed.
func (q *queue) take(batch []op) []op {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.closed && (q.paused || q.len() == 0) {
		q.changed.Wait()
	}
	if q.closed {
		return nil
	}
	batch = append(batch[:0], q.again...)
	q.again = nil
	n := min(cap(batch)-len(batch), len(q.ops)-q.head)
	batch = append(batch, q.ops[q.head:q.head+n]...)
	clear(q.ops[q.head : q.head+n])
	q.head += n
	q.taken = len(batch)
	return batch
}

// done says that a batch is dealt with, but for what is to be taken again; it
// keeps that slice.
func (q *queue) done(batch, again []op) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken = 0
	for i := range batch {
		q.bytes -= batch[i].bytes()
	}
	if !q.closed {
		q.again = again
	}
	for i := range q.again {
		q.bytes += q.again[i].bytes()
	}
	q.changed.Broadcast()
}

// pause lets nothing be taken. It keeps the deletions: who removes a session
// wants it gone when the server is back. It returns how many values it drops.
func (q *queue) pause() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.paused = true
	kept := q.ops[:0]
	for _, o := range q.ops[q.head:] {
		if o.del {
			kept = append(kept, o)
		} else {
			q.bytes -= o.bytes()
		}
	}
	dropped := len(q.ops) - q.head - len(kept)
	clear(q.ops[len(kept):])
	q.ops, q.head = kept, 0
	q.changed.Broadcast()
	return dropped
}

// resume ends a pause.
func (q *queue) resume() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.paused = false
	q.changed.Broadcast()
}

// close drops all that waits, and returns how many writes that were.
func (q *queue) close() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	dropped := q.len() - q.taken
	q.closed = true
	q.again, q.ops, q.head = nil, nil, 0
	q.changed.Broadcast()
	return dropped
}

// flush waits until nothing waits any more.
func (q *queue) flush(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.changed.Broadcast()
	})()
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.len() > 0 && ctx.Err() == nil {
		q.changed.Wait()
	}
	if q.len() > 0 {
		return ctx.Err()
	}
	return nil
}
