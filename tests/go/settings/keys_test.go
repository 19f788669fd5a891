package settings

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeys_Load: what a key file may look like.
func TestKeys_Load(t *testing.T) {
	dir := t.TempDir()
	many := ""
	for i := range 16 {
		many += key(byte(i + 1))
	}
	for name, test := range map[string]struct{ text, want string }{
		"one":             {key(1), "generation=1 keys=1 0101"},
		"several":         {key(2) + key(1) + key(3), "generation=1 keys=3 0202 0101 0303"},
		"no last newline": {strings.TrimSuffix(key(1), "\n"), "generation=1 keys=1 0101"},
		"comments":        {"# new\n" + key(9) + "\n  \n# old\n" + key(8) + "\n\n", "generation=1 keys=2 0909 0808"},
		"blanks":          {" \t" + strings.TrimSuffix(key(7), "\n") + " \r\n", "generation=1 keys=1 0707"},
		"a key twice":     {key(1) + key(2) + key(1), "generation=1 keys=2 0101 0202"},
		"all ones":        {key(0xff), "generation=1 keys=1 ffff"},
		"the most":        {many + key(16), "generation=1 keys=16 0101 0202 0303 0404 0505 0606 0707 0808 0909 0a0a 0b0b 0c0c 0d0d 0e0e 0f0f 1010"},
		"64 KiB":          {key(1) + strings.Repeat("#", 64<<10-45), "generation=1 keys=1 0101"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, "SESSCACHE_KEY_FILE="+writeFile(t, dir, "keys", test.text))
			require.Equal(t, test.want, s.do("keys"))
			s.says()
		})
	}
}

// TestKeys_Refused: a file that does not hold keys, and nothing else.
func TestKeys_Refused(t *testing.T) {
	dir := t.TempDir()
	plain := strings.TrimSuffix(key(1), "\n")
	many := ""
	for i := range 17 {
		many += key(byte(i + 1))
	}
	for name, test := range map[string]struct{ text, why string }{
		"empty":           {"", "it has no key"},
		"comments":        {"# none\n\n", "it has no key"},
		"zeros":           {key(1) + key(0), "line 2 is a key of zeros"},
		"17 keys":         {many, "line 17 is a key more than 16"},
		"text":            {"# keys\nS3CRET\n", "line 2 is not 32 bytes in base64"},
		"hex":             {strings.Repeat("5e", 32) + "\n", "line 1 is not"},
		"31 bytes":        {plain[:41] + "A==\n", "line 1 is not"},
		"33 bytes":        {plain[:43] + "A\n", "line 1 is not"},
		"48 bytes":        {strings.Repeat("A", 64) + "\n", "line 1 is not"},
		"no padding":      {plain[:43] + "\n", "line 1 is not"},
		"URL alphabet":    {"-" + plain[1:] + "\n", "line 1 is not"},
		"padding inside":  {plain[:20] + "=" + plain[21:] + "\n", "line 1 is not"},
		"bits left over":  {plain[:42] + "F=\n", "line 1 is not"},
		"NUL":             {plain[:20] + "\x00" + plain[21:] + "\n", "line 1 is not"},
		"comment behind":  {plain + " # mine\n", "line 1 is not"},
		"a good one, too": {key(1) + "x\n" + key(2), "line 2 is not"},
		"too long":        {key(1) + strings.Repeat("#", 64<<10-44), "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, dir, "keys", test.text)
			s := start(t, "SESSCACHE_KEY_FILE="+path)
			require.Equal(t, "generation=0 keys=0", s.do("keys"))
			require.NoError(t, os.WriteFile(path, []byte(key(1)), 0o600))
			require.Equal(t, "generation=0 keys=0", s.do("refresh now"), "a store that is off does not come back")
			_, stderr := s.end()
			requireLine(t, stderr, "SESSCACHE_KEY_FILE="+path+": "+test.why, "openssl rand -base64 32", "there is no key")
			require.NotContains(t, stderr, "S3CRET")
			require.NotContains(t, stderr, plain[:8])
		})
	}
}

// TestKeys_Rights: whose file it may be, and who else may use it.
func TestKeys_Rights(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "keys", key(1))
	for mode := range os.FileMode(0o1000) {
		if bits := mode & 0o77; mode>>6 != 6 || bits&(bits-1) != 0 {
			continue
		}
		require.NoError(t, os.Chmod(path, mode))
		s := start(t, "SESSCACHE_KEY_FILE="+path)
		if mode == 0o600 {
			s.says()
		} else {
			s.says("others than its owner have rights to it (chmod 600)")
		}
	}
	require.NoError(t, os.Chmod(path, 0o400))
	start(t, "SESSCACHE_KEY_FILE="+path).says()

	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(path, link))
	start(t, "SESSCACHE_KEY_FILE="+link).says()
	require.NoError(t, os.Chmod(path, 0o640))
	start(t, "SESSCACHE_KEY_FILE="+link).says("others than its owner")

	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	start(t, "SESSCACHE_KEY_FILE="+fifo).says("not a regular file")
	start(t, "SESSCACHE_KEY_FILE="+dir).says("not a regular file")
	start(t, "SESSCACHE_KEY_FILE=/dev/zero").says("not a regular file")
}

// TestKeys_Owner: a file of another user is refused, also by root.
func TestKeys_Owner(t *testing.T) {
	requireRoot(t)
	path := writeFile(t, t.TempDir(), "keys", key(1))
	require.NoError(t, os.Chown(path, 65534, 0))
	start(t, "SESSCACHE_KEY_FILE="+path).says("it belongs neither to root nor to this user")
}

// TestKeys_Refresh: the file is read again when it has changed, in place or by
// another file under its name, and what is not a key file changes nothing.
func TestKeys_Refresh(t *testing.T) {
	dir := t.TempDir()
	path := writeFile(t, dir, "keys", key(1))
	s := start(t, "SESSCACHE_KEY_FILE="+path, "SESSCACHE_STRICT=1")
	require.Equal(t, "generation=1 keys=1 0101", s.do("refresh now"))

	writeFile(t, dir, "keys", key(2)+key(1))
	require.Equal(t, "generation=1 keys=1 0101", s.do("keys"))
	require.Equal(t, "generation=1 keys=1 0101", s.do("refresh"), "looked at again within 5 seconds")
	require.Equal(t, "generation=2 keys=2 0202 0101", s.do("refresh now"))

	require.NoError(t, os.WriteFile(path, []byte(key(3)+key(2)+key(1)), 0o600))
	require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("refresh now"))
	require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("fork keys"))
	require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("fork refresh now"))

	writeFile(t, dir, "keys", key(3)+key(2)+key(1)+"# the same\n")
	require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("refresh now"))

	// A file that is gone is no reason to say anything; it may come back.
	require.NoError(t, os.Rename(path, path+".away"))
	require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("refresh now"))
	// A bad one is named once, and does not end a server that runs.
	for _, bad := range []string{"nonsense\n", "", key(4) + key(0)} {
		writeFile(t, dir, "keys", bad)
		require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("refresh now"))
		require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("refresh now"))
	}
	writeFile(t, dir, "keys", key(4))
	require.NoError(t, os.Chmod(path, 0o644))
	require.Equal(t, "generation=3 keys=3 0303 0202 0101", s.do("refresh now"))
	require.NoError(t, os.Chmod(path, 0o600))
	require.Equal(t, "generation=4 keys=1 0404", s.do("refresh now"))

	status, stderr := s.end()
	require.Zero(t, status)
	require.Equal(t, 4, strings.Count(stderr, "\n"), stderr)
	for line := range strings.Lines(stderr) {
		requireLine(t, line, "SESSCACHE_KEY_FILE="+path+": changed, but refused: ", "the keys stay as they were")
	}
}

// TestKeys_WithoutRights: a worker that has given up its rights keeps the keys
// that it has, and says nothing.
func TestKeys_WithoutRights(t *testing.T) {
	requireRoot(t)
	dir := place(t)
	path := writeFile(t, dir, "keys", key(1))
	s := start(t, "SESSCACHE_KEY_FILE="+path)
	require.Equal(t, "user=1", s.do("user"))
	writeFile(t, dir, "keys", key(2))
	require.Equal(t, "generation=1 keys=1 0101", s.do("refresh now"))
	s.says()
}

// TestKeys_Threads: threads see whole files only while others replace them, and
// a child forked at any moment has keys and waits for no lock.
func TestKeys_Threads(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, first byte) string {
		text := ""
		for i := range 16 {
			bytes := bytes.Repeat([]byte{first}, 32)
			bytes[31] = byte(i)
			text += base64Line(bytes)
		}
		return writeFile(t, dir, name, text)
	}
	for name, program := range map[string]string{"plain": probe(t), "ThreadSanitizer": raceProbe(t)} {
		t.Run(name, func(t *testing.T) {
			one, other := file("one", 1), file("other", 2)
			s := startProgram(t, program, ":", "SESSCACHE_KEY_FILE="+file("keys", 1), "TSAN_OPTIONS=die_after_fork=0")
			require.Equal(t, "torn=0 failed=0", s.do("crowd "+one+" "+other))
			s.says()
		})
	}
}

var mapping = regexp.MustCompile(`^([0-9a-f]+)-([0-9a-f]+) (r...) `)

// TestKeys_NotDumped: no byte of a key, nor of its text, lies in memory that a
// core dump contains, at no place but that of the keys.
func TestKeys_NotDumped(t *testing.T) {
	secret := []byte("these 32 bytes are to be secret!")
	dir := t.TempDir()
	path := writeFile(t, dir, "keys", key(5))
	s := start(t, "SESSCACHE_KEY_FILE="+path, "SESSCACHE_SHARED_FILE="+dir+"/region")
	require.Equal(t, "generation=1 keys=1 0505", s.do("keys"))
	writeFile(t, dir, "keys", base64Line(secret))
	require.Equal(t, "generation=2 keys=1 7421", s.do("refresh now"))
	require.Contains(t, s.do("map"), "mapped=1")

	pid := s.cmd.Process.Pid
	smaps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	require.NoError(t, err)
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	require.NoError(t, err)
	defer memory.Close()
	var text string
	var found int
	for line := range strings.Lines(string(smaps)) {
		if mapping.MatchString(line) {
			text = line
		}
		flags, ok := strings.CutPrefix(line, "VmFlags:")
		if !ok || text == "" {
			continue
		}
		var from, to int64
		_, err := fmt.Sscanf(text, "%x-%x", &from, &to)
		require.NoError(t, err)
		data := make([]byte, min(to-from, 4<<20))
		n, err := memory.ReadAt(data, from)
		if err != nil && err != io.EOF && !strings.Contains(text, "[v") {
			require.NoError(t, err, text)
		}
		dumped := !strings.Contains(flags, " dd")
		require.NotContains(t, string(data[:n]), strings.Repeat("\x05", 32), "the key of before lies in %s", text)
		for _, part := range [][]byte{secret[:16], secret[16:], []byte(base64Line(secret)[:20])} {
			if bytes.Contains(data[:n], part) {
				found++
				require.False(t, dumped, "%q lies in %s", part, text)
			}
		}
		text = ""
	}
	require.Equal(t, 2, found, "the halves of the key, once each, and not its text")
}
