package backend

import (
	"strconv"
	"strings"
)

// slots is how many parts a Redis Cluster divides the keys into.
const slots = 16384

// Cluster is a running Redis Cluster of masters without replicas.
type Cluster struct {
	Nodes []*RedisServer
}

// RedisCluster starts a cluster of three and waits until it serves every key. A
// node that is restarted comes back into it, empty.
func RedisCluster(t TB) *Cluster {
	t.Helper()
	const nodes = 3
	c := new(Cluster)
	var buses []int
	for range nodes {
		bus := freePort(t)
		buses = append(buses, bus)
		c.Nodes = append(c.Nodes, newRedis(t, freePort(t), RedisOptions{more: []string{
			"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-port", strconv.Itoa(bus), "--cluster-node-timeout", "2000",
		}}))
	}
	for i, node := range c.Nodes {
		command := []any{"cluster", "addslots"}
		for slot := i * slots / nodes; slot < (i+1)*slots/nodes; slot++ {
			command = append(command, slot)
		}
		node.Do(t, command...)
		node.Do(t, "cluster", "set-config-epoch", i+1)
		if i > 0 {
			c.Nodes[0].Do(t, "cluster", "meet", "127.0.0.1", node.port, buses[i])
		}
	}
	c.Wait(t)
	return c
}

// Wait waits until every node knows all others and that the cluster serves.
func (c *Cluster) Wait(t TB) {
	t.Helper()
	known := "cluster_known_nodes:" + strconv.Itoa(len(c.Nodes))
	for _, node := range c.Nodes {
		Eventually(t, func() bool {
			return node.answers(func(answer any) bool {
				info, ok := answer.(string)
				return ok && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, known)
			}, "cluster", "info")
		}, "the cluster serves, by the word of "+node.addr)
	}
}

// URL is the address for a store; it names two of the nodes.
func (c *Cluster) URL() string {
	return "redis-cluster://" + c.Nodes[0].addr + "," + c.Nodes[1].addr
}

// Move gives a slot, which no Move was told of before, to another node; its
// keys, and all others of the node that had it, are lost.
func (c *Cluster) Move(t TB, slot int64) {
	t.Helper()
	owner := 0
	for slot >= int64((owner+1)*slots/len(c.Nodes)) {
		owner++
	}
	c.Nodes[owner].Do(t, "flushall")
	next := c.Nodes[(owner+1)%len(c.Nodes)]
	id := next.Do(t, "cluster", "myid")
	next.Do(t, "cluster", "setslot", slot, "node", id)
	for _, node := range c.Nodes {
		node.Do(t, "cluster", "setslot", slot, "node", id)
	}
}
