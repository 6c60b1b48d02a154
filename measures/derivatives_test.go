package measures_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
)

// derivatives is testdata/derivatives.json, made by testdata/make_derivatives.py with PyTorch in float64.
type derivatives struct {
	Versions map[string]string
	Seed     uint64
	Sizes    []int
	X        []float32
	Y        []int32
	Networks map[string]struct {
		Tensors []struct {
			Name   string
			Shape  []int
			Values []float32
		}
		Gradients, Curvature, Sharpness map[string]any
	}
}

func readDerivatives(t *testing.T) derivatives {
	t.Helper()
	raw, err := os.ReadFile("testdata/derivatives.json")
	if err != nil {
		t.Fatal(err)
	}
	var d derivatives
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// subject is one of the networks with the training set.
func (d derivatives) subject(t *testing.T, name string) *quantity.Subject {
	t.Helper()
	a := models.Architecture{Family: "mlp", Input: models.Shape{C: 1, H: 1, W: d.Sizes[0]}, Classes: d.Sizes[len(d.Sizes)-1]}
	var s models.State
	for _, tensor := range d.Networks[name].Tensors {
		s = append(s, models.Tensor{Name: tensor.Name, Shape: tensor.Shape, Data: tensor.Values})
	}
	for l := 1; l < len(d.Sizes); l++ {
		in, out, digit := d.Sizes[l-1], d.Sizes[l], string(rune('0'+l))
		a.Layers = append(a.Layers, models.Layer{Name: "fc" + digit, Kind: models.Dense, In: in, Out: out})
		if s.Find("bn"+digit+".weight") != nil {
			a.Layers = append(a.Layers, models.Layer{Name: "bn" + digit, Kind: models.BatchNorm, In: out, Out: out, Epsilon: 1e-5, Momentum: 0.1})
		}
		if l < len(d.Sizes)-1 {
			a.Layers = append(a.Layers, models.Layer{Name: "relu" + digit, Kind: models.ReLU, In: out, Out: out})
		}
	}
	shape := dataset.Shape{C: 1, H: 1, W: d.Sizes[0]}
	data := &dataset.Data{Shape: shape, NativeShape: shape, Classes: a.Classes, Hash: "derivatives"}
	data.Train = dataset.Split{X: d.X, Y: d.Y, Clean: d.Y, Native: make([]uint8, len(d.X))}
	return &quantity.Subject{Key: s.Hash(), Arch: a, Final: s, Data: data, Seed: d.Seed}
}

// parse reads "name[option=value,...]".
func parse(t *testing.T, row string) (measure.Measure, map[string]string) {
	t.Helper()
	name, rest, _ := strings.Cut(strings.TrimSuffix(row, "]"), "[")
	i := slices.IndexFunc(measures.All(), func(m measure.Measure) bool { return m.Info().Name == name })
	if i < 0 {
		t.Fatalf("no measure %q", name)
	}
	options := map[string]string{}
	for _, o := range strings.Split(rest, ",") {
		if k, v, ok := strings.Cut(o, "="); ok {
			options[k] = v
		}
	}
	return measures.All()[i], options
}

// Tolerances of values against PyTorch in float64, relative to the value, or for a rise of the loss to the loss that it
// is a difference of. A float32 forward pass of these networks is good to 1e-6.
const (
	tolerance     = 1e-5
	toleranceTop  = 1e-2 // the iteration's residual
	toleranceRise = 1e-5 // a sharpness, of the perturbed loss
)

// TestDerivatives holds every measure of gradients, curvature and sharpness in loss, with its options, against
// PyTorch on a network with batch norm, one without, and one without biases.
func TestDerivatives(t *testing.T) {
	ev := evidence.Open(t)
	d := readDerivatives(t)
	for _, name := range []string{"plain", "batch-norm", "no-biases"} {
		t.Run(name, func(t *testing.T) {
			s := d.subject(t, name)
			h := quantity.NewHost(engine(t), t.TempDir())
			defer h.Close()
			p, err := h.Open(s)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			loss, _, err := compute(t, p, s, lossOf{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			n := d.Networks[name]
			for _, group := range []map[string]any{n.Gradients, n.Curvature, n.Sharpness} {
				for row, v := range group {
					want, ok := v.(float64)
					if head, _, _ := strings.Cut(row, "["); !ok || !slices.Contains(rows, head) {
						continue
					}
					m, options := parse(t, row)
					got, _, err := compute(t, p, s, m, options)
					tol := evidence.Relative(tolerance)
					switch {
					case row == "hessian-top":
						tol = evidence.Relative(toleranceTop)
					case m.Info().Family == "sharpness":
						tol = evidence.RelativeTo("the perturbed loss", toleranceRise, loss+math.Abs(want))
					}
					if err != nil {
						t.Errorf("%s: %v", row, err)
					}
					ev.Measure(row, "PyTorch "+d.Versions["torch"]+", autograd in float64", tol, got, want)
				}
			}
		})
	}
}

// rows are the names in derivatives.json that are measures.
var rows = []string{"fisher-rao", "fisher-trace", "gradient-variance", "gsnr", "tic", "hessian-top", "hessian-trace",
	"sam-sharpness", "asam-sharpness", "average-sharpness", "worst-sharpness"}

// lossOf answers the training loss.
type lossOf struct{}

func (lossOf) Info() measure.Info {
	return measure.Info{Name: "loss", Version: "1", Needs: measure.Needs{measure.TrainLoss}}
}

func (lossOf) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	loss, _, err := net.TrainLoss(ctx)
	return loss, err
}
