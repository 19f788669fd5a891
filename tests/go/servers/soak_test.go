package servers

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/statfile"
	"github.com/libsesscache/libsesscache/tests/go/backend"
)

var (
	soakFor  = flag.Duration("for", 10*time.Second, "how long TestSoak strikes at servers and store")
	soakSeed = flag.Uint64("seed", 0, "of the order in which it does; 0: of the clock")
)

// How often, on average, a soak does what it does.
const (
	killEvery    = 4 * time.Second
	reloadEvery  = 20 * time.Second
	faultEvery   = 4 * time.Second // from the end of one to the next
	faultLasts   = 3 * time.Second
	sampleEvery  = time.Second
	reportEvery  = 10 * time.Second
	struckOnly   = 3    // clients at once of the server whose workers are struck
	bothByTurns  = 3    // clients at once that go now to the one, now to the other
	calmLoad     = 3000 // connections; they store three sessions in each bucket of the region
	sessionsLast = "30s"
)

// soak is two servers behind one store, as two hosts. The workers of one are killed and replaced
// while clients connect; those of the other live as long as the soak, so that a leak in a worker
// would show. The store meets one fault after the other.
type soak struct {
	*testing.T
	kills, reloads, strikes *rand.Rand // each kind of stroke has an order of its own

	began   time.Time
	redis   *backend.RedisServer
	wire    *backend.Proxy
	pair    *pair
	struck  *watched
	steady  *watched
	clients soakClients
	fault   *storeFault // the one that goes on; nil: none
	faults  int
	history history
	printed int
	worked  [2]int // busyTime at the last line
}

// event is something that a soak does again and again.
type event struct {
	due time.Time
	// happen does it and says when it is to be done again.
	happen func() time.Duration
}

// TestSoak is what `make soak` runs for half an hour. Shorter runs are a test of the same, but for
// the memory.
func TestSoak(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *soakSeed == 0 {
		*soakSeed = uint64(time.Now().UnixNano())
	}
	s := newSoak(t)
	fmt.Printf("soak for %v, seed %d: nginx with 4 workers that are killed and replaced, nginx with 2 that "+
		"are not,\n%d clients, Redis behind both\n", *soakFor, *soakSeed, struckOnly+bothByTurns)
	s.comeClients()
	s.goOn(ctx)
	s.clients.leave()
	s.heal()
	_, seen, _ := s.clients.state()
	s.sample()
	s.report()
	s.judgeMemory()
	require.NoError(t, s.clients.broken())
	assert.Zero(t, seen.failed, "connections failed:\n%s", seen.failures())
	assert.Equal(t, seen.Resumed, seen.SaidResumed)
	assert.Equal(t, seen.Resumed, seen.Said)
	s.calm()
	s.end()
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{
		T:       t,
		kills:   rand.New(rand.NewPCG(*soakSeed, 1)),
		reloads: rand.New(rand.NewPCG(*soakSeed, 2)),
		strikes: rand.New(rand.NewPCG(*soakSeed, 3)),
		redis:   backend.Redis(t, backend.RedisOptions{}),
	}
	s.wire = backend.NewProxy(t, s.redis.Addr())
	config := nginxConfig{workers: 4, cache: builtin, listen: "reuseport", timeout: sessionsLast}
	few := config
	few.workers = 2
	s.pair = hosts{
		mode: documented, start: config.start, other: few.start,
		differ: func(_ *testing.T, first, second *launch) {
			// One that is soon full, and one in a file, whose records are sealed.
			first.set("SESSCACHE_SHARED_SIZE", "2M")
			second.useFile()
			for _, l := range []*launch{first, second} {
				l.set("SESSCACHE_STORE_TIMEOUT", "20ms")
			}
		},
	}.startPair(t, s.redis.URLVia(s.wire.Addr()))
	watch := func(i int) *watched {
		w := &watched{s.pair.servers[i], s.pair.launches[i], make(map[[2]uint64]statfile.Process)}
		w.launch.living = func() []int { return w.children(t) }
		return w
	}
	s.struck, s.steady = watch(0), watch(1)
	s.worked[0], s.worked[1] = busyTime(t)
	return s
}

func (s *soak) comeClients() {
	both := newFront(s.T)
	go both.serve(s.struck.address, s.steady.address)
	alike := s.struck.target
	s.clients.come(alike, struckOnly)
	alike.address = both.listener.Addr().String()
	s.clients.come(alike, bothByTurns)
}

// goOn strikes and watches until the time is over or ctx is done.
func (s *soak) goOn(ctx context.Context) {
	s.began = time.Now()
	events := []*event{
		{s.began.Add(about(s.kills, killEvery)), s.kill},
		{s.began.Add(about(s.reloads, reloadEvery)), s.reload},
		{s.began.Add(about(s.strikes, faultEvery)), s.nextFault},
		{s.began.Add(sampleEvery), s.sample},
		{s.began.Add(reportEvery), s.report},
	}
	for {
		next := slices.MinFunc(events, func(a, b *event) int { return a.due.Compare(b.due) })
		if next.due.Sub(s.began) > *soakFor || s.clients.broken() != nil {
			return
		}
		select {
		case <-ctx.Done():
			fmt.Println("interrupted")
			return
		case <-time.After(time.Until(next.due)):
		}
		pause := next.happen()
		next.due = time.Now().Add(pause)
	}
}

// about is a random time with the given mean.
func about(random *rand.Rand, mean time.Duration) time.Duration {
	return min(4*mean, time.Duration(random.ExpFloat64()*float64(mean)))
}

// kill kills a worker, whatever it is doing.
func (s *soak) kill() time.Duration {
	workers := s.struck.children(s.T)
	if len(workers) > 0 {
		s.clients.strike(strokes{kills: 1})
		_ = syscall.Kill(workers[s.kills.IntN(len(workers))], syscall.SIGKILL)
	}
	return about(s.kills, killEvery)
}

// reload has all workers replaced.
func (s *soak) reload() time.Duration {
	s.clients.strike(strokes{reloads: 1})
	s.struck.signal(s.T, syscall.SIGHUP)
	return about(s.reloads, reloadEvery)
}

// nextFault ends the fault of the store, or lets another strike.
func (s *soak) nextFault() time.Duration {
	if s.fault != nil {
		s.heal()
		return about(s.strikes, faultEvery)
	}
	faults := storeFaults()
	s.fault = &faults[s.strikes.IntN(len(faults))]
	s.faults++
	s.fault.strike(s.T, s.redis, s.wire)
	return about(s.strikes, faultLasts)
}

func (s *soak) heal() {
	if s.fault != nil {
		s.fault.heal(s.T, s.redis, s.wire)
		s.fault = nil
	}
}

func (s *soak) sample() time.Duration {
	struckMaster, struckWorker := s.struck.memory(s.T)
	steadyMaster, steadyWorker := s.steady.memory(s.T)
	s.history.note(time.Since(s.began), struckMaster, struckWorker, steadyMaster, steadyWorker)
	return sampleEvery
}

// The columns of a line. Counts are since the beginning, of region and store those of both servers;
// "over" are locks taken over, "late" reads that the store did not answer in time, "open" breakers
// that are open now and that ever opened.
const (
	soakHeader = "" +
		"            | clients                           | resident MB             | region                             " +
		"| store                                                | struck\n" +
		"            |                                   | master, worker of the   |                                    " +
		"|                                                      |\n" +
		"  time  cpu | handshakes failed   cut   resumed | struck      steady      | stored evicted busy damaged   over " +
		"|   hits written dropped errors   late   open/opened   | kill  HUP store\n"
	soakLine = "%5ds %3d%% | %10d %6d %5d %7.1f %% | %5.1f %5.1f %5.1f %5.1f | %6d %7d %4d %7d %6d " +
		"| %6d %7d %7d %6d %6d %6d/%-7d | %4d %4d %6d %s\n"
)

// report prints how things stand.
func (s *soak) report() time.Duration {
	if s.printed%20 == 0 {
		fmt.Print(soakHeader)
	}
	s.printed++
	struck, seen, _ := s.clients.state()
	c := statfile.Sum([]statfile.Process{s.struck.counted(s.T), s.steady.counted(s.T)})
	now := func(series int) float64 {
		values := s.history.values[series]
		return values[len(values)-1]
	}
	worked, could := busyTime(s.T)
	cpu := 100 * (worked - s.worked[0]) / max(1, could-s.worked[1])
	s.worked = [2]int{worked, could}
	fault := ""
	if s.fault != nil {
		fault = "(" + s.fault.name + ")"
	}
	fmt.Printf(soakLine,
		int(time.Since(s.began).Seconds()), cpu, seen.Full+seen.Resumed, seen.failed, seen.cut, 100*seen.taken(),
		now(0), now(1), now(2), now(3),
		c.Region.Puts, c.Region.Evicted, c.Region.Busy, c.Region.Damaged, c.Region.Overtaken,
		c.Store.Hits, c.Store.Writes, c.Store.Dropped, c.Store.Errors, c.Store.Timeouts,
		s.openBreakers(), c.Store.Opened, struck.kills, struck.reloads, s.faults, fault)
	return reportEvery
}

// openBreakers is how many processes leave the store alone now.
func (s *soak) openBreakers() int {
	open := func(p statfile.Process) uint64 { return p.Store.Open }
	return s.struck.launch.readFigures(s.T).sum(open) + s.steady.launch.readFigures(s.T).sum(open)
}

// judgeMemory writes the curves and asserts that they are flat.
func (s *soak) judgeMemory() {
	dir, err := filepath.Abs("../../../build/soak")
	require.NoError(s, err)
	s.history.write(s.T, dir)
	fmt.Printf("memory over time: %s/memory.csv and memory.txt\n", dir)
	long := time.Since(s.began) >= leastToJudge
	for i, series := range s.history.values {
		first, last := growth(series)
		fmt.Printf("%s: %.1f MB in the first third, %.1f MB in the last\n", memorySeries[i].name, first, last)
		if long {
			assert.LessOrEqual(s, last, first*memorySeries[i].share+flatMB, "%s: MB, not flat", memorySeries[i].name)
		}
	}
	if !long {
		fmt.Printf("below %v that is a beginning, and is not judged\n", leastToJudge)
	}
}

// calm is what the servers must do when nothing strikes any more. A lock that a killed worker had
// and nobody took over would keep sessions from being stored in its part of the region, in each of
// two runs; a worker that the machine did not let run for a while does so in one.
func (s *soak) calm() {
	for _, w := range []*watched{s.struck, s.steady} {
		eventually(s.T, func() bool {
			return w.launch.readFigures(s.T).sum(func(p statfile.Process) uint64 { return p.Store.Open }) == 0
		}, "the breakers close")
	}
	if wrong := s.useRegion(); wrong != "" {
		s.Log(wrong)
		assert.Empty(s, s.useRegion())
	}
	s.pair.requireSharing(s.T)
}

// useRegion has clients use all of the region whose users were killed. It returns what was not as
// it is in one that nobody harmed.
func (s *soak) useRegion() string {
	w := s.struck
	before := w.counted(s.T).Region
	seen := runLoad(s.T, w.address, append(w.args(), "--threads", "2", "--connections", strconv.Itoa(calmLoad))...)
	now := w.counted(s.T).Region
	requireNoFailure(s.T, seen)
	if seen.Refused == 0 && now.Busy == before.Busy && now.Damaged == before.Damaged {
		return ""
	}
	return fmt.Sprintf("%d of %d sessions offered were not resumed, %d not stored for a lock that was not "+
		"to be had, %d found damaged", seen.Refused, seen.Offered, now.Busy-before.Busy, now.Damaged-before.Damaged)
}

// end stops the servers; of their logs only the killed workers may tell.
func (s *soak) end() {
	struck, seen, _ := s.clients.state()
	for _, w := range []*watched{s.struck, s.steady} {
		w.launch.living = nil
		w.shutdown(s.T)
		logs := strings.ReplaceAll(w.logs(), "exited on signal 9", "")
		assert.Empty(s, crash.FindAllString(logs, -1), "the server's log tells of a crash")
		assert.Empty(s, complaint.FindAllString(logs, -1), "the library complained")
	}
	fmt.Printf("%d handshakes, %d failed, %d connections cut with the %d workers killed and %d reloads; "+
		"%d faults of the store\n", seen.Full+seen.Resumed, seen.failed, seen.cut, struck.kills, struck.reloads, s.faults)
}
