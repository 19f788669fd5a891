// Package backend starts the servers that a store can be: Redis by itself, with
// Sentinels or as a cluster, and memcached, all from Debian's packages, on
// loopback, each in a directory of its own. They end with the test. A Proxy in
// front of one makes the faults that a network has.
package backend

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"time"
)

// TB is what this package needs of a testing.TB, so that a program which is no
// test can use it as well. Fatalf and Skipf must not return.
type TB interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(func())
	TempDir() string
}

// patience bounds each wait for a condition; nothing waits for it when all is well.
const patience = 20 * time.Second

// Eventually polls a condition until it holds, and ends the test if it does not
// after 20 seconds.
func Eventually(t TB, condition func() bool, what string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-pause.C
	}
}

// Ports below those that the tests of servers take, and below the kernel's range
// for outgoing connections.
const (
	firstPort = 11000
	ports     = 9000
)

var nextPort atomic.Int64

func init() {
	nextPort.Store(int64(os.Getpid()*7) % ports)
}

// freePort finds a port of loopback that nobody listens on.
func freePort(t TB) int {
	t.Helper()
	for range ports {
		port := firstPort + int(nextPort.Add(1)%ports)
		listener, err := net.Listen("tcp", local(port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatalf("closing a listener: %v", err)
		}
		return port
	}
	t.Fatalf("no free port on loopback")
	return 0
}

func local(port int) string {
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// program finds the program of a server. A missing one skips the test, except
// where everything must be there.
func program(t TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	sentence := name + " is not installed: it comes with Debian's package " + debianPackage
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s", sentence)
	}
	t.Skipf("%s", sentence)
	return ""
}
