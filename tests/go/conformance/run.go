package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Settings says where the things under test are.
type Settings struct {
	Library  string // libsesscache.so
	Binaries string // directory of the built programs
	First    string // preloaded before the library, such as a sanitizer's runtime; or ""
	Sanitize bool   // the programs and the library are built with sanitizers
}

// SettingsFromEnv reads SESSCACHE_LIBRARY, SESSCACHE_TESTS_C,
// SESSCACHE_PRELOAD_FIRST and SESSCACHE_ASAN.
func SettingsFromEnv() (Settings, error) {
	var err error
	s := Settings{
		First:    os.Getenv("SESSCACHE_PRELOAD_FIRST"),
		Sanitize: os.Getenv("SESSCACHE_ASAN") == "1",
	}
	if s.Library, err = filepath.Abs(envOr("SESSCACHE_LIBRARY", "../../../build/libsesscache.so")); err != nil {
		return s, err
	}
	s.Binaries, err = filepath.Abs(envOr("SESSCACHE_TESTS_C", "../../../build/tests/c"))
	return s, err
}

func envOr(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// Binary is the path of a built program.
func (s Settings) Binary(p Program) string {
	return filepath.Join(s.Binaries, p.Name)
}

// Result is what a run left behind.
type Result struct {
	Stdout []string
	Stderr []string
	// Err is nil if the program ended with status 0.
	Err error
}

// limit ends programs whose own alarm did not.
const limit = 5 * time.Minute

// Run runs a program: preloaded or not, on the libssl in libraries ("" for the
// system's), with more environment.
func (s Settings) Run(p Program, preload bool, libraries string, env ...string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Binary(p))
	cmd.Env = s.environ(p, preload, libraries, env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A child that the program left behind may hold the pipes; do not wait for it.
	cmd.WaitDelay = 5 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(err, fmt.Errorf("still running after %v", limit))
	}
	return Result{Stdout: lines(stdout.String()), Stderr: lines(stderr.String()), Err: err}
}

// PlainEnvironment is the environment of the test without what would change how
// a program runs: variables of the library and of the dynamic linker.
func PlainEnvironment() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "SESSCACHE_") || strings.HasPrefix(entry, "LD_")
	})
}

// environ is the environment of a run: the plain one, and what this run needs.
func (s Settings) environ(p Program, preload bool, libraries string, more []string) []string {
	env := PlainEnvironment()
	if preload {
		preloads := []string{s.Library}
		if s.First != "" {
			preloads = append([]string{s.First}, preloads...)
		}
		env = append(env, "LD_PRELOAD="+strings.Join(preloads, ":"))
	}
	if libraries != "" {
		env = append(env, "LD_LIBRARY_PATH="+libraries)
	}
	// The programs' own alarm is for a quiet machine; tests run several at once.
	alarm := 60
	if s.Sanitize {
		alarm = 240
	}
	env = append(env, fmt.Sprintf("TESTS_C_ALARM=%d", alarm))
	if p.Leaks {
		env = append(env, "ASAN_OPTIONS="+appendOption(os.Getenv("ASAN_OPTIONS"), "detect_leaks=0"))
	}
	env = append(env, p.Env...)
	return append(env, more...)
}

func appendOption(options, option string) string {
	if options == "" {
		return option
	}
	return options + ":" + option
}

// lines splits a text into its lines, without their ends.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
