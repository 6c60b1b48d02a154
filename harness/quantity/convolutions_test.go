package quantity

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/models"
)

// convolved is testdata/convolutions.json, made by testdata/make_convolutions.py.
type convolved struct {
	Versions map[string]string
	Networks map[string]struct {
		Shape                                        []int
		Layers                                       []models.Layer
		Tensors                                      models.State
		X                                            []float32
		Y                                            []int32
		Logits                                       []float64
		Sums                                         map[string][]float64 // by layers and reduce
		PathNorm                                     float64              `json:"path_norm"`
		Features, Pooled                             [][]float64          // views 1 and 2; pooled 2 x 2
		FFT, Matrix                                  []float64
		Difference, Norms, Squares, Variances, Units []float64
	}
}

// convolvedSubject is one of its networks.
func convolvedSubject(t *testing.T, e convolved, name string) *Subject {
	t.Helper()
	n := e.Networks[name]
	a, err := models.Build("custom", models.Shape{C: n.Shape[0], H: n.Shape[1], W: n.Shape[2]}, 3, n.Layers)
	if err != nil {
		t.Fatal(err)
	}
	state, err := n.Tensors.Arrange(a)
	if err != nil {
		t.Fatal(err)
	}
	s := subjectOf(a, state, n.X, n.Y)
	s.Key = name
	return s
}

// relativeTo32 compares values of float32 arithmetic: of the largest of them.
func relativeTo32(ev *evidence.Recorder, t *testing.T, quantity, source string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", quantity, len(got), len(want))
	}
	largest := 0.0
	for _, v := range want {
		largest = math.Max(largest, math.Abs(v))
	}
	for i := range got {
		ev.Quantity(quantity, source, evidence.RelativeTo("the largest", tolerance, largest), got[i], want[i])
	}
}

// inOrder are features in the order of the examples, of which a round is a permutation.
func inOrder(q map[string][]float64) []float64 {
	index, features := q["index"], q["features"]
	units := len(features) / len(index)
	out := make([]float64, len(features))
	for i, e := range index {
		copy(out[int(e)*units:], features[i*units:(i+1)*units])
	}
	return out
}

// TestConvolutions: what the host serves of networks with convolutions, pooling and residual sums, against PyTorch and NumPy.
func TestConvolutions(t *testing.T) {
	ev := evidence.Open(t)
	var e convolved
	readJSON(t, "testdata/convolutions.json", &e)
	if len(e.Networks) != 3 {
		t.Fatalf("%d networks", len(e.Networks))
	}
	source := "PyTorch " + e.Versions["torch"] + " in float64, networks of convolutions"
	for name, n := range e.Networks {
		p := openSubject(t, testHost(t, t.TempDir()), convolvedSubject(t, e, name))
		relativeTo32(ev, t, "train-logits", source, request(t, p, "train-logits", nil)["logits"], n.Logits, 1e-6)
		if len(n.Sums) != 12 {
			t.Fatalf("%s: %d sums", name, len(n.Sums))
		}
		for what, want := range n.Sums {
			layers, reduce, _ := strings.Cut(what, " ")
			got := request(t, p, "layer-sums", map[string]string{"layers": layers, "reduce": reduce})["sums"]
			relativeTo32(ev, t, "layer-sums", source, got, want, 1e-6)
		}
		ev.Quantity("path-norm", source, evidence.Absolute(1e-12), request(t, p, "path-norm", nil)["log_path_norm"][0], n.PathNorm)
		for l := range n.Features {
			args := map[string]string{"layer": fmt.Sprint(l + 1)}
			relativeTo32(ev, t, "layer-features", source, inOrder(request(t, p, "layer-features", args)), n.Features[l], 1e-6)
			args["pool"] = "2"
			relativeTo32(ev, t, "layer-features", source, inOrder(request(t, p, "layer-features", args)), n.Pooled[l], 1e-6)
		}
		m, j := request(t, p, "layer-margins", nil), request(t, p, "jacobian-norms", nil)
		relativeTo32(ev, t, "layer-margins", source, m["difference"], n.Difference, 1e-6)
		relativeTo32(ev, t, "layer-margins", source, m["norms"], n.Norms, 1e-6)
		relativeTo32(ev, t, "layer-margins", source, m["variances"], n.Variances, 1e-6)
		relativeTo32(ev, t, "jacobian-norms", source, j["squares"], n.Squares, 2e-6)
		if !slices.Equal(j["units"], n.Units) {
			t.Errorf("%s: representations of %v units, want %v", name, j["units"], n.Units)
		}
		for conv, want := range map[string][]float64{"fft": n.FFT, "matrix": n.Matrix} {
			b, err := p.Get(context.Background(), "layer-norms", map[string]string{"conv": conv})
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range b.Arrays {
				ev.Quantity("layer-norms", "NumPy "+e.Versions["numpy"]+": linalg.svd, fft.fft2, folded networks", evidence.Relative(1e-6), values(t, a)[0], want[i])
			}
		}
	}
}

// TestBatch: networks of few activations go in batches of 256, whatever their depth; large ones in fewer, never below 32.
func TestBatch(t *testing.T) {
	image := models.Shape{C: 3, H: 32, W: 32}
	mlp, err := models.MLP(image, 10, models.MLPOptions{Width: 500, Depth: 8, BatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	for width, want := range map[int]int{4: 256, 16: 96, 64: 32, 256: 32} {
		a, err := models.ResNet(image, 10, models.ResNetOptions{Layers: 18, Width: width})
		if err != nil {
			t.Fatal(err)
		}
		if got := Batch(a); got != want {
			t.Errorf("ResNet-18 of width %d: %d, want %d", width, got, want)
		}
	}
	if got := Batch(mlp); got != 256 {
		t.Errorf("MLP: %d", got)
	}
}

// TestInBatches: a gradient of more examples than go at once is that of all.
func TestInBatches(t *testing.T) {
	s := small(t)
	w := perturberOf(s, s.Arch, s.Final)
	session, err := testEngine(t).NewSession(s.Arch, 256)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if err := session.SetState(s.Final); err != nil {
		t.Fatal(err)
	}
	whole, parts := models.NewState(s.Arch), models.NewState(s.Arch)
	loss, err := w.meanGradient(session, whole, w.all)
	if err != nil {
		t.Fatal(err)
	}
	w.batch = w.all.n/3 + 1 // the last is short
	again, err := w.meanGradient(session, parts, w.all)
	if err != nil || math.Abs(again-loss) > 1e-9*loss {
		t.Errorf("loss %v, %v, in one batch %v", again, err, loss)
	}
	for i := range whole {
		for k, g := range whole[i].Data {
			if math.Abs(float64(parts[i].Data[k]-g)) > 1e-6 {
				t.Fatalf("%s %d: %v, in one batch %v", whole[i].Name, k, parts[i].Data[k], g)
			}
		}
	}
}

// TestShortcuts: which branch is the shortcut, nested blocks and equal branches included.
func TestShortcuts(t *testing.T) {
	conv := func(name, from string) models.Layer {
		return models.Layer{Name: name, From: from, Kind: models.Conv2D, Channels: 2, Kernel: 3, Padding: 1}
	}
	a, err := models.Build("custom", models.Shape{C: 2, H: 4, W: 4}, 2, []models.Layer{
		conv("stem", ""),
		conv("a1", ""), conv("a2", ""), conv("aside", "stem"), {Name: "a", Kind: models.Add, With: "a2"}, // its shortcut is what is read
		conv("b1", ""), conv("b2", ""), conv("bs", "a"), {Name: "b", Kind: models.Add, From: "b2", With: "bs"}, // or what is added
		conv("c1", ""), conv("c2", "b"), {Name: "c", Kind: models.Add, With: "c1"}, // two equal branches
		{Kind: models.GlobalAvgPool}, {Kind: models.Dense},
	})
	if err != nil {
		t.Fatal(err)
	}
	var on []string
	for l, short := range shortcuts(a) {
		if short {
			on = append(on, a.Layers[l].Name)
		}
	}
	if !slices.Equal(on, []string{"aside", "bs"}) {
		t.Errorf("shortcuts %v", on)
	}
}

// TestUntoldGradients: a value that an add takes before others read it has no gradient in one piece, and neither has an input that is read twice.
func TestUntoldGradients(t *testing.T) {
	for want, layers := range map[string][]models.Layer{
		`layer "b" writes`: {
			{Name: "a", Kind: models.Dense, Out: 2}, {Name: "b", Kind: models.ReLU},
			{Name: "c", Kind: models.ReLU, From: "a"}, {Name: "d", Kind: models.Add, With: "b"}, {Name: "e", Kind: models.Dense, Out: 2, From: "b"},
			{Name: "f", Kind: models.Add, With: "d"}, {Kind: models.Dense},
		},
	} {
		a, err := models.Build("custom", models.Shape{C: 3, H: 1, W: 1}, 2, layers)
		if err != nil {
			t.Fatal(err)
		}
		state, err := models.InitialState(a, "pytorch", 1)
		if err != nil {
			t.Fatal(err)
		}
		p := openSubject(t, testHost(t, t.TempDir()), subjectOf(a, state, []float32{1, 2, 3, 4, 5, 6}, []int32{0, 1}))
		for _, name := range []string{"layer-margins", "jacobian-norms"} {
			_, err := p.Get(context.Background(), name, nil)
			if u := (*Undefined)(nil); !errors.As(err, &u) || !strings.Contains(u.Reason, want) {
				t.Errorf("%s: %v, want %q in it", name, err, want)
			}
		}
	}
}

// TestColours: the pixels of all channels are pooled. Three constant channels have three values, equally often, in log2(3) bits, and a grey image of one value has none.
func TestColours(t *testing.T) {
	a := layers(false, 12, 2)
	a.Input = models.Shape{C: 3, H: 2, W: 2}
	s := subjectOf(a, models.NewState(a), make([]float32, 24), []int32{0, 1})
	s.Data.NativeShape.C, s.Data.NativeShape.H, s.Data.NativeShape.W = 3, 2, 2
	s.Data.Train.Native = []uint8{10, 10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7}
	p := openSubject(t, testHost(t, t.TempDir()), s)
	got := request(t, p, "complexity", nil)["values"]
	if math.Abs(got[0]-math.Log2(3)) > 1e-12 || got[1] != 0 {
		t.Errorf("entropies %v, want log2(3) and 0", got)
	}
	if v := request(t, p, "complexity", map[string]string{"complexity": "png"})["values"]; !(v[0] > 0 && v[1] > 0) {
		t.Errorf("PNG files of %v bytes", v)
	}
}
