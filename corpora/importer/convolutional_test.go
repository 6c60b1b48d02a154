package importer

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestImportConvolutional: networks that PyTorch trained, with the names of its models, hold what they claim (testdata/make_convolutional.py).
func TestImportConvolutional(t *testing.T) {
	s := importedStore(t)
	n, refused, err := Import(t.Context(), "testdata/convolutional", s, engine(t), "")
	if n != 5 || refused != nil || err != nil {
		t.Fatalf("imported %d, refused %v, error %v; want 5 networks", n, refused, err)
	}
	nets, err := s.Networks()
	if err != nil {
		t.Fatal(err)
	}
	for i := range nets {
		r, err := s.Record(nets[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join("testdata/convolutional", r.Config[0].Value.String(), recordName))
		if err != nil {
			t.Fatal(err)
		}
		var claimed struct{ Train, Test struct{ Loss float64 } }
		if err := json.Unmarshal(b, &claimed); err != nil {
			t.Fatal(err)
		}
		for _, l := range [][2]float64{{r.Train.Loss, claimed.Train.Loss}, {r.Test.Loss, claimed.Test.Loss}} {
			if d := l[0] - l[1]; d > lossTol || d < -lossTol {
				t.Errorf("%s: loss %v, PyTorch's %v", r.Config[0].Value, l[0], l[1])
			}
		}
	}
}

func TestInferRefuses(t *testing.T) {
	state := func(names ...string) models.State {
		var s models.State
		for _, n := range names {
			s = append(s, models.Tensor{Name: n, Shape: []int{2, 1, 3, 3}, Data: make([]float32, 18)})
		}
		return s
	}
	for _, c := range []struct {
		family, stem string
		s            models.State
		want         string
	}{
		{"nin", "", state("conv.weight"), "there is no blocks.0.conv1.weight"},
		{"resnet18", "", state("stem.weight"), "there is no conv1.weight"},
		{"resnet18", "", state("conv1.weight"), "the tensors do not fit a resnet18: tensor \"bn1.weight\" [2] is missing"},
		{"resnet18", "cna", state("conv1.weight"), "the stem cna is for images of 28 x 28 and 32 x 32"},
		{"vgg", "", state("conv1.weight", "conv2.weight", "conv3.weight"), "3 convolutions, 0 batch norms and 0 dense layers"},
		{"lenet", "", state("conv1.weight"), `no family "lenet" (known: mlp, nin`},
		{"vgg", "", state("conv1.weight", "conv1.scale"), `"conv1.scale" is neither a weight nor`},
	} {
		_, _, err := inferConvolutional(c.family, c.stem, c.s, models.Shape{C: 1, H: 14, W: 14}, 10)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.family, err, c.want)
		}
	}
}
