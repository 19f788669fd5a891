package faults

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// withEnvironment runs a small program with settings of the library. Whatever
// they say, it must do its work; what the library says is returned.
func withEnvironment(t *testing.T, settings ...string) string {
	t.Helper()
	plain := Run(short, preload(t), program(t, "c/add"))
	requireWell(t, plain)
	require.Empty(t, plain.Stderr)
	result := Run(short, append(preload(t), settings...), program(t, "c/add"))
	requireWell(t, result)
	if !strings.Contains(strings.Join(settings, " "), "SESSCACHE_MODE=takeover") {
		require.Equal(t, plain.Stdout, result.Stdout)
	}
	for line := range strings.Lines(result.Stderr) {
		require.True(t, strings.HasPrefix(line, "sesscache: SESSCACHE_"), line)
	}
	return result.Stderr
}

// TestEnvironment_StatsFile: a path that is none costs the figures and one line.
func TestEnvironment_StatsFile(t *testing.T) {
	dir := t.TempDir()
	place := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, syscall.Mkfifo(place("fifo"), 0o600))
	require.NoError(t, os.WriteFile(place("foreign"), []byte(strings.Repeat("text ", 2000)), 0o600))
	require.NoError(t, os.Symlink(place("target"), place("link")))
	require.NoError(t, os.WriteFile(place("target"), nil, 0o600))
	require.NoError(t, os.WriteFile(place("empty"), nil, 0o600))
	for path, lines := range map[string]int{
		"":                                       0,
		place("new"):                             0,
		place("empty"):                           0,
		place("foreign"):                         1,
		place("fifo"):                            1,
		place("link"):                            1,
		place("no/such/directory"):               1,
		place("%s%n%d"):                          0,
		dir:                                      1,
		"/":                                      1,
		"/dev/null":                              1,
		"/dev/full":                              1,
		"/proc/self/mem":                         1,
		strings.Repeat("x", 5000):                1,
		dir + strings.Repeat("/.", 100) + "/new": 0,
	} {
		said := withEnvironment(t, "SESSCACHE_STATS_FILE="+path)
		require.Equal(t, lines, strings.Count(said, "\n"), "%.60q: %s", path, said)
	}
	foreign, err := os.ReadFile(place("foreign"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(foreign), "text text"), "a foreign file was written to")
}

// TestEnvironment_Random gives the settings random bytes.
func TestEnvironment_Random(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	value := func(most int) string {
		b := make([]byte, random.IntN(most))
		for i := range b {
			b[i] = byte(1 + random.IntN(255))
			if random.IntN(2) == 0 {
				b[i] = "documentedtakeover/%s\n"[random.IntN(22)]
			}
		}
		return string(b)
	}
	for range 40 {
		name := strings.ReplaceAll(value(300), "/", "_")
		said := withEnvironment(t, "SESSCACHE_MODE="+value(700),
			"SESSCACHE_STATS_FILE="+dir+"/"+name, "SESSCACHE_UNKNOWN="+value(20))
		require.LessOrEqual(t, strings.Count(said, "\n"), 2)
	}
}
