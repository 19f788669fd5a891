package cache

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// removedElsewhere is a stamp that all keys have.
type removedElsewhere struct{ stamp uint32 }

func (r *removedElsewhere) Stamp(Key) uint32 { return r.stamp }

func TestTable_Revoked(t *testing.T) {
	stamps := &removedElsewhere{stamp: 7}
	table := newTable(t, Options{Stamps: stamps})
	k := numbered(1)
	table.Add(k, 10, 10, 100, nil)
	_, verdict := table.Lookup(k, 0)
	require.Equal(t, Hit, verdict)

	stamps.stamp++
	ref, verdict := table.Lookup(k, 0)
	require.Equal(t, Revoked, verdict)
	require.Equal(t, Ref(10), ref)
	table.Confirm(k, ref, stamps.stamp)
	_, verdict = table.Lookup(k, 0)
	require.Equal(t, Hit, verdict, "it was found where sessions are shared")

	stamps.stamp++
	ref, _ = table.Lookup(k, 0)
	require.False(t, table.Revoke(k, 11), "another session of that key")
	require.True(t, table.Revoke(k, ref))
	require.False(t, table.Revoke(k, ref))
	_, verdict = table.Lookup(k, 0)
	require.Equal(t, Miss, verdict)
	require.Equal(t, Counters{Lookups: 5, Hits: 3, Misses: 2, Adds: 1, Removed: 1}, table.Counters())
}

// What was got elsewhere before it was removed there is revoked from the start.
func TestTable_AddStamped(t *testing.T) {
	table := newTable(t, Options{Stamps: &removedElsewhere{stamp: 8}})
	table.AddStamped(numbered(1), 10, 10, 100, 7, nil)
	table.AddStamped(numbered(2), 20, 20, 100, 8, nil)
	_, verdict := table.Lookup(numbered(1), 0)
	require.Equal(t, Revoked, verdict)
	_, verdict = table.Lookup(numbered(2), 0)
	require.Equal(t, Hit, verdict)
}

// That a session is nobody else's does not count as a stamp, whatever that is.
func TestTable_Alone(t *testing.T) {
	stamps := &removedElsewhere{stamp: 1<<32 - 1}
	table := newTable(t, Options{Stamps: stamps})
	k := numbered(1)
	table.Add(k, 10, 10, 100, nil)
	for _, is := range []bool{false, true, false} {
		table.SetAlone(k, is)
		require.Equal(t, is, table.Alone(k))
		_, verdict := table.Lookup(k, 0)
		require.Equal(t, Hit, verdict)
	}
	table.SetAlone(k, true)
	stamps.stamp = 5
	table.Confirm(k, 10, 5)
	require.True(t, table.Alone(k))
	require.False(t, table.Alone(numbered(2)))
}
