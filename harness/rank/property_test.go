package rank

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// pairsByDefinition is Kendall's definition, pair by pair.
func pairsByDefinition(x, y []float64) Pairs {
	var p Pairs
	for i := range x {
		for j := range i {
			switch dx, dy := x[i] != x[j], y[i] != y[j]; {
			case !dx && !dy:
				p.TiedBoth++
			case !dx:
				p.TiedX++
			case !dy:
				p.TiedY++
			case (x[i] > x[j]) == (y[i] > y[j]):
				p.Concordant++
			default:
				p.Discordant++
			}
		}
	}
	return p
}

// tied draws samples with many ties, few, or none.
func tied(n int) *rapid.Generator[[]float64] {
	return rapid.Custom(func(t *rapid.T) []float64 {
		levels := rapid.SampledFrom([]int{1, 2, 3, 10, 1000}).Draw(t, "levels")
		return rapid.SliceOfN(rapid.Map(rapid.IntRange(-levels, levels), func(i int) float64 { return float64(i) / 7 }), n, n).Draw(t, "v")
	})
}

func TestCorrelationProperties(t *testing.T) {
	type statistic struct {
		f        func(x, y []float64) (float64, error)
		tol      float64
		monotone bool // unmoved by increasing maps
	}
	statistics := []statistic{{TauA, 0, true}, {TauB, 0, true}, {Spearman, 1e-12, true}, {Pearson, 1e-12, false}}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 90).Draw(t, "n")
		x, y := tied(n).Draw(t, "x"), tied(n).Draw(t, "y")
		if got, want := must(CountPairs(x, y)), pairsByDefinition(x, y); got != want {
			t.Fatalf("CountPairs = %+v, want %+v", got, want)
		}
		negative, shifted := make([]float64, n), make([]float64, n)
		for i, v := range x {
			negative[i] = -v
			shifted[i] = math.Exp(v / 100) // increasing
		}
		order := rapid.Permutation(indices(n)).Draw(t, "order")
		for _, s := range statistics {
			v, err := s.f(x, y)
			if w, errW := s.f(y, x); (err == nil) != (errW == nil) || math.Abs(v-w) > s.tol {
				t.Fatalf("not symmetric: %v %v, %v %v", v, err, w, errW)
			}
			if err != nil {
				continue
			}
			if v < -1 || v > 1 || math.IsNaN(v) {
				t.Fatalf("%v is outside [-1, 1]", v)
			}
			if w, err := s.f(negative, y); err != nil || math.Abs(v+w) > s.tol {
				t.Fatalf("negated: %v and %v, %v", v, w, err)
			}
			if w, err := s.f(take(x, order), take(y, order)); err != nil || math.Abs(v-w) > max(s.tol, 1e-15) {
				t.Fatalf("reordered: %v and %v, %v", v, w, err)
			}
			if w, err := s.f(shifted, y); s.monotone && (err != nil || v != w) {
				t.Fatalf("under an increasing map: %v and %v, %v", v, w, err)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func indices(n int) []int {
	v := make([]int, n)
	for i := range v {
		v[i] = i
	}
	return v
}

func take(v []float64, order []int) []float64 {
	out := make([]float64, len(v))
	for k, i := range order {
		out[k] = v[i]
	}
	return out
}

// drawSample draws a complete 2 x 3 x 2 grid with repeats, in an order of its own.
func drawSample(t *rapid.T) (*Grid, []float64, []float64) {
	repeats := rapid.IntRange(1, 3).Draw(t, "repeats")
	n := 2 * 3 * 2 * repeats
	order := rapid.Permutation(indices(n)).Draw(t, "order")
	levels := [][]int{make([]int, n), make([]int, n), make([]int, n)}
	seed := make([]int, n)
	for k, i := range order {
		levels[0][k], levels[1][k], levels[2][k], seed[k] = i%2, i/2%3, i/6%2, i/12
	}
	return must(NewGrid(n, levels, seed)), tied(n).Draw(t, "x"), tied(n).Draw(t, "y")
}

func TestGridProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]Repeats{Mean, Pooled, PerSeed}).Draw(t, "mode")
		g, x, y := drawSample(t)
		s := must(g.Sample(x, y, nil, mode))
		opposite := make([]float64, len(x))
		affine := make([]float64, len(x))
		for i, v := range x {
			opposite[i] = -v
			affine[i] = 4*v + 8 // exact enough in binary for means to tie as before
		}
		o := must(g.Sample(opposite, y, nil, mode))
		a := must(g.Sample(affine, y, nil, mode))
		for _, kind := range []Tau{A, B} {
			p, q, w := s.Granulated(kind), o.Granulated(kind), a.Granulated(kind)
			if (p.Err == nil) != (q.Err == nil) || p.Err == nil && (p.Psi != -q.Psi || math.Abs(p.Psi) > 1) {
				t.Fatalf("Ψ %v %v, negated %v %v", p.Psi, p.Err, q.Psi, q.Err)
			}
			if p.Err == nil && p.Psi != w.Psi {
				t.Fatalf("Ψ %v, of 4x+8 %v", p.Psi, w.Psi)
			}
			for i, axis := range p.Axes {
				if axis.Defined() < 0 || axis.Err == nil && axis.Defined() == 0 {
					t.Fatalf("axis %d: %+v", i, axis)
				}
			}
		}
		if k := s.Information(); k.Err == nil && !(k.K >= 0 && k.K <= 1 && k.MinCell > 0) {
			t.Fatalf("K = %+v", k)
		}
		if e := s.SignErrorsOf(SignErrorOptions{TestSize: 100000, Environment: LevelPair, LeastESS: 1}); e.Err == nil && !(0 <= e.Mean && e.Mean <= e.Max && e.P90 <= e.Max && e.Max <= 1) {
			t.Fatalf("sign errors %+v", e)
		}
		checkInterval(t, s)
	})
}

// distinctValues draws n values of which no two are equal.
func distinctValues(t *rapid.T, n int, name string) []float64 {
	v := make([]float64, n)
	for k, i := range rapid.Permutation(indices(n)).Draw(t, name) {
		v[k] = float64(i) / 7
	}
	return v
}

// pointStatistics are those that one measure is reported with.
func pointStatistics(s *Sample) map[string]func() (float64, error) {
	psi := func(kind Tau) func() (float64, error) {
		return func() (float64, error) { g := s.Granulated(kind); return g.Psi, g.Err }
	}
	return map[string]func() (float64, error){
		"τ-a": s.TauA, "τ-b": s.TauB, "ρ": s.Spearman, "r": s.Pearson, "Ψ by τ-a": psi(A), "Ψ by τ-b": psi(B),
		"K": func() (float64, error) { k := s.Information(); return k.K, k.Err },
		"sign error": func() (float64, error) {
			e := s.SignErrorsOf(SignErrorOptions{TestSize: 100000, Environment: LevelPair, LeastESS: 1})
			return e.Mean, e.Err
		},
		"RGM":  func() (float64, error) { e := s.RGM(100000); return e.P90, e.Err },
		"PGDL": func() (float64, error) { p, err := s.PGDL(nil); return p.Score, err },
	}
}

// same reports statistics of two samples that should not differ.
func same(t *rapid.T, what string, a, b *Sample, but ...string) {
	t.Helper()
	other := pointStatistics(b)
	for name, f := range pointStatistics(a) {
		if slices.Contains(but, name) {
			continue
		}
		v, err := f()
		w, errW := other[name]()
		if (err == nil) != (errW == nil) || math.Abs(v-w) > 1e-12*max(1, math.Abs(v)) {
			t.Fatalf("%s: %s was %v (%v) and is %v (%v)", what, name, v, err, w, errW)
		}
	}
}

// A measure that orders as the gap does has all of its statistics at their best,
// and the reverse at their worst; K and the PGDL score do not see the sign.
func TestPerfectMeasure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, _, _ := drawSample(t)
		y := distinctValues(t, g.n, "y")
		perfect, inverted := make([]float64, g.n), make([]float64, g.n)
		for i, v := range y {
			perfect[i], inverted[i] = 2*v+1, -2*v-1
		}
		mode := rapid.SampledFrom([]Repeats{Mean, Pooled, PerSeed}).Draw(t, "mode")
		up, down := pointStatistics(must(g.Sample(perfect, y, nil, mode))), pointStatistics(must(g.Sample(inverted, y, nil, mode)))
		tied := mode == Mean && g.most > 1 // means of different values may tie: τ-a, and the sign of K's ties
		for _, name := range []string{"τ-a", "τ-b", "ρ", "r", "Ψ by τ-a", "Ψ by τ-b"} {
			if tied && (name == "τ-a" || name == "Ψ by τ-a") {
				continue
			}
			v, err := up[name]()
			w, errW := down[name]()
			if err != nil || errW != nil || math.Abs(v-1) > 1e-12 || math.Abs(w+1) > 1e-12 {
				t.Fatalf("%s is %v (%v) and inverted %v (%v)", name, v, err, w, errW)
			}
		}
		if v, err := up["K"](); err == nil && v != 1 {
			t.Fatalf("K is %v", v)
		}
		if v, err := down["K"](); err == nil && v != 1 && !tied {
			t.Fatalf("K of the inverted is %v", v)
		}
		if v, err := up["PGDL"](); err == nil && math.Abs(v-100) > 1e-8 {
			t.Fatalf("PGDL is %v", v)
		}
		for _, name := range []string{"sign error", "RGM"} {
			v, err := up[name]()
			w, errW := down[name]()
			if err == nil && v != 0 || errW == nil && math.Abs(w-1) > 1e-12 {
				t.Fatalf("%s is %v and inverted %v", name, v, w)
			}
		}
	})
}

// With one seed, or seed by seed, only the measure's order counts, but for r.
func TestIncreasingMapsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, x, y := drawSample(t)
		mapped := make([]float64, len(x))
		for i, v := range x {
			mapped[i] = math.Exp(v / 200)
		}
		for _, mode := range []Repeats{Mean, Pooled, PerSeed} {
			if mode == Mean && g.most > 1 {
				continue // the mean of the maps is not the map of the mean
			}
			same(t, "under an increasing map", must(g.Sample(x, y, nil, mode)), must(g.Sample(mapped, y, nil, mode)), "r")
		}
	})
}

func TestRelabellingChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]Repeats{Mean, Pooled, PerSeed}).Draw(t, "mode")
		g, x, y := drawSample(t)
		marks := rapid.SliceOfN(rapid.Float64Range(0, 1), g.n, g.n).Draw(t, "marks")
		order := rapid.Permutation(indices(g.n)).Draw(t, "order")
		defined, movedMarks := make([]bool, g.n), make([]bool, g.n)
		for i, m := range marks {
			defined[i] = m < .9
		}
		levels := make([][]int, g.Axes())
		seed := make([]int, g.n)
		for k, i := range order {
			movedMarks[k], seed[k] = defined[i], g.seed[i]
			for a := range levels {
				levels[a] = append(levels[a], g.levels[a][i])
			}
		}
		moved := must(NewGrid(g.n, levels, seed))
		same(t, "in another order", must(g.Sample(x, y, defined, mode)), must(moved.Sample(take(x, order), take(y, order), movedMarks, mode)))
	})
}

// Means do not change when every network is there twice or three times. The
// statistics over single networks do (an effective sample size grows).
func TestRepeatingSeedsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, x, y := drawSample(t)
		times := rapid.IntRange(2, 3).Draw(t, "times")
		var levels [][]int
		for _, axis := range g.levels {
			levels = append(levels, slices.Repeat(axis, times))
		}
		more := must(NewGrid(times*g.n, levels, nil))
		a, b := must(g.Sample(x, y, nil, Mean)), must(more.Sample(slices.Repeat(x, times), slices.Repeat(y, times), nil, Mean))
		// Values of one seed are not rounded, means are, to 1e-12 of themselves: r may move by as much.
		same(t, "with repeats", a, b, "r", "sign error", "RGM")
		v, err := a.Pearson()
		w, errW := b.Pearson()
		if (err == nil) != (errW == nil) || math.Abs(v-w) > 1e-10 {
			t.Fatalf("r was %v (%v) and is %v (%v)", v, err, w, errW)
		}
	})
}

func checkInterval(t *rapid.T, s *Sample) {
	o := Resampling{Replicates: 20, Seed: 1}
	all, again := must(s.Intervals(B, o)), must(s.Intervals(B, o))
	check := func(name string, e, again Estimate) {
		if (e.Err == nil) != (again.Err == nil) || e.Value != again.Value || e.Low != again.Low || e.High != again.High {
			t.Fatalf("%s: the same seed gave %v and %v", name, e, again)
		}
		if !(-1 <= e.Low && e.Low <= e.Value && e.Value <= e.High && e.High <= 1) {
			t.Fatalf("%s: %v is not inside [%v, %v]", name, e.Value, e.Low, e.High)
		}
		if (e.Low < e.High) != (e.Err == nil) || e.Err != nil && !errors.Is(e.Err, ErrUndefined) {
			t.Fatalf("%s: [%v, %v], %v", name, e.Low, e.High, e.Err)
		}
	}
	check("Ψ", all.Psi, again.Psi)
	check("τ", all.Tau, again.Tau)
	check("Spearman", all.Spearman, again.Spearman)
	check("Pearson", all.Pearson, again.Pearson)
	check("K", all.Information, again.Information)
	for a := range all.Axes {
		check("ψ", all.Axes[a], again.Axes[a])
	}
	p := must(s.PValues(B, 20, 1))
	for _, v := range []struct {
		p   float64
		err error
	}{{p.Psi, p.PsiErr}, {p.Tau, p.TauErr}} {
		if v.err == nil && !(1.0/21-1e-15 <= v.p && v.p <= 1) || v.err != nil && !errors.Is(v.err, ErrUndefined) {
			t.Fatalf("p = %v, %v", v.p, v.err)
		}
	}
}

// Values of any size, and of very different sizes, give finite intervals.
func TestIntervalsOfExtremeValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, x, y := drawSample(t)
		for _, v := range [][]float64{x, y} {
			exponents := rapid.SampledFrom([][]int{{0}, {300}, {-300}, {150, -150}, {300, -300, 0}, {90, 0}}).Draw(t, "exponents")
			for i := range v {
				v[i] *= math.Pow10(exponents[i%len(exponents)])
			}
		}
		for _, mode := range []Repeats{Mean, Pooled, PerSeed} {
			checkInterval(t, must(g.Sample(x, y, nil, mode)))
		}
	})
}

func FuzzTau(f *testing.F) {
	f.Add([]byte("some bytes to begin with, of no meaning"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var x, y []float64
		for ; len(raw) >= 16; raw = raw[16:] {
			x = append(x, math.Float64frombits(binary.LittleEndian.Uint64(raw)))
			y = append(y, math.Float64frombits(binary.LittleEndian.Uint64(raw[8:])))
		}
		pairs, err := CountPairs(x, y)
		if err == nil && pairs != pairsByDefinition(x, y) {
			t.Fatalf("CountPairs(%v, %v) = %+v, want %+v", x, y, pairs, pairsByDefinition(x, y))
		}
		for name, s := range map[string]func(x, y []float64) (float64, error){"τ-a": TauA, "τ-b": TauB, "Spearman": Spearman, "Pearson": Pearson} {
			if v, err := s(x, y); err == nil && !(v >= -1 && v <= 1) {
				t.Fatalf("%s(%v, %v) = %v", name, x, y, v)
			}
		}
	})
}
