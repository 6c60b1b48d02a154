package measures_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/models"
)

// TestCrossEntropy: a network that answers its input, on vector V10's logits, whose mean cross-entropy SciPy's logsumexp gives
// (harness/quantity/testdata/make.py).
func TestCrossEntropy(t *testing.T) {
	ev := evidence.Open(t)
	raw, err := os.ReadFile("../harness/quantity/testdata/quantity.json")
	if err != nil {
		t.Fatal(err)
	}
	var e struct{ Loss float64 }
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	a := models.Architecture{Family: "mlp", Input: models.Shape{C: 1, H: 1, W: 3}, Classes: 3, Layers: []models.Layer{{Name: "fc1", Kind: models.Dense, In: 3, Out: 3}}}
	s := models.NewState(a)
	for i := range 3 {
		s[0].Data[4*i] = 1
	}
	shape := dataset.Shape{C: 1, H: 1, W: 3}
	d := &dataset.Data{Shape: shape, NativeShape: shape, Classes: 3, Hash: "V10"}
	x, y := []float32{3, 1, 0, 0, 2, 1, 1, 1.5, 4, 2, 0, 1}, []int32{0, 1, 2, 1}
	d.Train = dataset.Split{X: x, Y: y, Clean: y, Native: make([]uint8, len(x))}
	subject := &quantity.Subject{Key: s.Hash(), Arch: a, Final: s, Data: d, Seed: 1}
	got, _, err := compute(t, served(t, engine(t), subject), subject, named(t, "cross-entropy"), nil)
	if err != nil {
		t.Fatal(err)
	}
	ev.Measure("cross-entropy", "SciPy 1.10.1: logsumexp", evidence.Absolute(1e-12), got, e.Loss)
}
