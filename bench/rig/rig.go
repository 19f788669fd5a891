// Package rig is what the benchmark and the demonstration need beside a server
// that they start: its certificate, its processes and what they take.
package rig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"time"
)

// WriteCertificate writes a certificate for ECDSA on P-256, and its key, into
// one file that its owner alone can read.
func WriteCertificate(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	both := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	return os.WriteFile(path, both, 0o600)
}

// Processes is a process and its children: a master and its workers.
func Processes(first int) []int {
	pids := []int{first}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", first))
	if err != nil {
		return pids
	}
	for _, field := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Memory is what processes take together, in bytes; what n of them share counts
// 1/n in each.
func Memory(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		bytes, err := proportional(string(rollup))
		if err != nil {
			return 0, err
		}
		sum += bytes
	}
	return sum, nil
}

// proportional reads the proportional set size out of smaps_rollup, in bytes.
func proportional(rollup string) (int64, error) {
	for line := range strings.Lines(rollup) {
		var kilobytes int64
		if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kilobytes); n == 1 {
			return kilobytes << 10, nil
		}
	}
	return 0, errors.New("smaps_rollup does not tell the proportional set size")
}

// CheckLoad is the error of a run of tlsload in which a connection failed, each
// of errors so many times, or client and server disagree on what was resumed.
func CheckLoad(connections, failed, resumed, said int, errors map[string]int) error {
	if failed > 0 {
		var reasons []string
		for reason, count := range errors {
			reasons = append(reasons, fmt.Sprintf("%d %s", count, reason))
		}
		return fmt.Errorf("%d of %d connections failed: %s", failed, connections, strings.Join(reasons, "; "))
	}
	if said != resumed {
		return fmt.Errorf("the clients resumed %d times, the server says %d", resumed, said)
	}
	return nil
}
