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

// The default corpus's grid: 32 configurations of two seeds.
func quickSample() *Sample {
	g, x, y := gridOf(rand.New(rand.NewPCG(1, 1)), []int{4, 2, 2, 2}, 2)
	return must(g.Sample(x, y, nil, Mean))
}

func BenchmarkPsiInterval(b *testing.B) {
	s := quickSample()
	for b.Loop() {
		must(s.PsiInterval(B, Resampling{Replicates: 1000}))
	}
}

func BenchmarkTauInterval(b *testing.B) {
	s := quickSample()
	for b.Loop() {
		must(s.TauInterval(B, Resampling{Replicates: 1000}))
	}
}

func BenchmarkInformation(b *testing.B) {
	s := quickSample()
	for b.Loop() {
		s.Information()
	}
}

func BenchmarkInformationInterval(b *testing.B) {
	s := quickSample()
	for b.Loop() {
		must(s.InformationInterval(Resampling{Replicates: 1000}))
	}
}

func BenchmarkPsiPValue(b *testing.B) {
	s := quickSample()
	for b.Loop() {
		must(s.PsiPValue(B, WholeGrid, 1000, 1))
	}
}
