package store

import (
	"bufio"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// answered reads what a guard lets through of an answer that arrives in pieces.
func answered(t *testing.T, scan grammar, answer string, piece int) (string, error) {
	t.Helper()
	server, client := net.Pipe()
	defer func() { _ = server.Close() }()
	g := newGuard(client, scan)
	defer func() { _ = g.Close() }()
	go func() {
		request := make([]byte, 1)
		_, _ = server.Read(request)
		for len(answer) > 0 {
			n, err := server.Write([]byte(answer[:min(piece, len(answer))]))
			if err != nil {
				return
			}
			answer = answer[n:]
		}
		_ = server.Close()
	}()
	_, err := g.Write([]byte("?"))
	require.NoError(t, err)
	got, err := io.ReadAll(bufio.NewReaderSize(g, 4096))
	return string(got), err
}

func TestGuard_Passes(t *testing.T) {
	value := strings.Repeat("$999999999\r\nVALUE x 0 999999999\r\n", 1000)
	for _, of := range []struct {
		scan   grammar
		answer string
	}{
		{scanRESP, "+OK\r\n"},
		{scanRESP, "-ERR unknown command\r\n"},
		{scanRESP, ":1000\r\n$-1\r\n*-1\r\n$0\r\n\r\n"},
		{scanRESP, "$5\r\nvalue\r\n$6\r\n\r\n\r\n\r\n\r\n+OK\r\n"},
		{scanRESP, "*2\r\n$3\r\nfoo\r\n%1\r\n+a\r\n#t\r\n_\r\n,1.5\r\n(123\r\n=7\r\ntxt:abc\r\n~0\r\n"},
		{scanRESP, "$33000\r\n" + value[:33000] + "\r\n"},
		{scanRESP, "$65536\r\n" + strings.Repeat("x", MaxValue) + "\r\n"},
		{scanRESP, "*20000\r\n" + strings.Repeat(":1\r\n", 20000)},
		{scanRESP, "+" + strings.Repeat("x", 10000) + "\r\n:1\r\n"},
		{scanMemcached, "END\r\n"},
		{scanMemcached, "STORED\r\nDELETED\r\nSERVER_ERROR out of memory storing object\r\n"},
		{scanMemcached, "VALUE key 0 5 12345\r\nvalue\r\nEND\r\n"},
		{scanMemcached, "VALUE key 0 33000\r\n" + value[:33000] + "\r\nEND\r\n"},
		{scanMemcached, "VALUE key 0 65536 1\r\n" + strings.Repeat("x", MaxValue) + "\r\nEND\r\n"},
	} {
		pieces := []int{100, 4096, 1 << 20}
		if len(of.answer) < 1000 {
			pieces = append(pieces, 1, 2, 7)
		}
		for _, piece := range pieces {
			synctest.Test(t, func(t *testing.T) {
				got, err := answered(t, of.scan, of.answer, piece)
				require.NoError(t, err, "%.40q in pieces of %d", of.answer, piece)
				require.Equal(t, of.answer, got)
			})
		}
	}
}

func TestGuard_Refuses(t *testing.T) {
	for _, of := range []struct {
		scan   grammar
		answer string
	}{
		{scanRESP, "$65537\r\n"},
		{scanRESP, "+OK\r\n$1099511627776\r\n"},
		{scanRESP, "$99999999999999999999\r\n"},
		{scanRESP, "$-2\r\n"},
		{scanRESP, "$x\r\n"},
		{scanRESP, "$\r\n"},
		{scanRESP, "$5\nvalue"},
		{scanRESP, "$" + strings.Repeat("0", 1000) + "1099511627776\r\n"},
		{scanRESP, "=65537\r\n"},
		{scanRESP, "!65537\r\n"},
		{scanRESP, "*1000000\r\n"},
		{scanRESP, "%1000000\r\n"},
		{scanRESP, "*2147483648\r\n"},
		{scanRESP, strings.Repeat("*100000\r\n", 100)},
		{scanRESP, strings.Repeat("*1\r\n", replyBudget/headerCost)},
		{scanRESP, "+" + strings.Repeat("x", replyBudget)},
		{scanRESP, strings.Repeat("+OK\r\n", replyBudget/5+1)},
		{scanMemcached, "VALUE key 0 65537\r\n"},
		{scanMemcached, "VALUE key 0 4294967295 1\r\n"},
		{scanMemcached, "VALUE key 0 -1 1\r\n"},
		{scanMemcached, "VALUE key 0 x 1\r\n"},
		{scanMemcached, "VALUE key 0\r\n"},
		{scanMemcached, "VALUE \r\n"},
		{scanMemcached, "VALUE " + strings.Repeat("k", 1000) + " 0 1099511627776\r\n"},
		{scanMemcached, strings.Repeat("VALUE key 0 1\r\nx\r\n", replyBudget/headerCost)},
		{scanMemcached, strings.Repeat("x", replyBudget+1)},
	} {
		for _, piece := range []int{4096, 1 << 23} {
			synctest.Test(t, func(t *testing.T) {
				_, err := answered(t, of.scan, of.answer, piece)
				require.ErrorIs(t, err, errNoAnswer, "%.40q", of.answer)
			})
		}
	}
}

// The budget is that of one request.
func TestGuard_Budget(t *testing.T) {
	server, client := net.Pipe()
	defer func() { _ = server.Close() }()
	g := newGuard(client, scanRESP)
	answer := []byte("*65536\r\n")
	go func() {
		request := make([]byte, 1)
		for {
			if _, err := server.Read(request); err != nil {
				return
			}
			_, _ = server.Write(answer)
		}
	}()
	for range 10 {
		_, err := g.Write([]byte("?"))
		require.NoError(t, err)
		_, err = io.ReadFull(g, make([]byte, len(answer)))
		require.NoError(t, err)
	}
	require.NoError(t, g.Close())
}

// An answer that comes byte by byte keeps nobody for longer than a whole one.
func TestGuard_Trickle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		g := newGuard(client, scanMemcached)
		go func() {
			request := make([]byte, 1)
			_, _ = server.Read(request)
			for {
				time.Sleep(100 * time.Millisecond)
				if _, err := server.Write([]byte("x")); err != nil {
					return
				}
			}
		}()
		_, err := g.Write([]byte("?"))
		require.NoError(t, err)
		start := time.Now()
		_, err = io.ReadAll(g)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Less(t, time.Since(start), replyPatience+time.Second)
		require.NoError(t, g.Close())
		time.Sleep(time.Second) // the server notices
	})
}

// go-redis looks at the socket itself, which has to be that of the connection.
func TestGuard_Socket(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	conn, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	g := newGuard(conn, scanRESP)
	defer func() { _ = g.Close() }()
	raw, ok := g.(guarded)
	require.True(t, ok)
	_, err = raw.SyscallConn()
	require.NoError(t, err)
}

func FuzzGuard(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nfoo\r\n%1\r\n+a\r\n#t\r\n"), 3)
	f.Add([]byte("VALUE key 0 5 12345\r\nvalue\r\nEND\r\n"), 1)
	f.Add([]byte("$-1\r\n\n\r\n$\r\n"), 2)
	f.Fuzz(func(t *testing.T, answer []byte, piece int) {
		if piece < 1 {
			return
		}
		for _, scan := range []grammar{scanRESP, scanMemcached} {
			whole := &guard{scan: scan}
			parts := &guard{scan: scan}
			good := whole.follow(answer)
			for rest := answer; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
				if !parts.follow(rest[:min(piece, len(rest))]) {
					require.False(t, good)
					return
				}
			}
			require.True(t, good, "pieces change nothing")
			require.Equal(t, whole.spent, parts.spent)
			require.Equal(t, whole.skip, parts.skip)
		}
	})
}
