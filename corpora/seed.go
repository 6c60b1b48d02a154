package corpora

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// DeriveSeed turns the value of the axis "seed" into the seed of one purpose:
// the first 53 bits of the SHA-256 of "genbench/PURPOSE/SEED", SEED in
// decimal. Purposes thus never share a stream, and neighbouring seeds have
// nothing in common. 53 bits, because readers of JSON that keep numbers as
// float64 would silently change larger ones.
//
// The purposes are "init", "order", "dropout" and "augment" (models.Seeds), "labels" and
// "noise" (dataset.Transform), and "subset", which is derived from the spec's
// subset_seed and not from the axis.
func DeriveSeed(purpose string, seed int64) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "genbench/%s/%d", purpose, seed))
	return binary.BigEndian.Uint64(sum[:]) >> 11
}
