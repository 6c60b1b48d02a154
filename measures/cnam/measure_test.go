package cnam

import (
	"context"
	"encoding/binary"
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/evidence"
)

// source answers a split's complexities and, as two layers' sums whose difference is the slope, its slopes.
type source struct {
	splits  map[string]sample
	margins []float64
	asked   *[]map[string]string // of complexities and sums
}

func (s source) Quantity(_ context.Context, name string, args map[string]string) ([]measure.Array, error) {
	switch name {
	case "train-margins":
		return []measure.Array{floats("margins", s.margins, len(s.margins))}, nil
	case "train-logits": // the specification's vector V10, whose list of the released code has the 5th percentile -2
		return []measure.Array{singles("logits", []float32{3, 1, 0, 0, 2, 1, 1, 1.5, 4, 2, 0, 1}, 4, 3)}, nil
	case "train-labels":
		return []measure.Array{ints("y", 0, 1, 2, 1)}, nil
	}
	if s.asked != nil {
		asked := maps.Clone(args)
		asked["quantity"] = name
		*s.asked = append(*s.asked, asked)
	}
	of := s.splits[args["split"]]
	n := len(of.alpha)
	index := make([]int32, n)
	sums := make([]float64, 2*n)
	for i := range n {
		index[i] = int32(i)
		sums[2*i+1] = of.beta[i]
	}
	if name == "layer-sums" {
		return []measure.Array{floats("sums", sums, n, 2), ints("index", index...)}, nil
	}
	return []measure.Array{floats("values", of.alpha, n), ints("index", index...)}, nil
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

func singles(name string, v []float32, shape ...int) measure.Array {
	a := measure.Array{Name: name, DType: "f32", Shape: shape}
	for _, x := range v {
		a.Data = binary.LittleEndian.AppendUint32(a.Data, math.Float32bits(x))
	}
	return a
}

func ints(name string, v ...int32) measure.Array {
	a := measure.Array{Name: name, DType: "i32", Shape: []int{len(v)}}
	for _, x := range v {
		a.Data = binary.LittleEndian.AppendUint32(a.Data, uint32(x))
	}
	return a
}

func compute(t *testing.T, m Area, s source, given map[string]string) (float64, error) {
	t.Helper()
	options, err := m.Info().Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	return m.Compute(context.Background(), measure.NewNetwork(measure.Meta{TrainSize: len(s.splits["train"].alpha), Options: options}, s))
}

// TestMeasures goes the whole way from the host's quantities to the values.
func TestMeasures(t *testing.T) {
	ev := evidence.Open(t)
	e := read(t)
	libraries := "NumPy " + e.NumPy + " and SciPy " + e.SciPy + ": convolve, interp, interp1d, percentile"
	const tol = 1e-9 // sums of 25 in another order, scaled to [0, 1]
	for _, c := range e.Cases {
		if c.Alpha == nil {
			continue
		}
		s := source{splits: map[string]sample{"train": {c.Train[0], c.Train[1]}, "test": {c.Test[0], c.Test[1]}}, margins: e.Values}
		for _, w := range []struct {
			m      Area
			option string
			want   float64
		}{
			{CNAArea(), "", *c.Alpha},
			{CNAArea(), "axis=published", *c.Published},
			{CNAMargin(), "", e.Percentiles["5"] * *c.Alpha},
			{CNAMargin(), "percentile=10", e.Percentiles["10"] * *c.Alpha},
			{CNAMargin(), "power=-2", *c.Alpha / (e.Percentiles["5"] * e.Percentiles["5"])},
			{CNAMargin(), "bug_compat=true", -2 * *c.Alpha},
		} {
			given := map[string]string{}
			name := w.m.Info().Name
			if w.option != "" {
				k, v, _ := strings.Cut(w.option, "=")
				given[k] = v
				name += "[" + w.option + "]"
			}
			got, err := compute(t, w.m, s, given)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			ev.Measure(name, libraries, evidence.Absolute(tol), got, w.want)
		}
	}
}

// TestOptionsReachTheHost: options of sums and complexities are asked of the host, of both splits.
func TestOptionsReachTheHost(t *testing.T) {
	c := read(t).Cases[0]
	for option, w := range map[string]struct{ value, quantity string }{
		"layers":         {"paper", "layer-sums"},
		"reduce":         {"mean", "layer-sums"},
		"include_logits": {"true", "layer-sums"},
		"complexity":     {"gzip", "complexity"},
		"bins":           {"1000", "complexity"},
		"range":          {"-1:2", "complexity"},
		"noised":         {"true", "complexity"},
		"out_of_range":   {"drop", "complexity"},
		"scale":          {"published", "complexity"},
	} {
		var asked []map[string]string
		s := source{splits: map[string]sample{"train": {c.Train[0], c.Train[1]}, "test": {c.Test[0], c.Test[1]}}, margins: []float64{1}, asked: &asked}
		if _, err := compute(t, CNAArea(), s, map[string]string{option: w.value}); err != nil {
			t.Errorf("%s=%s: %v", option, w.value, err)
		}
		found := map[string]bool{}
		for _, a := range asked {
			if a["quantity"] == w.quantity && a[option] == w.value {
				found[a["split"]] = true
			}
		}
		if !found["train"] || !found["test"] {
			t.Errorf("%s=%s reaches the splits %v", option, w.value, found)
		}
	}
	for examples, want := range map[string]string{"0": "200", "50": "50", "1000": "200"} { // 200 training examples
		var asked []map[string]string
		s := source{splits: map[string]sample{"train": {c.Train[0], c.Train[1]}, "test": {c.Test[0], c.Test[1]}}, asked: &asked}
		if _, err := compute(t, CNAArea(), s, map[string]string{"examples": examples}); err != nil {
			t.Errorf("examples=%s: %v", examples, err)
		}
		if got := asked[0]["examples"]; got != want || asked[0]["split"] != "test" {
			t.Errorf("examples=%s: the first asks for %v, want %s test examples", examples, asked[0], want)
		}
	}
	if _, err := compute(t, CNAArea(), source{}, map[string]string{"examples": "-1"}); err == nil {
		t.Error("examples=-1: no error")
	}
}
