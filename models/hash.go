package models

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
)

// Hash is the SHA-256, in hex, of the tensors in order: for each its name, its
// shape and its data. Every count is a little-endian uint64 and every value a
// little-endian float32, so the same bits have the same hash everywhere:
//
//	len(state), then for each tensor: len(name), name, len(shape), shape..., len(data), data...
//
// It tells -0 from 0 and one NaN from another; it knows nothing of the
// architecture beyond that.
func (s State) Hash() string {
	h := sha256.New()
	count := func(n int) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	count(len(s))
	buf := make([]byte, 0, chunkBytes)
	for _, t := range s {
		count(len(t.Name))
		h.Write([]byte(t.Name))
		count(len(t.Shape))
		for _, d := range t.Shape {
			count(d)
		}
		count(len(t.Data))
		hashFloats(h, t.Data, buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// hashFloats writes the data to h in little-endian order, a chunk at a time.
func hashFloats(h hash.Hash, data []float32, buf []byte) {
	for len(data) > 0 {
		n := min(len(data), cap(buf)/4)
		h.Write(appendFloats(buf[:0], data[:n]))
		data = data[n:]
	}
}

// appendFloats appends the values as little-endian float32.
func appendFloats(b []byte, data []float32) []byte {
	for _, v := range data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}
