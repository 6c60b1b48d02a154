package enginetest

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
)

func testLogits(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	got := nan(make([]float32, c.rows*c.arch.Classes))
	must(t, s.Logits(got, c.x))
	p := newNetwork64(c.arch, c.state).forward(widen(c.x), c.rows, models.Eval, models.Draw{})
	closeTo(t, "logits", got, p.outs[len(p.outs)-1], 0)
}

func testOutputs(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows+3)
	p := newNetwork64(c.arch, c.state).forward(widen(c.x), c.rows, models.Eval, models.Draw{})
	next := 0
	must(t, s.Outputs(c.x, func(layer int, out []float32) {
		if layer != next {
			t.Fatalf("layer %d visited, want %d", layer, next)
		}
		next++
		closeTo(t, "output of "+c.arch.Layers[layer].Name, out, p.outs[layer], 0)
	}))
	if next != len(c.arch.Layers) {
		t.Errorf("%d layers visited, want %d", next, len(c.arch.Layers))
	}
	// The last layer's output and Logits are the same thing.
	logits := make([]float32, c.rows*c.arch.Classes)
	must(t, s.Logits(logits, c.x))
	must(t, s.Outputs(c.x, func(layer int, out []float32) {
		if layer == len(c.arch.Layers)-1 {
			sameFloats(t, "last output and logits", out, logits)
		}
	}))
}

// testGradient checks loss and gradients.
func testGradient(t *testing.T, e models.Engine, c network, mode models.Mode) {
	s := c.session(t, e, c.rows)
	n := newNetwork64(c.arch, c.state)
	got := nanState(c.arch)
	loss, err := s.Gradient(got, c.x, c.y, mode, draw)
	must(t, err)
	wantLoss, want := n.gradient(c.x, c.y, mode, draw)
	closeScalar(t, "loss", loss, wantLoss, 1e-7)
	closeStates(t, "gradient", got, want)
	for i, spec := range c.arch.Tensors() {
		if !spec.Trainable && slices.ContainsFunc(got[i].Data, func(v float32) bool { return v != 0 }) {
			t.Errorf("gradient of %s is not 0: %v", spec.Name, got[i].Data)
		}
	}
	after := nanState(c.arch)
	must(t, s.State(after))
	if mode == models.Eval {
		sameBits(t, "state after an Eval gradient", after, c.state)
		return
	}
	for i, spec := range c.arch.Tensors() {
		if spec.Trainable {
			sameFloats(t, "state after a Learn gradient: "+spec.Name, after[i].Data, c.state[i].Data)
		} else {
			closeTo(t, spec.Name, after[i].Data, n.tensors[i], 0)
		}
	}
}

func testGradientNorms(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows)
	got := make([]float64, c.rows)
	for i := range got {
		got[i] = math.NaN()
	}
	must(t, s.GradientNorms(got, c.x, c.y))
	n, d := newNetwork64(c.arch, c.state), c.arch.Input.Size()
	want := make([]float64, c.rows)
	for i := range want {
		_, grads := n.gradient(c.x[i*d:][:d], c.y[i:i+1], models.Eval, models.Draw{})
		for _, g := range grads {
			for _, v := range g {
				want[i] += v * v
			}
		}
	}
	for i := range want {
		closeScalar(t, "squared gradient norm", got[i], want[i], 1e-6*largest(want))
	}
	after := models.NewState(c.arch)
	must(t, s.State(after))
	sameBits(t, "state after GradientNorms", after, c.state)
}

// testBatchSizes runs the same examples in other batches and with other room.
func testBatchSizes(t *testing.T, e models.Engine, c network) {
	d, k := c.arch.Input.Size(), c.arch.Classes
	tight := c.session(t, e, c.rows)
	whole := make([]float32, c.rows*k)
	must(t, tight.Logits(whole, c.x))
	grad := models.NewState(c.arch)
	loss, err := tight.Gradient(grad, c.x, c.y, models.Eval, models.Draw{})
	must(t, err)

	// More room than needed changes no bit.
	roomy := c.session(t, e, 2*c.rows+13)
	again := make([]float32, len(whole))
	must(t, roomy.Logits(again, c.x))
	sameFloats(t, "logits with more room", again, whole)
	roomyGrad := models.NewState(c.arch)
	roomyLoss, err := roomy.Gradient(roomyGrad, c.x, c.y, models.Eval, models.Draw{})
	must(t, err)
	if roomyLoss != loss {
		t.Errorf("loss with more room is %v, %v without", roomyLoss, loss)
	}
	sameBits(t, "gradient with more room", roomyGrad, grad)

	// Smaller batches give the same within rounding; the mean loss is the
	// size-weighted mean of theirs.
	for _, size := range []int{1, 3, 8} {
		var sum float64
		for lo := 0; lo < c.rows; lo += size {
			hi := min(lo+size, c.rows)
			must(t, roomy.Logits(again[lo*k:hi*k], c.x[lo*d:hi*d]))
			part, err := roomy.Gradient(roomyGrad, c.x[lo*d:hi*d], c.y[lo:hi], models.Eval, models.Draw{})
			must(t, err)
			sum += part * float64(hi-lo)
		}
		closeTo(t, "logits in smaller batches", again, widen(whole), 0)
		closeScalar(t, "mean loss of smaller batches", sum/float64(c.rows), loss, 1e-7)
	}
}

// testRepeat asks everything twice, in the same session and in a new one.
func testRepeat(t *testing.T, e models.Engine, c network) {
	type answers struct {
		logits []float32
		grad   models.State
		more   gradients
		loss   float64
		after  models.State
	}
	ask := func(s models.Session) (a answers) {
		a = answers{logits: make([]float32, c.rows*c.arch.Classes), grad: models.NewState(c.arch), after: models.NewState(c.arch)}
		must(t, s.SetState(c.state))
		must(t, s.Logits(a.logits, c.x))
		a.more = askGradients(t, c, s)
		var err error
		a.loss, err = s.Gradient(a.grad, c.x, c.y, models.Eval, draw)
		must(t, err)
		must(t, s.Begin(models.Optimizer{Name: "sgd", LearningRate: 0.01}))
		for step := range uint64(3) {
			_, err := s.Step(c.x, c.y, models.Draw{Seed: 9, Step: step})
			must(t, err)
		}
		must(t, s.State(a.after))
		return a
	}
	s := c.session(t, e, c.rows)
	first := ask(s)
	for what, other := range map[string]models.Session{"again": s, "in a new session": c.session(t, e, c.rows)} {
		second := ask(other)
		sameFloats(t, "logits "+what, second.logits, first.logits)
		sameBits(t, "gradient "+what, second.grad, first.grad)
		sameBits(t, "tensors after three steps "+what, second.after, first.after)
		if second.loss != first.loss {
			t.Errorf("loss %s is %v, was %v", what, second.loss, first.loss)
		}
		if !reflect.DeepEqual(second.more, first.more) { // a NaN differs from itself, and there is none
			t.Errorf("norms, inner products, moments or second derivatives %s differ in bits", what)
		}
	}
}

func testStateRoundTrip(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, 2)
	given := c.state.Clone()
	must(t, s.SetState(given))
	for i := range given {
		nan(given[i].Data) // the session must have copied
	}
	got := nanState(c.arch)
	must(t, s.State(got))
	sameBits(t, "state", got, c.state)
	for i := range got {
		nan(got[i].Data)
	}
	again := nanState(c.arch)
	must(t, s.State(again))
	sameBits(t, "state after its copy was overwritten", again, c.state)
}

// testTwentySteps trains by plain SGD beside the float64 network: momentum-free
// so that the rule is one line, with batch norm's running statistics and
// dropout's masks moving at every step.
func testTwentySteps(t *testing.T, e models.Engine, c network) {
	const rate = 0.01
	s := c.session(t, e, c.rows)
	must(t, s.Begin(models.Optimizer{Name: "sgd", LearningRate: rate}))
	n := newNetwork64(c.arch, c.state)
	for step := range uint64(20) {
		d := models.Draw{Seed: 5, Step: step}
		if n.kink(n.forward(widen(c.x), c.rows, models.Learn, d)) < c.margin()/10 {
			break // float32 may take the other side from here on
		}
		loss, err := s.Step(c.x, c.y, d)
		must(t, err)
		want, grads := n.gradient(c.x, c.y, models.Learn, d)
		// Twenty steps let rounding differences grow, by less than tenfold.
		if diff := abs(loss - want); !(diff <= 10*tolerance*(1+want)) {
			t.Fatalf("step %d: loss %v, want %v", step, loss, want)
		}
		for i := range grads {
			for j, g := range grads[i] {
				n.tensors[i][j] -= rate * g
			}
		}
	}
	got := nanState(c.arch)
	must(t, s.State(got))
	for i, tensor := range got {
		closeTo(t, tensor.Name+" after 20 steps", tensor.Data, n.tensors[i], 1e-5)
	}
}
