package backend

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// masterName is what the Sentinels call the master they watch.
const masterName = "mymaster"

// SentinelOptions are how a Redis with Sentinels is started.
type SentinelOptions struct {
	Sentinels int    // how many, at least 1; more than half of them decide
	Password  string // of the Redis servers; empty: none
	Guarded   bool   // the Sentinels want that password too
}

// Sentinels is a running master with a replica, watched by Sentinels.
type Sentinels struct {
	Master, Replica *RedisServer
	Sentinels       []*RedisServer
	password        string
}

// RedisSentinel starts a master, its replica and Sentinels, and waits until they
// know each other.
func RedisSentinel(t TB, o SentinelOptions) *Sentinels {
	t.Helper()
	s := &Sentinels{password: o.Password}
	redis := RedisOptions{Password: o.Password}
	s.Master = Redis(t, redis)
	redis.more = []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(s.Master.port), "--repl-diskless-sync-delay", "0"}
	s.Replica = Redis(t, redis)
	Eventually(t, func() bool {
		return s.Replica.says("replication", "master_link_status:up")
	}, "the replica follows the master")
	for range o.Sentinels {
		s.Sentinels = append(s.Sentinels, s.sentinel(t, o))
	}
	for _, sentinel := range s.Sentinels {
		Eventually(t, func() bool {
			return sentinel.says("sentinel", fmt.Sprintf("slaves=1,sentinels=%d", o.Sentinels))
		}, "a Sentinel knows the replica and the other Sentinels")
	}
	return s
}

// sentinel starts one Sentinel, which writes what it learns into its configuration.
func (s *Sentinels) sentinel(t TB, o SentinelOptions) *RedisServer {
	t.Helper()
	path := program(t, "redis-sentinel", "redis-sentinel")
	port, dir := freePort(t), t.TempDir()
	lines := []string{
		fmt.Sprintf("port %d", port),
		"bind 127.0.0.1",
		"protected-mode no",
		"daemonize no",
		"dir " + dir,
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d %d", masterName, s.Master.port, o.Sentinels/2+1),
		"sentinel down-after-milliseconds " + masterName + " 500",
		"sentinel failover-timeout " + masterName + " 2000",
	}
	r := &RedisServer{port: port}
	if o.Password != "" {
		lines = append(lines, "sentinel auth-pass "+masterName+" "+o.Password)
	}
	if o.Guarded {
		r.password = o.Password
		lines = append(lines, "requirepass "+o.Password)
	}
	config := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatalf("%v", err)
	}
	r.Server = newServer(t, path, port, dir, config)
	return r
}

// says is true if a section of INFO has a text.
func (r *RedisServer) says(section, text string) bool {
	return r.answers(func(answer any) bool {
		info, ok := answer.(string)
		return ok && strings.Contains(info, text)
	}, "info", section)
}

// URL is the address for a store; it names all Sentinels.
func (s *Sentinels) URL() string {
	var hosts []string
	for _, sentinel := range s.Sentinels {
		hosts = append(hosts, sentinel.addr)
	}
	u := url.URL{Scheme: "redis-sentinel", Host: strings.Join(hosts, ","), Path: masterName}
	if s.password != "" {
		u.User = url.UserPassword("", s.password)
	}
	return u.String()
}

// Failover kills the master and waits until all Sentinels name the replica in
// its place, which is Master then. Replica is the one that was killed; after a
// Restart it follows the new master.
func (s *Sentinels) Failover(t TB) {
	t.Helper()
	s.Master.Kill(t)
	s.Promoted(t)
}

// Handover has the Sentinels make the replica the master while the old one
// lives on as its replica, and waits for that.
func (s *Sentinels) Handover(t TB) {
	t.Helper()
	Eventually(t, func() bool {
		_, err := s.Sentinels[0].try("sentinel", "failover", masterName)
		return err == nil
	}, "a Sentinel takes the replica for a good master")
	s.Promoted(t)
}

// Promoted waits until all Sentinels name the replica as the master, and swaps
// the two.
func (s *Sentinels) Promoted(t TB) {
	t.Helper()
	wanted := []any{"127.0.0.1", strconv.Itoa(s.Replica.port)}
	for _, sentinel := range s.Sentinels {
		Eventually(t, func() bool {
			return sentinel.answers(func(answer any) bool {
				addr, ok := answer.([]any)
				return ok && slices.Equal(addr, wanted)
			}, "sentinel", "get-master-addr-by-name", masterName)
		}, "a Sentinel names the new master")
	}
	Eventually(t, func() bool { return s.Replica.says("replication", "role:master") }, "the replica is master")
	s.Master, s.Replica = s.Replica, s.Master
}
