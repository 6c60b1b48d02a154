package sharpness

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/evidence"
)

// source is the network of the specification's vectors V6 and V7: W = diag(1, 2), diag(3, 1) from
// diag(.5, 1), diag(1, 1), with searches that found σ = .1, σ' = .2, α = .05, α' = .25.
type source struct {
	unconverged bool
	shape       []int // of the first initial tensor
}

func (s source) Quantity(_ context.Context, name string, args map[string]string) ([]measure.Array, error) {
	switch name {
	case "fused-weights":
		return []measure.Array{tensor("fc1.weight", []int{2, 2}, 1, 0, 0, 2), tensor("fc1.bias", []int{2}, 9, 9), tensor("fc2.weight", []int{2, 2}, 3, 0, 0, 1)}, nil
	case "fused-init-weights":
		return []measure.Array{tensor("fc1.weight", s.shape, .5, 0, 0, 1), tensor("fc1.bias", []int{2}, 0, 0), tensor("fc2.weight", []int{2, 2}, 1, 0, 0, 1)}, nil
	}
	scale := map[string]float64{"pac-bayes/plain": .1, "pac-bayes/magnitude": .2, "sharpness/plain": .05, "sharpness/magnitude": .25}[name+"/"+args["kind"]]
	converged := 1.0
	if s.unconverged {
		converged = 0
	}
	label := "sigma"
	if name == "sharpness" {
		label = "alpha"
	}
	return []measure.Array{scalar(label, scale), scalar("drop", .1), scalar("lower", scale), scalar("upper", scale), scalar("converged", converged), scalar("evaluations", 7)}, nil
}

func (source) Evaluate(context.Context, []measure.Perturbation) ([]measure.Evaluated, error) {
	return nil, nil
}

func tensor(name string, shape []int, v ...float32) measure.Array {
	a := measure.Array{Name: name, DType: "f32", Shape: shape}
	for _, x := range v {
		a.Data = binary.LittleEndian.AppendUint32(a.Data, math.Float32bits(x))
	}
	return a
}

func scalar(name string, v float64) measure.Array {
	return measure.Array{Name: name, DType: "f64", Shape: []int{}, Data: binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))}
}

func compute(t *testing.T, m Measure, s source) (float64, *measure.Network, error) {
	t.Helper()
	options, err := m.Info().Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	net := measure.NewNetwork(measure.Meta{TrainSize: 100, Options: options}, s)
	v, err := m.Compute(context.Background(), net)
	return v, net, err
}

// TestVectors: the PAC-Bayes values are the specification's vector V7. The sharpness values are the same
// formulas evaluated by hand in Python 3.11 (math.log), terms written out:
//
//	‖w-w0‖² = 5.25, ‖w‖² = 15, ω = 8, m = 100
//	init   5.25·ln 16/(4·.05²) + ln(100/.1) + 10
//	mag    ¼·Σ ln((1e-6 + (.25² + 4 ln(16/.05))·5.25/8)/(1e-6 + .25² d_i²)) + ln(100/.05) + 10, d = .5, 0, 0, 1, 2, 0, 0, 0
func TestVectors(t *testing.T) {
	ev := evidence.Open(t)
	want := map[string]float64{
		"pac-bayes-init": 148.1577552790, "pac-bayes-orig": 391.9077552790, "pac-bayes-flatness": 100,
		"pac-bayes-mag-init": 35.1341377799, "pac-bayes-mag-orig": 37.2337801242, "pac-bayes-mag-flatness": 25,
		"sharpness-init": 1472.5168344549, "sharpness-orig": 4175.7908386387, "sharpness-flatness": 400,
		"sharpness-mag-init": 42.3900454190, "sharpness-mag-orig": 44.4896895824, "sharpness-mag-flatness": 16,
	}
	for _, m := range All() {
		name := m.Info().Name
		got, net, err := compute(t, m, source{shape: []int{2, 2}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ev.Measure(name, "the formula by hand in Python 3.11, on diagonal layers", evidence.Absolute(1e-9), got, want[name]) // ten decimals are written down
		if len(net.Warnings()) > 0 {
			t.Errorf("%s warns: %v", name, net.Warnings())
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("no measures %v", want)
	}
}

// TestDoubts: a search that did not converge is said; tensors that do not pair are a failure.
func TestDoubts(t *testing.T) {
	for _, m := range All() {
		_, net, err := compute(t, m, source{unconverged: true, shape: []int{2, 2}})
		if w := strings.Join(net.Warnings(), " "); err != nil || !strings.Contains(w, "did not converge") {
			t.Errorf("%s: %v, warnings %q", m.name, err, w)
		}
		_, _, err = compute(t, m, source{shape: []int{4, 1}})
		if needs := m.needs().Has(measure.FusedInitWeights); needs != (err != nil) {
			t.Errorf("%s with an initial tensor of another shape: %v", m.name, err)
		}
	}
}

// TestNeeds: what is not used is not asked for, so a corpus
// without initial weights skips as little as possible.
func TestNeeds(t *testing.T) {
	for _, m := range All() {
		ns := m.needs()
		if m.form == flatness && len(ns) != 1 {
			t.Errorf("%s needs %v", m.name, ns)
		}
		if m.form == origin && !m.magnitude && ns.Has(measure.FusedInitWeights) {
			t.Errorf("%s needs %v", m.name, ns)
		}
	}
}
