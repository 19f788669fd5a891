package main

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/libsesscache/libsesscache/gocore/cache"
	"github.com/libsesscache/libsesscache/gocore/statfile"
)

func TestSeam_FiguresLayout(t *testing.T) {
	require.Equal(t, statfile.BlockSize, int(processSize))
	require.Equal(t, binary.Size(cache.Counters{}), 12*8)
}

// No panic crosses the boundary: it becomes the failure value of the function.
func TestSeam_PanicBecomesFailure(t *testing.T) {
	exported := func() (result int) {
		defer recovered(func() { result = -1 })
		result = 1
		var refs []cache.Ref
		refs[result] = 0 // out of range
		return result
	}
	require.NotPanics(t, func() { require.Equal(t, -1, exported()) })
}
