package cna

import (
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/evidence"
)

// source holds sums and complexities of the same examples, and what it was asked with.
type source struct {
	sums, alpha []float64
	layers      int
	asked       map[string]map[string]string
}

func (s source) Quantity(_ context.Context, name string, args map[string]string) ([]measure.Array, error) {
	s.asked[name] = args
	n := len(s.alpha)
	index := measure.Array{Name: "index", DType: "i32", Shape: []int{n}}
	for i := range n {
		index.Data = binary.LittleEndian.AppendUint32(index.Data, uint32(i))
	}
	if name == "layer-sums" {
		return []measure.Array{floats("sums", s.sums, n, s.layers), index}, nil
	}
	return []measure.Array{floats("values", s.alpha, n), index}, nil
}

func (source) Evaluate(context.Context, []measure.Perturbation) ([]measure.Evaluated, error) {
	return nil, nil
}

func floats(name string, v []float64, shape ...int) measure.Array {
	a := measure.Array{Name: name, DType: "f64", Shape: shape}
	for _, x := range v {
		a.Data = binary.LittleEndian.AppendUint64(a.Data, math.Float64bits(x))
	}
	return a
}

func compute(t *testing.T, s source, given map[string]string) (float64, error) {
	t.Helper()
	options, err := CNA{}.Info().Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	return CNA{}.Compute(context.Background(), measure.NewNetwork(measure.Meta{TrainSize: len(s.alpha), Options: options}, s))
}

// TestMeasure goes the whole way from the host's quantities to the value.
func TestMeasure(t *testing.T) {
	ev := evidence.Open(t)
	e := read(t)
	s := source{e.Sums, e.Alpha, 5, map[string]map[string]string{}}
	for corr, want := range e.CNA {
		got, err := compute(t, s, map[string]string{"corr": corr})
		if err != nil {
			t.Errorf("%s: %v", corr, err)
		}
		name := "cna"
		if corr != "pearson" {
			name += "[corr=" + corr + "]"
		}
		ev.Measure(name, "NumPy "+e.NumPy+" and SciPy "+e.SciPy+": polyfit, stats", evidence.Absolute(tol), got, want)
	}
}

// TestOptionsReachTheHost: each option that is not about the correlation is asked of the host.
func TestOptionsReachTheHost(t *testing.T) {
	e := read(t)
	for option, want := range map[string]struct{ value, quantity, args string }{
		"layers":         {"paper", "layer-sums", "paper"},
		"reduce":         {"mean", "layer-sums", "mean"},
		"include_logits": {"true", "layer-sums", "true"},
		"complexity":     {"png", "complexity", "png"},
		"bins":           {"1000", "complexity", "1000"},
		"range":          {"-1:2", "complexity", "-1:2"},
		"noised":         {"true", "complexity", "true"},
		"out_of_range":   {"drop", "complexity", "drop"},
		"scale":          {"published", "complexity", "published"},
		"examples":       {"77", "complexity", "77"},
	} {
		s := source{e.Sums, e.Alpha, 5, map[string]map[string]string{}}
		if _, err := compute(t, s, map[string]string{option: want.value}); err != nil {
			t.Errorf("%s=%s: %v", option, want.value, err)
		}
		if got := s.asked[want.quantity][option]; got != want.args {
			t.Errorf("%s=%s: %s is asked with %q", option, want.value, want.quantity, got)
		}
		if option == "examples" && s.asked["layer-sums"]["examples"] != "77" {
			t.Errorf("examples=77: sums are asked with %v", s.asked["layer-sums"])
		}
	}
}
