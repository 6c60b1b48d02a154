package enginetest

import (
	"maps"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/genbench/genbench/models"
)

// testErrors gives a session what it must refuse, and checks that it works on
// unharmed.
func testErrors(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	k := c.arch.Classes
	logits, norms, grad := make([]float32, c.rows*k), make([]float64, c.rows), models.NewState(c.arch)
	more := append(append([]float32{}, c.x...), c.x...)
	moreY := append(append([]int32{}, c.y...), c.y...)
	label := func(v int32) []int32 {
		y := append([]int32{}, c.y...)
		y[len(y)-1] = v
		return y
	}
	gradient := func(dst models.State, x []float32, y []int32, m models.Mode) error {
		_, err := s.Gradient(dst, x, y, m, draw)
		return err
	}
	step := func(x []float32, y []int32) error { _, err := s.Step(x, y, draw); return err }
	ignore := func(int, []float32) {}
	short := c.state.Clone()[1:]
	ragged := c.state.Clone()
	ragged[0].Data = ragged[0].Data[:len(ragged[0].Data)-1]
	other := c.state.Clone()
	other[0].Name = "other"

	refused := map[string]error{"Step before Begin": step(c.x, c.y)}
	must(t, s.Begin(models.Optimizer{Name: "sgd", LearningRate: 0.1}))
	for what, err := range map[string]error{
		"Logits of no examples":             s.Logits(nil, nil),
		"Logits of x cut short":             s.Logits(logits, c.x[:len(c.x)-1]),
		"Logits into a short dst":           s.Logits(logits[:len(logits)-1], c.x),
		"Logits into a long dst":            s.Logits(append(logits, 0), c.x),
		"Logits beyond maxBatch":            s.Logits(make([]float32, 2*c.rows*k), more),
		"Outputs of no examples":            s.Outputs(nil, ignore),
		"Outputs of x too long":             s.Outputs(append(append([]float32{}, c.x...), 0), ignore),
		"Outputs beyond maxBatch":           s.Outputs(more, ignore),
		"Gradient of no examples":           gradient(grad, nil, nil, models.Eval),
		"Gradient of x cut short":           gradient(grad, c.x[:len(c.x)-1], c.y, models.Eval),
		"Gradient with a label too many":    gradient(grad, c.x, moreY[:c.rows+1], models.Eval),
		"Gradient beyond maxBatch":          gradient(grad, more, moreY, models.Eval),
		"Gradient of label -1":              gradient(grad, c.x, label(-1), models.Eval),
		"Gradient of label K":               gradient(grad, c.x, label(int32(k)), models.Eval),
		"Gradient in an unknown mode":       gradient(grad, c.x, c.y, models.Mode(7)),
		"Gradient into a short state":       gradient(grad[1:], c.x, c.y, models.Eval),
		"Gradient into a ragged state":      gradient(ragged, c.x, c.y, models.Eval),
		"GradientNorms into a short dst":    s.GradientNorms(norms[:c.rows-1], c.x, c.y),
		"GradientNorms into a long dst":     s.GradientNorms(append(norms, 0), c.x, c.y),
		"GradientNorms of label K":          s.GradientNorms(norms, c.x, label(int32(k))),
		"GradientNorms of no examples":      s.GradientNorms(nil, nil, nil),
		"GradientNorms beyond maxBatch":     s.GradientNorms(make([]float64, 2*c.rows), more, moreY),
		"Step on no examples":               step(nil, nil),
		"Step on x cut short":               step(c.x[:len(c.x)-1], c.y),
		"Step on label -1":                  step(c.x, label(-1)),
		"Step on label K":                   step(c.x, label(int32(k))),
		"Step beyond maxBatch":              step(more, moreY),
		"SetState of too few tensors":       s.SetState(short),
		"SetState of a ragged tensor":       s.SetState(ragged),
		"SetState of another name":          s.SetState(other),
		"State into too few tensors":        s.State(short),
		"State into a ragged tensor":        s.State(ragged),
		"Begin of an unknown rule":          s.Begin(models.Optimizer{Name: "newton", LearningRate: 0.1}),
		"Begin with a negative rate":        s.Begin(models.Optimizer{Name: "sgd", LearningRate: -1}),
		"Begin with a rate that is no size": s.Begin(models.Optimizer{Name: "sgd", LearningRate: math.NaN()}),
	} {
		refused[what] = err
	}
	maps.Copy(refused, gradientRefusals(t, s, c))
	if c.arch.LeastLearn() > 1 {
		d := c.arch.Input.Size()
		refused["Step on one example with batch norm"] = step(c.x[:d], c.y[:1])
		refused["a Learn gradient of one example with batch norm"] = gradient(grad, c.x[:d], c.y[:1], models.Learn)
	}
	for what, err := range refused {
		if err == nil {
			t.Errorf("%s is not an error", what)
		}
	}
	after := models.NewState(c.arch)
	must(t, s.State(after))
	sameBits(t, "state after refused calls", after, c.state)
	if t.Failed() {
		return
	}
	testLogits(t, e, c)
	must(t, s.Logits(logits, c.x))
	must(t, s.GradientDots(norms, c.x, c.y))
}

// gradientRefusals gives the methods on gradients what they must refuse. Moments that are refused stay as they are.
func gradientRefusals(t *testing.T, s models.Session, c network) map[string]error {
	ignore := func(int, []float32) {}
	k, n := c.arch.Classes, c.rows
	seed, dots := c.seedFor(), make([]float64, n)
	more, moreY := append(slices.Clone(c.x), c.x...), append(slices.Clone(c.y), c.y...)
	bad := slices.Clone(c.y)
	bad[n-1] = int32(k)
	sum, squares := moments(c.arch, 5), moments(c.arch, 5)
	ragged := slices.Clone(sum)
	ragged[0] = ragged[0][1:]
	none := slices.Clone(sum)
	none[len(none)-1] = nil
	refused := map[string]error{
		"Backward of no examples":                  s.Backward(nil, nil, ignore),
		"Backward of x cut short":                  s.Backward(c.x[1:], seed, ignore),
		"Backward of a short seed":                 s.Backward(c.x, seed[1:], ignore),
		"Backward of a long seed":                  s.Backward(c.x, append(slices.Clone(seed), 0), ignore),
		"Backward beyond maxBatch":                 s.Backward(more, append(slices.Clone(seed), seed...), ignore),
		"GradientDots into a short dst":            s.GradientDots(dots[1:], c.x, c.y),
		"GradientDots into a long dst":             s.GradientDots(append(dots, 0), c.x, c.y),
		"GradientDots of label K":                  s.GradientDots(dots, c.x, bad),
		"GradientDots of no examples":              s.GradientDots(nil, nil, nil),
		"GradientDots beyond maxBatch":             s.GradientDots(make([]float64, 2*n), more, moreY),
		"GradientMoments of no examples":           s.GradientMoments(sum, squares, nil, nil),
		"GradientMoments of a label too few":       s.GradientMoments(sum, squares, c.x, c.y[1:]),
		"GradientMoments of label K":               s.GradientMoments(sum, squares, c.x, bad),
		"GradientMoments beyond maxBatch":          s.GradientMoments(sum, squares, more, moreY),
		"GradientMoments into too few sums":        s.GradientMoments(sum[1:], squares, c.x, c.y),
		"GradientMoments into too few squares":     s.GradientMoments(sum, squares[1:], c.x, c.y),
		"GradientMoments into a ragged sum":        s.GradientMoments(ragged, squares, c.x, c.y),
		"GradientMoments into ragged squares":      s.GradientMoments(sum, ragged, c.x, c.y),
		"GradientMoments without room for a sum":   s.GradientMoments(none, squares, c.x, c.y),
		"GradientMoments without room for squares": s.GradientMoments(sum, none, c.x, c.y),
	}
	for _, m := range append(sum, squares...) {
		if slices.ContainsFunc(m, func(v float64) bool { return v != 5 }) {
			t.Fatal("a refused GradientMoments has changed a moment")
		}
	}
	second, ok := s.(models.SecondOrder)
	if !ok {
		return refused
	}
	v, dst := c.state.Clone(), models.NewState(c.arch)
	short := v.Clone()
	short[0].Data = short[0].Data[1:]
	maps.Copy(refused, map[string]error{
		"HessianVector of no examples":     second.HessianVector(dst, v, nil, nil),
		"HessianVector of a label too few": second.HessianVector(dst, v, c.x, c.y[1:]),
		"HessianVector of label K":         second.HessianVector(dst, v, c.x, bad),
		"HessianVector beyond maxBatch":    second.HessianVector(dst, v, more, moreY),
		"HessianVector of too few tensors": second.HessianVector(dst, v[1:], c.x, c.y),
		"HessianVector of a ragged vector": second.HessianVector(dst, short, c.x, c.y),
		"HessianVector into a short state": second.HessianVector(dst[1:], v, c.x, c.y),
		"HessianVector into ragged":        second.HessianVector(short, v, c.x, c.y),
	})
	return refused
}

func testNewSessionErrors(t *testing.T, e models.Engine) {
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: 4}, 3, models.MLPOptions{Width: 5, Depth: 1})
	must(t, err)
	broken := a
	broken.Layers = append([]models.Layer{}, a.Layers...)
	broken.Layers[1].In = 9
	unknown := a
	unknown.Layers = append([]models.Layer{}, a.Layers...)
	unknown.Layers[1].Kind = "tanh"
	for what, open := range map[string]func() (models.Session, error){
		"maxBatch 0":                   func() (models.Session, error) { return e.NewSession(a, 0) },
		"maxBatch -1":                  func() (models.Session, error) { return e.NewSession(a, -1) },
		"no layers":                    func() (models.Session, error) { return e.NewSession(models.Architecture{}, 4) },
		"a chain that does not fit":    func() (models.Session, error) { return e.NewSession(broken, 4) },
		"a kind of layer nobody knows": func() (models.Session, error) { return e.NewSession(unknown, 4) },
	} {
		if _, err := open(); err == nil {
			t.Errorf("NewSession with %s is not an error", what)
		}
	}
	for what, a := range brokenImages() {
		if _, err := e.NewSession(a, 4); err == nil {
			t.Errorf("NewSession with %s is not an error", what)
		}
	}
}

// brokenImages are a residual network with one thing wrong in each.
func brokenImages() map[string]models.Architecture {
	broken := map[string]models.Architecture{}
	for what, edit := range map[string]func(l []models.Layer){
		"a kernel beyond its image": func(l []models.Layer) { l[0].Kernel = 9 },
		"a kernel of nothing":       func(l []models.Layer) { l[0].Kernel = 0 },
		"a stride of 0":             func(l []models.Layer) { l[3].Stride = 0 },
		"padding below 0":           func(l []models.Layer) { l[0].Padding = -1 },
		"padding twice the kernel": func(l []models.Layer) {
			l[0].Padding, l[0].Out, l[1].In, l[1].Out, l[2].In, l[2].Out, l[3].In, l[3].Out, l[4].In = 6, 630, 630, 630, 630, 630, 630, 189, 189
		},
		"a max pool padded beyond half a kernel": func(l []models.Layer) { l[3].Padding = 2 },
		"a padded average":                       func(l []models.Layer) { l[3].Kind, l[3].Padding = models.AvgPool, 1 },
		"no channels":                            func(l []models.Layer) { l[0].Channels = 0 },
		"an image that is not what follows":      func(l []models.Layer) { l[0].Channels, l[0].Out = 2, 40 },
		"a batch norm of other width":            func(l []models.Layer) { l[1].Out = 5 },
		"a summand of another shape": func(l []models.Layer) {
			l[1], l[2].In, l[2].Out = models.Layer{Name: "n", Kind: models.Conv2D, Channels: 2, Kernel: 1, Stride: 1, In: 60, Out: 40}, 40, 40
		},
		"a summand that nobody wrote":            func(l []models.Layer) { l[2].With = "x" },
		"an add without summand":                 func(l []models.Layer) { l[2].With = "" },
		"a summand of a layer that does not add": func(l []models.Layer) { l[3].With = "n" },
		"a source behind its reader":             func(l []models.Layer) { l[1].From = "s" },
		"a layer that nobody reads":              func(l []models.Layer) { l[2].From, l[2].With = "c", "c" },
		"two layers of one name":                 func(l []models.Layer) { l[3].Name = "n" },
		"logits of another number":               func(l []models.Layer) { l[4].Out = 4 },
		"an image for logits":                    func(l []models.Layer) { l[4] = conv("fc", 3, 1, 1, 0); l[4].In, l[4].Out = 6, 6 },
	} {
		a := sized(models.Shape{C: 2, H: 5, W: 4}, 3, conv("c", 3, 3, 1, 1), norm("n"), add("s", "c"), pool("p", models.MaxPool, 3, 2, 0), dense("fc", 3))
		edit(a.Layers)
		broken[what] = a
	}
	return broken
}

// testNotFinite gives a network NaN for weights, all of them or those of its first trainable tensor: a training that
// diverges must be told by its loss, without an error and without a panic.
func testNotFinite(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	must(t, s.Begin(models.Optimizer{Name: "sgd", LearningRate: 0.1}))
	first := slices.IndexFunc(c.arch.Tensors(), func(spec models.TensorSpec) bool { return spec.Trainable })
	for what, bad := range map[string]models.State{"NaN weights": nanState(c.arch), "a tensor of NaN": c.state.Clone()} {
		nan(bad[first].Data)
		n := newNetwork64(c.arch, bad)
		if !math.IsNaN(n.loss(n.forward(widen(c.x), c.rows, models.Learn, draw), c.y)) {
			continue // the tensor reaches no logit: later windows step over what it moves
		}
		must(t, s.SetState(bad))
		loss, err := s.Step(c.x, c.y, draw)
		if err != nil || !math.IsNaN(loss) && !math.IsInf(loss, 0) {
			t.Errorf("%s: a step on %s answers %v, %v; want a loss that is not finite and no error", c, what, loss, err)
		}
		logits := make([]float32, c.rows*c.arch.Classes)
		if err := s.Logits(logits, c.x); err != nil {
			t.Errorf("%s: logits of %s: %v", c, what, err)
		}
	}
}

// testIndependent trains several sessions at once and compares them with one
// that trained alone; the race detector sees what they share.
func testIndependent(t *testing.T, e models.Engine) {
	var c network
	for _, c = range networks(t) {
		if c.name == "everything" {
			break
		}
	}
	train := func(s models.Session) (models.State, error) {
		after := models.NewState(c.arch)
		if err := s.Begin(models.Optimizer{Name: "adam", LearningRate: 0.01, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}); err != nil {
			return nil, err
		}
		for step := range uint64(10) {
			if _, err := s.Step(c.x, c.y, models.Draw{Seed: 2, Step: step}); err != nil {
				return nil, err
			}
		}
		return after, s.State(after)
	}
	alone, err := train(c.session(t, e, c.rows))
	must(t, err)
	var wg sync.WaitGroup
	states, errs := make([]models.State, 4), make([]error, 4)
	for i := range states {
		s := c.session(t, e, c.rows)
		wg.Go(func() { states[i], errs[i] = train(s) })
	}
	wg.Wait()
	for i := range states {
		must(t, errs[i])
		sameBits(t, "trained beside others", states[i], alone)
	}
}
