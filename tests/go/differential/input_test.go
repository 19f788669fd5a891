package differential

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMinimise_LeavesOutWhatIsNotNeeded(t *testing.T) {
	input := newGenerator(1).bytes(record * 100)
	input[record*40], input[record*70+3] = 0xee, 0xdd
	fails := func(b []byte) bool {
		first := bytes.IndexByte(b, 0xee)
		return first >= 0 && bytes.IndexByte(b[first:], 0xdd) > 0
	}
	short := minimise(input, 2000, fails)
	require.True(t, fails(short))
	require.LessOrEqual(t, len(short), 3*record)
}

func TestCompare_FindsTheCall(t *testing.T) {
	a := []string{"1: add", "log: -", "2: add", "log: add(S1#1)=1", "  alive 1"}
	b := []string{"1: add", "log: -", "2: add", "log: add(S1#1)=0", "  alive 1"}
	require.Nil(t, compare("here", a, a))
	d := compare("here", a, b)
	require.NotNil(t, d)
	require.Equal(t, "2: add", d.Call)
	require.Equal(t, "here add 1 add(Sn#n)=n add(Sn#n)=n", d.Kind())
}
