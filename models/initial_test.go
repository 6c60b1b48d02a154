package models_test

import (
	"math"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestInitialStatistics compares the draws with the moments and bounds of their
// distributions: U(-b, b) has variance b²/3, and b is what torch.nn.Linear
// (1/√In) and xavier_uniform_ (√(6/(In+Out))) document; kaiming_normal_ has
// variance 2/In.
func TestInitialStatistics(t *testing.T) {
	const in, out = 300, 400
	a, err := models.MLP(models.Shape{C: 3, H: 10, W: 10}, 10, models.MLPOptions{Width: out, Depth: 1, BatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		scheme             string
		bound, variance    float64 // of the weight
		biasBound, biasVar float64
	}{
		{"pytorch", 1 / math.Sqrt(in), 1. / in / 3, 1 / math.Sqrt(in), 1. / in / 3},
		{"glorot", math.Sqrt(6. / (in + out)), 6. / (in + out) / 3, 0, 0},
		{"he", math.Inf(1), 2. / in, 0, 0},
	} {
		s, err := models.InitialState(a, c.scheme, 5)
		if err != nil {
			t.Fatal(err)
		}
		check := func(name string, bound, variance float64) {
			t.Helper()
			data := s.Find(name).Data
			var sum, squares, top float64
			for _, v := range data {
				sum += float64(v)
				squares += float64(v) * float64(v)
				top = math.Max(top, math.Abs(float64(v)))
			}
			n := float64(len(data))
			// Five standard errors: of a mean √(v/n), of a variance at most v√(2/n) (normal; less for uniform).
			if m := sum / n; math.Abs(m) > 5*math.Sqrt(variance/n) {
				t.Errorf("%s %s: mean %v over %v values, want 0", c.scheme, name, m, n)
			}
			if v := squares / n; math.Abs(v-variance) > 5*variance*math.Sqrt(2/n) {
				t.Errorf("%s %s: variance %v, want %v", c.scheme, name, v, variance)
			}
			if top > float64(float32(bound)) {
				t.Errorf("%s %s: a value of %v, the bound is %v", c.scheme, name, top, bound)
			}
			// The largest of n uniform values is below (1 - 20/n)·b with probability e⁻²⁰.
			if !math.IsInf(bound, 1) && top < bound*(1-20/n) {
				t.Errorf("%s %s: no value above %v, the bound is %v", c.scheme, name, top, bound)
			}
		}
		check("fc1.weight", c.bound, c.variance)
		check("fc1.bias", c.biasBound, c.biasVar)
		for name, want := range map[string]float32{"bn1.weight": 1, "bn1.bias": 0, "bn1.running_mean": 0, "bn1.running_var": 1} {
			for _, v := range s.Find(name).Data {
				if v != want {
					t.Fatalf("%s: %s starts at %v, want %v", c.scheme, name, v, want)
				}
			}
		}
	}
}

// TestHeIsNormal compares the share of draws within one, two and three standard
// deviations with the normal distribution's (0.682689, 0.954500, 0.997300).
func TestHeIsNormal(t *testing.T) {
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: 500}, 2, models.MLPOptions{Width: 400, Depth: 1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := models.InitialState(a, "he", 1)
	if err != nil {
		t.Fatal(err)
	}
	data, std := s.Find("fc1.weight").Data, math.Sqrt(2./500)
	for i, want := range []float64{0.682689, 0.954500, 0.997300} {
		within := 0
		for _, v := range data {
			if math.Abs(float64(v)) <= float64(i+1)*std {
				within++
			}
		}
		n := float64(len(data))
		if got := float64(within) / n; math.Abs(got-want) > 5*math.Sqrt(want*(1-want)/n) {
			t.Errorf("%v of the draws within %d standard deviations, want %v", got, i+1, want)
		}
	}
}

// TestInitialSeeds checks what a draw depends on: seed and place, not on the
// layers that follow.
func TestInitialSeeds(t *testing.T) {
	state := func(depth int, seed uint64) models.State {
		a, err := models.MLP(models.Shape{C: 1, H: 1, W: 6}, 3, models.MLPOptions{Width: 6, Depth: depth})
		if err != nil {
			t.Fatal(err)
		}
		s, err := models.InitialState(a, "pytorch", seed)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if first, second := state(2, 1).Hash(), state(2, 1).Hash(); first != second {
		t.Error("the same seed draws two states")
	}
	if state(2, 1).Hash() == state(2, 2).Hash() {
		t.Error("two seeds draw one state")
	}
	deep, shallow := state(3, 1), state(2, 1)
	for i := range deep[:4] {
		if (models.State{deep[i]}).Hash() != (models.State{shallow[i]}).Hash() {
			t.Errorf("%s changes with the depth", deep[i].Name)
		}
	}
	if (models.State{{Data: deep[0].Data}}).Hash() == (models.State{{Data: deep[2].Data}}).Hash() {
		t.Error("two layers of one shape have the same weights")
	}
}

func TestInitialRefuses(t *testing.T) {
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: 2}, 2, models.MLPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := models.InitialState(a, "zeros", 1); err == nil || !strings.Contains(err.Error(), "pytorch") {
		t.Errorf("an unknown scheme: %v; want an error that names the known ones", err)
	}
	if _, err := models.InitialState(models.Architecture{}, "he", 1); err == nil {
		t.Error("an empty architecture is not an error")
	}
}
