package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/libsesscache/libsesscache/gocore/record"
	"github.com/libsesscache/libsesscache/gocore/seal"
	"github.com/libsesscache/libsesscache/gocore/store"
)

// storeRecords are enough for what each takes to be told from what Redis takes
// by itself.
const storeRecords = 10_000

// measureStore writes records to a Redis as the library does, and reads them,
// and asks Redis what they took of its memory and of the network. Nobody else
// may use it meanwhile.
func measureStore(s settings, report func(measurement)) error {
	options, err := redis.ParseURL(s.redis)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close()
	st, err := store.Open(s.redis, store.Options{Queue: storeRecords, Timeout: time.Second})
	if err != nil {
		return err
	}
	defer st.Close()
	keys := seal.NewKeyring(false)
	keys.Set([][seal.KeySize]byte{{1}})
	ctx := context.Background()
	before, err := figuresOf(ctx, client)
	if err != nil {
		return err
	}
	names, size := make([][32]byte, storeRecords), 0
	for n := range names {
		key := keyOf(uint64(n))
		id := record.Identity{Version: tls13, ID: key.ID[:]}
		der := make([]byte, derSize)
		rand.Read(der)
		sealed, err := record.Seal(keys, nil, &id, &record.Record{Expiry: now, DER: der})
		if err != nil {
			return err
		}
		names[n], size = record.StoreKey(&id), len(sealed)
		if !st.Put(names[n], sealed, lifetime*time.Second) {
			return fmt.Errorf("a record was not taken")
		}
	}
	begun := time.Now()
	if err := st.Flush(ctx); err != nil {
		return err
	}
	took := time.Since(begun)
	written, err := figuresOf(ctx, client)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, verdict := st.Get(name, nil); verdict != store.Found {
			return fmt.Errorf("a record is %v", verdict)
		}
	}
	read, err := figuresOf(ctx, client)
	if err != nil {
		return err
	}
	usage, err := usageOfOne(ctx, client)
	if err != nil {
		return err
	}
	each := func(from, to float64) float64 { return (to - from) / storeRecords }
	report(measurement{
		"records": storeRecords, "der_bytes": derSize, "record_bytes": size,
		"memory_bytes":           each(before.memory, written.memory),
		"usage_bytes":            usage,
		"write_request_bytes":    each(before.received, written.received),
		"write_answer_bytes":     each(before.sent, written.sent),
		"read_request_bytes":     each(written.received, read.received),
		"read_answer_bytes":      each(written.sent, read.sent),
		"writes_per_second":      storeRecords / took.Seconds(),
		"redis_cpu_ns_per_write": each(before.cpu, written.cpu) * 1e9,
		"redis_cpu_ns_per_read":  each(written.cpu, read.cpu) * 1e9,
	})
	return nil
}

// figures are what a Redis says of itself.
type figures struct{ memory, received, sent, cpu float64 }

func figuresOf(ctx context.Context, client *redis.Client) (f figures, err error) {
	info := client.InfoMap(ctx, "memory", "stats", "cpu")
	if info.Err() != nil {
		return f, info.Err()
	}
	var user, system float64
	for _, field := range []struct {
		section, name string
		at            *float64
	}{
		{"Memory", "used_memory", &f.memory},
		{"Stats", "total_net_input_bytes", &f.received},
		{"Stats", "total_net_output_bytes", &f.sent},
		{"CPU", "used_cpu_user", &user},
		{"CPU", "used_cpu_sys", &system},
	} {
		if _, err := fmt.Sscan(info.Item(field.section, field.name), field.at); err != nil {
			return f, fmt.Errorf("%s of Redis: %w", field.name, err)
		}
	}
	f.cpu = user + system
	return f, nil
}

// usageOfOne is what Redis says that some record takes.
func usageOfOne(ctx context.Context, client *redis.Client) (int64, error) {
	key, err := client.RandomKey(ctx).Result()
	if err != nil {
		return 0, err
	}
	return client.MemoryUsage(ctx, key).Result()
}
