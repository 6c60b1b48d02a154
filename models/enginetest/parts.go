package enginetest

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbench/genbench/models"
)

// Run checks that the engine keeps the contract of models.Engine.
func Run(t *testing.T, e models.Engine) {
	t.Helper()
	parts, err := Parts()
	must(t, err)
	RunParts(t, e, parts, Options{})
}

// Part is a piece of the suite that stands by itself: one network with everything that is asked of it, or one file of PyTorch's numbers.
type Part struct {
	Name       string
	Convolves  bool // a network with a convolution
	onNetworks bool
	run        func(t *testing.T, e, other models.Engine)
}

// Options say how to run parts.
type Options struct {
	Other models.Engine // held against it, too, as by [Agree]; nil: no other engine
	Until time.Time     // what has not begun then is left out; zero: nothing is
	Done  func(Outcome) // is told how each part ended, from several goroutines; may be nil
}

// Outcome is how a part ended.
type Outcome struct {
	Part    string
	OK      bool
	Seconds float64
}

// telling are the parts that come first, where time may run out: numbers that are not our own, and then networks with layers of every kind.
var telling = []string{"PyTorchGradients", "PyTorchImages", "PyTorch", "residual", "vgg", "nin", "everything", "conv-dropout", "branches", "conv-5x5", "avgpool", "relu", "confident"}

// Parts lists the suite, the most telling parts first.
func Parts() ([]Part, error) {
	cases, err := drawn()
	if err != nil {
		return nil, err
	}
	var parts []Part
	for _, c := range cases {
		parts = append(parts, Part{Name: c.name, Convolves: c.arch.Has(models.Conv2D), onNetworks: true, run: c.test})
	}
	for name, test := range map[string]func(*testing.T, models.Engine){
		"PyTorch": testPyTorch, "PyTorchGradients": testPyTorchGradients, "PyTorchImages": testPyTorchImages, "ConfidentCurvature": testConfidentCurvature,
		"BeginClears": testBeginClears, "NewSessionErrors": testNewSessionErrors, "Independent": testIndependent,
	} {
		parts = append(parts, Part{Name: name, Convolves: name == "PyTorchImages",
			run: func(t *testing.T, e, _ models.Engine) { test(t, e) }})
	}
	place := func(p Part) int {
		switch at := slices.Index(telling, p.Name); {
		case at >= 0:
			return at
		case strings.HasPrefix(p.Name, "random-"):
			return len(telling) + 2
		case p.onNetworks:
			return len(telling) + 1
		}
		return len(telling)
	}
	slices.SortFunc(parts, func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(parts, func(a, b Part) int { return place(a) - place(b) })
	return parts, nil
}

// RunParts runs parts in their order, as many at once as Go uses processors.
func RunParts(t *testing.T, e models.Engine, parts []Part, o Options) {
	t.Helper()
	if e.Name() == "" {
		t.Error("the engine has no name")
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(parts), runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(parts) || !o.Until.IsZero() && time.Now().After(o.Until) {
					return
				}
				start := time.Now()
				ok := t.Run(parts[i].Name, func(t *testing.T) { parts[i].run(t, e, o.Other) })
				if o.Done != nil {
					o.Done(Outcome{parts[i].Name, ok, time.Since(start).Seconds()})
				}
			}
		})
	}
	wg.Wait()
}

// test is everything that is asked of an engine about one network.
func (c network) test(t *testing.T, e, other models.Engine) {
	t.Run("Logits", func(t *testing.T) { testLogits(t, e, c) })
	t.Run("Outputs", func(t *testing.T) { testOutputs(t, e, c) })
	t.Run("GradientEval", func(t *testing.T) { testGradient(t, e, c, models.Eval) })
	t.Run("GradientLearn", func(t *testing.T) { testGradient(t, e, c, models.Learn) })
	t.Run("GradientNorms", func(t *testing.T) { testGradientNorms(t, e, c) })
	t.Run("Backward", func(t *testing.T) { testBackward(t, e, c) })
	t.Run("GradientDots", func(t *testing.T) { testGradientDots(t, e, c) })
	t.Run("GradientMoments", func(t *testing.T) { testGradientMoments(t, e, c) })
	t.Run("HessianVector", func(t *testing.T) { testHessianVector(t, e, c) })
	t.Run("BatchSizes", func(t *testing.T) { testBatchSizes(t, e, c) })
	t.Run("Repeat", func(t *testing.T) { testRepeat(t, e, c) })
	t.Run("StateRoundTrip", func(t *testing.T) { testStateRoundTrip(t, e, c) })
	if !c.jumpy() {
		t.Run("TwentySteps", func(t *testing.T) { testTwentySteps(t, e, c) })
	}
	t.Run("Errors", func(t *testing.T) { testErrors(t, e, c) })
	if !c.arch.Has(models.BatchNorm) && c.scale <= 1 {
		t.Run("FirstAdamStep", func(t *testing.T) { testFirstAdamStep(t, e, c) })
	}
	if c.rows > 1 {
		t.Run("NotFinite", func(t *testing.T) { testNotFinite(t, e, c) })
	}
	if other != nil {
		t.Run("Agree", func(t *testing.T) { agree(t, e, other, c) })
	}
}
