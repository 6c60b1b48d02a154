package quantity

import "math/bits"

// Streams of the run's seed for what samples and transforms inputs, one a
// purpose. They start above those of the searches.
const (
	streamRounds  uint64 = 100 + iota // which examples a round looks at
	streamPartner                     // with whom an example is mixed
	streamAugment                     // how an image is augmented
	streamDisturb                     // how an image is disturbed to see whether the answer stays
)

// rounds answers which training examples each round looks at, [R, S], S = min(size, N), all N where size is
// 0. They are cut out of permutations of the training set that depend on the run's
// seed and N, one permutation after another; a round that does not fit into what is left of one begins
// the next. So the examples of a round differ, and rounds share examples only when all have had
// their turn.
func (s *Subject) rounds(count, size int) [][]int32 {
	_, total := s.inputs("train")
	if size == 0 || size > total {
		size = total
	}
	out := make([][]int32, count)
	var left []int32
	turn := uint64(0)
	for r := range out {
		if len(left) < size {
			left = permutation(total, s.Seed, streamRounds+turn<<32)
			turn++
		}
		out[r], left = left[:size:size], left[size:]
	}
	return out
}

// chance draws numbers that depend on a seed, a purpose and a position i, and on
// nothing else: integer arithmetic modulo 2^64, the same on every machine. With g = 0x9e3779b97f4a7c15,
//
//	key = mix(mix(seed ^ g·stream) + g),  bits_i = mix(key + i·g)
//
// mix is SplitMix64's finalizer.
type chance struct{ key uint64 }

func newChance(seed, stream uint64) chance {
	return chance{mix(mix(seed^golden*stream) + golden)}
}

func (c chance) bits(i int) uint64 { return mix(c.key + uint64(i)*golden) }

// unit is uniform on the multiples of 2^-53 in [0, 1).
func (c chance) unit(i int) float64 { return float64(c.bits(i)>>11) * 0x1p-53 }

// between is uniform on [low, high).
func (c chance) between(i int, low, high float64) float64 {
	return low + float64((high-low)*c.unit(i))
}

// below is uniform on 0..n-1; its bias is under n/2^64.
func (c chance) below(i, n int) int {
	hi, _ := bits.Mul64(c.bits(i), uint64(n))
	return int(hi)
}
