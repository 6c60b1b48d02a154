package measure

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

// fixed is a Source of given arrays.
type fixed struct {
	arrays []Array
	err    error
	mu     sync.Mutex
	calls  int
}

func (f *fixed) Quantity(context.Context, string, map[string]string) ([]Array, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	return f.arrays, f.err
}

func (f *fixed) Evaluate(_ context.Context, ps []Perturbation) ([]Evaluated, error) {
	return make([]Evaluated, len(ps)), f.err
}

// file writes margins 1.5 and -2 at byte 4160: behind a page, at a multiple of 64.
func file(t *testing.T) string {
	t.Helper()
	b := make([]byte, 4160)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(1.5))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(-2))
	path := filepath.Join(t.TempDir(), "q")
	if err := os.WriteFile(path, b, 0o400); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMappedArray(t *testing.T) {
	src := &fixed{arrays: []Array{{Name: "margins", DType: "f64", Shape: []int{2}, Path: file(t), Offset: 4160}}}
	n := NewNetwork(Meta{}, src)
	for range 2 {
		m, err := n.TrainMargins(t.Context())
		if err != nil || len(m) != 2 || m[0] != 1.5 || m[1] != -2 {
			t.Fatalf("margins %v, %v; want [1.5 -2]", m, err)
		}
	}
	if src.calls != 1 {
		t.Errorf("the source was asked %d times, want once", src.calls)
	}
	n.Release()
	if _, err := n.TrainMargins(t.Context()); err == nil || !strings.Contains(err.Error(), "after Compute returned") {
		t.Errorf("after Release: %v", err)
	}
}

// A measure that writes to what it was given faults; the fault must be a panic
// that can be caught, and the file must stay as it was.
func TestMappedArrayIsReadOnly(t *testing.T) {
	path := file(t)
	n := NewNetwork(Meta{}, &fixed{arrays: []Array{{Name: "margins", DType: "f64", Shape: []int{2}, Path: path, Offset: 4160}}})
	defer n.Release()
	m, err := n.TrainMargins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil {
			t.Error("writing to a mapped array went through")
		}
		if m[0] != 1.5 {
			t.Errorf("the array now holds %v", m[0])
		}
	}()
	m[0] = 7
}

// Descriptions that do not fit their bytes: each error says what is wrong.
func TestArraysThatDoNotFit(t *testing.T) {
	path := file(t)
	ok := Array{Name: "margins", DType: "f64", Shape: []int{2}, Path: path, Offset: 4160}
	cases := []struct {
		name string
		edit func(*Array)
		want string
	}{
		{"beyond the end", func(a *Array) { a.Shape = []int{3} }, "has 4176 bytes"},
		{"offset beyond the end", func(a *Array) { a.Offset = 1 << 40 }, "has 4176 bytes"},
		{"negative offset", func(a *Array) { a.Offset = -8 }, "offset"},
		{"odd offset", func(a *Array) { a.Offset = 4156 }, "multiple of 8"},
		{"negative shape", func(a *Array) { a.Shape = []int{-1} }, "impossible shape"},
		{"overflowing shape", func(a *Array) { a.Shape = []int{1 << 40, 1 << 40} }, "impossible shape"},
		{"dtype", func(a *Array) { a.DType = "f16" }, "unknown dtype"},
		{"other dtype", func(a *Array) { a.DType = "f32" }, "holds f32, not f64"},
		{"dimensions", func(a *Array) { a.Shape = []int{1, 2} }, "1 dimensions were expected"},
		{"name", func(a *Array) { a.Name = "margin" }, `no array "margins"`},
		{"no file", func(a *Array) { a.Path += "x" }, "no such file"},
		{"short data", func(a *Array) { a.Data = make([]byte, 8) }, "holds 8 bytes"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a := ok
			c.edit(&a)
			n := NewNetwork(Meta{}, &fixed{arrays: []Array{a}})
			defer n.Release()
			if m, err := n.TrainMargins(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("margins %v, error %v; want an error that says %q", m, err, c.want)
			}
		})
	}
}

func TestUnalignedAndEmptyData(t *testing.T) {
	b := append([]byte{0}, binary.LittleEndian.AppendUint64(nil, math.Float64bits(2.5))...)[1:]
	n := NewNetwork(Meta{}, &fixed{arrays: []Array{{Name: "margins", DType: "f64", Shape: []int{1}, Data: b}}})
	if m, err := n.TrainMargins(t.Context()); err != nil || m[0] != 2.5 {
		t.Errorf("unaligned: %v, %v; want [2.5]", m, err)
	}
	n = NewNetwork(Meta{}, &fixed{arrays: []Array{{Name: "margins", DType: "f64", Shape: []int{0}, Path: "/nowhere"}}})
	if m, err := n.TrainMargins(t.Context()); err != nil || len(m) != 0 {
		t.Errorf("empty: %v, %v; want []", m, err)
	}
}

func TestErrorsOfTheSourceKeepTheirIdentity(t *testing.T) {
	n := NewNetwork(Meta{}, &fixed{err: &MissingError{Need: InitWeights, Reason: "not kept"}})
	_, err := n.InitWeights(t.Context())
	var missing *MissingError
	if !errors.As(err, &missing) || missing.Need != InitWeights {
		t.Errorf("error %v is no MissingError of init-weights", err)
	}
}

func TestEvaluateRefusesScales(t *testing.T) {
	n := NewNetwork(Meta{}, &fixed{})
	for _, scale := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := n.Evaluate(t.Context(), []Perturbation{{Scale: scale}}); err == nil {
			t.Errorf("scale %v was taken", scale)
		}
	}
}

// Levenshtein distances of textbooks: kitten and sitting 3, flaw and lawn 2.
func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"", "abc", 3}, {"abc", "", 3}, {"same", "same", 0}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("distance of %q and %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestPermit(t *testing.T) {
	ns := Needs{LayerSums, TrainMargins}
	for _, c := range []struct {
		quantity, split string
		want            bool
	}{{"layer-sums", "train", true}, {"layer-sums", "", true}, {"layer-sums", "test", false}, {"train-margins", "", true}, {"weights", "", false}, {"", "", false}} {
		err := ns.Permit(c.quantity, map[string]string{"split": c.split})
		if (err == nil) != c.want {
			t.Errorf("%s of split %q: %v, want allowed %v", c.quantity, c.split, err, c.want)
		}
	}
	if err := append(ns, TestInputs).Permit("layer-sums", map[string]string{"split": "test"}); err != nil {
		t.Errorf("with test inputs declared: %v", err)
	}
}

// A description of an unknown shape never panics and never reads beyond its
// bytes.
func FuzzOpen(f *testing.F) {
	f.Add("f64", 1, 2, int64(0), []byte("0123456789abcdef"))
	f.Add("u8", -1, 1<<40, int64(-5), []byte{})
	f.Fuzz(func(t *testing.T, dtype string, a, b int, offset int64, data []byte) {
		var mapped files
		v, err := mapped.open(Array{Name: "x", DType: dtype, Shape: []int{a, b}, Offset: offset, Data: data})
		if err != nil {
			return
		}
		defer mapped.close()
		if v.count*width(dtype) != len(v.bytes) {
			t.Errorf("%d values of %s in %d bytes", v.count, dtype, len(v.bytes))
		}
	})
}
