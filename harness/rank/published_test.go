package rank

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
)

// What the papers' own code answers: testdata/published.py says which code, at
// which commits, and how it was run.
type publishedScores struct {
	PGDL []struct {
		Name  string
		Names [][]string
		X, Y  []float64
		Score *float64 // nil: NaN
	}
	RGM struct {
		Levels   [][]int
		Gap      []float64
		Measures map[string][]float64
		Runs     []struct {
			Measure  string
			Filtered bool
			All      publishedSummary
			ByAxis   []publishedSummary `json:"by_axis"`
		}
	}
}

type publishedSummary struct {
	Environments   int // each counted twice
	Mean, P90, Max float64
}

func loadPublished(t *testing.T) publishedScores {
	t.Helper()
	raw, err := os.ReadFile("testdata/published.json")
	if err != nil {
		t.Fatal(err)
	}
	var p publishedScores
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.PGDL) < 20 || len(p.RGM.Runs) != 6 {
		t.Fatalf("published.json holds %d and %d cases only", len(p.PGDL), len(p.RGM.Runs))
	}
	return p
}

// complete lists the levels of a complete grid, the last axis fastest.
func complete(sizes []int) [][]int {
	n := 1
	for _, size := range sizes {
		n *= size
	}
	levels := make([][]int, len(sizes))
	step := n
	for a, size := range sizes {
		step /= size
		for i := range n {
			levels[a] = append(levels[a], i/step%size)
		}
	}
	return levels
}

func TestPGDLAgreesWithTheScoringProgram(t *testing.T) {
	undefinedScores := 0
	for _, c := range loadPublished(t).PGDL {
		var sizes []int
		for _, names := range c.Names {
			sizes = append(sizes, len(names))
		}
		got, err := sample(t, complete(sizes), c.X, c.Y, Mean).PGDL(c.Names)
		switch {
		case c.Score == nil:
			undefinedScores++
			if !errors.Is(err, ErrUndefined) || !strings.Contains(err.Error(), "NaN") {
				t.Errorf("%s: %v, %v; the program answers NaN", c.Name, got, err)
			}
		case err != nil:
			t.Errorf("%s: %v; the program answers %v", c.Name, err, *c.Score)
		default:
			near(t, c.Name, got.Score, *c.Score, 1e-11)
			if math.Signbit(got.Score) {
				t.Errorf("%s: the score is %v", c.Name, got.Score)
			}
		}
	}
	if undefinedScores != 6 {
		t.Errorf("%d scores are undefined, want 6", undefinedScores)
	}
}

// The values of V3, to ten decimals.
func TestPGDLOfV3(t *testing.T) {
	levels := complete([]int{2, 2, 2})
	gap := []float64{.05, .09, .07, .12, .11, .16, .10, .20}
	negative := make([]float64, len(gap))
	for i, v := range gap {
		negative[i] = -v
	}
	for _, c := range []struct {
		x    []float64
		want float64
		set  [2]int
	}{
		{[]float64{1, 2, 4, 3, 5, 8, 6, 7}, 25.2788086727, [2]int{0, 1}},
		{gap, 100.0000000004, [2]int{0, 1}},
		{negative, 47.4770559586, [2]int{0, 2}},
	} {
		got, err := sample(t, levels, c.x, gap, Mean).PGDL(nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "PGDL", got.Score, c.want, tolVector)
		if got.Set != c.set && c.want < 100 {
			t.Errorf("PGDL at S = %v, want %v", got.Set, c.set)
		}
	}
}

func TestPGDLIsRefused(t *testing.T) {
	levels := complete([]int{2, 3})
	x := []float64{1, 5, 2, 4, 3, 6}
	g := must(NewGrid(6, levels, nil))
	full := must(g.Sample(x, x, nil, Mean))
	hole := must(g.Sample(x, x, []bool{true, true, false, true, true, true}, Mean))
	twice := must(must(NewGrid(12, [][]int{append(levels[0], levels[0]...), append(levels[1], levels[1]...)}, nil)).
		Sample(append(x, x...), append(x, x...), nil, Pooled))
	for name, c := range map[string]struct {
		s     *Sample
		names [][]string
		want  string
	}{
		"a hole":             {hole, nil, "complete"},
		"a level without":    {full, [][]string{{"a", "b"}, {"c", "d", "e", "f"}}, "6 of 8"},
		"pooled":             {twice, nil, "one network a configuration"},
		"one axis":           {sample(t, [][]int{{0, 1, 2}}, x[:3], x[:3], Mean), nil, "two axes"},
		"two like names":     {full, [][]string{{"a", "a"}, {"c", "d", "e"}}, "NaN"},
		"no axes":            {sample(t, nil, x, x, Mean), nil, "two axes"},
		"nothing is defined": {must(g.Sample(x, x, make([]bool, 6), Mean)), nil, "0 of 6"},
	} {
		if _, err := c.s.PGDL(c.names); !errors.Is(err, ErrUndefined) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an undefined score for %q", name, err, c.want)
		}
	}
	for _, names := range [][][]string{{{"a", "b"}}, {{"a", "b"}, {"c", "d"}}} {
		if _, err := full.PGDL(names); err == nil || errors.Is(err, ErrUndefined) {
			t.Errorf("names %q: %v, want a refusal", names, err)
		}
	}
	if s, err := full.PGDL([][]string{{"1", "2"}, {"1", "2", "3"}}); err != nil || s.Score != 0 {
		// With both axes in S a cell holds one pair, or the self pairs: no entropy but epsilon's.
		t.Errorf("two axes: %+v, %v", s, err)
	}
}

// Collisions by comparing all names, as the program's keys are built.
func TestCollide(t *testing.T) {
	words := []string{"0", "1", "00", "01", "10", "11", "2", "12"}
	found := 0
	for i := range words {
		for j := range words {
			for k := range words {
				for l := range words {
					first, second := []string{words[i], words[j]}, []string{words[k], words[l], "21"}
					seen, want := map[string]bool{}, false
					for _, v := range first {
						for _, w := range first {
							for _, p := range second {
								for _, q := range second {
									want = want || seen[v+w+p+q]
									seen[v+w+p+q] = true
								}
							}
						}
					}
					if got := collide(first, second); got != want {
						t.Fatalf("collide(%q, %q) = %v", first, second, got)
					}
					if want && i != j && k != l {
						found++
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("no words collide")
	}
}

func TestSignErrorsAgreeWithTheAuthorsCode(t *testing.T) {
	p := loadPublished(t).RGM
	g := must(NewGrid(len(p.Gap), p.Levels, nil))
	for _, run := range p.Runs {
		s := must(g.Sample(p.Measures[run.Measure], p.Gap, nil, Mean))
		got := s.RGM(10000)
		if !run.Filtered {
			got = s.SignErrorsOf(SignErrorOptions{TestSize: 10000, LeastESS: LeastESS, Unfiltered: true, Doubled: true})
		}
		agreeSummary(t, run.Measure, got.SignErrorSummary, run.All)
		for a, want := range run.ByAxis {
			agreeSummary(t, label(run.Measure+" axis", a), got.ByAxis[a], want)
		}
		near(t, "error of the worst", got.Worst.Error, got.Max, 0)
		// One environment is at 12 to numpy's isclose alone.
		strict := s.SignErrorsOf(SignErrorOptions{TestSize: 10000, LeastESS: LeastESS})
		if run.Filtered && (strict.Environments != got.Environments-1 || strict.Rejected != got.Rejected+1) {
			t.Errorf("%s: %d environments of 12 and more, of %d", run.Measure, strict.Environments, got.Environments)
		}
	}
}

func agreeSummary(t *testing.T, what string, got SignErrorSummary, want publishedSummary) {
	t.Helper()
	if 2*got.Environments != want.Environments || (got.Err == nil) != (want.Environments > 0) {
		t.Errorf("%s: %d environments (%v), the authors' code twice %d", what, got.Environments, got.Err, want.Environments/2)
	}
	near(t, what+" mean", got.Mean, want.Mean, tol)
	near(t, what+" p90", got.P90, want.P90, tol)
	near(t, what+" max", got.Max, want.Max, tol)
}

// The worst environment, where it can be seen: of 2 x 3 configurations of four
// networks one falls where the measure rises.
func TestWorstEnvironment(t *testing.T) {
	levels := [][]int{nil, nil}
	var x, y []float64
	for c := range 6 {
		for range 4 {
			levels[0], levels[1] = append(levels[0], c/3), append(levels[1], []int{2, 5, 7}[c%3])
			x, y = append(x, float64(c)), append(y, .1*float64(c))
		}
	}
	for i := 20; i < 24; i++ { // the last, at (1, 7), has a gap of 0.25
		y[i] = .25
	}
	for i := 12; i < 16; i++ { // and (1, 2) of 0.3 and a little more
		y[i] += .001 * float64(i-12)
	}
	s := sample(t, levels, x, y, Mean)
	e := s.SignErrorsOf(SignErrorOptions{TestSize: 10000, LeastESS: LeastESS})
	// From (1, 2) and from (1, 5) to (1, 7) the gap falls; the weights of the former
	// differ a little, so that the latter has the larger effective sample size.
	if want := (EnvironmentAt{Axis: 1, From: 5, To: 7, Network: 16, Error: 1, ESS: e.Worst.ESS}); e.Worst != want {
		t.Errorf("the worst is %+v, want %+v", e.Worst, want)
	}
	near(t, "its effective sample size", e.Worst.ESS, 16, 1e-9)
	if e.ByAxis[0].Max != 0 || e.ByAxis[1].Max != 1 || e.ByAxis[0].Environments != 3 || e.ByAxis[1].Environments != 6 {
		t.Errorf("by axis: %+v", e.ByAxis)
	}
	near(t, "mean", e.Mean, 2./9, 1e-15)
	e = s.SignErrorsOf(SignErrorOptions{TestSize: 10000, Environment: LevelPair, LeastESS: LeastESS})
	if e.Environments != 4 || e.Worst.Axis != 1 || e.Worst.From != 5 || e.Worst.To != 7 || e.Worst.Network != -1 {
		t.Errorf("pooled: %+v", e)
	}
	near(t, "pooled max", e.Max, .5, 1e-4) // one of two pairs of configurations, of nearly equal weights
	e = s.SignErrorsOf(SignErrorOptions{TestSize: 1, LeastESS: LeastESS})
	if !errors.Is(e.Err, ErrUndefined) || !errors.Is(e.ByAxis[1].Err, ErrUndefined) || e.Rejected != 9 {
		t.Errorf("one test example: %+v", e)
	}
}

// The authors take a sum of weights that isclose takes for 0 for nothing.
func TestTinyWeightsAreNone(t *testing.T) {
	tiny := environment{w: 20 * 4e-10, w2: 20 * 4e-10 * 4e-10}
	if ess, ok := tiny.size(SignErrorOptions{LeastESS: LeastESS}); !ok || math.Abs(ess-20) > 1e-9 {
		t.Errorf("by definition the size is %v", ess)
	}
	if _, ok := tiny.size(SignErrorOptions{LeastESS: LeastESS, isclose: true}); ok {
		t.Error("the authors' code rejects it")
	}
}

// A tied pair counts 0 in FGM's τ, and an axis along which the measure is
// constant has ψ = 0 (V2).
func TestFGMCountsTiesAsNothing(t *testing.T) {
	levels := [][]int{{0, 0, 0, 1, 1, 1}, {0, 1, 2, 0, 1, 2}}
	gap := []float64{.10, .12, .11, .15, .14, .20}
	f, err := sample(t, levels, []float64{2, 4, 8, 2, 4, 8}, gap, Mean).FGM()
	if err != nil || f.PsiErr != nil || f.TauErr != nil {
		t.Fatal(err, f.PsiErr, f.TauErr)
	}
	near(t, "Ψ", f.Psi, .1666666667, tolVector)
	near(t, "τ", f.Tau, .1333333333, tolVector)
	near(t, "ψ batch size", f.ByAxis[0].Psi, 0, 0)
	f, err = sample(t, levels, []float64{7, 7, 7, 7, 7, 7}, gap, Mean).FGM()
	if err != nil || f.Psi != 0 || f.Tau != 0 || f.PsiErr != nil || f.TauErr != nil {
		t.Errorf("a constant measure: %+v, %v", f, err)
	}
	f, err = sample(t, nil, gap, gap, Mean).FGM()
	if err != nil || f.Tau != 1 || !errors.Is(f.PsiErr, ErrUndefined) {
		t.Errorf("without axes: %+v, %v", f, err)
	}
	if _, err = sample(t, nil, gap[:1], gap[:1], Mean).FGM(); !errors.Is(err, ErrUndefined) {
		t.Errorf("one network: %v", err)
	}
}

func TestAbsolutePearson(t *testing.T) {
	if r, err := AbsolutePearson([]float64{1, 2, 2, 3}, []float64{-1, -2, -3, -3}); err != nil || math.Abs(r-.8528028654) > tolVector {
		t.Errorf("|r| = %v, %v", r, err)
	}
	if _, err := AbsolutePearson([]float64{1, 1}, []float64{1, 2}); !errors.Is(err, ErrUndefined) {
		t.Errorf("of a constant: %v", err)
	}
}

// The values are numpy.percentile's (1.24.2), to the last bit.
func TestQuantileRoundsAsNumpy(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{[]float64{.61, .73, .81, .91}, .88}, {[]float64{.06, .15, .34, .88}, .7180000000000001}} {
		if got := quantile(c.v, .9); got != c.want {
			t.Errorf("quantile(%v) = %v, want %v", c.v, got, c.want)
		}
	}
}
