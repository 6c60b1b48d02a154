package models_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/genbench/genbench/models"
)

func everyLayer(t *testing.T) models.Architecture {
	t.Helper()
	a, err := models.MLP(models.Shape{C: 1, H: 2, W: 3}, 4, models.MLPOptions{Width: 5, Depth: 1, BatchNorm: true, Dropout: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestTensors checks names, order and shapes against what torch.nn.Sequential's
// state_dict lists for Linear and BatchNorm1d, num_batches_tracked left out.
func TestTensors(t *testing.T) {
	a := everyLayer(t)
	want := []models.TensorSpec{
		{Name: "fc1.weight", Shape: []int{5, 6}, Layer: 0, Trainable: true},
		{Name: "fc1.bias", Shape: []int{5}, Layer: 0, Trainable: true},
		{Name: "bn1.weight", Shape: []int{5}, Layer: 1, Trainable: true},
		{Name: "bn1.bias", Shape: []int{5}, Layer: 1, Trainable: true},
		{Name: "bn1.running_mean", Shape: []int{5}, Layer: 1},
		{Name: "bn1.running_var", Shape: []int{5}, Layer: 1},
		{Name: "fc2.weight", Shape: []int{4, 5}, Layer: 4, Trainable: true},
		{Name: "fc2.bias", Shape: []int{4}, Layer: 4, Trainable: true},
	}
	if diff := cmp.Diff(want, a.Tensors()); diff != "" {
		t.Errorf("tensors (-want +got):\n%s", diff)
	}
	if got, want := a.NumParameters(), 30+5+5+5+20+4; got != want {
		t.Errorf("%d parameters, want %d", got, want)
	}
}

func TestValidate(t *testing.T) {
	for what, c := range map[string]struct {
		change func(a *models.Architecture)
		says   string
	}{
		"no input":            {func(a *models.Architecture) { a.Input.H = 0 }, "input"},
		"input overflows":     {func(a *models.Architecture) { a.Input.H = math.MaxInt }, "input"},
		"one class":           {func(a *models.Architecture) { a.Classes = 1 }, "classes"},
		"no layers":           {func(a *models.Architecture) { a.Layers = nil }, "no layers"},
		"no name":             {func(a *models.Architecture) { a.Layers[0].Name = "" }, "no name"},
		"a name twice":        {func(a *models.Architecture) { a.Layers[1].Name = "fc1" }, "taken"},
		"a broken chain":      {func(a *models.Architecture) { a.Layers[4].In = 6 }, "layer 4 (fc2)"},
		"an unknown kind":     {func(a *models.Architecture) { a.Layers[2].Kind = "gelu" }, "gelu"},
		"relu that widens":    {func(a *models.Architecture) { a.Layers[2].Out = 6 }, "relu"},
		"dropout rate 1":      {func(a *models.Architecture) { a.Layers[3].Rate = 1 }, "rate"},
		"dropout rate NaN":    {func(a *models.Architecture) { a.Layers[3].Rate = math.NaN() }, "rate"},
		"batch norm ε 0":      {func(a *models.Architecture) { a.Layers[1].Epsilon = 0 }, "epsilon"},
		"batch norm momentum": {func(a *models.Architecture) { a.Layers[1].Momentum = 1.1 }, "momentum"},
		"no classifier":       {func(a *models.Architecture) { a.Layers = a.Layers[:4] }, "last layer"},
		"too few outputs":     {func(a *models.Architecture) { a.Layers[4].Out = 3 }, "last layer"},
		"beyond all memory":   {func(a *models.Architecture) { a.Layers[0].Out = 1 << 40 }, "possible"},
	} {
		a := everyLayer(t)
		c.change(&a)
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want an error that says %q", what, err, c.says)
		}
	}
	if err := everyLayer(t).Validate(); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestStateFits(t *testing.T) {
	a := everyLayer(t)
	for what, change := range map[string]func(s models.State) models.State{
		"a tensor missing": func(s models.State) models.State { return s[1:] },
		"another order":    func(s models.State) models.State { s[0], s[1] = s[1], s[0]; return s },
		"another shape":    func(s models.State) models.State { s[0].Shape = []int{6, 5}; return s },
		"short data":       func(s models.State) models.State { s[0].Data = s[0].Data[1:]; return s },
	} {
		if err := change(models.NewState(a)).Fits(a); err == nil {
			t.Errorf("%s fits", what)
		}
	}
	s := models.NewState(a)
	if err := s.Fits(a); err != nil {
		t.Errorf("a new state: %v", err)
	}
	if err := s.Finite(); err != nil {
		t.Errorf("zeros: %v", err)
	}
	c := s.Clone()
	c[6].Data[3] = float32(math.Inf(-1))
	if err := c.Finite(); err == nil || !strings.Contains(err.Error(), "fc2.weight") {
		t.Errorf("an infinity: %v; want an error that names fc2.weight", err)
	}
	if s[6].Data[3] != 0 {
		t.Error("a clone shares its data")
	}
	if s.Find("bn1.bias") != &s[3] || s.Find("bn9.bias") != nil {
		t.Error("Find finds another tensor, or one that is not there")
	}
}

func TestOptimizerValidate(t *testing.T) {
	sgd := models.Optimizer{Name: "sgd", LearningRate: 0.1, Momentum: 0.9}
	adam := models.Optimizer{Name: "adam", LearningRate: 0.1, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	rms := models.Optimizer{Name: "rmsprop", LearningRate: 0.1, Alpha: 0.99, Epsilon: 1e-8}
	for _, o := range []models.Optimizer{sgd, adam, rms} {
		if err := o.Validate(); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
	change := func(o models.Optimizer, f func(*models.Optimizer)) models.Optimizer { f(&o); return o }
	for what, o := range map[string]models.Optimizer{
		"no name":            change(sgd, func(o *models.Optimizer) { o.Name = "" }),
		"rate 0":             change(sgd, func(o *models.Optimizer) { o.LearningRate = 0 }),
		"rate infinite":      change(sgd, func(o *models.Optimizer) { o.LearningRate = math.Inf(1) }),
		"momentum 1":         change(sgd, func(o *models.Optimizer) { o.Momentum = 1 }),
		"negative decay":     change(sgd, func(o *models.Optimizer) { o.WeightDecay = -1 }),
		"adam, beta2 1":      change(adam, func(o *models.Optimizer) { o.Beta2 = 1 }),
		"adam, momentum":     change(adam, func(o *models.Optimizer) { o.Momentum = 0.9 }),
		"adam, epsilon 0":    change(adam, func(o *models.Optimizer) { o.Epsilon = 0 }),
		"rmsprop, alpha 1":   change(rms, func(o *models.Optimizer) { o.Alpha = 1 }),
		"rmsprop, epsilon 0": change(rms, func(o *models.Optimizer) { o.Epsilon = 0 }),
	} {
		if o.Validate() == nil {
			t.Errorf("%s is not an error", what)
		}
	}
}

// TestDropoutMask compares with the definition computed in Python
// (dropout_mask of testdata/make_training.py at rate 0.3, seed 77, step 5,
// layer 3) and checks the share that is dropped.
func TestDropoutMask(t *testing.T) {
	const want = "1111111111010110110001101011110001111110111101111111111111011111"
	keep := make([]float32, len(want))
	models.DropoutMask(keep, 0.3, models.Draw{Seed: 77, Step: 5}, 3)
	for i, v := range keep {
		// 1/(1-0.3) in float32
		if kept := want[i] == '1'; kept && v != float32(1/0.7) || !kept && v != 0 {
			t.Fatalf("value %d is %v, want kept: %v", i, v, kept)
		}
	}
	many := make([]float32, 100_000)
	for _, other := range []struct {
		d     models.Draw
		layer int
	}{{models.Draw{Seed: 77, Step: 5}, 3}, {models.Draw{Seed: 77, Step: 6}, 3}, {models.Draw{Seed: 78, Step: 5}, 3}, {models.Draw{Seed: 77, Step: 5}, 4}} {
		models.DropoutMask(many, 0.3, other.d, other.layer)
		dropped := 0
		for _, v := range many {
			if v == 0 {
				dropped++
			}
		}
		// Five standard errors of a share: 5·√(0.3·0.7/n) = 0.0072.
		if share := float64(dropped) / float64(len(many)); math.Abs(share-0.3) > 0.0072 {
			t.Errorf("%+v: a share of %v is dropped, want 0.3", other, share)
		}
	}
	models.DropoutMask(many, 0, models.Draw{}, 0)
	for _, v := range many {
		if v != 1 {
			t.Fatalf("rate 0 gives %v", v)
		}
	}
}
