package rank

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
)

// TestNoise is what the draw of the test examples does to the gaps: for every
// replicate, one joint resample of the examples shared by all networks, and
// the change of each network's gap. Networks that fail on the same examples
// move together, which independent binomial noise would miss.
type TestNoise struct {
	shift [][]float64 // [B][N]
	rows  [][]uint64  // [N] bit sets of the examples each network has right
	size  int
}

// draws is the number of replicates.
func (n *TestNoise) draws() int { return len(n.shift) }

// of is the shift of each network in replicate b, or nil.
func (n *TestNoise) of(b int) []float64 {
	if n == nil {
		return nil
	}
	return n.shift[b]
}

// within is the variance that the draw of the test examples gives to networks
// around their common mean: over all pairs, half the variance of the difference
// of their accuracies, which is (d − δ²)/T for two that disagree on a fraction d
// of T examples and whose accuracies differ by δ.
func (n *TestNoise) within(nets []int) float64 {
	var sum float64
	pairs := 0
	size := float64(n.size)
	for k, i := range nets {
		for _, j := range nets[:k] {
			differ, more := 0, 0
			for w, a := range n.rows[i] {
				b := n.rows[j][w]
				differ += bits.OnesCount64(a ^ b)
				more += bits.OnesCount64(a) - bits.OnesCount64(b)
			}
			delta := float64(more) / size
			sum += (float64(differ)/size - delta*delta) / size / 2
			pairs++
		}
	}
	if pairs == 0 {
		return 0
	}
	return sum / float64(pairs)
}

// NewTestNoise resamples test examples. correct is [N][T]: whether network n
// has example t right. The gap is taken to be train minus test accuracy, so a
// replicate's shift is minus the change of the test accuracy, a fraction.
func NewTestNoise(correct [][]bool, replicates int, seed uint64) (*TestNoise, error) {
	if len(correct) == 0 || len(correct[0]) == 0 {
		return nil, fmt.Errorf("resampling test examples: none are given")
	}
	size := len(correct[0])
	words := (size + 63) / 64
	rows := make([][]uint64, len(correct))
	hits := make([]int, len(correct))
	for n, row := range correct {
		if len(row) != size {
			return nil, fmt.Errorf("resampling test examples: network %d has %d of them and network 0 has %d", n, len(row), size)
		}
		rows[n] = make([]uint64, words)
		for t, ok := range row {
			if ok {
				rows[n][t/64] |= 1 << (t % 64)
				hits[n]++
			}
		}
	}
	noise := &TestNoise{shift: make([][]float64, replicates), rows: rows, size: size}
	drawn := make([]uint32, size)
	var planes [][]uint64
	for b := range noise.shift {
		clear(drawn)
		g := stream(seed, forTest, b)
		for range size {
			drawn[below(g, size)]++
		}
		planes = bitPlanes(planes, drawn, words)
		shift := make([]float64, len(rows))
		for n, row := range rows {
			resampled := 0
			for k, plane := range planes {
				c := 0
				for w := range row {
					c += bits.OnesCount64(plane[w] & row[w])
				}
				resampled += c << k
			}
			shift[n] = float64(hits[n]-resampled) / float64(size)
		}
		noise.shift[b] = shift
	}
	return noise, nil
}

// bitPlanes writes the k-th binary digit of every count into the k-th plane,
// so that a weighted sum over a bit set is a few popcounts.
func bitPlanes(planes [][]uint64, counts []uint32, words int) [][]uint64 {
	var largest uint32
	for _, c := range counts {
		largest = max(largest, c)
	}
	need := bits.Len32(largest)
	for len(planes) < need {
		planes = append(planes, make([]uint64, words))
	}
	planes = planes[:need]
	for k := range planes {
		clear(planes[k])
	}
	for t, c := range counts {
		for k := 0; c != 0; k, c = k+1, c>>1 {
			planes[k][t/64] |= uint64(c&1) << (t % 64)
		}
	}
	return planes
}

// purpose names a stream of random numbers.
type purpose uint64

const (
	forSeeds purpose = iota + 1
	forTest
	forPermutation
	forFloor
	forGroups
)

// stream is the generator of one replicate. Replicates have streams of their
// own, so their bits do not depend on who computes them or in what order.
func stream(seed uint64, p purpose, replicate int) *rand.PCG {
	return rand.NewPCG(seed, uint64(p)<<40|uint64(replicate))
}

// below draws from [0, n); the bias of the multiply-shift is n/2⁶⁴.
func below(g *rand.PCG, n int) int {
	hi, _ := bits.Mul64(g.Uint64(), uint64(n))
	return int(hi)
}
