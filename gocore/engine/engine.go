// Package engine puts the caches of a session in their order: the table of the
// process, the region that the workers of one host share, the store that hosts
// share. It decides where a session is kept, where it is looked for and what is
// done when it goes.
package engine

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/region"
	"github.com/libsesscache/libsesscache/gocore/seal"
	"github.com/libsesscache/libsesscache/gocore/store"
)

// Caches are the places beyond a context's own table that an operation
// concerns. The values are those of cshim/sscore.h.
type Caches uint32

const (
	Region Caches = 1 << iota // the region that the workers of this host share
	Store                     // the store that hosts share
	// Take makes a lookup one for a single use: of all that are made with it, in
	// all processes that share the region, one finds the session.
	Take
	// Bind, from Identify: the context has no certificate of its own, so what it
	// has in the store is bound to that of the connection.
	Bind
)

// Settings say what an engine works with. The zero value has tables only.
type Settings struct {
	// Region is memory that the processes of one server share; nil: there is none.
	// It must stay mapped as long as the engine is used.
	Region []byte
	// RegionSealed: the records in it are sealed, for it lies in a file.
	RegionSealed bool

	// Name stands for the certificate in namespaces, if it is not empty.
	Name string

	StoreURL     string // empty: no store
	StoreCA      []byte // PEM of the authorities for its certificate; nil: the system's
	StoreTimeout time.Duration

	Keys     [][seal.KeySize]byte // the one that seals first
	Insecure bool                 // without keys, records leave the host as they are

	// Totals, if not nil, are sums that are updated atomically. They may lie
	// outside the Go heap.
	Totals *Totals
}

// Totals are the figures of all contexts of a process.
type Totals struct {
	Cache    *cache.Counters
	Region   *region.Counters
	Store    *store.Counters
	Unsealed *uint64 // records refused: altered, sealed with another key, not a session
}

// Engine is what the contexts of one process have in common. Its methods may be
// called from any thread.
type Engine struct {
	region   *region.Region
	sealed   bool   // the region's records
	store    remote // nil: none
	keys     *seal.Keyring
	name     string
	totals   *cache.Counters
	unsealed *uint64
}

// remote is a store.Store.
type remote interface {
	Get(key [32]byte, dst []byte) ([]byte, store.Verdict)
	Put(key [32]byte, value []byte, ttl time.Duration) bool
	Delete(key [32]byte) bool
	Close()
}

// New makes an engine. A part that cannot be used is off, and the error says
// which and why; the engine is good all the same.
func New(s Settings) (*Engine, error) {
	if s.Totals == nil {
		s.Totals = &Totals{new(cache.Counters), new(region.Counters), new(store.Counters), new(uint64)}
	}
	e := &Engine{
		sealed:   s.RegionSealed,
		keys:     seal.NewKeyring(s.Insecure),
		name:     s.Name,
		totals:   s.Totals.Cache,
		unsealed: s.Totals.Unsealed,
	}
	e.keys.Set(s.Keys)
	var failed error
	if s.Region != nil {
		r, err := region.Open(s.Region, s.Totals.Region)
		switch {
		case err != nil:
			failed = fmt.Errorf("the shared region is off: %w", err)
		case s.RegionSealed && !e.keys.Ready():
			failed = fmt.Errorf("the shared region is off: there is no key to seal its file")
		default:
			e.region = r
		}
	}
	if s.StoreURL != "" {
		st, err := e.openStore(s)
		if err != nil {
			failed = fmt.Errorf("the store is off: %w", err)
		} else {
			e.store = st
		}
	}
	return e, failed
}

func (e *Engine) openStore(s Settings) (*store.Store, error) {
	if !e.keys.Ready() {
		return nil, fmt.Errorf("there is no key to seal what it is given")
	}
	return store.Open(s.StoreURL, store.Options{
		Timeout: s.StoreTimeout,
		CA:      s.StoreCA,
		Totals:  s.Totals.Store,
	})
}

// SetKeys replaces the keys: the first seals, all of them open.
func (e *Engine) SetKeys(keys [][seal.KeySize]byte) {
	e.keys.Set(keys)
}

// Close stops what the engine does in the background. Its contexts go on with
// their tables and the region.
func (e *Engine) Close() {
	if e.store != nil {
		e.store.Close()
	}
}

func (e *Engine) refused() {
	atomic.AddUint64(e.unsealed, 1)
}
