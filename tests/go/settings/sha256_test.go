package settings

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSHA256: our own against Go's, over each length of the last block.
func TestSHA256(t *testing.T) {
	s := start(t)
	random := rand.New(rand.NewPCG(1, 2))
	for length := range 300 {
		text := make([]byte, length)
		for i := range text {
			text[i] = byte(' ' + 1 + random.IntN(200))
		}
		digest := sha256.Sum256(text)
		require.Equal(t, hex.EncodeToString(digest[:]), s.do("sha256 "+string(text)), "length %d", length)
	}
	s.says()
}
