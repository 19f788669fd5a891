package store

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinels finds the master of a Redis that Sentinels watch: whenever a
// connection is made, for a failover ends those there are. The client of
// go-redis for this purpose does so too, but on goroutines that panic when the
// answer of a Sentinel is too short.
type sentinels struct {
	target   *target
	dialer   *dialer
	patience time.Duration
}

// dial connects to the master; the address it is given stands for no server.
func (s *sentinels) dial(ctx context.Context, network, _ string) (conn net.Conn, err error) {
	defer recovered(&err)
	addr, err := s.master(ctx)
	if err != nil {
		return nil, err
	}
	return s.dialer.dial(ctx, network, addr)
}

// master asks all Sentinels at once and takes the first answer.
func (s *sentinels) master(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	type answer struct {
		addr string
		err  error
	}
	answers := make(chan answer, len(s.target.addrs))
	for _, sentinel := range s.target.addrs {
		go func() {
			var a answer
			defer func() { answers <- a }()
			defer recovered(&a.err)
			a.addr, a.err = s.ask(ctx, sentinel)
		}()
	}
	var failed error
	for range s.target.addrs {
		a := <-answers
		if a.err == nil {
			return a.addr, nil
		}
		failed = a.err
	}
	return "", failed
}

// ask asks one Sentinel: without a password, as most are, then with that of
// the servers.
func (s *sentinels) ask(ctx context.Context, sentinel string) (string, error) {
	addr, err := s.askAs(ctx, sentinel, "", "")
	if s.target.password != "" && redis.IsAuthError(err) {
		addr, err = s.askAs(ctx, sentinel, s.target.user, s.target.password)
	}
	return addr, err
}

func (s *sentinels) askAs(ctx context.Context, sentinel, user, password string) (string, error) {
	o := redisOptions(s.dialer, s.patience).Simple()
	o.Addr = sentinel
	o.Username, o.Password = user, password
	client := redis.NewSentinelClient(o)
	defer func() { _ = client.Close() }()
	answer, err := client.GetMasterAddrByName(ctx, s.target.master).Result()
	if errors.Is(err, redis.Nil) {
		// As it is, this error would look like the answer to who asks the master.
		return "", errors.New("store: a Sentinel does not know the master")
	}
	if err != nil {
		return "", err
	}
	if len(answer) != 2 {
		return "", errors.New("store: a Sentinel's answer is not an address")
	}
	return net.JoinHostPort(answer[0], answer[1]), nil
}
