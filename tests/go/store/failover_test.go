package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/store"
	"github.com/libsesscache/libsesscache/tests/go/backend"
)

func TestSentinel_Failover(t *testing.T) {
	servers := backend.RedisSentinel(t, backend.SentinelOptions{Sentinels: 3, Password: "secret"})
	// One that hangs keeps nobody from the others.
	servers.Sentinels[0].Stop(t)
	s := open(t, servers.URL(), store.Options{Timeout: short})
	s.recovers()
	servers.Sentinels[0].Continue(t)
	servers.Failover(t)
	s.recovers()
	servers.Replica.Restart(t)
	s.recovers()
}

// The old master lives on as a replica, which refuses writes.
func TestSentinel_Handover(t *testing.T) {
	servers := backend.RedisSentinel(t, backend.SentinelOptions{Sentinels: 1})
	s := open(t, servers.URL(), store.Options{Timeout: short})
	s.recovers()
	servers.Handover(t)
	s.recovers()
}

// The old master hangs, with the connections to it.
func TestSentinel_Hanging(t *testing.T) {
	servers := backend.RedisSentinel(t, backend.SentinelOptions{Sentinels: 1})
	s := open(t, servers.URL(), store.Options{Timeout: short})
	s.recovers()
	servers.Master.Stop(t)
	servers.Promoted(t)
	s.recovers()
}

func TestCluster_NodeRestarted(t *testing.T) {
	cluster := backend.RedisCluster(t)
	s := open(t, cluster.URL(), store.Options{Timeout: short})
	s.recovers()
	cluster.Nodes[0].Kill(t)
	s.opens()
	cluster.Nodes[0].Restart(t)
	cluster.Wait(t)
	s.recovers()
}

func TestCluster_NodeStopped(t *testing.T) {
	cluster := backend.RedisCluster(t)
	s := open(t, cluster.URL(), store.Options{Timeout: short})
	s.recovers()
	cluster.Nodes[1].Stop(t)
	backend.Eventually(t, func() bool {
		for n := range 20 {
			s.get(n)
		}
		return s.isOpen()
	}, "the breaker opens, though most keys are elsewhere")
	cluster.Nodes[1].Continue(t)
	cluster.Wait(t)
	s.recovers()
}

// The keys of one node go to another while the store is in use.
func TestCluster_SlotsMoved(t *testing.T) {
	cluster := backend.RedisCluster(t)
	s := open(t, cluster.URL(), store.Options{Timeout: generous})
	s.put(1)
	slot, ok := cluster.Nodes[0].Do(t, "cluster", "keyslot", storeKey(1)).(int64)
	require.True(t, ok)
	cluster.Move(t, slot)
	require.True(t, s.Put(key(1), value(1), day))
	s.flush()
	s.requireFound(1)
	require.Zero(t, s.totals.Errors)
}
