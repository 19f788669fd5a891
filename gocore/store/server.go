package store

import (
	"context"
	"sync"
	"time"
)

const (
	// readers is how many reads one server gets at the same time.
	readers = 8

	// batchMost is how many writes go to the server in one piece.
	batchMost = 128

	// leastPatience bounds what nobody waits for: a write, and a read whose
	// caller has left. A late answer that is still read saves the connection.
	leastPatience = 250 * time.Millisecond

	// deletionTries is how often a deletion is tried while the server is out of
	// reach and the breaker closed; between them the writer pauses.
	deletionTries = 8
	firstRetry    = 10 * time.Millisecond
	lastRetry     = time.Second
)

// server is a backend with what keeps the host from waiting for it: a breaker,
// a deadline for reads, a queue for writes.
type server struct {
	backend  backend
	breaker  *breaker
	queue    *queue
	slots    chan struct{} // taken by reads under way
	timeout  time.Duration // the longest wait of a read
	patience time.Duration
	totals   *Counters

	ctx    context.Context // done when the server is closed
	cancel context.CancelFunc
	writer sync.Once

	mu     sync.Mutex     // of the following
	closed bool           // nobody may enter
	inside sync.WaitGroup // callers that entered, and goroutines
}

// patienceOf is the longest that anything may take, given the timeout of reads.
func patienceOf(timeout time.Duration) time.Duration {
	return max(timeout, leastPatience)
}

func newServer(b backend, o *Options) *server {
	s := &server{
		backend:  b,
		queue:    newQueue(o.Queue),
		slots:    make(chan struct{}, readers),
		timeout:  o.Timeout,
		patience: patienceOf(o.Timeout),
		totals:   o.Totals,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.breaker = newBreaker(s.totals, s.opened, s.queue.resume)
	return s
}

// enter is false if the server is closed; otherwise leave has to be called.
func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.inside.Add(1)
	}
	return !s.closed
}

func (s *server) leave() {
	s.inside.Done()
}

// start runs f on a goroutine of its own, which a panic in f ends and nothing
// else. Only who has entered, or another such goroutine, may call it.
func (s *server) start(f func()) {
	s.inside.Go(func() {
		var err error
		defer recovered(&err)
		f()
	})
}

// outcome is what became of a read.
type outcome struct {
	value []byte
	err   error
}

// get returns the value of a key, for at most the time that a read may take.
func (s *server) get(key *[32]byte) ([]byte, Verdict) {
	if !s.enter() {
		return nil, Failed
	}
	defer s.leave()
	done, ok := s.breaker.allow()
	if !ok {
		return nil, Failed
	}
	value, err := s.read(key)
	switch {
	case err == nil:
		done(nil)
		count(&s.totals.Hits)
		return value, Found
	case err == errAbsent:
		done(nil)
		count(&s.totals.Misses)
		return nil, Absent
	case isLate(err):
		done(errLate)
		count(&s.totals.Timeouts)
	default:
		done(err)
		count(&s.totals.Errors)
	}
	return nil, Failed
}

// read asks the backend on another goroutine, so that nothing which a client
// does can hold up the caller.
func (s *server) read(key *[32]byte) ([]byte, error) {
	timer := time.NewTimer(s.timeout)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
	case <-timer.C:
		return nil, errLate
	}
	answer := make(chan outcome, 1)
	name := storeKey(key)
	s.start(func() {
		o := outcome{err: errNoAnswer} // unless there is another: after a panic
		defer func() {
			<-s.slots
			answer <- o
		}()
		ctx, cancel := context.WithTimeout(s.ctx, s.patience)
		defer cancel()
		o.value, o.err = s.backend.get(ctx, name)
		if len(o.value) > MaxValue {
			o = outcome{err: errNoAnswer}
		}
	})
	select {
	case o := <-answer:
		return o.value, o.err
	case <-timer.C:
		return nil, errLate
	}
}

// add queues a write. It is false if that is dropped.
func (s *server) add(o op) bool {
	if !s.enter() {
		return false
	}
	defer s.leave()
	if len(o.value) > MaxValue || !s.queue.add(o) {
		count(&s.totals.Dropped)
		return false
	}
	s.writer.Do(func() { s.start(s.write) })
	return true
}

// write sends what is queued, until the server is closed.
func (s *server) write() {
	batch := make([]op, 0, batchMost)
	failed := make([]error, batchMost)
	pause := time.Duration(0)
	for {
		if batch = s.queue.take(batch); batch == nil {
			return
		}
		clear(failed)
		again, reached := s.settle(batch, failed[:len(batch)])
		s.queue.done(batch, again)
		clear(batch)
		if reached {
			pause = 0
			continue
		}
		pause = min(max(2*pause, firstRetry), lastRetry)
		if !s.sleep(pause) {
			return
		}
	}
}

// settle writes a batch and counts what became of it. It returns the deletions
// that are to be tried again, and whether the server was within reach.
func (s *server) settle(batch []op, failed []error) (again []op, reached bool) {
	s.send(batch, failed)
	var unreached error
	for i, err := range failed {
		o := &batch[i]
		switch err.(type) {
		case nil:
			if o.del {
				count(&s.totals.Deletes)
			} else {
				count(&s.totals.Writes)
			}
			continue
		case *refusal:
			count(&s.totals.Errors)
			continue
		}
		if err == errExpired {
			count(&s.totals.Dropped)
			continue
		}
		unreached = err
		if o.tries++; o.del && o.tries < deletionTries {
			again = append(again, *o)
		} else {
			count(&s.totals.Errors)
		}
	}
	if unreached != nil {
		s.breaker.fail(unreached)
	}
	return again, unreached == nil
}

func (s *server) send(batch []op, failed []error) {
	var err error
	defer func() {
		if err == nil {
			return
		}
		for i := range failed {
			failed[i] = err
		}
	}()
	defer recovered(&err)
	ctx, cancel := context.WithTimeout(s.ctx, s.patience)
	defer cancel()
	s.backend.write(ctx, batch, failed)
}

// opened is called when the breaker has opened.
func (s *server) opened() {
	for range s.queue.pause() {
		count(&s.totals.Dropped)
	}
	s.start(s.probe)
}

// probe asks the server now and then, until the breaker closes.
func (s *server) probe() {
	for pause := range pauses {
		if !s.sleep(pause) || s.breaker.probe(s.answers) {
			return
		}
	}
}

// answers returns nil if the server answers as a handshake needs it.
func (s *server) answers() (err error) {
	defer recovered(&err)
	ctx, cancel := context.WithTimeout(s.ctx, dialPatience+2*s.patience)
	defer cancel()
	return s.backend.probe(ctx, s.timeout)
}

// sleep is false if the server was closed meanwhile.
func (s *server) sleep(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.ctx.Done():
		return false
	}
}

// close ends everything, and waits for who is inside.
func (s *server) close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if !first {
		return
	}
	s.cancel()
	for range s.queue.close() {
		count(&s.totals.Dropped)
	}
	s.backend.close()
	s.inside.Wait()
	// What was under way has given its connection back.
	s.backend.close()
	s.breaker.end(s.totals)
}
