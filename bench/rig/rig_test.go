package rig

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProportional(t *testing.T) {
	bytes, err := proportional("55f7c55f9000-7ffd1998c000 ---p 00000000 00:00 0  [rollup]\n" +
		"Rss:                1600 kB\nPss:                 395 kB\nPss_Dirty:           116 kB\n")
	require.NoError(t, err)
	require.EqualValues(t, 395<<10, bytes)

	_, err = proportional("Rss:                1600 kB\n")
	require.Error(t, err)
}

func TestProcesses(t *testing.T) {
	child := exec.Command("cat")
	_, err := child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	require.Equal(t, []int{child.Process.Pid}, Processes(child.Process.Pid))
	require.Contains(t, Processes(os.Getpid()), os.Getpid())
	bytes, err := Memory([]int{os.Getpid()})
	require.NoError(t, err)
	require.Positive(t, bytes)
}
