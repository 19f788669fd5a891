package store

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

const (
	// memcachedWriters is how many writes one memcached gets at the same time.
	memcachedWriters = 4

	// memcachedMonth is the longest time that memcached reads as one from now on.
	memcachedMonth = 30 * 24 * time.Hour
	// memcachedLate is how far memcached's clock may be behind: it counts whole
	// seconds from the whole second of its start, and looks once a second.
	memcachedLate = 2 * time.Second
)

// memcachedServer is one memcached.
type memcachedServer struct {
	client *memcache.Client
}

// newMemcached makes the backend of one server. patience is the longest that
// gomemcache waits for an answer, and for a connection.
func newMemcached(addr string, d *dialer, patience time.Duration) backend {
	client := memcache.NewFromSelector(address(addr))
	client.DialContext = d.dial
	client.Timeout = patience
	client.MaxIdleConns = readers
	return &memcachedServer{client}
}

// address is a memcache.ServerSelector of one server, whose name is resolved
// when a connection is made.
type address string

func (a address) Network() string                      { return "tcp" }
func (a address) String() string                       { return string(a) }
func (a address) PickServer(string) (net.Addr, error)  { return a, nil }
func (a address) Each(call func(net.Addr) error) error { return call(a) }

func (m *memcachedServer) get(ctx context.Context, key string) ([]byte, error) {
	var item *memcache.Item
	err := m.again(ctx, func() (err error) {
		item, err = m.client.Get(key)
		return err
	})
	var connect *memcache.ConnectTimeoutError
	switch {
	case errors.Is(err, memcache.ErrCacheMiss):
		return nil, errAbsent
	case errors.As(err, &connect):
		return nil, errLate
	case err != nil:
		return nil, err
	case item.Key != key:
		return nil, errNoAnswer
	}
	return item.Value, nil
}

// again repeats what failed because the server has closed the connection: when
// it was started anew, that is so for every one that is kept.
func (m *memcachedServer) again(ctx context.Context, call func() error) error {
	var err error
	for range m.client.MaxIdleConns + 1 {
		err = call()
		var network *net.OpError
		closed := errors.Is(err, io.EOF) ||
			errors.As(err, &network) && network.Op != "dial" && !network.Timeout()
		if !closed || ctx.Err() != nil {
			break
		}
	}
	return err
}

func (m *memcachedServer) write(ctx context.Context, ops []op, failed []error) {
	var wait sync.WaitGroup
	writers := min(memcachedWriters, len(ops))
	for n := range writers {
		wait.Go(func() {
			for i := range ops {
				// The writes of one key are those of one writer.
				if int(ops[i].key[0])%writers == n {
					failed[i] = m.writeOne(ctx, &ops[i])
				}
			}
		})
	}
	wait.Wait()
}

func (m *memcachedServer) writeOne(ctx context.Context, o *op) (err error) {
	defer recovered(&err)
	err = m.again(ctx, func() error {
		if o.del {
			return m.client.Delete(storeKey(&o.key))
		}
		now := time.Now()
		expiration, ok := memcachedExpiration(now, o.expires.Sub(now))
		if !ok {
			return errExpired
		}
		return m.client.Set(&memcache.Item{
			Key: storeKey(&o.key), Value: o.value, Expiration: expiration})
	})
	if o.del && errors.Is(err, memcache.ErrCacheMiss) {
		return nil
	}
	return memcachedError(err)
}

// memcachedExpiration is ttl as memcached reads it: seconds, rounded down, from
// now on, or since 1970 if they are more than a month: then memcachedLate sooner.
// It is false for less than a second: 0 would be for ever.
func memcachedExpiration(now time.Time, ttl time.Duration) (int32, bool) {
	if ttl <= memcachedMonth {
		return int32(ttl / time.Second), ttl >= time.Second
	}
	if until := now.Add(ttl - memcachedLate).Unix(); until <= math.MaxInt32 {
		return int32(until), true
	}
	return int32(memcachedMonth / time.Second), true
}

// memcachedError makes a refusal of what memcached answered.
func memcachedError(err error) error {
	var network net.Error
	var connect *memcache.ConnectTimeoutError
	switch {
	case err == nil, errors.Is(err, errExpired), errors.Is(err, errNoAnswer), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), errors.As(err, &connect):
		return err
	}
	return &refusal{err}
}

func (m *memcachedServer) probe(ctx context.Context, limit time.Duration) error {
	return timed(limit, func() error {
		_, err := m.get(ctx, unusedKey())
		if errors.Is(err, errAbsent) {
			return nil
		}
		return err
	})
}

func (m *memcachedServer) close() {
	_ = m.client.Close()
}
