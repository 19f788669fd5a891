package store

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// respServer answers each command of Redis's protocol, in lower case, with what
// answer returns; nothing if that is empty. It returns its address.
func respServer(t *testing.T, answer func(command string) string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				r := bufio.NewReader(conn)
				for {
					command, err := readCommand(r)
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, answer(strings.ToLower(command)))
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// readCommand reads an array of strings, which it returns with blanks between them.
func readCommand(r *bufio.Reader) (string, error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return "", err
	}
	var words []string
	for range n {
		var length int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &length); err != nil {
			return "", err
		}
		word := make([]byte, length+len("\r\n"))
		if _, err := io.ReadFull(r, word); err != nil {
			return "", err
		}
		words = append(words, string(word[:length]))
	}
	return strings.Join(words, " "), nil
}

// node answers as a node of a cluster does to GET, and to CLUSTER SLOTS with
// the given masters.
func node(get string, masters ...string) func(command string) string {
	return func(command string) string {
		switch {
		case command == "cluster slots":
			slots := fmt.Sprintf("*%d\r\n", len(masters))
			for i, addr := range masters {
				host, port, _ := net.SplitHostPort(addr)
				slots += fmt.Sprintf("*3\r\n:%d\r\n:%d\r\n*2\r\n$%d\r\n%s\r\n:%s\r\n", i, i, len(host), host, port)
			}
			return slots
		case strings.HasPrefix(command, "get "):
			return get
		}
		return "-ERR unknown command\r\n"
	}
}

const (
	nothing = "$-1\r\n"
	moved   = "-MOVED 1 127.0.0.1:1\r\n"
	down    = "-CLUSTERDOWN The cluster is down\r\n"
)

func probeAt(t *testing.T, url string, limit time.Duration) error {
	t.Helper()
	parsed, err := parse(url)
	require.NoError(t, err)
	d, err := newDialer(parsed, nil)
	require.NoError(t, err)
	b := newRedis(parsed, d, leastPatience)
	defer b.close()
	return b.probe(t.Context(), limit)
}

func TestRedis_Probe(t *testing.T) {
	for answer, good := range map[string]bool{
		nothing: true, moved: true, down: false, "-LOADING Redis is loading\r\n": false,
		"-NOPERM no permissions\r\n": false, "garbage\r\n": false, "": false,
	} {
		err := probeAt(t, "redis://"+respServer(t, node(answer)), time.Minute)
		require.Equal(t, good, err == nil, "%q: %v", answer, err)
	}
}

// A master that hangs keeps a cluster out of use, one that is gone does not.
func TestCluster_Probe(t *testing.T) {
	good := respServer(t, node(nothing))
	other := respServer(t, node(moved))
	bad := respServer(t, node(down))
	hangs := respServer(t, node(""))
	gone := "127.0.0.1:1"
	for _, of := range []struct {
		masters []string
		good    bool
		late    bool
	}{
		{masters: []string{good, other}, good: true},
		{masters: []string{other}, good: true},
		{masters: []string{good, bad, gone}, good: true},
		{masters: []string{bad, gone}},
		{masters: []string{good, other, hangs}, late: true},
		{},
	} {
		seed := respServer(t, node(nothing, of.masters...))
		err := probeAt(t, "redis-cluster://"+seed, time.Minute)
		require.Equal(t, of.good, err == nil, "%v: %v", of, err)
		require.Equal(t, of.late, isLate(err), "%v: %v", of, err)
	}
}

// The master is asked for of all Sentinels, whichever knows it.
func TestSentinel_Master(t *testing.T) {
	master := respServer(t, func(command string) string {
		if strings.HasPrefix(command, "get ") {
			return nothing
		}
		return "-ERR unknown command\r\n"
	})
	host, port, err := net.SplitHostPort(master)
	require.NoError(t, err)
	good := respServer(t, func(command string) string {
		if command != "sentinel get-master-addr-by-name mymaster" {
			return "-ERR unknown command\r\n"
		}
		return fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(host), host, len(port), port)
	})
	always := func(answer string) string {
		return respServer(t, func(string) string { return answer })
	}
	others := []string{
		"127.0.0.1:1", always(""), always("*-1\r\n"), always("*0\r\n"), always("*1\r\n$1\r\nx\r\n"),
		always("-IDONTKNOW\r\n"), always("garbage\r\n"),
	}
	for _, other := range others {
		require.NoError(t, probeAt(t, "redis-sentinel://"+other+","+good+"/mymaster", time.Minute), other)
		require.Error(t, probeAt(t, "redis-sentinel://"+other+"/mymaster", time.Minute), other)
	}
	require.Error(t, probeAt(t, "redis-sentinel://"+good+"/another", time.Minute))
}
