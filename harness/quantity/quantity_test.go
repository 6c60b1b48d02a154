package quantity

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// expected is testdata/quantity.json, made by testdata/make.py with NumPy and SciPy.
type expected struct {
	Noise []struct {
		Law          law
		Seed         string
		Draw, Tensor int
		Values       []float32
	}
	Complexity []struct {
		Native                                                                       []int
		Input                                                                        []float32
		Bits256, Bits1000, Bits10, Published1000, Clip256, Drop256, Drop1000, Drop37 float64
	}
	Loss    float64
	Network map[string][]float32
	X       []float32
	Sums    map[string][]float64
	Logits  []float64
}

func readExpected(t *testing.T) expected {
	t.Helper()
	raw, err := os.ReadFile("testdata/quantity.json")
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func testEngine(t testing.TB) models.Engine {
	t.Helper()
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testHost(t testing.TB, dir string) *Host {
	t.Helper()
	h := NewHost(testEngine(t), dir)
	t.Cleanup(func() { h.Close() })
	return h
}

func openSubject(t testing.TB, h *Host, s *Subject) *Provider {
	t.Helper()
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// layers makes an architecture without names to think of: dense layers of these
// sizes with ReLU between them, and batch norm before it where asked.
func layers(batchNorm bool, sizes ...int) models.Architecture {
	a := models.Architecture{Family: "mlp", Input: models.Shape{C: 1, H: 1, W: sizes[0]}, Classes: sizes[len(sizes)-1]}
	for i := 1; i < len(sizes); i++ {
		a.Layers = append(a.Layers, models.Layer{Name: fmt.Sprint("fc", i), Kind: models.Dense, In: sizes[i-1], Out: sizes[i]})
		if i == len(sizes)-1 {
			break
		}
		if batchNorm {
			a.Layers = append(a.Layers, models.Layer{Name: fmt.Sprint("bn", i), Kind: models.BatchNorm, In: sizes[i], Out: sizes[i], Epsilon: 1e-5, Momentum: 0.1})
		}
		a.Layers = append(a.Layers, models.Layer{Name: fmt.Sprint("relu", i), Kind: models.ReLU, In: sizes[i], Out: sizes[i]})
	}
	return a
}

// subjectOf makes a subject of a training set; the pixels are as many zeros.
func subjectOf(a models.Architecture, s models.State, x []float32, y []int32) *Subject {
	shape := dataset.Shape{C: a.Input.C, H: a.Input.H, W: a.Input.W}
	d := &dataset.Data{Shape: shape, NativeShape: shape, Classes: a.Classes, Hash: "data"}
	d.Train = dataset.Split{X: x, Y: y, Clean: y, Native: make([]uint8, len(x))}
	return &Subject{Key: "key of " + s.Hash(), Arch: a, Final: s, Data: d, Seed: 1}
}

// v10 is a network that answers its input: the identity.
func v10() *Subject {
	a := layers(false, 3, 3)
	s := models.NewState(a)
	for i := range 3 {
		s[0].Data[4*i] = 1
	}
	return subjectOf(a, s, []float32{3, 1, 0, 0, 2, 1, 1, 1.5, 4, 2, 0, 1}, []int32{0, 1, 2, 1})
}

// request gets a quantity and reads its arrays as float64.
func request(t testing.TB, p *Provider, name string, args map[string]string) map[string][]float64 {
	t.Helper()
	b, err := p.Get(context.Background(), name, args)
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	out := map[string][]float64{}
	for _, a := range b.Arrays {
		out[a.Name] = values(t, a)
	}
	return out
}

func values(t testing.TB, a Array) []float64 {
	t.Helper()
	raw, err := os.ReadFile(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	n := 1
	for _, d := range a.Shape {
		n *= d
	}
	raw = raw[a.Offset:]
	v := make([]float64, n)
	for i := range v {
		switch a.DType {
		case "f32":
			v[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		case "f64":
			v[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		case "i32":
			v[i] = float64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		default:
			t.Fatalf("%s: dtype %q", a.Name, a.DType)
		}
	}
	return v
}

func close64(got, want []float64, tol float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= tol*max(1, math.Abs(b)) })
}

// scipy is what made testdata/quantity.json.
const scipy = "NumPy 1.24.2 and SciPy 1.10.1, in float64"

// single is the tolerance of what a float32 forward pass ends in.
func single(want float64) evidence.Tolerance {
	return evidence.RelativeTo("the value, or 1", 1e-5, max(1, math.Abs(want)))
}

// TestTrainingSet: margins of vector V10 of the specification; the loss is SciPy's.
func TestTrainingSet(t *testing.T) {
	ev := evidence.Open(t)
	p := openSubject(t, testHost(t, t.TempDir()), v10())
	for i, want := range []float64{2, 1, 2.5, -2} {
		ev.Quantity("train-margins", "by hand, small numbers", evidence.Absolute(0), request(t, p, "train-margins", nil)["margins"][i], want)
	}
	loss := request(t, p, "train-loss", nil)
	// logits are small integers: exact in float32
	ev.Quantity("train-loss", scipy, evidence.Absolute(1e-12), loss["loss"][0], readExpected(t).Loss)
	if got := loss["accuracy"][0]; got != 0.75 {
		t.Errorf("accuracy %v, want 3 of 4", got)
	}
	if got := request(t, p, "train-labels", nil)["y"]; !slices.Equal(got, []float64{0, 1, 2, 1}) {
		t.Errorf("labels %v", got)
	}
	if got := request(t, p, "train-inputs", nil)["x"]; !slices.Equal(got, []float64{3, 1, 0, 0, 2, 1, 1, 1.5, 4, 2, 0, 1}) {
		t.Errorf("inputs %v", got)
	}
}

// normed is the batch-norm network of testdata/quantity.json.
func normed(t *testing.T, e expected) *Subject {
	a := layers(true, 5, 4, 3, 2)
	s := models.NewState(a)
	for i := range s {
		if n := copy(s[i].Data, e.Network[s[i].Name]); n != len(s[i].Data) {
			t.Fatalf("%s: %d values", s[i].Name, n)
		}
	}
	return subjectOf(a, s, e.X, make([]int32, 6))
}

// TestLayerSums holds every way of summing against NumPy in float64.
func TestLayerSums(t *testing.T) {
	ev := evidence.Open(t)
	e := readExpected(t)
	p := openSubject(t, testHost(t, t.TempDir()), normed(t, e))
	for name, want := range e.Sums {
		part := strings.Split(name, "/")
		got := request(t, p, "layer-sums", map[string]string{"layers": part[0], "reduce": part[1], "include_logits": part[2]})
		if len(got["sums"]) != len(want) {
			t.Fatalf("%s: %v, want %v", name, got["sums"], want)
		}
		for i, w := range want {
			ev.Quantity("layer-sums", scipy, single(w), got["sums"][i], w)
		}
		if !slices.Equal(got["index"], []float64{0, 1, 2, 3, 4, 5}) {
			t.Errorf("%s: index %v", name, got["index"])
		}
	}
	got := request(t, p, "train-logits", nil)["logits"]
	if len(got) != len(e.Logits) {
		t.Fatalf("logits %v, want %v", got, e.Logits)
	}
	for i, w := range e.Logits {
		ev.Quantity("train-logits", scipy, single(w), got[i], w)
	}
}

// TestExamples: a sample is part of the whole, in the order that its index says,
// and the same for sums and complexities.
func TestExamples(t *testing.T) {
	e := readExpected(t)
	p := openSubject(t, testHost(t, t.TempDir()), normed(t, e))
	all := request(t, p, "layer-sums", nil)["sums"]
	part := request(t, p, "layer-sums", map[string]string{"examples": "4"})
	if len(part["index"]) != 4 || slices.Equal(part["index"], []float64{0, 1, 2, 3}) {
		t.Fatalf("index %v: want 4 in a permuted order", part["index"])
	}
	for i, n := range part["index"] {
		if got, want := part["sums"][2*i:2*i+2], all[2*int(n):2*int(n)+2]; !slices.Equal(got, want) {
			t.Errorf("example %v: %v, want %v", n, got, want)
		}
	}
	if got := request(t, p, "complexity", map[string]string{"examples": "4"})["index"]; !slices.Equal(got, part["index"]) {
		t.Errorf("complexity takes examples %v, layer-sums %v", got, part["index"])
	}
}

// TestComplexity holds entropies against numpy.histogram.
func TestComplexity(t *testing.T) {
	ev := evidence.Open(t)
	e := readExpected(t)
	a := layers(false, 48, 2)
	var x []float32
	var native []uint8
	for _, c := range e.Complexity {
		x = append(x, c.Input...)
		for _, v := range c.Native {
			native = append(native, uint8(v))
		}
	}
	s := subjectOf(a, models.NewState(a), x, make([]int32, len(e.Complexity)))
	s.Data.Train.Native = native
	p := openSubject(t, testHost(t, t.TempDir()), s)
	for _, c := range []struct {
		args string
		want func(i int) float64
	}{
		{"", func(i int) float64 { return e.Complexity[i].Bits256 }},
		{"bins=1000", func(i int) float64 { return e.Complexity[i].Bits1000 }},
		{"bins=10", func(i int) float64 { return e.Complexity[i].Bits10 }},
		{"bins=1000,scale=published", func(i int) float64 { return e.Complexity[i].Published1000 }},
		{"noised=true", func(i int) float64 { return e.Complexity[i].Clip256 }},
		{"noised=true,out_of_range=drop", func(i int) float64 { return e.Complexity[i].Drop256 }},
		{"noised=true,out_of_range=drop,bins=1000", func(i int) float64 { return e.Complexity[i].Drop1000 }},
		{"noised=true,out_of_range=drop,bins=37", func(i int) float64 { return e.Complexity[i].Drop37 }},
	} {
		args := map[string]string{}
		for _, kv := range strings.Split(c.args, ",") {
			if k, v, ok := strings.Cut(kv, "="); ok {
				args[k] = v
			}
		}
		for i, got := range request(t, p, "complexity", args)["values"] {
			ev.Quantity("complexity", "NumPy 1.24.2: histogram", evidence.RelativeTo("the value, or 1", 1e-12, max(1, math.Abs(got))), got, c.want(i))
		}
	}
	_, err := p.Get(context.Background(), "complexity", map[string]string{"noised": "true", "out_of_range": "error"})
	if err == nil || !strings.Contains(err.Error(), "outside [0, 1]") || errors.As(err, new(*Undefined)) {
		t.Errorf("inputs outside [0, 1] with out_of_range=error: %v", err)
	}
	// Image 2 is constant, image 0 random: any compressor tells them apart.
	for _, c := range []string{"gzip", "png"} {
		v := request(t, p, "complexity", map[string]string{"complexity": c})["values"]
		if !(v[2] > 0 && v[2] < v[0]) {
			t.Errorf("%s: a constant image has %v bytes, a random one %v", c, v[2], v[0])
		}
	}
}

// TestEntropyOfLevels: each of 256 levels has a bin of its own with 256 and with 1000
// bins, so either gives 8 bits; vector V5's pixels give 1.875 bits.
func TestEntropyOfLevels(t *testing.T) {
	levels := make([]uint8, 256)
	for i := range levels {
		levels[i] = uint8(i)
	}
	v5 := []float64{0, 0, 0, 0, 0, 0, 0, 0, .25, .25, .25, .25, .5, .5, .75, 1}
	for _, bins := range []string{"256", "1000"} {
		m := newComplexityMeter(arguments{"bins": bins, "range": "0:1"})
		if got := m.entropy(m.count8(levels)); got != 8 {
			t.Errorf("%s bins: %v bits, want 8", bins, got)
		}
		if got := m.entropy(m.countFloats(v5)); got != 1.875 {
			t.Errorf("%s bins: V5 has %v bits, want 1.875", bins, got)
		}
	}
	m := newComplexityMeter(arguments{"bins": "1000", "scale": "published", "range": "0:1"})
	if got := m.entropy(m.countFloats(v5)); math.Abs(got - -8090.7842846621) > 1e-9 {
		t.Errorf("published V5 %v, want -8090.7842846621", got)
	}
}

// TestNoise holds the generator against its formula, evaluated in Python.
func TestNoise(t *testing.T) {
	for _, c := range readExpected(t).Noise {
		seed, err := strconv.ParseUint(c.Seed, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := direction{c.Law, seed, c.Draw, c.Tensor}.generate(len(c.Values))
		for i := range got {
			if math.Abs(float64(got[i]-c.Values[i])) > 2e-7 { // one unit of float32 at most
				t.Errorf("law %d seed %d: value %d is %v, want %v", c.Law, seed, i, got[i], c.Values[i])
			}
		}
	}
	// A longer direction begins with the shorter one, so networks share it.
	d := direction{normal, 3, 1, 2}
	if !slices.Equal(d.generate(101)[:50], d.generate(50)) {
		t.Error("a longer direction begins otherwise")
	}
	// Moments of 200,000 values: the mean's deviation is 0.0022, the variance's 0.0032.
	var sum, squares float64
	z := d.generate(200000)
	for _, v := range z {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	if n := float64(len(z)); math.Abs(sum/n) > 0.01 || math.Abs(squares/n-1) > 0.015 {
		t.Errorf("mean %v, variance %v", sum/n, squares/n)
	}
}

// TestNoiseForgets: the store is bounded and gives the same values when full.
func TestNoiseForgets(t *testing.T) {
	g := newNoise()
	g.limit = 100
	s := models.State{{Data: make([]float32, 60)}, {Data: make([]float32, 70)}}
	first := g.like(s, normal, 1, 0)
	second := g.like(s, normal, 1, 0)
	for i := range first {
		if !slices.Equal(first[i], second[i]) {
			t.Errorf("tensor %d changed", i)
		}
	}
	if g.total > 100 {
		t.Errorf("%d values kept", g.total)
	}
}

// TestHistory: what is known arrives, what is not is left out.
func TestHistory(t *testing.T) {
	s := v10()
	noise := 2.5
	s.Facts = Facts{Epochs: 3, Steps: 90, StepsTo01: 40, StepsTo001: -1, GradientNoise1: &noise, MeanLosses: []float64{2, 1, .5}}
	got := request(t, openSubject(t, testHost(t, t.TempDir()), s), "history", nil)
	want := map[string][]float64{"epochs": {3}, "steps": {90}, "steps_to_0.1": {40}, "steps_to_0.01": {-1}, "gradient_noise_1": {2.5}, "mean_losses": {2, 1, .5}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestWeights: as stored, and folded: the fold's numbers are package models' concern.
func TestWeights(t *testing.T) {
	s := normed(t, readExpected(t))
	p := openSubject(t, testHost(t, t.TempDir()), s)
	b, err := p.Get(context.Background(), "weights", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range b.Arrays {
		want := s.Final[i]
		got := values(t, a)
		if a.Name != want.Name || !slices.Equal(a.Shape, want.Shape) || !slices.EqualFunc(got, want.Data, func(a float64, b float32) bool { return a == float64(b) }) {
			t.Errorf("tensor %d is %s %v %v", i, a.Name, a.Shape, got)
		}
	}
	b, err = p.Get(context.Background(), "fused-weights", nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range b.Arrays {
		names = append(names, a.Name)
	}
	if want := []string{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "fc3.weight", "fc3.bias"}; !slices.Equal(names, want) {
		t.Errorf("fused tensors %v", names)
	}
	for _, name := range []string{"init-weights", "fused-init-weights"} {
		if _, err := p.Get(context.Background(), name, nil); !errors.As(err, new(*Missing)) {
			t.Errorf("%s of a network without them: %v", name, err)
		}
	}
}

// TestUnfit: a diverged network is served, and what rests on its tensors is undefined.
func TestUnfit(t *testing.T) {
	s := v10()
	s.Final[0].Data[1] = float32(math.NaN())
	s.Facts.MeanLosses = []float64{math.NaN()}
	p := openSubject(t, testHost(t, t.TempDir()), s)
	for _, name := range Names() {
		k, _, _ := find(name, nil)
		_, err := p.Get(context.Background(), name, nil)
		switch {
		case k.init || k.test:
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		case k.of == ofData || k.of == ofRecord:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, new(*Undefined)):
			t.Errorf("%s: %v", name, err)
		}
	}
	s = v10()
	s.Final[0].Data[0] = math.MaxFloat32 // 3 times it overflows
	p = openSubject(t, testHost(t, t.TempDir()), s)
	if _, err := p.Get(context.Background(), "train-margins", nil); !errors.As(err, new(*Undefined)) {
		t.Errorf("margins of infinite logits: %v", err)
	}
}

// TestRequests: errors name what is wrong and what is known.
func TestRequests(t *testing.T) {
	p := openSubject(t, testHost(t, t.TempDir()), v10())
	for _, c := range []struct {
		name string
		args map[string]string
		want string
	}{
		{"test-logits", nil, "no quantity"},
		{"layer-sums", map[string]string{"layer": "released"}, `no argument "layer"`},
		{"layer-sums", map[string]string{"layers": "all"}, "post_relu"},
		{"layer-sums", map[string]string{"examples": "-1"}, "whole number"},
		{"complexity", map[string]string{"bins": "1"}, "whole number"},
		{"weights", map[string]string{"split": "test"}, `no argument "split"`},
		{"pac-bayes", map[string]string{"kind": "both"}, "magnitude"},
	} {
		if _, err := p.Get(context.Background(), c.name, c.args); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q in it", c.name, c.args, err, c.want)
		}
	}
	for _, c := range []struct {
		name string
		args map[string]string
		want Required
	}{
		{"weights", nil, Required{}},
		{"fused-init-weights", nil, Required{Init: true}},
		{"test-inputs", nil, Required{TestInputs: true}},
		{"layer-sums", map[string]string{"split": "test"}, Required{TestInputs: true}},
		{"complexity", map[string]string{"split": "test"}, Required{TestInputs: true}},
		{"test-predictions", nil, Required{TestInputs: true}},
		{"sibling", nil, Required{TestInputs: true, Sibling: true}},
	} {
		if got, err := Inputs(c.name, c.args); err != nil || got != c.want {
			t.Errorf("Inputs(%s, %v) = %v, %v", c.name, c.args, got, err)
		}
	}
	for _, name := range Names() { // nothing of the answer has a name; what a network predicts of test inputs is none
		if strings.Contains(name, "test") && name != "test-inputs" && name != "test-predictions" {
			t.Errorf("quantity %s", name)
		}
	}
}
