package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is where and when the benchmark ran.
type machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	Kernel      string `json:"kernel"`
	MemoryBytes int64  `json:"memory_bytes"`
	OpenSSL     string `json:"openssl"`
	Go          string `json:"go"`
	Date        string `json:"date"`
	// Load is the load average of the last minute before the start: above some
	// tenths, another program had a part of the cores.
	Load float64 `json:"load"`
}

func describeMachine() (machine, error) {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Date: time.Now().UTC().Format("2006-01-02 15:04 MST")}
	cpuinfo, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	m.CPU = fieldOf(string(cpuinfo), "model name")
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return m, err
	}
	kilobytes, err := strconv.ParseInt(strings.TrimSuffix(fieldOf(string(meminfo), "MemTotal"), " kB"), 10, 64)
	if err != nil {
		return m, fmt.Errorf("/proc/meminfo: %w", err)
	}
	m.MemoryBytes = kilobytes * 1024
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return m, err
	}
	minute, _, _ := strings.Cut(string(load), " ")
	if m.Load, err = strconv.ParseFloat(minute, 64); err != nil {
		return m, fmt.Errorf("/proc/loadavg: %w", err)
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return m, err
	}
	m.Kernel = unix.ByteSliceToString(uts.Release[:])
	// The programs and this command load the same libssl.
	version, err := execute(context.Background(), "/usr/bin/env", []string{"openssl", "version"}, environment(""))
	if err != nil {
		return m, err
	}
	m.OpenSSL = strings.TrimSpace(version)
	return m, nil
}

// fieldOf is what stands behind the first "name :" of a file in /proc.
func fieldOf(content, name string) string {
	for line := range strings.Lines(content) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (m machine) table() table {
	return table{section: "machine", head: []string{"machine", ""}, rows: [][]string{
		{"processor", m.CPU},
		{"cores", fmt.Sprint(m.Cores)},
		{"memory", fmt.Sprintf("%.1f GiB", float64(m.MemoryBytes)/(1<<30))},
		{"kernel", m.Kernel},
		{"OpenSSL", m.OpenSSL},
		{"Go", m.Go},
		{"date", m.Date},
		{"load at the start", fmt.Sprint(m.Load)},
	}}
}
