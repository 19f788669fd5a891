package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// keyPrefix stands before each key, so that a store can serve other purposes
// too, and rights can be given for these keys alone. Its number is that of the
// format of keys and values.
const keyPrefix = "ssc:1:"

// storeKey is how a store names a key.
func storeKey(key *[32]byte) string {
	name := make([]byte, 0, len(keyPrefix)+43)
	return string(base64.RawURLEncoding.AppendEncode(append(name, keyPrefix...), key[:]))
}

// unusedKey is a name that no key has, for probes.
func unusedKey() string {
	return fmt.Sprintf("%sprobe-%016x", keyPrefix, rand.Uint64())
}

// backend is a server of a store, or several that act as one. Its methods may
// be called from any goroutine. They heed the deadline of ctx only as well as
// the client in use does: who must not wait longer has to leave by himself.
type backend interface {
	// get returns a value that the caller may keep, or errAbsent.
	get(ctx context.Context, key string) ([]byte, error)

	// write does what it can of the ops, those of one key in their order, and
	// says in failed what became of each: nil if it is done, errExpired for a
	// value that is not worth writing, a *refusal for what the server answered,
	// anything else if no answer came.
	write(ctx context.Context, ops []op, failed []error)

	// probe returns nil if get works, and answers within limit once there is a
	// connection.
	probe(ctx context.Context, limit time.Duration) error

	// close ends the connections. What is under way fails.
	close()
}

var (
	errAbsent  = errors.New("store: no such key")
	errExpired = errors.New("store: the value expires too soon")
	errLate    = errors.New("store: no answer in time")
)

// refusal is an error that a server answered with, so it is within reach.
type refusal struct {
	error
}

func (r *refusal) Unwrap() error {
	return r.error
}

// isLate is true for an answer that did not come in time.
func isLate(err error) bool {
	if errors.Is(err, errLate) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// timed calls ask twice, first to have a connection, then to see whether it
// returns within limit, as a handshake would need it.
func timed(limit time.Duration, ask func() error) error {
	if err := ask(); err != nil {
		return err
	}
	start := time.Now()
	err := ask()
	if err == nil && time.Since(start) > limit {
		err = errLate
	}
	return err
}

// recovered makes an error of a panic. It is to be deferred in each goroutine
// and wherever a client calls us on one of its own: a panic that nobody catches
// ends the process of the host.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("store: panic: %v", p)
	}
}
