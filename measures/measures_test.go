package measures_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// provided is the host's quantities without the wire, held to what a measure declared.
type provided struct {
	p     *quantity.Provider
	needs measure.Needs
}

func (s provided) Quantity(ctx context.Context, name string, args map[string]string) ([]measure.Array, error) {
	if err := s.needs.Permit(name, args); err != nil {
		return nil, err
	}
	b, err := s.p.Get(ctx, name, args)
	var u *quantity.Undefined
	var m *quantity.Missing
	switch {
	case errors.As(err, &u):
		return nil, &measure.UndefinedError{Reason: u.Reason}
	case errors.As(err, &m):
		return nil, &measure.MissingError{Need: measure.Need(m.Need), Reason: m.Reason}
	case err != nil:
		return nil, err
	}
	var out []measure.Array
	for _, a := range b.Arrays {
		out = append(out, measure.Array{Name: a.Name, DType: a.DType, Shape: a.Shape, Path: a.Path, Offset: a.Offset})
	}
	return out, nil
}

func (s provided) Evaluate(ctx context.Context, ps []measure.Perturbation) ([]measure.Evaluated, error) {
	return nil, errors.New("no built-in asks for this")
}

func engine(t *testing.T) models.Engine {
	t.Helper()
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// trained is a small network on 300 images, with batch norm, so that folding counts.
func trained(t *testing.T, e models.Engine) *quantity.Subject {
	t.Helper()
	set, err := dataset.Open("fmnist-mini", "")
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Build(set, dataset.Transform{Pool: 2, Train: 300, Test: 200})
	if err != nil {
		t.Fatal(err)
	}
	a, err := models.MLP(models.Shape{C: data.Shape.C, H: data.Shape.H, W: data.Shape.W}, data.Classes, models.MLPOptions{Width: 24, Depth: 3, BatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	tr, err := models.Train(context.Background(), e, a, models.Training{
		Optimizer: models.Optimizer{Name: "sgd", LearningRate: 0.05, Momentum: 0.9}, BatchSize: 32, TargetLoss: 0.01, MaxEpochs: 200, Init: "pytorch",
	}, models.Seeds{Init: 1, Order: 2, Dropout: 3}, models.Examples{X: data.Train.X, Y: data.Train.Y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sibling := &quantity.Twin{Hash: tr.Init.Hash(), Arch: a, Final: tr.Init} // any network of the architecture will do here
	return &quantity.Subject{Key: tr.Final.Hash(), Arch: a, Final: tr.Final, Init: tr.Init, Data: data, Facts: facts(tr), Seed: 7, Sibling: sibling}
}

// compute runs a measure in process.
func compute(t *testing.T, p *quantity.Provider, s *quantity.Subject, m measure.Measure, given map[string]string) (float64, map[string]float64, error) {
	t.Helper()
	info := m.Info()
	options, err := info.Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	meta := measure.Meta{ID: "x", Classes: s.Arch.Classes, TrainSize: s.Data.Train.Len(), Seed: 5, Options: options, Layers: harness.LayersOf(s)}
	net := measure.NewNetwork(meta, provided{p, info.Needs})
	defer net.Release()
	v, err := m.Compute(context.Background(), net)
	return v, net.Diagnostics(), err
}

// all computes every built-in with its defaults on a host of its own.
func all(t *testing.T, e models.Engine, s *quantity.Subject) map[string]float64 {
	t.Helper()
	h := quantity.NewHost(e, t.TempDir())
	defer h.Close()
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	values := map[string]float64{}
	for _, m := range measures.All() {
		name := m.Info().Name
		v, _, err := compute(t, p, s, m, nil)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%s = %v, %v", name, v, err)
		}
		values[name] = v
	}
	return values
}

func TestList(t *testing.T) {
	want := []string{"cna", "cna-area", "cna-margin", "l2norm", "l2norm-fro", "l2norm-product",
		"pac-bayes-init", "pac-bayes-orig", "pac-bayes-flatness", "pac-bayes-mag-init", "pac-bayes-mag-orig", "pac-bayes-mag-flatness",
		"sharpness-init", "sharpness-orig", "sharpness-flatness", "sharpness-mag-init", "sharpness-mag-orig", "sharpness-mag-flatness",
		"fisher-rao", "fisher-trace", "gradient-variance", "gsnr", "tic", "hessian-top", "hessian-trace",
		"sam-sharpness", "asam-sharpness", "average-sharpness", "worst-sharpness"}
	want = append(want, "davies-bouldin", "mixup-accuracy", "dbi-mixup", "kv-margin", "kv-gn-margin")
	want = append(want, "mixup-margin", "augment-margin", "always-generalize")
	want = append(want, "demogen-q1", "demogen-median", "demogen-q3", "demogen-lower-fence", "demogen-upper-fence")
	want = append(want, "jacobian-norm", "disagreement")
	want = append(want, "l2", "l2-dist", "param-norm", "frob-distance", "dist-spec-init",
		"prod-of-fro", "prod-of-fro-over-margin", "sum-of-fro", "sum-of-fro-over-margin",
		"prod-of-spec", "prod-of-spec-over-margin", "sum-of-spec", "sum-of-spec-over-margin", "fro-over-spec", "spec-init-main", "spec-orig-main",
		"path-norm", "path-norm-over-margin", "dist-spec-init-fft",
		"prod-of-spec-fft", "prod-of-spec-over-margin-fft", "sum-of-spec-fft", "sum-of-spec-over-margin-fft", "fro-over-spec-fft", "spec-init-main-fft", "spec-orig-main-fft")
	want = append(want, "cross-entropy", "neg-entropy", "inverse-margin")
	want = append(want, "steps-0.1", "steps-0.1-0.01", "grad-noise-1", "grad-noise-final", "sotl", "sotl-e")
	want = append(want, "log-norm", "log-spectral-norm", "alpha", "alpha-hat", "log-alpha-norm", "stable-rank")
	var got []string
	for _, m := range measures.All() {
		info := m.Info()
		got = append(got, info.Name)
		if err := info.Validate(); err != nil {
			t.Error(err)
		}
		if info.Doc == "" || info.Citation == "" || info.Family == "" || info.Larger == measure.Unknown {
			t.Errorf("%s does not describe itself: %+v", info.Name, info)
		}
		if transductive := slices.Contains([]string{"cna-area", "cna-margin", "disagreement"}, info.Name); transductive != info.Needs.Transductive() {
			t.Errorf("%s: transductive %v", info.Name, !transductive)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestOnHosts: on a trained network every built-in is defined, with no more than it declared, and two hosts
// agree in bits.
func TestOnHosts(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	a, b := all(t, e, s), all(t, e, s)
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s: %v and %v", name, a[name], b[name])
		}
	}
	if v := a["cna"]; v < -1 || v > 1 {
		t.Errorf("cna = %v is no correlation", v)
	}
	if v := a["cna-area"]; v < 0 || v > 1 {
		t.Errorf("cna-area = %v, outside the unit square", v)
	}
}

// TestOptions: every value of every option computes, and what the authors' density does to the entropy moves no
// correlation.
func TestOptions(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	h := quantity.NewHost(e, t.TempDir())
	defer h.Close()
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, m := range measures.All() {
		for _, o := range m.Info().Options {
			for _, v := range o.Values {
				got, _, err := compute(t, p, s, m, map[string]string{o.Name: v})
				if err != nil || math.IsNaN(got) {
					t.Errorf("%s[%s=%s] = %v, %v", m.Info().Name, o.Name, v, got, err)
				}
			}
		}
	}
	cna := measures.All()[0]
	plain, _, err := compute(t, p, s, cna, nil)
	if err != nil {
		t.Fatal(err)
	}
	published, _, err := compute(t, p, s, cna, map[string]string{"bins": "1000", "scale": "published"})
	if err != nil || math.Abs(published-plain) > 1e-9 {
		t.Errorf("cna with the published entropy %v, %v, without %v", published, err, plain)
	}
	// cna-margin is what its diagnostics say.
	margin := measures.All()[2]
	for power, f := range map[string]func(g float64) float64{
		"1": func(g float64) float64 { return g }, "2": func(g float64) float64 { return g * g },
		"-1": func(g float64) float64 { return 1 / g }, "-2": func(g float64) float64 { return 1 / (g * g) },
	} {
		v, d, err := compute(t, p, s, margin, map[string]string{"power": power})
		if want := f(d["gamma"]) * d["area"]; err != nil || math.Abs(v-want) > 1e-12*math.Abs(want) {
			t.Errorf("cna-margin[power=%s] = %v, %v, want %v", power, v, err, want)
		}
		if d["examples"] != 200 || !(d["split-half-area"] > 0) {
			t.Errorf("diagnostics %v: want 200 examples of each split and a floor", d)
		}
	}
	for _, bad := range []map[string]string{{"bins": "many"}, {"examples": "1.5"}, {"bins": "1"}} {
		if _, _, err := compute(t, p, s, cna, bad); err == nil {
			t.Errorf("cna%v: no error", bad)
		}
	}
}

// TestScaled: the last layer times 2 (exact in float32) doubles logits and margins. l2norm's spectral
// norms are then known from the parts; the layer sums that cna looks at leave the logits out, so it stays.
func TestScaled(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	before := all(t, e, s)
	scaled := *s
	scaled.Final = s.Final.Clone()
	for _, tensor := range scaled.Final[len(scaled.Final)-2:] {
		for i := range tensor.Data {
			tensor.Data[i] *= 2
		}
	}
	scaled.Key = scaled.Final.Hash()
	after := all(t, e, &scaled)
	for name, want := range map[string]float64{
		"cna": before["cna"], "cna-area": before["cna-area"], "cna-margin": 2 * before["cna-margin"],
		"l2norm-product": before["l2norm-product"], // twice the norm over twice the margin
	} {
		if math.Abs(after[name]-want) > 1e-6*math.Abs(want) {
			t.Errorf("%s = %v, want %v", name, after[name], want)
		}
	}
	if !(after["l2norm"] < before["l2norm"]) { // one layer's norm doubles, 1/γ² falls to a quarter
		t.Errorf("l2norm rose from %v to %v", before["l2norm"], after["l2norm"])
	}
}

// TestPermuted: hidden units in another order, with their batch norm, compute the same function. What is
// summed in another order moves by rounding; noise falls on other units, so searches move by chance.
func TestPermuted(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	other := *s
	other.Final, other.Init = reversed(s.Final), reversed(s.Init)
	other.Key = other.Final.Hash()
	before, after := all(t, e, s), all(t, e, &other)
	for name, v := range before {
		tol := 1.0 // a search with 10 other draws or 3 other starts, on 24 units: within a factor of 2
		switch name {
		case "cna", "cna-area", "cna-margin", "l2norm", "l2norm-fro", "l2norm-product",
			"fisher-rao", "fisher-trace", "gradient-variance", "gsnr", "sam-sharpness", "asam-sharpness", "worst-sharpness":
			tol = 1e-4
		case "hessian-top":
			tol = 2e-2 // another start of the iteration
		case "average-sharpness":
			tol = 2 // other noise: 20 draws have a standard error of a third
		}
		if math.Abs(after[name]-v) > tol*math.Abs(v) {
			t.Errorf("%s = %v, with units permuted %v", name, v, after[name])
		}
	}
}

// reversed turns the order of the first hidden layer's units around.
func reversed(s models.State) models.State {
	s = s.Clone()
	turn := func(name string, chunk int) {
		d := s.Find(name).Data
		n := len(d) / chunk
		old := slices.Clone(d)
		for i := range n {
			copy(d[i*chunk:], old[(n-1-i)*chunk:(n-i)*chunk])
		}
	}
	turn("fc1.weight", s.Find("fc1.weight").Shape[1])
	for _, name := range []string{"fc1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"} {
		turn(name, 1)
	}
	w := s.Find("fc2.weight") // its columns
	in := w.Shape[1]
	for o := range w.Shape[0] {
		slices.Reverse(w.Data[o*in : (o+1)*in])
	}
	return s
}

// TestMissingInit: without the weights before training, what needs them says so and the rest computes.
func TestMissingInit(t *testing.T) {
	e := engine(t)
	s := trained(t, e)
	s.Init = nil
	h := quantity.NewHost(e, t.TempDir())
	defer h.Close()
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, m := range measures.All() {
		_, _, err := compute(t, p, s, m, nil)
		var missing *measure.MissingError
		if needs := m.Info().Needs.Has(measure.FusedInitWeights); needs != errors.As(err, &missing) || !needs && err != nil {
			t.Errorf("%s: %v", m.Info().Name, err)
		}
	}
}

// ExampleAll lists the built-ins.
func ExampleAll() {
	for _, m := range measures.All()[:3] {
		fmt.Println(m.Info().Name)
	}
	// Output:
	// cna
	// cna-area
	// cna-margin
}
