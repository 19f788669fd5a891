package servers

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/libsesscache/libsesscache/tests/go/backend"
)

// redis is a running Redis that keeps nothing on disk.
type redis struct {
	url      string
	cleanups []func()
	dir      string
}

// startRedis starts a Redis in a directory below dir.
func startRedis(dir string) (r *redis, err error) {
	host := &redis{dir: filepath.Join(dir, "redis")}
	if err := os.Mkdir(host.dir, 0o755); err != nil {
		return nil, err
	}
	defer func() {
		switch failure := recover().(type) {
		case nil:
		case backendFailure:
			host.stop()
			r, err = nil, failure
		default:
			panic(failure)
		}
	}()
	host.url = backend.Redis(host, backend.RedisOptions{}).URL()
	return host, nil
}

// stop ends the Redis; nil is none.
func (r *redis) stop() {
	if r == nil {
		return
	}
	for i := len(r.cleanups) - 1; i >= 0; i-- {
		r.cleanups[i]()
	}
	r.cleanups = nil
}

// backendFailure is what ends a function of the package backend.
type backendFailure struct{ error }

// The methods of backend.TB, of which this program has no test to give.

// Helper does nothing.
func (r *redis) Helper() {}

// Logf does nothing: what fails says why.
func (r *redis) Logf(string, ...any) {}

// Fatalf ends the start with an error.
func (r *redis) Fatalf(format string, args ...any) {
	panic(backendFailure{fmt.Errorf(format, args...)})
}

// Skipf ends the start too: a program that is missing is an error here.
func (r *redis) Skipf(format string, args ...any) {
	r.Fatalf(format, args...)
}

// Cleanup notes what stop has to do.
func (r *redis) Cleanup(f func()) {
	r.cleanups = append(r.cleanups, f)
}

// TempDir is the directory of the Redis.
func (r *redis) TempDir() string {
	return r.dir
}
