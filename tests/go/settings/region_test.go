package settings

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	size     = 1 << 20
	header   = 4096
	fileSize = size + header

	inFile    = "mapped=1 size=1048576 in_file=1 inherited=0"
	anonymous = "mapped=1 size=1048576 in_file=0 inherited=0"
)

// fileSettings are those of a region of 1 MiB in a file.
func fileSettings(path, keys string) []string {
	return []string{"SESSCACHE_SHARED_SIZE=1M", "SESSCACHE_SHARED_FILE=" + path, "SESSCACHE_KEY_FILE=" + keys}
}

// TestRegion_Inherited: memory that is mapped before a fork is shared and known
// as inherited; memory that a child maps is its own.
func TestRegion_Inherited(t *testing.T) {
	s := start(t)
	require.Equal(t, "mapped=1 size=16777216 in_file=0 inherited=0", s.do("fork map"))
	require.Equal(t, "mapped=1 size=16777216 in_file=0 inherited=0", s.do("map"))
	require.Equal(t, "mapped=1 size=16777216 in_file=0 inherited=1", s.do("fork map"))
	require.Equal(t, "mapped=1 size=16777216 in_file=0 inherited=1", s.do("fork fork map"))
	s.do("fork write hello")
	require.Equal(t, "read=hello", s.do("read"))
	require.Equal(t, "read=hello", s.do("fork read"))
	require.Equal(t, "mapped=1 size=16777216 in_file=0 inherited=0", s.do("map"))
	s.says()
}

// TestRegion_Off: no memory is mapped.
func TestRegion_Off(t *testing.T) {
	s := start(t, "SESSCACHE_SHARED_SIZE=0")
	require.Equal(t, "mapped=0 size=0 in_file=0 inherited=0", s.do("map"))
	require.Equal(t, "mapped=0 size=0 in_file=0 inherited=0", s.do("fork map"))
	s.says()
}

// TestRegion_AtOnce: threads that make the first contexts map one region.
func TestRegion_AtOnce(t *testing.T) {
	s := start(t)
	require.Equal(t, "same=1", s.do("at-once"))
	s.says()
}

// TestRegion_NoMemory: where the memory cannot be had, one line says so.
func TestRegion_NoMemory(t *testing.T) {
	s := startAfter(t, "ulimit -v 1000000", "SESSCACHE_SHARED_SIZE=8G")
	require.Equal(t, "mapped=0 size=0 in_file=0 inherited=0", s.do("map"))
	require.Equal(t, "mapped=0 size=0 in_file=0 inherited=0", s.do("map"))
	s.says("SESSCACHE_SHARED_SIZE: 8589934592 bytes", "Cannot allocate memory", "each process caches alone")

	s = startAfter(t, "ulimit -v 1000000", "SESSCACHE_SHARED_SIZE=8G", "SESSCACHE_STRICT=1")
	_, err := s.stdin.Write([]byte("map\n"))
	require.NoError(t, err)
	status, stderr := s.end()
	require.Equal(t, 78, status)
	require.Equal(t, 2, strings.Count(stderr, "\n"), stderr)
}

// TestRegion_Lazy: mapping takes no memory, and no core dump contains it.
func TestRegion_Lazy(t *testing.T) {
	s := start(t, "SESSCACHE_SHARED_SIZE=3M")
	s.do("map")
	smaps, err := os.ReadFile("/proc/" + pidOf(s) + "/smaps")
	require.NoError(t, err)
	_, region, found := strings.Cut(string(smaps), "/dev/zero (deleted)\n")
	require.True(t, found)
	region, _, _ = strings.Cut(region, "\n\n")
	require.Regexp(t, `Size: +3072 kB`, region)
	require.Regexp(t, `(?m)^Rss: +0 kB`, region)
	flags := region[strings.Index(region, "VmFlags:"):]
	flags, _, _ = strings.Cut(flags, "\n")
	require.Contains(t, flags, " dd")
}

// TestRegionFile_Kept: what a server wrote is there for the next one.
func TestRegionFile_Kept(t *testing.T) {
	dir := t.TempDir()
	path, keys := dir+"/region", writeFile(t, dir, "keys", key(1))
	for _, umask := range []string{"000", "777"} {
		s := startAfter(t, "umask "+umask, fileSettings(path, keys)...)
		require.Equal(t, inFile, s.do("map"))
		require.Equal(t, "mapped=1 size=1048576 in_file=1 inherited=1", s.do("fork map"))
		s.do("write hello")
		s.says()
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode())
		require.EqualValues(t, fileSize, info.Size())
		require.GreaterOrEqual(t, info.Sys().(*syscall.Stat_t).Blocks*512, int64(fileSize), "the file has holes")

		s = start(t, fileSettings(path, keys)...)
		require.Equal(t, inFile, s.do("map"))
		require.Equal(t, "read=hello", s.do("read"))
		require.False(t, opened(t, s, path), "a descriptor of the file is left open")
		s.says()
		require.NoError(t, os.Remove(path))
	}
}

// TestRegionFile_Empty: an operator may make the file where the server cannot.
func TestRegionFile_Empty(t *testing.T) {
	dir := t.TempDir()
	path, keys := writeFile(t, dir, "region", ""), writeFile(t, dir, "keys", key(1))
	s := start(t, fileSettings(path, keys)...)
	require.Equal(t, inFile, s.do("map"))
	s.says()
}

// TestRegionFile_Unfinished: a file whose maker died is made again; one that
// only begins with zeros is somebody else's.
func TestRegionFile_Unfinished(t *testing.T) {
	dir := t.TempDir()
	keys := writeFile(t, dir, "keys", key(1))
	path := writeFile(t, dir, "region", "SSMAKING"+strings.Repeat("x", 5*fileSize))
	s := start(t, fileSettings(path, keys)...)
	require.Equal(t, inFile, s.do("map"))
	require.Equal(t, "read=", s.do("read"), "what the maker left is taken for sessions")
	s.says()

	for _, foreign := range []string{strings.Repeat("\x00", fileSize), "text", strings.Repeat("text", fileSize/4)} {
		path = writeFile(t, dir, "region", foreign)
		s = start(t, fileSettings(path, keys)...)
		require.Equal(t, anonymous, s.do("map"))
		s.says("SESSCACHE_SHARED_FILE="+path+": it is not a region; once it is removed", "the sessions end with the server")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, foreign == string(after), "a foreign file was written to")
	}
}

// TestRegionFile_MakerDied: a server that is killed while it makes the file
// leaves one that the next makes again.
func TestRegionFile_MakerDied(t *testing.T) {
	dir := t.TempDir()
	path, keys := dir+"/region", writeFile(t, dir, "keys", key(1))
	source, object := filepath.Join(dir, "kill.c"), filepath.Join(dir, "kill.so")
	require.NoError(t, os.WriteFile(source, []byte(`
#include <fcntl.h>
#include <signal.h>

int posix_fallocate(int fd, off_t offset, off_t len)
{
    (void)fd, (void)offset, (void)len;
    return raise(SIGKILL);
}
`), 0o644))
	out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", object, source).CombinedOutput()
	require.NoError(t, err, "%s", out)
	s := start(t, append(fileSettings(path, keys), "LD_PRELOAD="+object)...)
	_, err = s.stdin.Write([]byte("map\n"))
	require.NoError(t, err)
	_, stderr := s.end()
	require.Empty(t, stderr)
	require.True(t, s.cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled())
	require.FileExists(t, path)

	s = start(t, fileSettings(path, keys)...)
	require.Equal(t, inFile, s.do("map"))
	s.says()
}

// TestRegionFile_Other: a file that something else was put into, or that
// another server made.
func TestRegionFile_Other(t *testing.T) {
	dir := t.TempDir()
	path, keys := dir+"/region", writeFile(t, dir, "keys", key(1))
	other := writeFile(t, dir, "other", key(2))
	for name, test := range map[string]struct {
		change   func(file *os.File) error
		settings []string
		why      string
	}{
		"layout": {func(f *os.File) error { return put(f, 8, uint32(99)) }, nil, "another version of the library made it"},
		"short":  {func(f *os.File) error { return f.Truncate(fileSize - 1) }, nil, "it has 1052671 bytes and not the 1052672 of its header"},
		"header": {func(f *os.File) error { return f.Truncate(40) }, nil, "it is not a region"},
		"long":   {func(f *os.File) error { return f.Truncate(fileSize + 1) }, nil, "it has 1052673 bytes and not the 1052672 of its header"},
		"tiny":   {func(f *os.File) error { return put(f, 16, uint64(1)) }, nil, "it is not a region"},
		"magic":  {func(f *os.File) error { return put(f, 0, uint64(1)) }, nil, "it is not a region"},
		"size":   {nil, []string{"SESSCACHE_SHARED_SIZE=2M"}, "it was made with another size, of 1048576 bytes"},
		"key":    {nil, []string{"SESSCACHE_KEY_FILE=" + other}, "it was made with another key"},
		"no key": {nil, []string{"SESSCACHE_KEY_FILE=", "SESSCACHE_INSECURE=1"}, "it was made with a key"},
	} {
		t.Run(name, func(t *testing.T) {
			os.Remove(path)
			s := start(t, fileSettings(path, keys)...)
			require.Equal(t, inFile, s.do("map"))
			s.says()
			if test.change != nil {
				file, err := os.OpenFile(path, os.O_RDWR, 0)
				require.NoError(t, err)
				require.NoError(t, test.change(file))
				require.NoError(t, file.Close())
			}
			before, err := os.ReadFile(path)
			require.NoError(t, err)
			s = start(t, append(fileSettings(path, keys), test.settings...)...)
			require.Contains(t, s.do("map"), "in_file=0")
			s.says("SESSCACHE_SHARED_FILE="+path+": "+test.why, "once it is removed a new one is made", "the sessions end with the server")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, string(before) == string(after), "the refused file was written to")

			require.NoError(t, os.Remove(path))
			s = start(t, append(fileSettings(path, keys), test.settings...)...)
			require.Contains(t, s.do("map"), "in_file=1")
			s.says()
		})
	}
}

func put(file *os.File, offset int64, value any) error {
	data, err := binary.Append(nil, binary.LittleEndian, value)
	if err == nil {
		_, err = file.WriteAt(data, offset)
	}
	return err
}

// TestRegionFile_Insecure: without a key the file has to be its owner's alone.
func TestRegionFile_Insecure(t *testing.T) {
	path := t.TempDir() + "/region"
	settings := []string{"SESSCACHE_SHARED_SIZE=1M", "SESSCACHE_SHARED_FILE=" + path, "SESSCACHE_INSECURE=1"}
	for range 2 {
		s := start(t, settings...)
		require.Equal(t, inFile, s.do("map"))
		s.says()
	}
	require.NoError(t, os.Chmod(path, 0o644))
	s := start(t, settings...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("without a key nobody but its owner may read it")
	keys := writeFile(t, filepath.Dir(path), "keys", key(1))
	require.NoError(t, os.Chmod(path, 0o600))
	s = start(t, fileSettings(path, keys)...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("it was made without a key")
}

// TestRegionFile_Distrusted: whose file it may be, and what.
func TestRegionFile_Distrusted(t *testing.T) {
	dir := t.TempDir()
	keys := writeFile(t, dir, "keys", key(1))
	path := dir + "/region"
	s := start(t, fileSettings(path, keys)...)
	require.Equal(t, inFile, s.do("map"))
	s.says()

	refused := func(path, why string) {
		t.Helper()
		s := start(t, fileSettings(path, keys)...)
		require.Equal(t, anonymous, s.do("map"))
		s.says(fmt.Sprintf("SESSCACHE_SHARED_FILE=%.40s", path), ": "+why, "the sessions end with the server")
	}
	for mode, why := range map[os.FileMode]string{0o620: "others than its owner may write it", 0o602: "others than its owner may write it", 0o644: ""} {
		require.NoError(t, os.Chmod(path, mode))
		if why != "" {
			refused(path, why)
			continue
		}
		s := start(t, fileSettings(path, keys)...)
		require.Equal(t, inFile, s.do("map"), "a sealed file may be read by others")
		s.says()
	}
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.Symlink(path, dir+"/link"))
	refused(dir+"/link", "it is a symbolic link")
	require.NoError(t, os.Link(path, dir+"/second"))
	refused(path, "it has more than one name")
	require.NoError(t, os.Remove(dir+"/second"))
	require.NoError(t, syscall.Mkfifo(dir+"/fifo", 0o600))
	refused(dir+"/fifo", "it is not a regular file")
	refused("/dev/null", "it is not a regular file")
	refused(dir, "Is a directory")
	refused(dir+"/no/such/directory", "No such file or directory")
	refused("/"+strings.Repeat("n", 300), "File name too long")
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(path, 65534, 65534))
		refused(path, "it belongs neither to root nor to this user")
	}
}

// TestRegionFile_User: a server that starts without rights has its own file.
func TestRegionFile_User(t *testing.T) {
	requireRoot(t)
	dir := place(t)
	require.NoError(t, os.Chmod(dir, 0o777))
	keys := writeFile(t, dir, "keys", key(1))
	for range 2 {
		s := start(t, fileSettings(dir+"/region", keys)...)
		require.Equal(t, "user=1", s.do("user"))
		require.Equal(t, inFile, s.do("map"))
		s.says()
	}
	s := start(t, fileSettings(dir+"/region", keys)...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("it belongs neither to root nor to this user")
}

// TestRegionFile_Full: a file that the disk or a limit has no room for is
// refused now; later it would end the server with a signal.
func TestRegionFile_Full(t *testing.T) {
	dir := t.TempDir()
	keys := writeFile(t, dir, "keys", key(1))
	s := startAfter(t, "ulimit -f 1000", fileSettings(dir+"/region", keys)...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("File too large")

	requireRoot(t)
	small := filepath.Join(dir, "small")
	require.NoError(t, os.Mkdir(small, 0o755))
	if err := syscall.Mount("tmpfs", small, "tmpfs", 0, "size=512k"); err != nil {
		t.Skipf("no file system of 512 KiB can be mounted: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(small, syscall.MNT_DETACH) })
	path := filepath.Join(small, "region")
	s = start(t, fileSettings(path, keys)...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("No space left on device")
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, info.Size(), "the disk stays full")

	// A copy without its holes does not fit either.
	whole := filepath.Join(dir, "region")
	s = start(t, fileSettings(whole, keys)...)
	require.Equal(t, inFile, s.do("map"))
	s.says()
	data, err := os.ReadFile(whole)
	require.NoError(t, err)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_TRUNC, 0o600)
	require.NoError(t, err)
	_, err = file.Write(data[:header])
	require.NoError(t, err)
	require.NoError(t, file.Truncate(fileSize))
	require.NoError(t, file.Close())
	s = start(t, fileSettings(path, keys)...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("No space left on device")
}

// TestRegionFile_Locked: another server that makes the file is waited for, but
// not for ever: whoever may read the file could hold the lock.
func TestRegionFile_Locked(t *testing.T) {
	dir := t.TempDir()
	path, keys := writeFile(t, dir, "region", ""), writeFile(t, dir, "keys", key(1))
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	s := start(t, fileSettings(path, keys)...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("another process has locked it")
}

// TestRegionFile_MadeMeanwhile: a server that waited for another to make the
// file takes it as it is then.
func TestRegionFile_MadeMeanwhile(t *testing.T) {
	dir := t.TempDir()
	keys := writeFile(t, dir, "keys", key(1))
	s := start(t, fileSettings(dir+"/other", keys)...)
	s.do("map")
	s.do("write hello")
	s.says()
	made, err := os.ReadFile(dir + "/other")
	require.NoError(t, err)

	path := writeFile(t, dir, "region", "")
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_EX))
	s = start(t, fileSettings(path, keys)...)
	_, err = s.stdin.Write([]byte("map\n"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return opened(t, s, path) }, limit, time.Millisecond)
	_, err = file.Write(made)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(file.Fd()), syscall.LOCK_UN))
	line, err := s.stdout.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, inFile+"\n", line)
	require.Equal(t, "read=hello", s.do("read"))
	s.says()
}

// opened is true if the probe has a descriptor of the file.
func opened(t *testing.T, s *session, path string) bool {
	t.Helper()
	descriptors := "/proc/" + pidOf(s) + "/fd/"
	entries, err := os.ReadDir(descriptors)
	require.NoError(t, err)
	for _, entry := range entries {
		// One that was closed in between is none.
		if target, err := os.Readlink(descriptors + entry.Name()); err == nil && target == path {
			return true
		}
	}
	return false
}

// TestRegionFile_TwoServers: servers that start at once on one file share it.
func TestRegionFile_TwoServers(t *testing.T) {
	dir := t.TempDir()
	path, keys := dir+"/region", writeFile(t, dir, "keys", key(1))
	for range 20 {
		servers := make([]*session, 4)
		for i := range servers {
			servers[i] = start(t, fileSettings(path, keys)...)
		}
		for _, s := range servers {
			_, err := s.stdin.Write([]byte("map\n"))
			require.NoError(t, err)
		}
		for _, s := range servers {
			line, err := s.stdout.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, inFile+"\n", line)
		}
		servers[0].do("write hello")
		for _, s := range servers {
			require.Equal(t, "read=hello", s.do("read"))
			s.says()
		}
		require.NoError(t, os.Remove(path))
	}
}

// TestRegionFile_NewKey: the file goes on under a new key while the old one is
// listed, and afterwards under the new one alone.
func TestRegionFile_NewKey(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/region"
	run := func(keys string) *session {
		s := start(t, fileSettings(path, writeFile(t, dir, "keys", keys))...)
		require.Equal(t, inFile, s.do("map"))
		return s
	}
	s := run(key(1))
	s.do("write hello")
	s.says()
	run(key(2) + key(1)).says()
	s = run(key(2))
	require.Equal(t, "read=hello", s.do("read"))

	// A server that runs notes it too, at the next context.
	writeFile(t, dir, "keys", key(3)+key(2))
	s.do("refresh now")
	s.do("map")
	s.says()
	s = run(key(3))
	require.Equal(t, "read=hello", s.do("read"))
	s.says()

	s = start(t, fileSettings(path, writeFile(t, dir, "keys", key(2)))...)
	require.Equal(t, anonymous, s.do("map"))
	s.says("it was made with another key")
}
