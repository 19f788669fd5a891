package settings

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConfig_MoreRights: a program that has more rights than its caller does
// not open files for the caller.
func TestConfig_MoreRights(t *testing.T) {
	requireRoot(t)
	dir := place(t)
	data, err := os.ReadFile(probe(t))
	require.NoError(t, err)
	program := filepath.Join(dir, "probe")
	require.NoError(t, os.WriteFile(program, data, 0o755))
	require.NoError(t, os.Chmod(program, 0o755|os.ModeSetuid))
	run := func(user uint32, settings ...string) string {
		cmd := exec.Command(program)
		cmd.Env = environ(settings)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err)
		return string(out)
	}
	if run(65534, "SESSCACHE_MODE=x") == run(0, "SESSCACHE_MODE=x") {
		t.Skip("programs get no rights from their files here")
	}
	require.Equal(t, "sesscache: this process runs with more rights than its caller, so no variable SESSCACHE_... is read\n",
		run(65534, "SESSCACHE_MODE=x", "SESSCACHE_KEY_FILE=/etc/shadow", "SESSCACHE_STRICT=1"))
	require.Empty(t, run(65534))
}
