//go:build amd64 && !race

package cache

// publish64 and publish32 store a word that C reads, after all that was stored
// before. Stores of amd64 are seen in their order, so it is a plain one:
// atomic.Store also waits for those before it, which may be on their way to
// memory, and so keeps what follows from going on meanwhile. They are not
// inlined, so that the compiler leaves each store where it is.
//
//go:noinline
func publish64(p *uint64, v uint64) { *p = v }

//go:noinline
func publish32(p *uint32, v uint32) { *p = v }
