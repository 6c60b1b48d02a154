package quantity

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// TestLanczos: on matrices whose spectra are known the top is within the square of the residual over the gap,
// the bottom is bracketed, and the residual is what it says.
func TestLanczos(t *testing.T) {
	laplacian := func(dst, v []float64) { // 2 on the diagonal, -1 beside it: eigenvalues 2 - 2cos(kπ/(n+1))
		for i := range v {
			dst[i] = 2 * v[i]
			if i > 0 {
				dst[i] -= v[i-1]
			}
			if i < len(v)-1 {
				dst[i] -= v[i+1]
			}
		}
	}
	diagonal := func(entries ...float64) func(dst, v []float64) {
		return func(dst, v []float64) {
			for i := range v {
				dst[i] = entries[i%len(entries)] * v[i]
			}
		}
	}
	many := make([]float64, 400) // a bulk near 0 and few outliers, as Hessians have
	for i := range many {
		many[i] = 0.1 * math.Sin(float64(i))
	}
	many[17], many[18], many[300] = 5, 4.5, -7
	for _, c := range []struct {
		name        string
		n           int
		product     func(dst, v []float64)
		top, bottom float64
		products    int // at most
	}{
		{"laplacian", 50, laplacian, 2 - 2*math.Cos(50*math.Pi/51), 2 - 2*math.Cos(math.Pi/51), 30},
		{"outliers, the largest in magnitude negative", 400, diagonal(many...), 5, -7, 20},
		{"a start with next to nothing of the top", 400, func(dst, v []float64) { diagonal(many...)(dst, v); dst[250] = 9 * v[250] }, 9, -7, 20},
		{"one value", 30, diagonal(3), 3, 3, 1},
		{"two values", 30, diagonal(3, -8), 3, -8, 2},
		{"negative", 30, diagonal(-3, -8, -5), -3, -8, 3},
		{"zero", 30, diagonal(0), 0, 0, 1},
	} {
		r := rand.New(rand.NewPCG(3, 4))
		start := make([]float64, c.n)
		for i := range start {
			start[i] = r.NormFloat64()
		}
		if c.n > 250 {
			start[250] = 1e-5
		}
		got, err := lanczos(start, topLeast, topMost, topStop, func(dst, v []float64) error { c.product(dst, v); return nil })
		if err != nil || got.products > c.products {
			t.Errorf("%s: %+v, %v, want at most %d products", c.name, got, err, c.products)
		}
		if math.Abs(got.top-c.top) > 5e-4*math.Abs(c.top) || got.top > c.top+1e-12 || got.bottom < c.bottom-1e-12 || got.residual > topTolerance*math.Abs(got.top) {
			t.Errorf("%s: %+v, want the top %v, the bottom above %v", c.name, got, c.top, c.bottom)
		}
	}
	broken := errors.New("broken")
	if _, err := lanczos([]float64{1, 2}, 1, 5, 0.1, func(dst, v []float64) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a failing product: %v", err)
	}
	if _, err := lanczos([]float64{0, 0}, 1, 5, 0.1, nil); err == nil {
		t.Error("a start of zeros is no error")
	}
}

// TestRealArguments: one spelling a value, and none that is out of range.
func TestRealArguments(t *testing.T) {
	for given, want := range map[string]string{"": "0.05", "0.050": "0.05", "5e-2": "0.05", "1": "1", "1e-7": "1e-07"} {
		_, a, err := find("noise-loss", map[string]string{"rho": given})
		if err != nil || a["rho"] != want {
			t.Errorf("rho=%q is %q, %v, want %q", given, a["rho"], err, want)
		}
	}
	for _, bad := range []string{"0", "-1", "NaN", "Inf", "1e7", "x"} {
		if _, _, err := find("noise-loss", map[string]string{"rho": bad}); err == nil || !strings.Contains(err.Error(), "above 0") {
			t.Errorf("rho=%s: %v", bad, err)
		}
	}
	_, plain, err := find("step-loss", map[string]string{"eta": "0.3"})
	if err != nil || plain["eta"] != "0.01" {
		t.Errorf("SAM's step with η = .3 is another quantity: %v, %v", plain, err)
	}
	_, a, err := find("step-loss", map[string]string{"eta": "-0", "adaptive": "true"})
	if err != nil || a["eta"] != "0" {
		t.Errorf("eta=-0 is %q, %v", a["eta"], err)
	}
}

// TestCheckpoints: 0.22 of the steps, then 0.19, 0.16, ... more, never less than 0.06 (Croce and Hein 2020,
// arXiv:2003.01690, section 3.1), rounded up.
func TestCheckpoints(t *testing.T) {
	for n, want := range map[int][]int{
		20:  {5, 9, 12, 15, 16, 18, 19}, // 0.7 comes out a little more than that, as it does in Python
		100: {22, 41, 58, 70, 80, 87, 93, 99},
		1:   {1},
	} {
		got := checkpoints(n)
		for len(got) > 0 && got[len(got)-1] >= n && n > 1 {
			got = got[:len(got)-1] // never reached
		}
		if !slices.Equal(got, want) {
			t.Errorf("of %d steps: %v, want %v", n, got, want)
		}
	}
}

// TestMultiplier: after the projection z lies on the ellipsoid, and the way to it is along its normal: z - x =
// t x/c², the condition of the nearest point.
func TestMultiplier(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	w := models.State{{Name: "w", Shape: []int{200}, Data: make([]float32, 200)}}
	c := &ascent{perturber: &perturber{weights: w, state: w.Clone(), radius: [][]float32{make([]float32, 200)}}, rho: 0.3}
	for i := range 200 {
		c.radius[0][i] = float32(math.Exp(3 * r.NormFloat64())) // six orders of magnitude
		c.state[0].Data[i] = float32(r.NormFloat64())
	}
	c.radius[0][7], c.state[0].Data[7] = 0, 0 // a weight of 0
	pull := c.multiplier()
	var squares float64
	for i, z := range c.state[0].Data {
		if s := float64(c.radius[0][i]); s > 0 {
			x := float64(z) * s * s / (s*s + pull)
			squares += x * x / (s * s)
			if normal := pull * x / (s * s); math.Abs(float64(z)-x-normal) > 1e-9*math.Abs(float64(z)) {
				t.Errorf("value %d: %v moves to %v, not along the normal %v", i, z, x, normal)
			}
		}
	}
	if !(pull > 0) || math.Abs(math.Sqrt(squares)-c.rho) > 1e-8*c.rho {
		t.Errorf("multiplier %v leaves the norm %v, want %v", pull, math.Sqrt(squares), c.rho)
	}
	c.rho = 1e9
	if pull := c.multiplier(); pull != 0 {
		t.Errorf("a point within the ball is pulled by %v", pull)
	}
}

// TestNormalizedLoss: the gradient is that of central differences, and neither a shift nor a factor of the
// logits changes the loss.
func TestNormalizedLoss(t *testing.T) {
	f := []float32{0.5, -1.25, 2, 0.75, -3}
	g := make([]float64, len(f))
	loss := normalizedLoss(g, f, 3)
	const h = 1.0 / 1024 // exact in float32
	for i := range f {
		up, down := slices.Clone(f), slices.Clone(f)
		up[i] += h
		down[i] -= h
		want := (normalizedLoss(nil, up, 3) - normalizedLoss(nil, down, 3)) / (2 * h)
		if math.Abs(g[i]-want) > 1e-7 {
			t.Errorf("derivative %d is %v, by differences %v", i, g[i], want)
		}
	}
	moved := make([]float32, len(f))
	for i := range f {
		moved[i] = 4*f[i] + 8
	}
	if other := normalizedLoss(nil, moved, 3); math.Abs(other-loss) > 1e-12 {
		t.Errorf("loss %v, of shifted and scaled logits %v", loss, other)
	}
	if v := normalizedLoss(g, []float32{2, 2, 2}, 1); math.Abs(v-math.Log(3)) > 1e-12 || g[0] != 0 {
		t.Errorf("equal logits: loss %v, derivative %v, want ln 3 and 0", v, g[0])
	}
}

// TestDrawnLabels: labels come as often as their probabilities say, and the same for the same seed.
func TestDrawnLabels(t *testing.T) {
	const n = 40000
	p := []float64{0.5, 0.125, 0.25, 0.125}
	logits := make([]float32, 0, n*4)
	for range n {
		for _, v := range p {
			logits = append(logits, float32(math.Log(v)))
		}
	}
	y := drawLabels(logits, n, 4, 9)
	count := make([]float64, 4)
	for _, c := range y {
		count[c]++
	}
	for c, v := range p {
		if se := math.Sqrt(v * (1 - v) / n); math.Abs(count[c]/n-v) > 5*se {
			t.Errorf("label %d comes in %v of the examples, want %v ± %v", c, count[c]/n, v, se)
		}
	}
	if !slices.Equal(y, drawLabels(logits, n, 4, 9)) || slices.Equal(y, drawLabels(logits, n, 4, 10)) {
		t.Error("labels do not depend on the seed and on it alone")
	}
}

// TestSamples: curvature of a sample is of so many examples of the training set, another for another seed, and
// of all of them where it may be.
func TestSamples(t *testing.T) {
	s := v10()
	h := testHost(t, t.TempDir())
	of := func(seed uint64, name, examples string) map[string][]float64 {
		other := *s
		other.Seed = seed
		return request(t, openSubject(t, h, &other), name, map[string]string{"examples": examples})
	}
	whole := of(1, "hessian-trace", "0")
	if n := whole["examples"][0]; n != 4 {
		t.Errorf("%v examples, want all 4", n)
	}
	if v := of(1, "hessian-trace", ""); v["trace"][0] != whole["trace"][0] {
		t.Error("the default is not the whole of a small training set")
	}
	differ := false
	for seed := range uint64(5) {
		v := of(seed, "worst-loss", "2")
		if v["examples"][0] != 2 {
			t.Fatalf("%v examples, want 2", v["examples"])
		}
		differ = differ || v["loss"][0] != of(0, "worst-loss", "2")["loss"][0]
	}
	if !differ {
		t.Error("five seeds take the same two examples")
	}
}

// TestCancelled: a context that has ended ends what takes long.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := layers(false, 4, 4, 3)
	a.Input = models.Shape{C: 1, H: 2, W: 2} // an image
	subject := subjectOf(a, models.NewState(a), make([]float32, 16), []int32{0, 1, 2, 1})
	subject.Data.Test = dataset.Split{X: make([]float32, 16), Native: make([]uint8, 16)}
	subject.Sibling = &Twin{Hash: "sibling", Arch: a, Final: models.NewState(a)}
	p := openSubject(t, testHost(t, t.TempDir()), subject)
	for _, k := range catalogue() {
		if k.of != ofEngine {
			continue
		}
		_, a, err := find(k.name, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.compute(ctx, p, a); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}
