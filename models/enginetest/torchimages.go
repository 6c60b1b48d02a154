package enginetest

import (
	_ "embed"
	"encoding/json"
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
)

// imagesJSON is made by testdata/make_images.py.
//
//go:embed testdata/images.json
var imagesJSON []byte

// imagesFile is what testdata/make_images.py writes.
type imagesFile struct {
	Cases []imageCase `json:"cases"`
}

type imageCase struct {
	gradientCase
	Loss     float64              `json:"loss"`
	Outputs  [][]float64          `json:"outputs"` // of each layer, [N, Out]
	Gradient map[string][]float64 `json:"gradient"`
	Learn    struct {
		Loss     float64              `json:"loss"`
		Gradient map[string][]float64 `json:"gradient"`
		After    map[string][]float64 `json:"after"` // all tensors, running statistics moved once
	} `json:"learn"`
	Training []struct {
		Optimizer models.Optimizer     `json:"optimizer"`
		First     int                  `json:"first"` // examples of the first batch; the others are the second
		Losses    []float64            `json:"losses"`
		Final     map[string][]float64 `json:"final"`
	} `json:"training"`
}

// testPyTorchImages compares everything that a session computes of networks on images with PyTorch in float64.
func testPyTorchImages(t *testing.T, e models.Engine) {
	var file imagesFile
	must(t, json.Unmarshal(imagesJSON, &file))
	if len(file.Cases) < 4 {
		t.Fatalf("images.json has %d cases", len(file.Cases))
	}
	for _, f := range file.Cases {
		t.Run(f.Name, func(t *testing.T) {
			testGradientCase(t, e, f.gradientCase)
			c := f.network(t)
			t.Run("Forward", func(t *testing.T) { f.testForward(t, e, c) })
			t.Run("Learn", func(t *testing.T) { f.testLearn(t, e, c) })
			for i := range f.Training {
				t.Run(f.Training[i].Optimizer.Name, func(t *testing.T) { f.testTraining(t, e, c, i) })
			}
		})
	}
}

func (f imageCase) testForward(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	visited := 0
	must(t, s.Outputs(c.x, func(l int, out []float32) {
		visited++
		closeTo(t, "output of "+c.arch.Layers[l].Name, out, f.Outputs[l], 0)
	}))
	if visited != len(f.Outputs) {
		t.Errorf("%d layers visited, want %d", visited, len(f.Outputs))
	}
	grad := nanState(c.arch)
	loss, err := s.Gradient(grad, c.x, c.y, models.Eval, models.Draw{})
	must(t, err)
	closeScalar(t, "loss", loss, f.Loss, 0)
	closeStates(t, "gradient", grad, withZeros(t, c.arch, f.Gradient))
}

func (f imageCase) testLearn(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	grad, after := nanState(c.arch), nanState(c.arch)
	loss, err := s.Gradient(grad, c.x, c.y, models.Learn, models.Draw{})
	must(t, err)
	closeScalar(t, "loss", loss, f.Learn.Loss, 0)
	closeStates(t, "gradient", grad, withZeros(t, c.arch, f.Learn.Gradient))
	must(t, s.State(after))
	for _, tensor := range after {
		closeTo(t, tensor.Name, tensor.Data, f.Learn.After[tensor.Name], 0)
	}
}

func (f imageCase) testTraining(t *testing.T, e models.Engine, c network, i int) {
	s, training := c.session(t, e, c.rows), f.Training[i]
	cut, d := training.First, c.arch.Input.Size()
	must(t, s.Begin(training.Optimizer))
	for step, want := range training.Losses {
		x, y := c.x[:cut*d], c.y[:cut]
		if step%2 == 1 {
			x, y = c.x[cut*d:], c.y[cut:]
		}
		loss, err := s.Step(x, y, models.Draw{Step: uint64(step)})
		must(t, err)
		if diff := abs(loss - want); !(diff <= 10*tolerance*(1+want)) { // steps let rounding differences grow, by less than tenfold
			t.Fatalf("loss of step %d = %v, PyTorch has %v", step, loss, want)
		}
	}
	after := nanState(c.arch)
	must(t, s.State(after))
	for j, tensor := range after {
		want := training.Final[tensor.Name]
		closeTo(t, tensor.Name+" after training", tensor.Data, want, 5e-5)
		if slices.Equal(widen(c.state[j].Data), want) {
			t.Errorf("PyTorch's training did not move %s", tensor.Name)
		}
	}
}
