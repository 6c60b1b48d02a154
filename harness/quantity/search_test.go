package quantity

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/models"
)

// TestSearchOnCurves: on smooth curves the answer is their crossing of 0.1, from
// any start, well within the tolerance's effect on the scale.
func TestSearchOnCurves(t *testing.T) {
	for name, c := range map[string]struct {
		drop  func(s float64) float64
		cross float64
	}{
		"power 3":    {func(s float64) float64 { return min(100*s*s*s, 0.9) }, 0.1},
		"linear":     {func(s float64) float64 { return min(s, 0.8) }, 0.1},
		"steep":      {func(s float64) float64 { return min(math.Pow(s/0.02, 10), 0.9) }, 0.02 * math.Pow(0.1, 0.1)},
		"normal":     {func(s float64) float64 { return math.Erfc(1/(s*math.Sqrt2)) / 2 }, 1 / 1.2815515655446004}, // Φ(-1/s)
		"far away":   {func(s float64) float64 { return min(s/5000, 0.9) }, 500},
		"very small": {func(s float64) float64 { return min(s*1e5, 0.9) }, 1e-6},
	} {
		for _, start := range []float64{1e-3, 0.07, 5} {
			f, err := search(start, 1e-9, "", func(s float64) (float64, error) { return c.drop(s * 1.2), nil }, func(s float64) (float64, error) { return c.drop(s), nil })
			if err != nil {
				t.Errorf("%s from %v: %v", name, start, err)
				continue
			}
			// Interpolated across a bracket whose nearer end is within 10 % of the target's drop.
			if r := f.scale / c.cross; !f.converged || r < 0.985 || r > 1.015 {
				t.Errorf("%s from %v: %+v, want %v", name, start, f, c.cross)
			}
			if !(f.lower <= f.scale && f.scale <= f.upper) || math.Abs(f.drop-targetDrop) >= tolerance {
				t.Errorf("%s from %v: %+v does not hold together", name, start, f)
			}
			if f.evaluations > maxEvaluations {
				t.Errorf("%s from %v: %d evaluations", name, start, f.evaluations)
			}
		}
	}
}

// TestSearchOnStep: a drop that jumps over the target is found as a narrow bracket.
func TestSearchOnStep(t *testing.T) {
	step := func(s float64) (float64, error) {
		if s < 0.3 {
			return 0, nil
		}
		return 0.5, nil
	}
	f, err := search(0.01, 1e-9, "", step, step)
	if err != nil || !f.converged || f.lower >= 0.3 || f.upper < 0.3 || f.upper/f.lower >= narrow {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestSearchFromTheFloor: in the magnitude-aware form ε costs accuracy at any
// scale, so the drop hardly moves over decades. Where the rough stage, which
// guesses high, walks down to the smallest scale, the exact one has to find back.
// A network of the corpus quick had α' 6e-6, a thousandth of what it is.
func TestSearchFromTheFloor(t *testing.T) {
	drop := func(s float64) (float64, error) { return min(0.072+5*s, 0.9), nil } // 0.1 at 0.0056
	rough := func(s float64) (float64, error) { return min(0.102+5*s, 0.9), nil }
	f, err := search(1.0/32, 1e-6, "", rough, drop)
	if err != nil || !f.converged || f.evaluations > maxEvaluations {
		t.Fatalf("%+v, %v, want about 0.0056", f, err)
	}
	if d, _ := drop(f.scale); math.Abs(d-targetDrop) >= tolerance {
		t.Errorf("a drop of %v at %v, want 0.1, as at 0.0056", d, f.scale)
	}
}

func TestSearchGivesUp(t *testing.T) {
	never := func(float64) (float64, error) { return 0.05, nil }
	if _, err := search(0.1, 1e-6, "", never, never); !errors.As(err, new(*Undefined)) {
		t.Errorf("a drop that never comes: %v", err)
	}
	always := func(float64) (float64, error) { return 0.4, nil }
	_, err := search(0.1, 1e-6, "it is always there", always, always)
	var u *Undefined
	if !errors.As(err, &u) || u.Reason != "it is always there" {
		t.Errorf("a drop that is always there: %v", err)
	}
	broken := errors.New("broken")
	if _, err := search(0.1, 1e-6, "", func(float64) (float64, error) { return 0, broken }, never); !errors.Is(err, broken) {
		t.Errorf("a failure: %v", err)
	}
	// Without rhyme or reason: it ends.
	r := rand.New(rand.NewPCG(1, 2))
	wild := func(float64) (float64, error) { return r.Float64(), nil }
	for range 100 {
		if f, err := search(0.1, 1e-6, "", wild, wild); err == nil && f.evaluations > maxEvaluations {
			t.Fatalf("%+v", f)
		}
	}
}

// TestBisect is FGM's reference code on a known curve: 0.1 is crossed at 0.1; of the scales 1, .5,
// .25, .125, .0625, .09375 the last has a drop within 0.01.
func TestBisect(t *testing.T) {
	f, err := bisect(func(s float64) (float64, error) { return s, nil })
	want := found{scale: 0.09375, drop: 0.09375, lower: 0.0625, upper: 0.125, converged: true, evaluations: 6}
	if err != nil || f != want {
		t.Errorf("%+v, %v, want %+v", f, err, want)
	}
}

// oneHot is a linear classifier of two classes whose examples, 10·e_n, each
// have weights of their own, so that its answers to noise are known in closed form. Example n has the
// margin 10·m_n (m_n: the difference of its two weights) and label 1.
func oneHot(m []float64) *Subject {
	n := len(m)
	a := models.Architecture{Family: "mlp", Input: models.Shape{C: 1, H: 1, W: n}, Classes: 2,
		Layers: []models.Layer{{Name: "fc1", Kind: models.Dense, In: n, Out: 2}}}
	s := models.NewState(a)
	x, y := make([]float32, n*n), make([]int32, n)
	for i, v := range m {
		s[0].Data[i], s[0].Data[n+i] = float32(-v/2), float32(v/2)
		x[i*n+i] = 10
		y[i] = 1
	}
	return subjectOf(a, s, x, y)
}

func constants(n int, v float64) []float64 {
	m := make([]float64, n)
	for i := range m {
		m[i] = v
	}
	return m
}

// TestPACBayesClosedForm: with noise of variance s² on weights and biases, example n's margin
// 10 m is blurred by N(0, 2·(10²+1)·s²), so the drop is Φ(-10 m/(s√202)), which is 0.1 at
// s = 10 m/(1.28155·√202). 10 draws of 1,000 examples give the drop a standard deviation of 0.003 + (biases
// are shared) little, 1.4 % of s since d drop/d ln s = 1.28155 φ(1.28155) = 0.225: 4 deviations are 6 %.
func TestPACBayesClosedForm(t *testing.T) {
	ev := evidence.Open(t)
	const z = 1.2815515655446004 // SciPy: norm.ppf(0.9)
	const m = 0.7
	p := openSubject(t, testHost(t, t.TempDir()), oneHot(constants(1000, m)))
	plain := 10 * m / (z * math.Sqrt(202))
	// 10 m/z is the deviation wanted: variance 2·100·(s'² m²/4 + ε²) + 2ε².
	v := 100 * m * m / (z * z)
	magnitude := math.Sqrt((v - 202e-6) / (200 * m * m / 4))
	for _, c := range []struct {
		args map[string]string
		want float64
	}{
		{map[string]string{"kind": "plain"}, plain},
		{map[string]string{"kind": "magnitude"}, magnitude},
		{map[string]string{"kind": "plain", "rgm_compat": "true"}, math.Sqrt(plain)}, // its deviation is σ²
	} {
		got := request(t, p, "pac-bayes", c.args)
		if got["converged"][0] != 1 {
			t.Errorf("%v: %v", c.args, got)
		}
		ev.Quantity("pac-bayes", "closed form: a linear classifier under normal noise, SciPy's norm.ppf", evidence.Relative(0.06), got["sigma"][0], c.want)
	}
}

// TestEvaluateClosedForm: the mean accuracy over 30 seeds under noise as above, at 3 scales. One
// seed moves all examples by the biases' noise, a tenth of a deviation of the margin's: at most 0.04 of
// accuracy, 0.007 in the mean of 30.
func TestEvaluateClosedForm(t *testing.T) {
	const m, seeds = 0.7, 30
	p := openSubject(t, testHost(t, t.TempDir()), oneHot(constants(500, m)))
	phi := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	for _, s := range []float64{0.2, 0.4, 0.8} {
		for kind, want := range map[string]float64{
			Gaussian:          phi(10 * m / (s * math.Sqrt(202))),
			GaussianMagnitude: phi(10 * m / (s * math.Sqrt(200*m*m/4))),
		} {
			var ps []Perturbation
			for seed := range uint64(seeds) {
				ps = append(ps, Perturbation{kind, s, seed})
			}
			got, err := p.Evaluate(context.Background(), ps)
			if err != nil {
				t.Fatal(err)
			}
			var mean float64
			for _, e := range got {
				mean += e.Accuracy / seeds
			}
			if math.Abs(mean-want) > 0.03 {
				t.Errorf("%s %v: accuracy %v, want %v", kind, s, mean, want)
			}
		}
	}
	// No noise is the network itself: every logit is ±3.5, the loss ln(1+e^-7).
	zero, err := p.Evaluate(context.Background(), []Perturbation{{Gaussian, 0, 1}, {GaussianMagnitude, 0, 1}})
	for _, e := range zero {
		if err != nil || e.Accuracy != 1 || math.Abs(e.Loss-math.Log1p(math.Exp(-7))) > 1e-6 {
			t.Errorf("without noise: %+v, %v", e, err)
		}
	}
	for _, bad := range []Perturbation{{"uniform", 1, 1}, {Gaussian, -1, 1}, {Gaussian, math.Inf(1), 1}, {Gaussian, math.NaN(), 1}} {
		if _, err := p.Evaluate(context.Background(), []Perturbation{bad}); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

// TestSharpnessClosedForm: in a box of half width α the worst change of example n's margin is
// 2α(10+1), all at once since they share nothing but biases. So the drop is the fraction of examples with
// 10 m_n < 22 α (magnitude: with half widths α' m/2 + ε: 10 m_n < 10·2(α' m_n/2 + ε) + 2ε). All 64 examples are in every batch, so
// 20 steps of a tenth of the half width reach the corner. Margins stay below 16: beyond, float32 has
// no gradient.
func TestSharpnessClosedForm(t *testing.T) {
	m := make([]float64, 64)
	for i := range m {
		m[i] = 0.1 + float64(i)/160
	}
	s := oneHot(m)
	h := testHost(t, t.TempDir())
	p := openSubject(t, h, s)
	w, err := newPerturber(p)
	if err != nil {
		t.Fatal(err)
	}
	c := newClimber(w, h.noise, 1)
	err = h.sessions.with(w.arch, w.weights, func(session models.Session) error {
		for wrong := 0; wrong < 60; wrong += 7 {
			alpha := 10 * (0.1 + (float64(wrong)-0.5)/160) / 22 // between examples wrong-1 and wrong
			for start := range restarts {
				c.box(false, alpha)
				if err := c.climb(context.Background(), session, start, ascentSteps); err != nil {
					return err
				}
				a, err := w.accuracy(context.Background(), session, w.all)
				if err != nil {
					return err
				}
				if want := float64(64-wrong) / 64; a != want {
					t.Errorf("α = %v, start %d: accuracy %v, want %v", alpha, start, a, want)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// 6 of 64 wrong are a drop of 0.094, 7 are 0.109: the search ends between the thresholds of examples 5 and 7.
	got := request(t, p, "sharpness", nil)
	if a := got["alpha"][0]; a < 10*m[5]/22 || a > 10*m[7]/22 || got["converged"][0] != 1 {
		t.Errorf("%v, want α in [%v, %v]", got, 10*m[5]/22, 10*m[7]/22)
	}
	// Magnitude: example n falls at α' = 1 - 22 ε/(10 m_n), so all lie within 2 % of each other, and the
	// search ends with a bracket of 1 %.
	got = request(t, p, "sharpness", map[string]string{"kind": "magnitude"})
	low, high := 1-0.0022/m[5], 1-0.0022/m[7]
	if got["lower"][0] > high || got["upper"][0] < low || got["upper"][0]/got["lower"][0] > narrow && math.Abs(got["drop"][0]-targetDrop) > tolerance {
		t.Errorf("%v, want α' in [%v, %v]", got, low, high)
	}
}

// small is a network with a hidden layer and batch norm that fits random labels well
// enough for the searches: wide and linear-ish, labels from its own argmax.
func small(t *testing.T) *Subject {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	a := layers(true, 8, 16, 12, 3)
	s := models.NewState(a)
	for i := range s {
		for j := range s[i].Data {
			v := float32(r.NormFloat64()) * 0.5
			switch models.Kind(s[i].Name[:2]) {
			case "bn":
				v = 1 + float32(r.Float64())
			}
			s[i].Data[j] = v
		}
	}
	x := make([]float32, 700*8)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	y := make([]int32, 700)
	for n := range y {
		y[n] = int32(argmax(forward64(a, s, x[8*n:8*n+8])))
	}
	return subjectOf(a, s, x, y)
}

// forward64 is an evaluation of the network in float64, written for this test.
func forward64(a models.Architecture, s models.State, x []float32) []float64 {
	v := make([]float64, len(x))
	for i := range x {
		v[i] = float64(x[i])
	}
	for _, l := range a.Layers {
		tensor := func(n string) []float32 { return s.Find(l.Name + "." + n).Data }
		out := make([]float64, l.Out)
		for o := range out {
			switch l.Kind {
			case models.Dense:
				out[o] = float64(tensor("bias")[o])
				for i := range v {
					out[o] += float64(tensor("weight")[o*l.In+i]) * v[i]
				}
			case models.BatchNorm:
				out[o] = (v[o]-float64(tensor("running_mean")[o]))/math.Sqrt(float64(tensor("running_var")[o])+l.Epsilon)*float64(tensor("weight")[o]) + float64(tensor("bias")[o])
			case models.ReLU:
				out[o] = max(v[o], 0)
			}
		}
		v = out
	}
	return v
}

func argmax(v []float64) int { return slices.Index(v, slices.Max(v)) }

// TestPACBayesByBruteForce computes the mean drop at both ends of the bracket anew: in float64, with the
// noise generated one value at a time, on a network folded by package models.
func TestPACBayesByBruteForce(t *testing.T) {
	s := small(t)
	arch, fused, err := models.Fuse(s.Arch, s.Final)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"plain", "magnitude"} {
		got := request(t, openSubject(t, testHost(t, t.TempDir()), s), "pac-bayes", map[string]string{"kind": kind})
		drop := func(sigma float64) float64 {
			wrong := 0
			for draw := range draws {
				moved := fused.Clone()
				for i := range moved {
					z := direction{normal, s.Seed, draw, i}.generate(len(moved[i].Data))
					for j, w := range moved[i].Data {
						std := sigma
						if kind == "magnitude" {
							std = math.Hypot(sigma*float64(w), 1e-3)
						}
						moved[i].Data[j] = float32(float64(w) + std*float64(z[j]))
					}
				}
				for n, y := range s.Data.Train.Y {
					if argmax(forward64(arch, moved, s.Data.Train.X[8*n:8*n+8])) != int(y) {
						wrong++
					}
				}
			}
			return float64(wrong) / float64(draws*len(s.Data.Train.Y)) // the network itself has none wrong
		}
		// One example in 7,000 may fall on the other side for float32's rounding.
		const slack = 3.0 / 7000
		low, high := drop(got["lower"][0]), drop(got["upper"][0])
		if !(low < targetDrop+slack && high > targetDrop-slack) {
			t.Errorf("%s: %v: drops %v and %v do not bracket 0.1", kind, got, low, high)
		}
		if near := got["drop"][0]; math.Abs(near-low) > slack && math.Abs(near-high) > slack {
			t.Errorf("%s: reported drop %v is neither %v nor %v", kind, near, low, high)
		}
	}
}

// TestSharpnessFindsWorse: what ascent finds costs more than random points of the
// same box, and never leaves the box.
func TestSharpnessFindsWorse(t *testing.T) {
	s := small(t)
	h := testHost(t, t.TempDir())
	p := openSubject(t, h, s)
	alpha := request(t, p, "sharpness", nil)["alpha"][0]
	w, err := newPerturber(p)
	if err != nil {
		t.Fatal(err)
	}
	c := newClimber(w, h.noise, s.Seed)
	c.box(false, alpha)
	err = h.sessions.with(w.arch, w.weights, func(session models.Session) error {
		for start := range restarts {
			if err := c.climb(context.Background(), session, start, ascentSteps); err != nil {
				return err
			}
			for i := range c.state {
				for j, v := range c.state[i].Data {
					if d := math.Abs(float64(v) - float64(w.weights[i].Data[j])); d > alpha*1.00001 {
						t.Fatalf("start %d: a weight moved by %v, the box allows %v", start, d, alpha)
					}
				}
			}
		}
		for draw := range 20 {
			w.move(h.noise.like(w.weights, uniform, 99, draw))
			a, err := w.accuracy(context.Background(), session, w.all)
			if err != nil {
				return err
			}
			if 1-a > 0.05 {
				t.Errorf("a random point of the box costs %v", 1-a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestSearchesDoNotDependOnHosts: two hosts of their own answer the same bits, in
// any order and beside other work.
func TestSearchesDoNotDependOnHosts(t *testing.T) {
	s := small(t)
	run := func(order []int) map[string][]float64 {
		p := openSubject(t, testHost(t, t.TempDir()), s)
		out := map[string][]float64{}
		for _, i := range order {
			name, kind := []string{"pac-bayes", "sharpness"}[i/2], []string{"plain", "magnitude"}[i%2]
			for k, v := range request(t, p, name, map[string]string{"kind": kind}) {
				out[name+kind+k] = v
			}
			if _, err := p.Evaluate(context.Background(), []Perturbation{{Gaussian, 1, uint64(i)}}); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	a, b := run([]int{0, 1, 2, 3}), run([]int{3, 1, 0, 2})
	if len(a) != 24 {
		t.Fatalf("%d figures", len(a))
	}
	for k := range a {
		if !slices.Equal(a[k], b[k]) {
			t.Errorf("%s: %v and %v", k, a[k], b[k])
		}
	}
}

// TestSubjects: what does not fit is refused when a network is opened.
func TestSubjects(t *testing.T) {
	h := testHost(t, t.TempDir())
	for name, spoil := range map[string]func(*Subject){
		"no key":       func(s *Subject) { s.Key = "" },
		"no data":      func(s *Subject) { s.Data = nil },
		"tensors":      func(s *Subject) { s.Final = s.Final[:1] },
		"initial":      func(s *Subject) { s.Init = s.Final[:1] },
		"label":        func(s *Subject) { s.Data.Train.Y = []int32{0, 1, 2, 3} },
		"inputs":       func(s *Subject) { s.Data.Train.X = s.Data.Train.X[1:] },
		"test inputs":  func(s *Subject) { s.Data.Test.X = make([]float32, 4) },
		"no pixels":    func(s *Subject) { s.Data.Train.Native = nil },
		"architecture": func(s *Subject) { s.Arch.Classes = 1 },
		"native shape": func(s *Subject) { s.Data.NativeShape = dataset.Shape{C: 1, H: 2, W: 2} },
	} {
		s := v10()
		spoil(s)
		if _, err := h.Open(s); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
