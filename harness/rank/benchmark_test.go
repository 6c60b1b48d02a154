package rank

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

func BenchmarkTauB(b *testing.B) {
	for _, n := range []int{64, 1000, 10000} {
		r := rand.New(rand.NewPCG(1, 1))
		x, y := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], y[i] = r.NormFloat64(), r.NormFloat64()
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				must(TauB(x, y))
			}
		})
	}
}

// The default corpus's grid of 32 configurations of two seeds, and 2,187 of five.
func benchmarked() map[string]*Sample {
	out := map[string]*Sample{}
	for name, of := range map[string]struct {
		sizes   []int
		repeats int
	}{"4x2x2x2 x 2": {[]int{4, 2, 2, 2}, 2}, "3^7 x 5": {[]int{3, 3, 3, 3, 3, 3, 3}, 5}} {
		g, x, y := gridOf(rand.New(rand.NewPCG(1, 1)), of.sizes, of.repeats)
		for i := range x {
			x[i] += y[i]
		}
		out[name] = must(g.Sample(x, y, nil, Mean))
	}
	return out
}

// All statistics of one measure, as many replicates and permutations as the
// leaderboard has.
func BenchmarkIntervals(b *testing.B) {
	for name, s := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(s.Intervals(B, Resampling{Replicates: 1000}))
			}
		})
	}
}

func BenchmarkPValues(b *testing.B) {
	for name, s := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(s.PValues(B, 1000, 1))
			}
		})
	}
}

func BenchmarkFloors(b *testing.B) {
	for name, s := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				s.Floors(nil, 100, 1)
			}
		})
	}
}

func BenchmarkInformation(b *testing.B) {
	s := benchmarked()["4x2x2x2 x 2"]
	for b.Loop() {
		s.Information()
	}
}
