package rank

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"testing"
)

// The reference values are SciPy's and numpy's: testdata/reference.py says how
// each was computed and reference.json with which versions.
type reference struct {
	Correlations []struct {
		X, Y     []float64
		TauA     *float64 `json:"tau_a"`
		TauB     *float64 `json:"tau_b"`
		Spearman *float64
		Pearson  *float64
	}
	Grids []struct {
		Levels   [][]int
		Seed     []int
		X, Y     []float64
		Repeats  string
		PsiB     []*float64 `json:"psi_b"`
		PsiA     []*float64 `json:"psi_a"`
		MeanB    *float64   `json:"mean_b"`
		MeanA    *float64   `json:"mean_a"`
		TauB     *float64   `json:"tau_b"`
		Spearman *float64
		Pearson  *float64
		Sets     []struct {
			Axes    []int
			Value   *float64
			MinCell int `json:"min_cell"`
		}
	}
}

// 1e-12 is SciPy's own rounding over a few hundred values; Pearson of data
// spread over e±12 loses a few digits more in SciPy.
const (
	tol        = 1e-12
	tolPearson = 1e-9
)

func loadReference(t *testing.T) reference {
	t.Helper()
	raw, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Correlations) < 30 || len(r.Grids) < 20 {
		t.Fatalf("reference.json holds %d correlations and %d grids only", len(r.Correlations), len(r.Grids))
	}
	return r
}

// agree compares a statistic with a reference where nil (SciPy's NaN) means undefined.
func agree(t *testing.T, what string, got float64, err error, want *float64, tol float64) {
	t.Helper()
	switch {
	case want == nil && !errors.Is(err, ErrUndefined):
		t.Errorf("%s = %v (error %v), SciPy says it is not defined", what, got, err)
	case want != nil && err != nil:
		t.Errorf("%s: %v, SciPy says %v", what, err, *want)
	case want != nil && math.Abs(got-*want) > tol:
		t.Errorf("%s = %.17g, SciPy says %.17g", what, got, *want)
	}
}

func TestCorrelationsAgreeWithSciPy(t *testing.T) {
	for i, c := range loadReference(t).Correlations {
		v, err := TauA(c.X, c.Y)
		agree(t, label("τ-a", i), v, err, c.TauA, tol)
		v, err = TauB(c.X, c.Y)
		agree(t, label("τ-b", i), v, err, c.TauB, tol)
		v, err = Spearman(c.X, c.Y)
		agree(t, label("Spearman", i), v, err, c.Spearman, tol)
		v, err = Pearson(c.X, c.Y)
		agree(t, label("Pearson", i), v, err, c.Pearson, tolPearson)
	}
}

func label(what string, i int) string { return fmt.Sprintf("%s %d", what, i) }

func TestGridsAgreeWithSciPy(t *testing.T) {
	modes := map[string]Repeats{"mean": Mean, "pooled": Pooled, "per-seed": PerSeed}
	for i, c := range loadReference(t).Grids {
		g, err := NewGrid(len(c.X), c.Levels, c.Seed)
		if err != nil {
			t.Fatal(err)
		}
		s, err := g.Sample(c.X, c.Y, nil, modes[c.Repeats])
		if err != nil {
			t.Fatal(err)
		}
		name := c.Repeats + " " + label("grid", i)
		for kind, want := range map[Tau]struct {
			psi  *float64
			axes []*float64
		}{B: {c.MeanB, c.PsiB}, A: {c.MeanA, c.PsiA}} {
			got := s.Granulated(kind)
			agree(t, name+": Ψ", got.Psi, got.Err, want.psi, tol)
			for a := range want.axes {
				agree(t, name+": ψ", got.Axes[a].Psi, got.Axes[a].Err, want.axes[a], tol)
			}
		}
		v, err := s.TauB()
		agree(t, name+": τ-b", v, err, c.TauB, tol)
		v, err = s.Spearman()
		agree(t, name+": Spearman", v, err, c.Spearman, tol)
		v, err = s.Pearson()
		agree(t, name+": Pearson", v, err, c.Pearson, tolPearson)

		k := s.Information()
		if len(k.Sets) != len(c.Sets) {
			t.Fatalf("%s: %d sets, want %d", name, len(k.Sets), len(c.Sets))
		}
		least := math.Inf(1)
		for n, want := range c.Sets {
			got := k.Sets[n]
			agree(t, name+": I/H", got.Value, got.Err, want.Value, tol)
			if got.MinCell != want.MinCell {
				t.Errorf("%s: set %v: smallest cell %d, want %d", name, want.Axes, got.MinCell, want.MinCell)
			}
			if want.Value != nil {
				least = min(least, *want.Value)
			}
		}
		if k.Err == nil && math.Abs(k.K-least) > tol {
			t.Errorf("%s: K = %v, want %v", name, k.K, least)
		}
	}
}

// TestMeansKeepWhatTellsThemApart: whole numbers behind a large offset are exact in a
// float64, and so are their means over two repeats; values over many orders of magnitude
// keep their smallest; means that are equal on paper tie.
func TestMeansKeepWhatTellsThemApart(t *testing.T) {
	gap := []float64{.01, .03, .03, .05, .05, .07, .08, .1}
	config, seed := []int{0, 0, 1, 1, 2, 2, 3, 3}, []int{0, 1, 0, 1, 0, 1, 0, 1}
	for name, of := range map[string]func(float64) float64{
		"offset 1e13":    func(g float64) float64 { return 1e13 + math.Round(100*g) },
		"offset 2^52":    func(g float64) float64 { return 1<<52 + math.Round(100*g) },
		"30 magnitudes":  func(g float64) float64 { return math.Pow(10, 300*g-15) },
		"smallest first": func(g float64) float64 { return math.Pow(10, 3000*g-300) },
		"negative":       func(g float64) float64 { return g - 1e3 },
	} {
		x := make([]float64, len(gap))
		for i, g := range gap {
			x[i] = of(g)
		}
		s := must(must(NewGrid(len(gap), [][]int{config}, seed)).Sample(x, gap, nil, Mean))
		if tau, err := s.TauB(); err != nil || tau != 1 {
			t.Errorf("%s: τ is %v, %v; want 1", name, tau, err)
		}
	}
	equal := must(must(NewGrid(4, [][]int{{0, 0, 1, 1}}, []int{0, 1, 0, 1})).Sample([]float64{.1, .25, .15, .2}, []float64{1, 1, 2, 2}, nil, Mean))
	if _, err := equal.TauB(); !errors.Is(err, ErrUndefined) {
		t.Errorf("means that are equal on paper are told apart: %v", err)
	}
}
