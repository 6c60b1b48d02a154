package rank

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCompare(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for _, repeats := range []int{1, 2} {
		g, x, y := gridOf(r, []int{4, 2, 2}, repeats)
		for i := range x {
			x[i] = y[i] + r.NormFloat64()
		}
		o := Resampling{Replicates: 100, Seed: 1}
		intervals := func(x []float64, defined []bool) Intervals {
			return must(must(g.Sample(x, y, defined, Mean)).Intervals(B, o))
		}
		a := intervals(x, nil)
		if c := Compare(a.Psi, a.Psi); c != (Comparison{P: 1}) {
			t.Errorf("a measure differs from itself: %+v", c)
		}
		// Twins that differ in one network only: the pairing leaves little doubt,
		// where independent measures would have √2 of one's.
		twin := append([]float64{}, x...)
		twin[0] += 2
		b := intervals(twin, nil)
		for name, of := range map[string][2]Estimate{"Ψ": {a.Psi, b.Psi}, "τ": {a.Tau, b.Tau}, "ρ": {a.Spearman, b.Spearman}} {
			c := Compare(of[0], of[1])
			if c.StandardError >= of[0].StandardError {
				t.Errorf("%d seeds: twins are told apart by %v only in %s, one of them has %v", repeats, c.StandardError, name, of[0].StandardError)
			}
			if back := Compare(of[1], of[0]); back.Difference != -c.Difference || back.P != c.P {
				t.Errorf("%s: %+v one way, %+v the other", name, c, back)
			}
		}
	}
}

// Errors of independent estimates add in squares. P is SciPy's
// 2*t.sf(d/hypot(.1, .1), df).
func TestCompareIndependent(t *testing.T) {
	estimate := func(v, degrees float64, configuration int) Estimate {
		return Estimate{Value: v, Degrees: degrees, StandardError: .1, estimand: GridSampled,
			influence: &influence{configs: 4, ends: [][2]int{{configuration, configuration + 1}}, share: []float64{.1}}}
	}
	for _, c := range []struct{ d, degrees, p float64 }{
		{.29, 1e6, .04030523442634878}, {-.29, 1e6, .04030523442634878}, {.27, 1e6, .056238089776503804},
		{.29, 3, .13268631143937104}, {.46, 3, .04739286776186373}, {0, 3, 1},
	} {
		got := Compare(estimate(c.d, c.degrees, 0), estimate(0, c.degrees, 2))
		near(t, "difference", got.Difference, c.d, 0)
		near(t, "standard error", got.StandardError, math.Sqrt(.02), 1e-15)
		near(t, "P", got.P, c.p, 1e-9)
	}
	// Of different estimands nothing can be paired.
	a, b := Estimate{StandardError: .3, Degrees: 9}, Estimate{StandardError: .4, Degrees: 9, estimand: GridSampled}
	near(t, "unpaired", Compare(a, b).StandardError, .5, 1e-15)
	// Nothing shows how far these can move.
	if c := Compare(Estimate{Value: 1}, Estimate{Value: .5}); c != (Comparison{Difference: .5, P: 1}) {
		t.Errorf("without doubt: %+v", c)
	}
}

// By hand, and as p.adjust(p, "holm") of R has it.
func TestHolm(t *testing.T) {
	for _, c := range []struct{ p, want []float64 }{
		{nil, nil},
		{[]float64{.03}, []float64{.03}},
		{[]float64{.01, .04, .03, .005, .5, .02}, []float64{.05, .09, .09, .03, .5, .08}},
		{[]float64{.6, .6}, []float64{1, 1}},
		{[]float64{.02, .02, .02}, []float64{.06, .06, .06}},
	} {
		got := Holm(c.p)
		if len(got) != len(c.want) {
			t.Fatalf("Holm(%v) = %v", c.p, got)
		}
		for i := range got {
			near(t, "adjusted p", got[i], c.want[i], 1e-15)
		}
	}
}
