package cpu

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/genbench/genbench/models"
)

// training is testdata/training.json, which PyTorch wrote; see make_training.py.
type training struct {
	Widths       []int
	Batch, Steps int
	X            packed
	Y            []int32
	Cases        []struct {
		Name           string
		Batchnorm      bool
		Optimizer      models.Optimizer
		Initial, Final packed
		Eval, Learn    truth
		Losses64       []float64
		Final64        packed64
	}
}

// truth is what PyTorch computes in float64.
type truth struct {
	Loss       float64
	Gradient64 packed64
}

type packed []float32

func (p *packed) UnmarshalJSON(b []byte) error {
	raw, err := unpack(b)
	for i := 0; i+4 <= len(raw); i += 4 {
		*p = append(*p, math.Float32frombits(binary.LittleEndian.Uint32(raw[i:])))
	}
	return err
}

type packed64 []float64

func (p *packed64) UnmarshalJSON(b []byte) error {
	raw, err := unpack(b)
	for i := 0; i+8 <= len(raw); i += 8 {
		*p = append(*p, math.Float64frombits(binary.LittleEndian.Uint64(raw[i:])))
	}
	return err
}

func unpack(b []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(s)
}

func readTraining(t *testing.T) *training {
	t.Helper()
	text, err := os.ReadFile("testdata/training.json")
	if err != nil {
		t.Fatal(err)
	}
	var f training
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	if len(f.Cases) == 0 {
		t.Fatal("no cases")
	}
	return &f
}

// distance is the relative L2 distance of got and want.
func distance(t *testing.T, got []float32, want []float64) float64 {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	off, size := 0.0, 0.0
	for i, w := range want {
		d := float64(got[i]) - w
		off += d * d
		size += w * w
	}
	return math.Sqrt(off / size)
}

func flat(s models.State, trainable bool, a models.Architecture) []float32 {
	var all []float32
	for i, spec := range a.Tensors() {
		if spec.Trainable || !trainable {
			all = append(all, s[i].Data...)
		}
	}
	return all
}

func widened(x []float32) []float64 {
	w := make([]float64, len(x))
	for i, v := range x {
		w[i] = float64(v)
	}
	return w
}

// TestAgainstTorch trains 50 steps and compares loss and gradient with PyTorch in
// float64 (1e-5), the loss of every step with PyTorch in float64
// and the tensors at the end, running statistics included, with PyTorch in float32 and in float64 (all 1e-5).
func TestAgainstTorch(t *testing.T) {
	f := readTraining(t)
	d := f.Widths[0]
	n := len(f.Y)
	for _, e := range engines(t) {
		for _, c := range f.Cases {
			t.Run(e.Name()+"/"+c.Name, func(t *testing.T) {
				a := chain(c.Batchnorm, f.Widths...)
				state := models.NewState(a)
				rest := []float32(c.Initial)
				for i := range state {
					rest = rest[copy(state[i].Data, rest):]
				}
				s := open(t, e, a, state, f.Batch)
				for mode, want := range map[models.Mode]truth{models.Eval: c.Eval, models.Learn: c.Learn} {
					g := models.NewState(a)
					loss, err := s.Gradient(g, f.X[:f.Batch*d], f.Y[:f.Batch], mode, models.Draw{})
					if err != nil {
						t.Fatal(err)
					}
					if math.Abs(loss-want.Loss) > 1e-5*want.Loss {
						t.Errorf("mode %d: loss %v, want %v", mode, loss, want.Loss)
					}
					if off := distance(t, flat(g, true, a), want.Gradient64); !(off <= 1e-5) {
						t.Errorf("mode %d: the gradient is %.2g off", mode, off)
					}
					if err := s.SetState(state); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.Begin(c.Optimizer); err != nil {
					t.Fatal(err)
				}
				for step := range f.Steps {
					first := step * f.Batch % ((n + f.Batch - 1) / f.Batch * f.Batch)
					last := min(first+f.Batch, n)
					loss, err := s.Step(f.X[first*d:last*d], f.Y[first:last], models.Draw{Step: uint64(step)})
					if err != nil {
						t.Fatal(err)
					}
					if want := c.Losses64[step]; math.Abs(loss-want) > 1e-5*want {
						t.Fatalf("step %d: loss %v, PyTorch has %v in float64", step, loss, want)
					}
				}
				if err := s.State(state); err != nil {
					t.Fatal(err)
				}
				got := flat(state, false, a)
				off, off64 := distance(t, got, widened(c.Final)), distance(t, got, c.Final64)
				if !(off <= 1e-5 && off64 <= 1e-5) {
					t.Errorf("after %d steps the tensors are %.2g off PyTorch's in float32 and %.2g off those in float64 (PyTorch's own two differ by %.2g)",
						f.Steps, off, off64, distance(t, c.Final, c.Final64))
				}
				if moved := distance(t, []float32(c.Initial), c.Final64); moved < 1e-2 {
					t.Errorf("training moved the tensors by %.2g only: the comparison says nothing", moved)
				}
			})
		}
	}
}
