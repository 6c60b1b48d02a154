package rank

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// The vectors V1 to V4 were computed by a Python script that shares nothing
// with this package and agree with SciPy, with the PGDL starting kit (V3) and
// with the code of Dziugaite et al. 2020 (V4). They carry ten decimals.
const tolVector = 5e-11

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s = %.12f, want %.12f", what, got, want)
	}
}

func TestV1(t *testing.T) {
	for _, c := range []struct {
		x, y                      []float64
		pairs                     Pairs
		a, b, spearman, pearsonly float64
	}{
		{[]float64{1, 2, 3, 4, 5}, []float64{1, 3, 2, 5, 4}, Pairs{Concordant: 8, Discordant: 2}, .6, .6, .8, .8},
		{[]float64{1, 2, 2, 3}, []float64{1, 2, 3, 3}, Pairs{Concordant: 4, TiedX: 1, TiedY: 1}, .6666666667, .8, .8333333333, .8528028654},
		{[]float64{3, 1, 4, 1, 5, 9, 2, 6}, []float64{2, 7, 1, 8, 2, 8, 1, 8}, Pairs{Concordant: 13, Discordant: 9, TiedX: 1, TiedY: 5},
			.1428571429, .1605144708, .1988536812, .2096553191},
	} {
		pairs, err := CountPairs(c.x, c.y)
		if err != nil || pairs != c.pairs {
			t.Errorf("CountPairs(%v, %v) = %+v, %v; want %+v", c.x, c.y, pairs, err, c.pairs)
		}
		for _, s := range []struct {
			name string
			f    func(x, y []float64) (float64, error)
			want float64
		}{{"τ-a", TauA, c.a}, {"τ-b", TauB, c.b}, {"Spearman", Spearman, c.spearman}, {"Pearson", Pearson, c.pearsonly}} {
			got, err := s.f(c.x, c.y)
			if err != nil {
				t.Errorf("%s(%v, %v): %v", s.name, c.x, c.y, err)
			}
			near(t, s.name, got, s.want, tolVector)
		}
	}
}

// A measure without variation has no correlation; SciPy answers NaN.
func TestConstantIsUndefined(t *testing.T) {
	x, y := []float64{7, 7, 7}, []float64{1, 2, 3}
	for name, f := range map[string]func(x, y []float64) (float64, error){"τ-b": TauB, "Spearman": Spearman, "Pearson": Pearson} {
		_, err := f(x, y)
		var u *UndefinedError
		if !errors.Is(err, ErrUndefined) || !errors.As(err, &u) || u.Cause != ConstantX {
			t.Errorf("%s of a constant measure: %v", name, err)
		}
		if _, err := f(y, x); !errors.As(err, &u) || u.Cause != ConstantY {
			t.Errorf("%s of a constant gap: %v", name, err)
		}
		if _, err := f(nil, nil); !errors.As(err, &u) || u.Cause != TooFew {
			t.Errorf("%s of nothing: %v", name, err)
		}
		if _, err := f([]float64{1}, []float64{1}); !errors.Is(err, ErrUndefined) {
			t.Errorf("%s of one network: %v", name, err)
		}
	}
	if a, err := TauA(x, y); a != 0 || err != nil {
		t.Errorf("τ-a of a constant measure = %v, %v; its definition gives 0", a, err)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for name, f := range map[string]func(x, y []float64) (float64, error){"τ-a": TauA, "τ-b": TauB, "Spearman": Spearman, "Pearson": Pearson} {
			for _, xy := range [][2][]float64{{{1, bad, 3}, {1, 2, 3}}, {{1, 2, 3}, {1, 2, bad}}, {{bad}, {1}}} {
				if _, err := f(xy[0], xy[1]); err == nil || errors.Is(err, ErrUndefined) {
					t.Errorf("%s(%v): error %v, want a refusal", name, xy, err)
				}
			}
		}
	}
	if _, err := TauB([]float64{1, 2}, []float64{1}); err == nil || errors.Is(err, ErrUndefined) {
		t.Errorf("unpaired: error %v", err)
	}
}

func sample(t *testing.T, levels [][]int, x, y []float64, r Repeats) *Sample {
	t.Helper()
	g, err := NewGrid(len(x), levels, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Sample(x, y, nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestV2(t *testing.T) {
	levels := [][]int{{0, 0, 0, 1, 1, 1}, {0, 1, 2, 0, 1, 2}} // batch size, depth
	gap := []float64{.10, .12, .11, .15, .14, .20}
	s := sample(t, levels, []float64{1, 3, 2, 4, 6, 5}, gap, Mean)
	for _, kind := range []Tau{A, B} {
		g := s.Granulated(kind)
		near(t, "ψ batch size", g.Axes[0].Psi, 1, 0)
		near(t, "ψ depth", g.Axes[1].Psi, .3333333333, tolVector)
		near(t, "Ψ", g.Psi, .6666666667, tolVector)
	}
	tau, _ := s.TauB()
	near(t, "τ", tau, .7333333333, tolVector)

	// npar = depth: constant along batch size. τ-a counts 0, τ-b has no value,
	// and Ψ is the mean of the axes that have one.
	s = sample(t, levels, []float64{2, 4, 8, 2, 4, 8}, gap, Mean)
	a, b := s.Granulated(A), s.Granulated(B)
	near(t, "τ-a ψ batch size", a.Axes[0].Psi, 0, 0)
	near(t, "τ-a Ψ", a.Psi, .1666666667, tolVector)
	if !errors.Is(b.Axes[0].Err, ErrUndefined) || b.Axes[0].Tied != 3 || b.Axes[0].Defined() != 0 {
		t.Errorf("τ-b ψ batch size: %+v, want 3 tied cells of 3", b.Axes[0])
	}
	near(t, "τ-b Ψ", b.Psi, .3333333333, tolVector)
	v, _ := s.TauA()
	near(t, "τ-a", v, .1333333333, tolVector)
	v, _ = s.TauB()
	near(t, "τ-b", v, .1490711985, tolVector)
}

func TestV3(t *testing.T) {
	levels := [][]int{{0, 0, 0, 0, 1, 1, 1, 1}, {0, 0, 1, 1, 0, 0, 1, 1}, {0, 1, 0, 1, 0, 1, 0, 1}} // lr, wd, width
	gap := []float64{.05, .09, .07, .12, .11, .16, .10, .20}
	s := sample(t, levels, []float64{1, 2, 4, 3, 5, 8, 6, 7}, gap, Mean)
	k := s.Information()
	near(t, "K", k.K, .0473715282, tolVector)
	if !slices.Equal(k.Set, []int{0}) || k.MinCell != 12 {
		t.Errorf("K at S = %v with a smallest cell of %d, want lr and 12", k.Set, k.MinCell)
	}
	want := []float64{.250405, .047372, .331199, .356910, .225538, .5, .619128} // none lr wd width lr+wd lr+width wd+width
	for i, c := range k.Sets {
		near(t, "I/H", c.Value, want[i], 5e-7)
	}
	tau, _ := s.TauB()
	near(t, "τ-b", tau, .571429, 5e-7)
	near(t, "Ψ", s.Granulated(B).Psi, .5, 0)

	negative := make([]float64, len(gap))
	for i, v := range gap {
		negative[i] = -v
	}
	for name, x := range map[string][]float64{"oracle": gap, "anti-oracle": negative} {
		k := sample(t, levels, x, gap, Mean).Information()
		near(t, name+" K", k.K, 1, 0)
		for _, c := range k.Sets {
			near(t, name+" I/H", c.Value, 1, 0)
		}
	}
}

// Where the axes fix the order of the gaps H is 0 and the set says nothing.
func TestInformationSkipsSetsWithoutEntropy(t *testing.T) {
	// The gap is the level of the only axis, so S = {axis} leaves H = 0.
	k := sample(t, [][]int{{0, 1, 2, 3}}, []float64{4, 1, 3, 2}, []float64{1, 2, 3, 4}, Mean).Information()
	if !errors.Is(k.Sets[1].Err, ErrUndefined) || k.Err != nil || len(k.Set) != 0 {
		t.Errorf("K = %+v, want the empty set to decide", k)
	}
	// A constant gap leaves no entropy at all.
	k = sample(t, [][]int{{0, 1, 2, 3}}, []float64{4, 1, 3, 2}, []float64{1, 1, 1, 1}, Mean).Information()
	if !errors.Is(k.Err, ErrUndefined) {
		t.Errorf("K of a constant gap = %+v", k)
	}
	// A constant measure tells nothing: I = 0.
	k = sample(t, [][]int{{0, 1, 2, 3}}, []float64{1, 1, 1, 1}, []float64{1, 2, 3, 4}, Mean).Information()
	if k.Err != nil || k.K != 0 {
		t.Errorf("K of a constant measure = %+v", k)
	}
}

func TestV4(t *testing.T) {
	for delta, want := range map[float64]float64{0: 0, .01: 0, .015: .1229870288, .02: .5319214226, .03: .9560576531, .05: .9999850934, -.03: .9560576531} {
		near(t, "HoeffdingWeight", HoeffdingWeight(delta, 10000), want, tolVector)
	}
	for _, c := range [][5]float64{{1, 2, .1, .2, 0}, {2, 1, .1, .2, 1}, {1, 1, .1, .2, .5}, {1, 2, .2, .2, .5}} {
		if got := SignError(c[0], c[1], c[2], c[3]); got != c[4] {
			t.Errorf("SignError(%v) = %v", c, got)
		}
	}
	// The toy environment: three seeds at each of two settings.
	g, err := NewGrid(6, [][]int{{0, 0, 0, 1, 1, 1}}, []int{0, 1, 2, 0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	s, err := g.Sample([]float64{1, 1.2, .9, 1.1, 1.3, 1.4}, []float64{.10, .11, .12, .16, .15, .14}, nil, Mean)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []Environment{ConfigurationPair, LevelPair} {
		e := s.SignErrorsOf(SignErrorOptions{TestSize: 10000, Environment: kind, LeastESS: 8})
		near(t, "sign error", e.Mean, .1269003286, tolVector)
		near(t, "p90", e.P90, .1269003286, tolVector)
		near(t, "max", e.Max, .1269003286, tolVector)
		// Its effective sample size is 8.1149449125.
		if e := s.SignErrorsOf(SignErrorOptions{TestSize: 10000, Environment: kind, LeastESS: 8.1149449126}); !errors.Is(e.Err, ErrUndefined) || e.Rejected != 1 {
			t.Errorf("above its effective sample size: %+v", e)
		}
		if e := s.SignErrorsOf(SignErrorOptions{TestSize: 10000, Environment: kind, LeastESS: 8.1149449124}); e.Err != nil {
			t.Errorf("below its effective sample size: %+v", e)
		}
	}
}
