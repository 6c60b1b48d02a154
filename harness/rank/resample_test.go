package rank

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// With one axis of two levels the cells are disjoint pairs, and the jackknife
// must be the standard error of their mean, √(Σ(τ−ψ)²/(m(m−1))).
func TestGridErrorOfDisjointPairs(t *testing.T) {
	const m = 10
	var x, y []float64
	levels := [][]int{nil, nil}
	for c := range m {
		levels[0] = append(levels[0], 0, 1)
		levels[1] = append(levels[1], c, c)
		up := 1.0
		if c < 3 { // three of ten cells disagree: ψ = 0.4
			up = -1
		}
		x, y = append(x, 0, up), append(y, 0, 1)
	}
	// The second axis has two cells of ten levels, where x and y are shuffled to say nothing here.
	s := sample(t, levels, x, y, Mean)
	g := s.Granulated(B)
	g.Axes = g.Axes[:1]
	s.cells = s.cells[:1]
	near(t, "ψ", g.Axes[0].Psi, .4, 1e-15)
	want := math.Sqrt((7*.6*.6 + 3*1.4*1.4) / (m * (m - 1)))
	near(t, "grid error", s.influence(B, g, []int{0}).standardError(), want, 1e-14)
}

// Jackknife and cells must add up: the shares sum to Ψ minus itself.
func TestInfluenceSumsToZero(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	g, x, y := gridOf(r, []int{3, 2, 4}, 1)
	for i := range x {
		x[i], y[i] = math.Round(2*r.NormFloat64()), math.Round(2*r.NormFloat64())
	}
	s := must(g.Sample(x, y, nil, Mean))
	for _, kind := range []Tau{A, B} {
		var sum float64
		for _, e := range s.influence(kind, s.Granulated(kind), []int{0, 1, 2}).share {
			sum += e
		}
		near(t, "sum of shares", sum, 0, 1e-14)
	}
}

func gridOf(r *rand.Rand, sizes []int, repeats int) (g *Grid, x, y []float64) {
	n := repeats
	for _, s := range sizes {
		n *= s
	}
	levels := make([][]int, len(sizes))
	for i := range n {
		rest := i / repeats
		for a, s := range sizes {
			levels[a] = append(levels[a], rest%s)
			rest /= s
		}
	}
	x, y = make([]float64, n), make([]float64, n)
	for i := range x {
		x[i], y[i] = r.NormFloat64(), r.NormFloat64()
	}
	return must(NewGrid(n, levels, nil)), x, y
}

func TestTestNoise(t *testing.T) {
	const size, replicates = 500, 4000
	r := rand.New(rand.NewPCG(3, 1))
	correct := make([][]bool, 3)
	for range size {
		hit := r.Float64() < .7
		correct[0] = append(correct[0], hit)
		correct[1] = append(correct[1], hit)  // fails on the same examples
		correct[2] = append(correct[2], !hit) // fails on all others
	}
	n, err := NewTestNoise(correct, replicates, 7)
	if err != nil {
		t.Fatal(err)
	}
	var p, sum, squares float64
	for _, hit := range correct[0] {
		if hit {
			p += 1.0 / size
		}
	}
	for _, shift := range n.shift {
		if shift[0] != shift[1] || shift[0] != -shift[2] {
			t.Fatalf("shifts %v: the examples were not resampled jointly", shift)
		}
		sum += shift[0]
		squares += shift[0] * shift[0]
	}
	// A mean of T draws with replacement has variance p(1−p)/T. The mean of 4,000
	// replicates is within 4 standard errors of 0, the variance within 10 %.
	sd := math.Sqrt(p * (1 - p) / size)
	near(t, "mean shift", sum/replicates, 0, 4*sd/math.Sqrt(replicates))
	near(t, "variance ratio", squares/replicates/(sd*sd), 1, .1)

	// The variance of networks around their common mean by its definition:
	// 1/(R−1) Σ_i Var_t(b_it − mean_i b_it)/T.
	var within float64
	for i := range correct {
		var mean, square float64
		for e := range size {
			var own, all float64
			for n := range correct {
				if correct[n][e] {
					all += 1. / 3
					if n == i {
						own = 1
					}
				}
			}
			mean += (own - all) / size
			square += (own - all) * (own - all) / size
		}
		within += (square - mean*mean) / size / 2
	}
	near(t, "within", n.within([]int{0, 1, 2}), within, 1e-15)
	near(t, "within of twins", n.within([]int{0, 1}), 0, 0)

	if _, err := NewTestNoise([][]bool{{true, false}, {true}}, 10, 1); err == nil {
		t.Error("test sets of different sizes were accepted")
	}
}

// A measure that is the gap itself stays so whatever seeds are drawn. That is no
// certainty: there is no interval rather than one without width.
func TestOracleHasNoDoubt(t *testing.T) {
	for _, repeats := range []int{1, 3} {
		g, _, y := gridOf(rand.New(rand.NewPCG(2, 1)), []int{3, 2, 2}, repeats)
		s := must(g.Sample(y, y, nil, Mean))
		all := must(s.Intervals(B, Resampling{Replicates: 50, Seed: 1}))
		for name, e := range map[string]Estimate{"Ψ": all.Psi, "τ": all.Tau, "ρ": all.Spearman, "r": all.Pearson, "ψ": all.Axes[0]} {
			if e.Value != 1 || !errors.Is(e.Err, ErrUndefined) || e.Low != 1 || e.High != 1 {
				t.Errorf("%d seeds: %s of the oracle: %+v", repeats, name, e)
			}
		}
	}
}

// Noise pulls a τ of 1 far down in the replicates; the interval must still hold
// the value that was observed.
func TestIntervalsAreAroundTheValue(t *testing.T) {
	g, _, y := gridOf(rand.New(rand.NewPCG(4, 1)), []int{4, 2}, 2)
	x := make([]float64, len(y))
	for i := range y {
		y[i] = float64(i/2) + .8*float64(i%2)
		x[i] = float64(i/2) - .8*float64(i%2) // the means are ordered alike, the seeds are not
	}
	s := must(g.Sample(x, y, nil, Mean))
	e := must(s.Intervals(B, Resampling{Replicates: 200, Seed: 1})).Tau
	var m mean
	for _, o := range e.draws {
		m.add(o)
	}
	if m.value().v > .97 {
		t.Errorf("the replicates' mean is %.2f: the test says nothing", m.value().v)
	}
	if e.Err != nil || e.Value != 1 || e.High != 1 || e.Low > .95 || e.Low < .5 {
		t.Errorf("τ = %v [%v, %v], %v", e.Value, e.Low, e.High, e.Err)
	}
}

func TestIntervalsThatCannotBe(t *testing.T) {
	o := Resampling{Replicates: 100}
	few := sample(t, [][]int{{0, 1, 2, 3, 4, 5, 6}}, []float64{1, 2, 3, 4, 5, 7, 6}, []float64{1, 2, 3, 4, 5, 6, 7}, Mean)
	all := must(few.Intervals(B, o))
	if all.Estimand != GridSampled {
		t.Errorf("one seed: %v", all.Estimand)
	}
	for name, e := range map[string]Estimate{"Ψ": all.Psi, "τ": all.Tau, "K": all.Information} {
		if !errors.Is(e.Err, ErrUndefined) || !strings.Contains(e.Err.Error(), "7 configurations: an interval needs at least 8") {
			t.Errorf("%s of 7 configurations: %+v", name, e)
		}
	}
	if _, err := few.Intervals(B, Resampling{Replicates: 5}); err == nil || errors.Is(err, ErrUndefined) {
		t.Errorf("5 replicates: %v", err)
	}
	if _, err := few.Intervals(B, Resampling{Replicates: 50, Noise: &TestNoise{shift: make([][]float64, 10)}}); err == nil {
		t.Error("test noise of fewer replicates was accepted")
	}
	none := must(sample(t, nil, []float64{1, 2, 3, 4, 5, 6, 7, 8}, []float64{1, 3, 2, 5, 4, 7, 6, 8}, Mean).Intervals(B, o))
	if !errors.Is(none.Psi.Err, ErrUndefined) || none.Tau.Err != nil || len(none.Axes) != 0 {
		t.Errorf("no axes: %+v", none)
	}
	// A measure with one seed of each configuration, in a grid that has two.
	g, x, y := gridOf(rand.New(rand.NewPCG(1, 1)), []int{4, 2}, 2)
	defined := make([]bool, len(x))
	for i := range defined {
		defined[i] = i%2 == 0
	}
	half := must(must(g.Sample(x, y, defined, Mean)).Intervals(B, o))
	if half.Estimand != GridFixed || !errors.Is(half.Tau.Err, ErrUndefined) || !strings.Contains(half.Tau.Err.Error(), "8 networks in 8 configurations") {
		t.Errorf("half measured: %+v", half.Tau)
	}
}

func TestEstimand(t *testing.T) {
	for _, c := range []struct {
		sizes   []int
		repeats int
		want    Estimand
	}{{[]int{2, 2, 2}, 2, GridFixed}, {[]int{2, 2, 2}, 1, GridSampled}, {[]int{7}, 2, GridSampled}, {nil, 20, GridSampled}} {
		g, _, _ := gridOf(rand.New(rand.NewPCG(1, 1)), c.sizes, c.repeats)
		if got := g.Estimand(); got != c.want {
			t.Errorf("%v x %d: %v", c.sizes, c.repeats, got)
		}
	}
}

// The statistics of the resampling loops are those of a sample, whatever the
// ties, the repeats and the holes.
func TestScorerAgreesWithSample(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for i := range 60 {
		g, x, y := gridOf(r, []int{3, 2, 3}, 1+i%3)
		for _, v := range [][]float64{x, y} {
			for k := range v {
				v[k] = math.Round(float64(1+i%5) * v[k])
			}
		}
		defined := make([]bool, len(x))
		for k := range defined {
			defined[k] = r.Float64() < .8
		}
		for _, repeats := range []Repeats{Mean, Pooled, PerSeed} {
			g.seed = make([]int, g.n)
			for k := range g.seed {
				g.seed[k] = k % (1 + i%3)
			}
			g.seeds = 1 + i%3
			s := must(g.Sample(x, y, defined, repeats))
			for _, kind := range []Tau{A, B} {
				want := s.Granulated(kind)
				f := s.newScorer(kind, want)
				for p, pt := range s.points {
					f.x[p], f.y[p] = pt.x, pt.y
				}
				var got scores
				f.score(&got)
				agree := func(name string, o optional, v float64, err error) {
					if o.ok != (err == nil) || o.ok && math.Abs(o.v-v) > 1e-12 {
						t.Fatalf("%s: %v, want %v, %v", name, o, v, err)
					}
				}
				agree("Ψ", got.psi, want.Psi, want.Err)
				for a, axis := range want.Axes {
					agree("ψ", got.axes[a], axis.Psi, axis.Err)
				}
				tau, err := s.tau(kind)
				if kind == A && repeats != PerSeed || kind == B {
					agree("τ", got.tau, tau, err)
				}
				rho, err := s.Spearman()
				agree("ρ", got.spearman, rho, err)
				r, err := s.Pearson()
				agree("r", got.pearson, r, err)
				k := s.Information()
				agree("K", f.information(), k.K, k.Err)
			}
		}
	}
}

// The loops over replicates and permutations do not allocate.
func TestLoopsDoNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for _, sizes := range [][]int{{4, 2, 2, 2}, {3, 3, 3, 3, 3, 3}} {
		g, x, y := gridOf(r, sizes, 2)
		s := must(g.Sample(x, y, nil, Mean))
		m, f := s.newModel(nil), s.newScorer(B, s.Granulated(B))
		classes := s.exchangeable()
		var out scores
		b := 0
		loop := func() {
			b++
			m.draw(f, 1, b)
			f.score(&out)
			s.exchange(f, classes, 1, b)
			f.concord(&out)
			f.granulate(&out)
		}
		loop()
		if n := testing.AllocsPerRun(20, loop); n != 0 {
			t.Errorf("%v: %v allocations a replicate", sizes, n)
		}
	}
}

// Replicates of different measures share donors and test examples: of the same
// values they are the same, and one network less leaves most alone.
func TestReplicatesArePaired(t *testing.T) {
	g, x, y := gridOf(rand.New(rand.NewPCG(8, 1)), []int{4, 2, 2}, 3)
	other := slices.Clone(x)
	for i := range other {
		other[i] = -2 * x[i]
	}
	defined := make([]bool, len(x))
	for i := range defined {
		defined[i] = i != 7
	}
	a, b := must(g.Sample(x, y, nil, Mean)), must(g.Sample(other, y, nil, Mean))
	c := must(g.Sample(x, y, defined, Mean))
	fill := func(s *Sample) *scorer {
		f := s.newScorer(B, s.Granulated(B))
		s.newModel(nil).draw(f, 3, 5)
		return f
	}
	fa, fb, fc := fill(a), fill(b), fill(c)
	if !slices.Equal(fa.y, fb.y) {
		t.Error("two measures see different gaps in one replicate")
	}
	for p := range fa.x {
		near(t, "x of a multiple", fb.x[p], -2*fa.x[p], 1e-12)
	}
	if r := must(Pearson(fa.x, fc.x)); r < .9 {
		t.Errorf("without one network the replicates correlate %.2f", r)
	}
}
