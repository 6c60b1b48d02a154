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

// The grid of Jiang et al. 2019: 2,187 configurations of five seeds.
func largeSample(r Repeats) *Sample {
	g, x, y := gridOf(rand.New(rand.NewPCG(1, 1)), []int{3, 3, 3, 3, 3, 3, 3}, 5)
	return must(g.Sample(x, y, nil, r))
}

// All point statistics of one measure, from its values.
func BenchmarkPointStatistics(b *testing.B) {
	for _, c := range []struct {
		name    string
		sizes   []int
		repeats int
	}{
		{"96", []int{2, 2, 2, 2, 2, 3}, 1},
		{"1000", []int{2, 5, 5, 5}, 4},
		{"3^6x5", []int{3, 3, 3, 3, 3, 3}, 5},
		{"10000", []int{10, 10, 10}, 10},
		{"3^7x5", []int{3, 3, 3, 3, 3, 3, 3}, 5},
	} {
		g, x, y := gridOf(rand.New(rand.NewPCG(1, 1)), c.sizes, c.repeats)
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				s := must(g.Sample(x, y, nil, Mean))
				must(s.TauB())
				must(s.Spearman())
				must(s.Pearson())
				s.Granulated(B)
				must(s.FGM())
				s.Information()
				s.SignErrorsOf(SignErrorOptions{TestSize: 10000, Environment: LevelPair, LeastESS: LeastESS})
				s.RGM(10000)
				must(s.PGDL(nil))
			}
		})
	}
}

func BenchmarkInformationOf(b *testing.B) {
	g, x, y := gridOf(rand.New(rand.NewPCG(1, 1)), []int{2, 2, 2, 2, 2, 3}, 1)
	for _, c := range []struct {
		name string
		s    *Sample
	}{
		{"96", must(g.Sample(x, y, nil, Mean))},
		{"3^7x5", largeSample(Mean)},
		{"3^7x5 pooled", largeSample(Pooled)},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.s.Information()
			}
		})
	}
}

func BenchmarkPGDL(b *testing.B) {
	g, x, y := gridOf(rand.New(rand.NewPCG(1, 1)), []int{2, 2, 2, 2, 2, 3}, 1)
	s := must(g.Sample(x, y, nil, Mean))
	for b.Loop() {
		must(s.PGDL(nil))
	}
}

func BenchmarkSignErrors(b *testing.B) {
	s := largeSample(Mean)
	for b.Loop() {
		s.RGM(10000)
	}
}
