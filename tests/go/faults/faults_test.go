package faults

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFaults_Allocation fails each allocation of the shim in turn, and each of
// OpenSSL below a call of the shim.
func TestFaults_Allocation(t *testing.T) {
	result := Run(2*short, nil, program(t, "faults/alloc"))
	requireWell(t, result)
	// It must have come to what there is: records, tables, slots, threads.
	for _, kind := range []string{
		`another context: [1-9][0-9]* of kind 'allocation of the shim'`,
		`another context: [1-9][0-9]+ of kind 'allocation of OpenSSL'`,
		`the first add: [1-9][0-9]* of kind 'allocation of the shim'`,
		`the first add: [1-9] of kind 'thread of the shim'`,
	} {
		require.Regexp(t, regexp.MustCompile(kind), result.Stdout)
	}
}

// TestFaults_Signals runs handlers without SA_ONSTACK in the midst of the
// cache's work; the program says which signals it has caught.
func TestFaults_Signals(t *testing.T) {
	for range 3 {
		result := Run(short, preload(t), program(t, "faults/signals"))
		requireWell(t, result)
		require.NotContains(t, result.Stdout, "> 0 = 0")
		require.Contains(t, result.Stdout, "masks_changed) = 0\n")
		require.Contains(t, result.Stdout, "sessions_alive() = 0")
	}
}

// TestFaults_SignalsNested has such handlers interrupt one another.
func TestFaults_SignalsNested(t *testing.T) {
	for range 3 {
		requireWell(t, Run(short, preload(t), program(t, "faults/signals"), "nested"))
	}
}

// TestFaults_AllSignalsBlocked: what a host blocks stays blocked in its threads.
func TestFaults_AllSignalsBlocked(t *testing.T) {
	result := Run(short, preload(t), program(t, "faults/signals"), "blocked")
	requireWell(t, result)
	require.Contains(t, result.Stdout, "masks_changed) = 0\n")
	require.Contains(t, result.Stdout, "sessions_alive() = 0")
}

func TestFaults_Children(t *testing.T) {
	result := Run(short, preload(t), program(t, "faults/children"))
	requireWell(t, result)
	require.Empty(t, result.Stderr)
	require.Equal(t, 6, strings.Count(result.Stdout, ": 0 of 25 ended badly\n"), result.Stdout)
	require.Contains(t, result.Stdout, "library_attached(ctx) = 1")
	require.Contains(t, result.Stdout, "sessions_alive() = 0")
}

// TestFaults_Limits: where the core cannot start, libssl's own cache serves,
// and one line says so.
func TestFaults_Limits(t *testing.T) {
	const refused = "sesscache: this process cannot run the Go core: its address space is limited"
	for name, test := range map[string]struct {
		args     []string
		attached string // before, after the handshakes, and at the end
		stderr   string
	}{
		"no descriptors left":         {[]string{"files"}, "1 1 1", ""},
		"descriptors closed":          {[]string{"closed"}, "1 1 1", ""},
		"400 MiB of address space":    {[]string{"space", "400"}, "1 0 0", refused},
		"800 MiB of address space":    {[]string{"space", "800"}, "1 0 0", refused},
		"3000 MiB of address space":   {[]string{"space", "3000"}, "1 1 1", ""},
		"64 MiB more than are in use": {[]string{"little", "64"}, "1 1 1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			result := Run(short, preload(t), program(t, "faults/limits"), test.args...)
			requireWell(t, result)
			var attached []string
			for line := range strings.Lines(result.Stdout) {
				if value, found := strings.CutPrefix(line, "library_attached(server) = "); found {
					attached = append(attached, strings.TrimSpace(value))
				}
			}
			require.Equal(t, test.attached, strings.Join(attached, " "))
			require.Equal(t, 4, strings.Count(result.Stdout, "resumed[i] > 40 = 1\n"))
			require.Contains(t, result.Stdout, "added > 0 = 1\n")
			require.Contains(t, result.Stdout, "sessions never freed: 0\n")
			if test.stderr == "" {
				require.Empty(t, result.Stderr)
			} else {
				require.Contains(t, result.Stderr, test.stderr)
				require.Equal(t, 1, strings.Count(result.Stderr, "\n"), result.Stderr)
			}
		})
	}
}
