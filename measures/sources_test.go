package measures_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
)

// fromSources is testdata/sources.json: a small network, and what the published code itself answers for it
// (testdata/sources.py), which was handed the examples that genbench draws with this seed.
type fromSources struct {
	Shape   models.Shape
	Sizes   []int
	Labels  []int32
	X       []float32
	Tensors map[string][]float32
	Values  map[string]float64
}

func readSources(t *testing.T) (fromSources, *quantity.Subject) {
	t.Helper()
	raw, err := os.ReadFile("testdata/sources.json")
	if err != nil {
		t.Fatal(err)
	}
	var e fromSources
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	k := e.Sizes[len(e.Sizes)-1]
	a := models.Architecture{Family: "mlp", Input: e.Shape, Classes: k}
	for i := 1; i < len(e.Sizes); i++ {
		a.Layers = append(a.Layers, models.Layer{Name: fmt.Sprint("fc", i), Kind: models.Dense, In: e.Sizes[i-1], Out: e.Sizes[i]})
		if i < len(e.Sizes)-1 {
			a.Layers = append(a.Layers, models.Layer{Name: fmt.Sprint("relu", i), Kind: models.ReLU, In: e.Sizes[i], Out: e.Sizes[i]})
		}
	}
	state := models.NewState(a)
	for i := range state {
		if n := copy(state[i].Data, e.Tensors[state[i].Name]); n != len(state[i].Data) {
			t.Fatalf("%s: %d values", state[i].Name, n)
		}
	}
	shape := dataset.Shape{C: e.Shape.C, H: e.Shape.H, W: e.Shape.W}
	d := &dataset.Data{Shape: shape, NativeShape: shape, Classes: k, Hash: "sources"}
	d.Train = dataset.Split{X: e.X, Y: e.Labels, Clean: e.Labels, Native: make([]uint8, len(e.X))}
	return e, &quantity.Subject{Key: state.Hash(), Arch: a, Final: state, Data: d, Seed: 11}
}

// named is the built-in of that name.
func named(t *testing.T, name string) measure.Measure {
	t.Helper()
	all := measures.All()
	i := slices.IndexFunc(all, func(m measure.Measure) bool { return m.Info().Name == name })
	if i < 0 {
		t.Fatalf("no measure %s", name)
	}
	return all[i]
}

// publishedCode is what made testdata/sources.json.
const publishedCode = "its authors' code, on the same examples (TensorFlow 2.15.1, NumPy 1.26.4)"

// TestSources: with the same examples the measures answer what the code of their authors answers.
func TestSources(t *testing.T) {
	ev := evidence.Open(t)
	e, s := readSources(t)
	h := quantity.NewHost(engine(t), t.TempDir())
	defer h.Close()
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	const single = 1e-5 // both compute the network in float32
	for _, c := range []struct {
		name  string
		given map[string]string
		tol   float64 // relative
	}{
		{"davies-bouldin", nil, single},
		{"mixup-accuracy", nil, 1e-12}, // counts
		{"mixup-margin", nil, single},
		{"augment-margin", nil, single},
		// tf.image multiplies grey images by 0.9999 where the saturation is changed: confidences move by some 1e-5.
		{"always-generalize", nil, 1e-4},
		{"kv-margin", map[string]string{"layer": "2"}, single},
		{"kv-gn-margin", map[string]string{"layer": "2"}, single},
		{"jacobian-norm", map[string]string{"examples": "96"}, single},
	} {
		want, ok := e.Values[c.name]
		got, _, err := compute(t, p, s, named(t, c.name), c.given)
		if !ok || err != nil {
			t.Errorf("%s: %v, its authors' code has a value: %v", c.name, err, ok)
		}
		name := c.name
		for k, v := range c.given {
			name += "[" + k + "=" + v + "]" // one option at most
		}
		ev.Measure(name, publishedCode, evidence.Relative(c.tol), got, want)
	}
	got, _, err := compute(t, p, s, named(t, "dbi-mixup"), nil)
	if err != nil {
		t.Errorf("dbi-mixup: %v", err)
	}
	ev.Measure("dbi-mixup", publishedCode+": the product of its factors", evidence.Relative(single), got, e.Values["davies-bouldin"]*(1-e.Values["mixup-accuracy"]))
}

// TestUnitsOfRepresentations: none of these measures moves, beyond rounding, when hidden units change places. The disagreement
// with a sibling stays, since the function does.
func TestUnitsOfRepresentations(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	other := *s
	other.Final = reversed(s.Final)
	other.Key = other.Final.Hash()
	before, after := all(t, e, s), all(t, e, &other)
	for _, name := range []string{"davies-bouldin", "mixup-accuracy", "dbi-mixup", "kv-margin", "kv-gn-margin", "mixup-margin", "augment-margin", "always-generalize",
		"demogen-q1", "demogen-median", "demogen-q3", "demogen-lower-fence", "demogen-upper-fence", "jacobian-norm", "disagreement"} {
		const tol = 1e-3 // one of a thousand answers may be decided by rounding
		if v, ok := before[name]; !ok || math.Abs(after[name]-v) > tol*math.Abs(v) {
			t.Errorf("%s = %v, with units permuted %v", name, v, after[name])
		}
	}
}
