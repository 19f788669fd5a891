package cache

// A step of a cursor holds the lock of the table while it looks at so many
// entries and takes out so many of them.
const (
	stepLooks = 256
	stepTakes = 64
)

// Cursor walks over the sessions that were stored when it was made, those
// stored later are not concerned. The lock is held in short steps, so the table
// is used and changed meanwhile. A cursor needs no closing.
//
// An entry keeps its number as long as it is stored, and the sequence number
// tells whether it was stored before the walk began: so a walk by number sees
// every such entry once, however the table changes.
type Cursor struct {
	table *Table
	mark  uint64 // sequence number of the last session concerned
	next  uint32 // number of the entry to look at next
	last  uint32 // number of the last entry to look at
	// ordered: take from the front of the order, as long as that is possible.
	ordered bool
	// take: take sessions out, those that expired before tm or all.
	take, all bool
	tm, now   int64
	// what the step under way has taken out, not yet counted
	expiredNow, flushedNow uint64
	// ahead is the entry that the next step is to take first, or none.
	ahead uint32
}

// Flush starts a walk that takes out the sessions that expired before tm, or,
// if all, every session. The present decides whether a session counts as
// Expired or Flushed.
func (t *Table) Flush(tm int64, all bool, now int64) *Cursor {
	c := t.cursor()
	c.take, c.all, c.tm, c.now = true, all, tm, now
	c.ordered = true
	return c
}

// Snapshot starts a walk that takes nothing out. It gives each session at most
// once; one that is taken out during the walk may be left out. The references
// remain the table's: another thread may be handed one at any time.
func (t *Table) Snapshot() *Cursor {
	return t.cursor()
}

func (t *Table) cursor() *Cursor {
	t.enter()
	defer t.mu.Unlock()
	return &Cursor{table: t, mark: t.sequence, next: 1, last: t.byKey.last}
}

// Next stores references in buf and returns how many; 0 is the end. What a
// flush gives is no longer in the table.
func (c *Cursor) Next(buf []Ref) int {
	n := 0
	for n < len(buf) {
		take := min(stepTakes, len(buf)-n)
		c.fetchAhead(take)
		got, done := c.step(buf[n : n+take])
		n += got
		if done {
			break
		}
		c.table.mu.giveWay()
	}
	return n
}

// step leaves the notes to others: what C has added since the walk began does not
// concern it, and of what it hands out twice C knows that.
func (c *Cursor) step(buf []Ref) (n int, done bool) {
	c.table.mu.Lock()
	defer c.table.mu.Unlock()
	if c.table.closed {
		return 0, true
	}
	if c.ordered {
		n, done = c.stepOrdered(buf)
		c.look()
	} else {
		n, done = c.stepNumbered(buf)
	}
	c.table.tally.expired(c.expiredNow)
	c.table.tally.flushed(c.flushedNow)
	c.expiredNow, c.flushedNow = 0, 0
	return n, done
}

// stepOrdered takes from the front of the order, so that a flush costs no more
// than what it takes out and gives the sessions in the order of expiry. If a session stored after the
// walk began stands in front, the walk goes on by number.
func (c *Cursor) stepOrdered(buf []Ref) (n int, done bool) {
	for c.ordered && n < len(buf) {
		i := c.table.order.first()
		if i == none || !c.all && !c.expired(i) {
			return n, true
		}
		n += c.flushBucket(i, buf[n:])
	}
	return n, false
}

// flushBucket takes the entries of the least bucket, of which i is the first: out
// of the order all at once, for the lock is held.
func (c *Cursor) flushBucket(i uint32, buf []Ref) (n int) {
	t := c.table
	counted := c.countOf(i)
	for i != none && n < len(buf) {
		e := t.entries.at(i)
		if e.added() > c.mark {
			c.ordered = false
			break
		}
		next := t.order.places.at(i).next
		buf[n] = t.takeUnordered(i, e.Key.hash(&t.seeds))
		i = next
		n++
	}
	t.order.cut(i)
	*counted += uint64(n)
	return n
}

// look sees what the next step is going to begin with, if it takes from the front
// of the order and that is worth while to be fetched.
func (c *Cursor) look() {
	c.ahead = none
	if c.ordered && c.table.head.Used >= worthFetching {
		c.ahead = c.table.order.first()
	}
}

func (c *Cursor) stepNumbered(buf []Ref) (n int, done bool) {
	for looks := 0; looks < stepLooks && n < len(buf); looks++ {
		if c.next > c.last {
			return n, true
		}
		i := c.next
		c.next++
		e := c.table.entries.at(i)
		switch {
		case e.added() == 0 || e.added() > c.mark:
		case !c.take:
			buf[n] = e.Ref
			n++
		case c.all || c.expired(i):
			buf[n] = c.flush(i)
			n++
		}
	}
	return n, false
}

func (c *Cursor) expired(i uint32) bool {
	return c.tm > c.table.order.expiry(i)
}

// flush takes entry i out of the table.
func (c *Cursor) flush(i uint32) Ref {
	t := c.table
	*c.countOf(i)++
	return t.take(i, t.entries.at(i).Key.hash(&t.seeds))
}

// countOf is where entry i counts when it is taken out.
func (c *Cursor) countOf(i uint32) *uint64 {
	if c.now > c.table.order.expiry(i) {
		return &c.expiredNow
	}
	return &c.flushedNow
}
