package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

func init() {
	// go-redis would write to standard error, which is the host's.
	redis.SetLogger(silent{})
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// redisServer is one Redis, or the one that Sentinels call the master.
type redisServer struct {
	client redis.UniversalClient
}

// redisCluster is a Redis Cluster.
type redisCluster struct {
	redisServer
	cluster *redis.ClusterClient
}

// newRedis makes the backend of t. patience is the longest that one command
// may take; the callers' contexts have it too.
func newRedis(t *target, d *dialer, patience time.Duration) backend {
	o := redisOptions(d, patience)
	o.Addrs = t.addrs
	o.DB = t.db
	o.Username, o.Password = t.user, t.password
	// A batch of writes waits for all its answers, on a connection of its own.
	o.PipelinePoolSize = 1
	o.PipelineReadBufferSize, o.PipelineWriteBufferSize = 4<<10, 32<<10
	switch t.kind {
	case cluster:
		// It follows redirections, and goes by itself to another node.
		o.IsClusterMode = true
		o.MaxRetries = -1
		client := redis.NewClusterClient(o.Cluster())
		return &redisCluster{redisServer{client}, client}
	case sentinel:
		o.Addrs = []string{t.master}
		o.Dialer = (&sentinels{target: t, dialer: d, patience: patience}).dial
	}
	return &redisServer{redis.NewClient(o.Simple())}
}

// redisOptions is what all clients have in common.
func redisOptions(d *dialer, patience time.Duration) *redis.UniversalOptions {
	return &redis.UniversalOptions{
		Dialer: d.dial,
		// Nothing of RESP3 is needed, and with RESP2 a server sends nothing unasked.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},

		// One more attempt, at once, for a connection that the server has closed.
		MaxRetries:      1,
		MinRetryBackoff: -1,
		MaxRetryBackoff: -1,

		DialTimeout:           dialPatience,
		DialerRetries:         1,
		ReadTimeout:           patience,
		WriteTimeout:          patience,
		PoolTimeout:           patience,
		ContextTimeoutEnabled: true,

		PoolSize:        readers,
		ConnMaxIdleTime: 5 * time.Minute,
		ReadBufferSize:  4 << 10,
		WriteBufferSize: 4 << 10,
	}
}

func (s *redisServer) get(ctx context.Context, key string) ([]byte, error) {
	return redisGet(ctx, s.client, key)
}

func redisGet(ctx context.Context, client redis.Cmdable, key string) ([]byte, error) {
	value, err := client.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, errAbsent
	}
	return value, err
}

func (s *redisServer) write(ctx context.Context, ops []op, failed []error) {
	pipe := s.client.Pipeline()
	answers := make([]redis.Cmder, len(ops))
	for i := range ops {
		key := storeKey(&ops[i].key)
		if ops[i].del {
			answers[i] = pipe.Del(ctx, key)
			continue
		}
		ttl := time.Until(ops[i].expires).Truncate(time.Millisecond)
		if ttl <= 0 {
			failed[i] = errExpired
			continue
		}
		answers[i] = pipe.Set(ctx, key, ops[i].value, ttl)
	}
	// Its error is that of one of the answers.
	_, _ = pipe.Exec(ctx)
	for i, answer := range answers {
		if answer != nil {
			failed[i] = redisError(answer.Err())
		}
	}
}

// redisError makes a refusal of what Redis answered.
func redisError(err error) error {
	var answer redis.Error
	if errors.As(err, &answer) {
		return &refusal{err}
	}
	return err
}

func (s *redisServer) probe(ctx context.Context, limit time.Duration) error {
	return timed(limit, func() error { return redisAnswers(ctx, s.client) })
}

// redisAnswers returns nil if a server answers to GET as it would for a
// handshake, or sends it to another node.
func redisAnswers(ctx context.Context, client redis.Cmdable) error {
	_, err := redisGet(ctx, client, unusedKey())
	if errors.Is(err, errAbsent) {
		return nil
	}
	if _, moved := redis.IsMovedError(err); moved {
		return nil
	}
	return err
}

func (s *redisServer) close() {
	_ = s.client.Close()
}

// probe asks every master. One that does not answer in time would cost a
// handshake as much as if all were so; one that refuses at once costs nothing,
// so one good master is enough.
func (c *redisCluster) probe(ctx context.Context, limit time.Duration) error {
	var mu sync.Mutex
	good := false
	refused := errors.New("store: no master in the cluster")
	err := c.cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) (err error) {
		defer recovered(&err)
		err = timed(limit, func() error { return redisAnswers(ctx, master) })
		if isLate(err) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			good = true
		} else {
			refused = err
		}
		return nil
	})
	if err == nil && !good {
		err = refused
	}
	return err
}
