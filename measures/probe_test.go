package measures_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
)

// probe reads what it likes of a network.
type probe struct {
	needs measure.Needs
	read  func(ctx context.Context, net *measure.Network) (float64, error)
}

func (p probe) Info() measure.Info {
	return measure.Info{Name: "probe", Version: "1", Needs: p.needs}
}

func (p probe) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return p.read(ctx, net)
}

// served opens a subject on a host of its own.
func served(t *testing.T, e models.Engine, s *quantity.Subject) *quantity.Provider {
	t.Helper()
	h := quantity.NewHost(e, t.TempDir())
	t.Cleanup(func() { h.Close() })
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// TestGradientVectors holds the host's reductions of gradients against PyTorch value by value: a measure sees
// their mean alone.
func TestGradientVectors(t *testing.T) {
	d := readDerivatives(t)
	for name, n := range d.Networks {
		s := d.subject(t, name)
		p := served(t, engine(t), s)
		_, _, err := compute(t, p, s, probe{measure.Needs{measure.GradientNorms, measure.GradientDots, measure.GradientMoments}, func(ctx context.Context, net *measure.Network) (float64, error) {
			got := map[string][]float64{}
			var errs [5]error
			got["norms"], errs[0] = net.GradientNorms(ctx, "given")
			got["norms-sampled"], errs[1] = net.GradientNorms(ctx, "sampled")
			got["norms-expected"], errs[2] = net.GradientNorms(ctx, "expected")
			got["dots"], errs[3] = net.GradientDots(ctx)
			got["mean"], got["variance"], errs[4] = net.GradientMoments(ctx)
			for key, v := range got {
				want := n.Gradients[key].([]any)
				if len(v) != len(want) {
					t.Errorf("%s: %d values of %s, want %d", name, len(v), key, len(want))
					continue
				}
				var largest, worst float64
				for i := range v {
					largest = math.Max(largest, math.Abs(want[i].(float64)))
					worst = math.Max(worst, math.Abs(v[i]-want[i].(float64)))
				}
				if !(worst <= tolerance*largest) {
					t.Errorf("%s: %s is off by %g, values up to %g", name, key, worst, largest)
				}
				t.Logf("%-10s %-15s error %.1e of the largest value", name, key, worst/largest)
			}
			return 0, errors.Join(errs[:]...)
		}}, nil)
		if err != nil {
			t.Error(err)
		}
	}
}

// TestHutchinson: over 50 run seeds, 1,500 vectors, the estimate's mean is the exact trace and its spread is
// that of theory, √2 times the norm of the Hessian off its diagonal; the standard error that it states is right
// in the mean, too.
func TestHutchinson(t *testing.T) {
	const seeds, vectors = 50, 30
	d := readDerivatives(t)
	for name, n := range d.Networks {
		trace, deviation := n.Curvature["trace"].(float64), n.Curvature["deviation"].(float64)
		var mean, squares, stated float64
		for seed := range uint64(seeds) {
			s := d.subject(t, name)
			s.Seed = 1000 + seed
			v, diagnostics, err := compute(t, served(t, engine(t), s), s, byName(t, "hessian-trace"), nil)
			if err != nil {
				t.Fatal(err)
			}
			mean += v / seeds
			squares += (v - trace) * (v - trace) / seeds
			stated += diagnostics["error"] * diagnostics["error"] / seeds
		}
		se := deviation / math.Sqrt(vectors)
		if off := math.Abs(mean-trace) / (se / math.Sqrt(seeds)); off > 4 {
			t.Errorf("%s: the mean %v of the estimates is %.1f standard errors from the trace %v", name, mean, off, trace)
		}
		// A variance of 50 estimates is good to a fifth (standard deviation), one of 1,500 samples to a
		// twentieth at least.
		if r := squares / (se * se); r < 0.4 || r > 1.8 {
			t.Errorf("%s: the estimates' variance is %.2f of what theory says", name, r)
		}
		if r := stated / (se * se); r < 0.8 || r > 1.2 {
			t.Errorf("%s: the stated variance is %.2f of what theory says", name, r)
		}
		exact, _, err := compute(t, served(t, engine(t), d.subject(t, name)), d.subject(t, name), byName(t, "hessian-trace"), map[string]string{"method": "exact"})
		if err != nil || math.Abs(exact-trace) > tolerance*trace {
			t.Errorf("%s: exact %v, %v; the diagonal of the full Hessian sums to %v", name, exact, err, trace)
		}
		t.Logf("%-10s trace %.6g, mean of estimates %.6g ± %.2g, variance %.2f and stated variance %.2f of theory's; method=exact is off by %.1e",
			name, trace, mean, se/math.Sqrt(seeds), squares/(se*se), stated/(se*se), math.Abs(exact-trace)/trace)
	}
}

func byName(t *testing.T, name string) measure.Measure {
	t.Helper()
	m, _ := parse(t, name)
	return m
}

// TestGradientNoise: times P, gradient-variance is the gradient noise that the training recorded at its end.
func TestGradientNoise(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	v, d, err := compute(t, served(t, e, s), s, byName(t, "gradient-variance"), nil)
	want := *s.Facts.GradientNoiseFinal
	if err != nil || math.Abs(v*float64(s.Arch.NumParameters())-want) > 1e-5*want || d["covariance-trace"] != v*float64(s.Arch.NumParameters()) {
		t.Errorf("gradient-variance %v of %d parameters, %v, diagnostics %v; recorded noise %v", v, s.Arch.NumParameters(), err, d, want)
	}
}

// first hides what an engine's sessions can do beyond models.Session.
type first struct{ models.Engine }

func (e first) NewSession(a models.Architecture, maxBatch int) (models.Session, error) {
	s, err := e.Engine.NewSession(a, maxBatch)
	return struct{ models.Session }{s}, err
}

// TestFirstOrder: without second derivatives and seeds, what needs them is missing, with the reason, and the
// rest computes.
func TestFirstOrder(t *testing.T) {
	d := readDerivatives(t)
	s := d.subject(t, "batch-norm")
	p := served(t, first{engine(t)}, s)
	for _, c := range []struct {
		row     string
		missing bool
	}{
		{"hessian-top", true}, {"hessian-trace", true}, {"hessian-trace[method=exact]", false}, {"tic", true}, {"tic[over=fisher]", false},
		{"worst-sharpness", false}, {"worst-sharpness[normalize_logits=true]", true}, {"average-sharpness[normalize_logits=true]", false}, {"gsnr", false},
	} {
		m, options := parse(t, c.row)
		_, _, err := compute(t, p, s, m, options)
		var missing *measure.MissingError
		if is := errors.As(err, &missing); is != c.missing || !is && err != nil {
			t.Errorf("%s: %v", c.row, err)
		} else if is && missing.Reason == "" {
			t.Errorf("%s: skipped without a reason", c.row)
		}
	}
}

// TestRescaled: the first hidden unit's incoming weights and bias times 4, its outgoing weights by 4, exact in
// float32, compute the same function. Measures in units of each weight, and the Fisher-Rao norm, stay; those of
// one radius or one unit for all move.
func TestRescaled(t *testing.T) {
	d := readDerivatives(t)
	s := d.subject(t, "plain")
	other := d.subject(t, "plain")
	other.Final = s.Final.Clone()
	in, next := other.Final.Find("fc1.weight").Shape[1], other.Final.Find("fc2.weight")
	for unit := range 3 {
		for i := range in {
			other.Final.Find("fc1.weight").Data[unit*in+i] *= 4
		}
		other.Final.Find("fc1.bias").Data[unit] *= 4
		for o := range next.Shape[0] {
			next.Data[o*next.Shape[1]+unit] /= 4
		}
	}
	other.Key = "rescaled"
	before, after := served(t, engine(t), s), served(t, engine(t), other)
	const stays, nearly, moves = 1e-4, 1e-2, -1e-2
	for _, c := range []struct {
		row   string
		bound float64 // largest relative change, or the smallest, negative
	}{
		{"fisher-rao", stays}, {"fisher-rao[form=b]", stays}, {"worst-sharpness", stays}, {"average-sharpness", stays}, {"average-sharpness[norm=linf]", stays},
		{"worst-sharpness[norm=l2,rho=0.2,m=16]", nearly}, // the ball does, the ascent's path in it does not
		{"fisher-trace", moves}, {"gradient-variance", moves}, {"hessian-top", moves}, {"hessian-trace", moves}, {"sam-sharpness", moves},
		{"worst-sharpness[adaptive=false]", moves}, {"average-sharpness[adaptive=false]", moves},
	} {
		m, options := parse(t, c.row)
		a, _, err1 := compute(t, before, s, m, options)
		b, _, err2 := compute(t, after, other, m, options)
		if err := errors.Join(err1, err2); err != nil {
			t.Errorf("%s: %v", c.row, err)
		}
		if moved := math.Abs(a-b) / math.Abs(a); c.bound > 0 && moved > c.bound || c.bound < 0 && moved < -c.bound {
			t.Errorf("%s = %v, rescaled %v", c.row, a, b)
		}
	}
}

// TestFlat: a network that is surer than float32 can say has no gradient; what rests on a direction says so,
// what sums is 0.
func TestFlat(t *testing.T) {
	d := readDerivatives(t)
	s := d.subject(t, "plain")
	s.Final = s.Final.Clone()
	bias := s.Final.Find("fc3.bias").Data
	for i := range s.Data.Train.Y {
		s.Data.Train.Y[i] = 1
	}
	bias[1] += 1e4
	s.Key = "flat"
	p := served(t, engine(t), s)
	for _, c := range []struct {
		row  string
		zero bool
	}{
		{"sam-sharpness", false}, {"asam-sharpness[m=16]", false}, {"gsnr", false}, {"tic", false}, {"tic[over=fisher]", false},
		{"fisher-trace", true}, {"gradient-variance", true}, {"hessian-top", true}, {"hessian-trace", true}, {"worst-sharpness", true}, {"fisher-rao", true},
	} {
		m, options := parse(t, c.row)
		v, _, err := compute(t, p, s, m, options)
		_, undefined := measure.IsUndefined(err)
		if c.zero && (err != nil || v != 0) || !c.zero && !undefined {
			t.Errorf("%s = %v, %v", c.row, v, err)
		}
	}
	overflow := d.subject(t, "plain")
	overflow.Final = overflow.Final.Clone()
	overflow.Key = "overflow"
	for _, tensor := range overflow.Final {
		for i := range tensor.Data {
			tensor.Data[i] *= 1e13
		}
	}
	p = served(t, engine(t), overflow)
	for _, row := range rows {
		_, _, err := compute(t, p, overflow, byName(t, row), nil)
		if _, undefined := measure.IsUndefined(err); !undefined {
			t.Errorf("%s of a network whose logits overflow: %v", row, err)
		}
	}
}

// TestCompat: the reference code's search answers another σ, whose square is near the standard deviation that
// the search proper finds: both cost about 0.1 of the accuracy.
func TestCompat(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	p := served(t, e, s)
	for _, name := range []string{"pac-bayes-flatness", "pac-bayes-mag-flatness"} {
		_, own, err1 := compute(t, p, s, byName(t, name), nil)
		_, compat, err2 := compute(t, p, s, byName(t, name), map[string]string{"rgm_compat": "true"})
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		sigma := compat["sigma"] * compat["sigma"]
		if name == "pac-bayes-flatness" && math.Abs(sigma/own["sigma"]-1) > 0.15 || compat["sigma"] == own["sigma"] || math.Abs(compat["sigma_drop"]-0.1) >= 0.01 {
			t.Errorf("%s: σ %v of the reference's search, %v of the search proper, diagnostics %v", name, compat["sigma"], own["sigma"], compat)
		}
	}
}
