package cost

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A profile as callgrind writes it, cut short: names are given where they are
// first used, here by a call, and lines relative to the one before.
const sample = `# callgrind format
version: 1
creator: callgrind-3.19.0
pid: 24913
cmd:  ./cost alone
part: 3
thread: 1


desc: I1 cache: 
desc: Trigger: --dump-before=cost_mark

positions: line
events: Ir
summary: 1171

ob=(7) /usr/lib/libsesscache.so
fl=(20) ../cshim/cache.c
fn=(30) ssc_cache_add
142 36
+2 44
cob=(9) /usr/lib/libssl.so.3
cfi=(21) ssl/ssl_sess.c
cfn=(31) SSL_SESSION_up_ref
calls=10 1500 
* 700
fi=(22) ./cshim/slot.h
-3 16
cfi=(23) _cgo_export.c
cfn=(32) sscore_add
calls=10 296 
* 9999
cfn=(32)
calls=10 324 
+1 21972547813

fn=(32)
* 5
cfn=(33) _cgoexp_23ebf77fbd16_sscore_add
calls=10 12
0x1f 900

fn=(33)
0 500

ob=(9)
fn=(31)
1500 570


totals: 1171
`

func TestProfile(t *testing.T) {
	p, err := ParseProfile(strings.NewReader(sample))
	require.NoError(t, err)
	const ours = "libsesscache.so"
	require.Equal(t, 3, p.Part)
	require.Equal(t, map[Function]uint64{
		{ours, "ssc_cache_add"}:                   96,
		{ours, "sscore_add"}:                      5,
		{ours, "_cgoexp_23ebf77fbd16_sscore_add"}: 500,
		{"libssl.so.3", "SSL_SESSION_up_ref"}:     570,
	}, p.Self)
	require.Equal(t, uint64(1171), p.Instructions())
	require.Equal(t, uint64(601), p.In(ours))
	require.Equal(t, uint64(20), p.Calls["sscore_add"])
	require.Equal(t, map[string]uint64{"sscore_add": 10}, p.Crossings())
}

func TestProfile_Malformed(t *testing.T) {
	for name, change := range map[string][2]string{
		"another sum":    {"totals: 1171", "totals: 1172"},
		"a line unknown": {"fn=(33)\n0 500", "fn=(33)\n0 500 x"},
		"no number":      {"calls=10 12", "calls=x 12"},
		"too large":      {"0 500", "0 99999999999999999999"},
		"cut off":        {"totals: 1171", ""},
	} {
		require.Contains(t, sample, change[0], name)
		_, err := ParseProfile(strings.NewReader(strings.Replace(sample, change[0], change[1], 1)))
		require.Error(t, err, name)
	}
}
