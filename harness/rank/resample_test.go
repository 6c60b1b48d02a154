package rank

import (
	"errors"
	"math"
	"math/rand/v2"
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
	near(t, "grid error", s.influence(B, g).standardError(), want, 1e-14)
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
		for _, e := range s.influence(kind, s.Granulated(kind)).share {
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

// A measure that is the gap itself stays so whatever seeds are drawn. That is no
// certainty: there is no interval rather than one without width.
func TestOracleHasNoDoubt(t *testing.T) {
	g, _, y := gridOf(rand.New(rand.NewPCG(2, 1)), []int{3, 2, 2}, 3)
	s := must(g.Sample(y, y, nil, Mean))
	for _, f := range []func() (Estimate, error){
		func() (Estimate, error) { return s.PsiInterval(B, Resampling{Replicates: 50, Seed: 1}) },
		func() (Estimate, error) { return s.TauInterval(B, Resampling{Replicates: 50, Seed: 1}) },
	} {
		if e, err := f(); err != nil || e.Value != 1 || !errors.Is(e.Err, ErrUndefined) {
			t.Errorf("oracle: %+v, %v", e, err)
		}
	}
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

	if _, err := NewTestNoise([][]bool{{true, false}, {true}}, 10, 1); err == nil {
		t.Error("test sets of different sizes were accepted")
	}
}

// Adding the noise of a test draw to gaps that hold one already pulls a τ of 1
// far down; the interval must still hold the value that was observed.
func TestIntervalsAreBiasCorrected(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	const size = 300
	n := 16
	correct := make([][]bool, n)
	x, y := make([]float64, n), make([]float64, n)
	levels := [][]int{make([]int, n), make([]int, n)}
	for i := range n {
		levels[0][i], levels[1][i] = i%4, i/4
		hits := 0
		for range size {
			hit := r.Float64() < .8-.002*float64(i)
			correct[i] = append(correct[i], hit)
			if hit {
				hits++
			}
		}
		y[i] = 1 - float64(hits)/size
		x[i] = y[i]
	}
	g := must(NewGrid(n, levels, nil))
	s := must(g.Sample(x, y, nil, Mean))
	o := Resampling{Replicates: 200, Seed: 1, Noise: must(NewTestNoise(correct, 200, 1))}
	e := must(s.TauInterval(B, o))
	var mean float64
	for _, v := range e.replicates {
		mean += v / float64(len(e.replicates))
	}
	if mean > .8 {
		t.Errorf("the replicates' mean is %.2f: the test says nothing", mean)
	}
	if e.Value != 1 || e.High != 1 || e.Low > .95 || e.Low < .5 {
		t.Errorf("τ = %v [%v, %v]", e.Value, e.Low, e.High)
	}
	// With one seed nothing but the test draw is known to vary: Ψ has no interval.
	if p := must(s.PsiInterval(B, o)); p.Value != 1 || !errors.Is(p.Err, ErrUndefined) || p.Low != p.High {
		t.Errorf("one seed: Ψ = %v [%v, %v], %v", p.Value, p.Low, p.High, p.Err)
	}
	// The same networks as two seeds of eight configurations do.
	for i := range levels[0] {
		levels[0][i], levels[1][i] = i/2%4, i/8
	}
	g = must(NewGrid(n, levels, nil))
	s = must(g.Sample(x, y, nil, Mean))
	if p := must(s.PsiInterval(B, o)); p.Err != nil || p.High != 1 || p.Low > .95 || p.Low < .3 {
		t.Errorf("two seeds: Ψ = %v [%v, %v], %v", p.Value, p.Low, p.High, p.Err)
	}
}

func TestDifference(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	g, x, y := gridOf(r, []int{4, 2, 2}, 2)
	for i := range x {
		x[i] = y[i] + r.NormFloat64()
	}
	o := Resampling{Replicates: 100, Seed: 1}
	a := must(must(g.Sample(x, y, nil, Mean)).PsiInterval(B, o))
	if d, se := Difference(a, a); d != 0 || se != 0 {
		t.Errorf("a measure differs from itself by %v ± %v", d, se)
	}
	// Twins that differ in one network only: the pairing leaves little doubt,
	// where independent measures would have √2 of one's.
	twin := append([]float64{}, x...)
	twin[0] += 2
	b := must(must(g.Sample(twin, y, nil, Mean)).PsiInterval(B, o))
	if _, se := Difference(a, b); se >= max(a.GridError, a.DrawError) {
		t.Errorf("twins are told apart by %v only, one of them has %v", se, a.GridError)
	}
	// Without one network the jackknives cannot be paired.
	defined := make([]bool, len(x))
	for i := range defined {
		defined[i] = i > 1
	}
	c := must(must(g.Sample(x, y, defined, Mean)).PsiInterval(B, o))
	if _, se := Difference(a, c); se < math.Hypot(a.GridError, c.GridError)-1e-15 {
		t.Errorf("unpaired difference ± %v, want at least %v", se, math.Hypot(a.GridError, c.GridError))
	}
}

// Errors of independent estimates add in squares: √(0.1² + 0.1²) = 0.141, so that
// at 5 % a difference of 0.28 is resolved on many degrees of freedom (1.96
// errors are 0.277) and not on three (Student's 3.182, of statistical tables).
func TestResolved(t *testing.T) {
	estimate := func(v, degrees float64, configuration int) Estimate {
		return Estimate{Value: v, degrees: degrees, influence: &influence{configs: 4, ends: [][2]int{{configuration, configuration + 1}}, share: []float64{.1}}}
	}
	for _, c := range []struct {
		d, degrees float64
		want       int
	}{{.29, 1e6, 1}, {-.29, 1e6, -1}, {.27, 1e6, 0}, {.29, 3, 0}, {.44, 3, 0}, {.46, 3, 1}, {0, 3, 0}} {
		if got := Resolved(estimate(c.d, c.degrees, 0), estimate(0, c.degrees, 2), .05); got != c.want {
			t.Errorf("difference %v on %v degrees: %d, want %d", c.d, c.degrees, got, c.want)
		}
	}
}

func TestIntervalsThatCannotBe(t *testing.T) {
	s := sample(t, [][]int{{0, 1}}, []float64{1, 2}, []float64{1, 2}, Mean)
	if _, err := s.PsiInterval(B, Resampling{Replicates: 100}); !errors.Is(err, ErrUndefined) {
		t.Errorf("one pair: %v", err)
	}
	few := sample(t, [][]int{{0, 1, 2, 3, 4, 5, 6}}, []float64{1, 2, 3, 4, 5, 7, 6}, []float64{1, 2, 3, 4, 5, 6, 7}, Mean)
	for name, f := range map[string]func(Tau, Resampling) (Estimate, error){"Ψ": few.PsiInterval, "τ": few.TauInterval} {
		if e, err := f(B, Resampling{Replicates: 100}); !errors.Is(err, ErrUndefined) || !strings.Contains(err.Error(), "7 configurations: an interval needs at least 8") {
			t.Errorf("%s of 7 configurations: %+v, %v", name, e, err)
		}
	}
	if _, err := s.PsiInterval(B, Resampling{Replicates: 5}); err == nil || errors.Is(err, ErrUndefined) {
		t.Errorf("5 replicates: %v", err)
	}
	none := sample(t, nil, []float64{1, 2, 3}, []float64{1, 3, 2}, Mean)
	if _, err := none.PsiInterval(B, Resampling{Replicates: 100}); !errors.Is(err, ErrUndefined) {
		t.Errorf("no axes: %v", err)
	}
}

// Among the 24 orders of four values, two have |τ| = 1: p is 1/12, and
// Phipson and Smyth's (b+1)/(B+1) tends to it. Four standard errors at B = 20,000.
func TestTauPValue(t *testing.T) {
	s := sample(t, nil, []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, Mean)
	const b = 20000
	p, err := s.TauPValue(B, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p", p, 1.0/12, 4*math.Sqrt(1.0/12*11.0/12/b))
	if p, _ := s.TauPValue(B, 1, 1); p != .5 && p != 1 {
		t.Errorf("p of one permutation = %v", p)
	}
}

// On a 2 x 2 grid with gaps 1, 2, 3, 4 (rows, then columns) a permutation has
// Ψ = ±1 only where all four pairs agree: x must keep both orders or reverse
// both. Of 24 orders, 1234, 1324 and their reverses do: p is 4/24.
func TestPsiPValue(t *testing.T) {
	s := sample(t, [][]int{{0, 0, 1, 1}, {0, 1, 0, 1}}, []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, Mean)
	const b = 20000
	p, err := s.PsiPValue(B, WholeGrid, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p", p, 4.0/24, 4*math.Sqrt(4.0/24*20.0/24/b))
	// Cell by cell, each of the four pairs is ordered on its own: p is 2/2⁴.
	p, err = s.PsiPValue(B, WithinCells, b, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p", p, 2.0/16, 4*math.Sqrt(2.0/16*14.0/16/b))
}

// x is constant along the first axis and agrees with the gap in one cell of
// the second, disagrees in the other: Ψ = 0, and no permutation has a smaller
// |Ψ|, so p is exactly 1. In 8 of 24 orders x is constant along the second
// axis: those say nothing, and may not count as less extreme.
func TestPsiPValueUndefinedPermutations(t *testing.T) {
	s := sample(t, [][]int{{0, 0, 1, 1}, {0, 1, 0, 1}}, []float64{1, 2, 1, 2}, []float64{1, 2, 4, 3}, Mean)
	p, err := s.PsiPValue(B, WholeGrid, 200, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p", p, 1, 0)
}
