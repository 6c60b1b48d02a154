package cpu

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/enginetest"
)

var rmsprop = models.Optimizer{Name: "rmsprop", LearningRate: 1e-3, Momentum: 0.5, WeightDecay: 0.01, Alpha: 0.99, Epsilon: 1e-8}

// everything has every kind of layer, at widths off the kernels' multiples.
func everything() models.Architecture {
	a := chain(true, 19, 37, 21, 5)
	last := a.Layers[len(a.Layers)-1]
	a.Layers[len(a.Layers)-1] = models.Layer{Name: "drop", Kind: models.Dropout, In: last.In, Out: last.In, Rate: 0.3}
	a.Layers = append(a.Layers, last)
	return a
}

func TestNew(t *testing.T) {
	e, err := New("")
	if err != nil {
		t.Fatal(err)
	}
	if want := "cpu/" + Kernels()[0]; e.Name() != want {
		t.Errorf("the default is %s, want the best, %s", e.Name(), want)
	}
	if names := Kernels(); names[len(names)-1] != "go" {
		t.Errorf("%v does not end in plain Go", names)
	}
	for _, name := range []string{"avx512", "avx2", "go"} {
		e, err := New(name)
		if has := slices.Contains(Kernels(), name); has != (err == nil) {
			t.Errorf("%s: listed %v, but New says %v", name, has, err)
		} else if has && e.Name() != "cpu/"+name {
			t.Errorf("%s is named %s", name, e.Name())
		}
	}
	if _, err := New("sse2"); err == nil || !strings.Contains(err.Error(), `"sse2"`) || !strings.Contains(err.Error(), "avx2") {
		t.Errorf("unknown kernels: %v", err)
	}
}

// residual is a small network of every kind of layer that sees images.
func residual(t testing.TB) models.Architecture {
	t.Helper()
	conv := func(name, from string, stride int) models.Layer {
		return models.Layer{Name: name, Kind: models.Conv2D, From: from, Channels: 12, Kernel: 3, Stride: stride, Padding: 1, NoBias: stride > 1}
	}
	a, err := models.Build("resnet", models.Shape{C: 3, H: 8, W: 6}, 5, []models.Layer{
		conv("conv1", "", 1), {Name: "bn1", Kind: models.BatchNorm}, {Name: "relu1", Kind: models.ReLU},
		conv("conv2", "", 2), {Name: "bn2", Kind: models.BatchNorm}, conv("short", "relu1", 2),
		{Name: "add", Kind: models.Add, From: "bn2", With: "short"}, {Name: "drop", Kind: models.Dropout, Rate: 0.25},
		{Name: "max", Kind: models.MaxPool, Kernel: 2, Stride: 1}, {Name: "avg", Kind: models.AvgPool, Kernel: 2, Stride: 1},
		{Name: "flat", Kind: models.Flatten}, {Name: "fc", Kind: models.Dense},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestAllocations: after one call, nothing allocates, for every method (the
// suite's), and for Step with every optimizer and at batch sizes that change.
func TestAllocations(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.Name(), func(t *testing.T) {
			enginetest.Allocations(t, e)
			for _, o := range []models.Optimizer{momentum, adam, rmsprop} {
				for name, a := range map[string]models.Architecture{"plain": chain(false, 64, 40, 10), "everything": everything(), "residual": residual(t)} {
					state, x, y := drawn(t, a, 70)
					s := open(t, e, a, state, 70)
					if err := s.Begin(o); err != nil {
						t.Fatal(err)
					}
					sizes := []int{70, 32, 8, 5, 64}
					d, i := a.Input.Size(), 0
					allocations := testing.AllocsPerRun(10, func() {
						n := sizes[i%len(sizes)]
						if _, err := s.Step(x[:n*d], y[:n], models.Draw{Step: uint64(i)}); err != nil {
							t.Fatal(err)
						}
						i++
					})
					if allocations != 0 {
						t.Errorf("%s, %s: a step allocates %v times", name, o.Name, allocations)
					}
				}
			}
		})
	}
}

// answers trains on batches of changing size and returns losses, tensors, logits, norms and all other reductions of gradients.
func answers(t *testing.T, s models.Session, a models.Architecture, state models.State, x []float32, y []int32, o models.Optimizer, sizes []int) []uint64 {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.SetState(state))
	check(s.Begin(o))
	var bits []uint64
	d := a.Input.Size()
	for i, n := range sizes {
		loss, err := s.Step(x[:n*d], y[:n], models.Draw{Seed: 3, Step: uint64(i)})
		check(err)
		bits = append(bits, math.Float64bits(loss))
	}
	after := models.NewState(a)
	check(s.State(after))
	n := sizes[0]
	logits, norms := make([]float32, n*a.Classes), make([]float64, n)
	check(s.Logits(logits, x[:n*d]))
	check(s.GradientNorms(norms, x[:n*d], y[:n]))
	for _, v := range append(flat(after, false, a), logits...) {
		bits = append(bits, uint64(math.Float32bits(v)))
	}
	for _, v := range append(norms, gradients(t, s, a, x[:n*d], y[:n])...) {
		bits = append(bits, math.Float64bits(v))
	}
	return bits
}

// gradients is all that Backward, GradientDots, GradientMoments and HessianVector answer.
func gradients(t *testing.T, s models.Session, a models.Architecture, x []float32, y []int32) []float64 {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	all := make([]float64, len(y))
	check(s.GradientDots(all, x, y))
	seed := make([]float32, len(y)*a.Classes)
	for i := range seed {
		seed[i] = float32(i%7) - 3
	}
	check(s.Backward(x, seed, func(_ int, g []float32) { all = append(all, widened(g)...) }))
	var sum, squares [][]float64
	for _, spec := range a.Tensors() {
		sum, squares = append(sum, make([]float64, spec.Size())), append(squares, make([]float64, spec.Size()))
	}
	check(s.GradientMoments(sum, squares, x, y))
	all = append(all, slices.Concat(append(sum, squares...)...)...)
	product, v := models.NewState(a), models.NewState(a)
	for i := range v {
		for j := range v[i].Data {
			v[i].Data[j] = float32(j%5) - 2
		}
	}
	check(s.(models.SecondOrder).HessianVector(product, v, x, y))
	return append(all, widened(flat(product, false, a))...)
}

// TestBits: results do not depend on maxBatch, on what the session did
// before, on sessions working at the same time, or on which assembler set runs.
func TestBits(t *testing.T) {
	sizes := []int{33, 32, 7, 64, 9, 2, 40}
	for _, o := range []models.Optimizer{momentum, adam, rmsprop} {
		for _, a := range []models.Architecture{chain(false, 48, 33, 10), everything()} {
			state, x, y := drawn(t, a, 100)
			sets := map[string][]uint64{}
			for _, e := range engines(t) {
				want := answers(t, open(t, e, a, state, 64), a, state, x, y, o, sizes)
				sets[e.Name()] = want
				used := open(t, e, a, state, 100)
				answers(t, used, a, state, x, y, adam, []int{100, 3, 65})
				if !slices.Equal(want, answers(t, used, a, state, x, y, o, sizes)) {
					t.Errorf("%s, %s: a used session with room for more gives other bits", e.Name(), o.Name)
				}
				var group sync.WaitGroup
				for range 3 {
					group.Go(func() {
						s, err := e.NewSession(a, 70)
						if err != nil {
							t.Error(err)
							return
						}
						if !slices.Equal(want, answers(t, s, a, state, x, y, o, sizes)) {
							t.Errorf("%s, %s: sessions at work together give other bits", e.Name(), o.Name)
						}
					})
				}
				group.Wait()
			}
			if wide, ok := sets["cpu/avx512"]; ok && !slices.Equal(wide, sets["cpu/avx2"]) {
				t.Errorf("%s: AVX-512 and AVX2 differ in bits", o.Name)
			}
		}
	}
}

// TestLogitsOfOne: an example's logits and layer outputs have the same bits
// alone and in any batch.
func TestLogitsOfOne(t *testing.T) {
	a := everything()
	const n = 75
	state, x, _ := drawn(t, a, n)
	d := a.Input.Size()
	for _, e := range engines(t) {
		s := open(t, e, a, state, n)
		all, one := make([]float32, n*a.Classes), make([]float32, a.Classes)
		if err := s.Logits(all, x); err != nil {
			t.Fatal(err)
		}
		if err := s.Outputs(x, func(layer int, out []float32) {
			if layer == len(a.Layers)-1 && !slices.Equal(out, all) {
				t.Errorf("%s: the last layer's output is not the logits", e.Name())
			}
		}); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := s.Logits(one, x[i*d:(i+1)*d]); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(one, all[i*a.Classes:(i+1)*a.Classes]) {
				t.Errorf("%s: example %d: %v alone, %v in a batch", e.Name(), i, one, all[i*a.Classes:(i+1)*a.Classes])
			}
		}
	}
}

// TestFusedMomentum: the kernels that update weights as they compute the gradient
// do exactly what the gradient and PyTorch's rule, v = mu v + g + wd w, w -= lr v, do one after the other:
// on the first step, v = g + wd w.
func TestFusedMomentum(t *testing.T) {
	a := chain(false, 30, 45, 10)
	o := models.Optimizer{Name: "sgd", LearningRate: 0.5, Momentum: 0.25, WeightDecay: 0.125}
	for _, e := range engines(t) {
		for _, n := range []int{1, 8, 20, 32, 64, 40} {
			state, x, y := drawn(t, a, n)
			s := open(t, e, a, state, n)
			g, after := models.NewState(a), models.NewState(a)
			if _, err := s.Gradient(g, x, y, models.Learn, models.Draw{}); err != nil {
				t.Fatal(err)
			}
			if err := s.Begin(o); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Step(x, y, models.Draw{}); err != nil {
				t.Fatal(err)
			}
			if err := s.State(after); err != nil {
				t.Fatal(err)
			}
			for i := range g {
				for j, v := range g[i].Data {
					w := float64(state[i].Data[j])
					want := w - 0.5*(float64(v)+0.125*w)
					if math.Abs(float64(after[i].Data[j])-want) > few*max(1, math.Abs(w)) {
						t.Fatalf("%s, %d examples: %s[%d] is %v, want %v", e.Name(), n, g[i].Name, j, after[i].Data[j], want)
					}
				}
			}
		}
	}
}

// TestNotFiniteStaysLocal: an example with a value that is no number has no
// finite logits; in evaluation mode its neighbours in the panel keep theirs.
func TestNotFiniteStaysLocal(t *testing.T) {
	a := everything()
	state, x, y := drawn(t, a, 9)
	d := a.Input.Size()
	x[4*d+2] = float32(math.NaN())
	for _, e := range engines(t) {
		s := open(t, e, a, state, 9)
		logits, norms, dots := make([]float32, 9*a.Classes), make([]float64, 9), make([]float64, 9)
		if err := s.Logits(logits, x); err != nil {
			t.Fatal(err)
		}
		if err := s.GradientDots(dots, x, y); err != nil {
			t.Fatal(err)
		}
		if err := s.Backward(x, logits, func(layer int, g []float32) {
			for i, v := range g {
				in := a.Layers[layer].In
				if bad := i/in == 4; !bad && v != v {
					t.Errorf("%s: the gradient of example %d by input %d of layer %d is %v", e.Name(), i/in, i%in, layer, v)
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		if err := s.GradientNorms(norms, x, y); err != nil {
			t.Fatal(err)
		}
		for i, v := range logits {
			if bad := i/a.Classes == 4; bad != (v != v) {
				t.Errorf("%s: logit %d of example %d is %v", e.Name(), i%a.Classes, i/a.Classes, v)
			}
		}
		for i, v := range norms {
			if bad := i == 4; bad != math.IsNaN(v) {
				t.Errorf("%s: the norm of example %d is %v", e.Name(), i, v)
			}
			if bad := i == 4; bad != math.IsNaN(dots[i]) {
				t.Errorf("%s: the inner product of example %d is %v", e.Name(), i, dots[i])
			}
		}
		if err := s.Begin(momentum); err != nil {
			t.Fatal(err)
		}
		if loss, err := s.Step(x, y, models.Draw{}); err != nil || !math.IsNaN(loss) {
			t.Errorf("%s: a step on it has loss %v, %v", e.Name(), loss, err)
		}
	}
}

func TestClosed(t *testing.T) {
	a := chain(false, 4, 3, 2)
	state, x, y := drawn(t, a, 2)
	for _, e := range engines(t) {
		s := open(t, e, a, state, 2)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, gradient := s.Gradient(models.NewState(a), x, y, models.Eval, models.Draw{})
		_, step := s.Step(x, y, models.Draw{})
		for name, err := range map[string]error{
			"SetState": s.SetState(state), "State": s.State(state), "Logits": s.Logits(make([]float32, 4), x),
			"Outputs": s.Outputs(x, func(int, []float32) {}), "Gradient": gradient, "Step": step, "Begin": s.Begin(momentum),
			"GradientNorms": s.GradientNorms(make([]float64, 2), x, y), "GradientDots": s.GradientDots(make([]float64, 2), x, y),
			"Backward":        s.Backward(x, make([]float32, 4), func(int, []float32) {}),
			"GradientMoments": s.GradientMoments(make([][]float64, 4), make([][]float64, 4), x, y),
			"HessianVector":   s.(models.SecondOrder).HessianVector(state, state, x, y),
		} {
			if err == nil {
				t.Errorf("%s: %s works on a closed session", e.Name(), name)
			}
		}
		if err := s.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
	}
}

// TestErrorsNameTheValue: what a caller got wrong is in the message.
func TestErrorsNameTheValue(t *testing.T) {
	a := chain(true, 4, 3, 2)
	state, x, y := drawn(t, a, 6)
	e := engines(t)[0]
	s := open(t, e, a, state, 5)
	step := func(x []float32, y []int32) error {
		_, err := s.Step(x, y, models.Draw{})
		return err
	}
	if err := s.Begin(momentum); err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"label 2 of example 1":            step(x[:8], []int32{0, 2}),
		"label -1 of example 0":           step(x[:8], []int32{-1, 1}),
		"6 examples":                      step(x, y),
		"0 examples":                      step(nil, nil),
		"7 input values":                  step(x[:7], y[:2]),
		"1 labels for 2 examples":         step(x[:8], y[:1]),
		"at least 2 examples":             step(x[:4], y[:1]),
		"room for 3 logits":               s.Logits(make([]float32, 3), x[:8]),
		"room for 1 norms":                s.GradientNorms(make([]float64, 1), x[:8], y[:2]),
		"room for 1 inner products":       s.GradientDots(make([]float64, 1), x[:8], y[:2]),
		"3 values of a gradient":          s.Backward(x[:8], make([]float32, 3), func(int, []float32) {}),
		"sums of 2 tensors":               s.GradientMoments(make([][]float64, 2), nil, x[:8], y[:2]),
		"0 sums of tensor \"fc0.weight\"": s.GradientMoments(make([][]float64, 8), make([][]float64, 8), x[:8], y[:2]),
		"the vector: 7 tensors":           s.(models.SecondOrder).HessianVector(state, models.NewState(a)[1:], x[:8], y[:2]),
		"7 tensors":                       s.SetState(models.NewState(a)[1:]),
		"unknown optimizer \"lion\"":      s.Begin(models.Optimizer{Name: "lion", LearningRate: 1}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if _, err := e.NewSession(a, 0); err == nil || !strings.Contains(err.Error(), fmt.Sprint("at most ", 0)) {
		t.Errorf("maxBatch 0: %v", err)
	}
}
