package models

import (
	"context"
	"math"
	"testing"
)

// scripted is an engine whose losses are given: step losses and evaluated losses, one an
// epoch (the last one goes on). It computes nothing.
type scripted struct {
	arch        Architecture
	steps, eval []float64 // by epoch, from 1
	perEpoch    int

	step, evaluations int
}

func (s *scripted) Name() string                                                   { return "scripted" }
func (s *scripted) NewSession(Architecture, int) (Session, error)                  { return s, nil }
func (s *scripted) SetState(State) error                                           { return nil }
func (s *scripted) State(State) error                                              { return nil }
func (s *scripted) Outputs([]float32, func(int, []float32)) error                  { return nil }
func (s *scripted) Backward(_, _ []float32, _ func(int, []float32)) error          { return nil }
func (s *scripted) GradientDots(dst []float64, _ []float32, _ []int32) error       { clear(dst); return nil }
func (s *scripted) GradientMoments(_, _ [][]float64, _ []float32, _ []int32) error { return nil }
func (s *scripted) GradientNorms(dst []float64, _ []float32, _ []int32) error      { clear(dst); return nil }
func (s *scripted) Begin(Optimizer) error                                          { return nil }
func (s *scripted) Close() error                                                   { return nil }
func (s *scripted) Gradient(State, []float32, []int32, Mode, Draw) (float64, error) {
	return 0, nil
}

func (s *scripted) Step([]float32, []int32, Draw) (float64, error) {
	epoch := s.step / s.perEpoch
	s.step++
	return s.steps[min(epoch, len(s.steps)-1)], nil
}

// Logits answers logits whose cross-entropy at label 0 of two classes is the scripted one:
// log(1 + e^z) = loss at z = log(e^loss - 1).
func (s *scripted) Logits(dst, _ []float32) error {
	epoch := (s.step - 1) / s.perEpoch
	loss := s.eval[min(epoch, len(s.eval)-1)]
	for i := range dst {
		dst[i] = 0
		if i%2 == 1 {
			dst[i] = float32(math.Log(math.Expm1(loss)))
		}
	}
	s.evaluations++
	return nil
}

// scriptedRun trains four examples in two batches of two.
func scriptedRun(t *testing.T, target float64, epochs int, dropout float64, steps, eval []float64) *Trained {
	t.Helper()
	a, err := MLP(Shape{C: 1, H: 1, W: 1}, 2, MLPOptions{Width: 2, Depth: 1, Dropout: dropout})
	if err != nil {
		t.Fatal(err)
	}
	spec := Training{Optimizer: Optimizer{Name: "sgd", LearningRate: 1}, BatchSize: 2, TargetLoss: target, MaxEpochs: epochs, Init: "he"}
	ex := Examples{X: make([]float32, 4), Y: make([]int32, 4)}
	got, err := Train(context.Background(), &scripted{arch: a, steps: steps, eval: eval, perEpoch: 2}, a, spec, Seeds{}, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestEvaluationRule checks which epochs are evaluated and what is recorded.
// The expected values are the rule of Train's comment, applied by hand.
func TestEvaluationRule(t *testing.T) {
	for _, c := range []struct {
		name        string
		target      float64
		epochs      int
		dropout     float64
		steps, eval []float64
		evaluated   []int
		stop        string
		to01, to001 int
	}{
		// 0.31 is above 3·0.1, 0.3 is not; after 0.1 is reached 0.04 is above 3·0.01.
		{"thresholds", 0.001, 6, 0, []float64{0.31, 0.3, 0.04, 0.03, 0.02, 0.02}, []float64{9, 0.09, 9, 0.009, 0.002},
			[]int{2, 4, 6}, StopMaxEpochs, 4, 8},
		// after 0.01 is reached the next milestone is the target, 0.001
		{"target last", 0.001, 9, 0, []float64{0.3, 0.03, 0.0031, 0.003}, []float64{0.09, 0.009, 0.0001, 0.001001, 0.0009999},
			[]int{1, 2, 4, 5}, StopTarget, 2, 4},
		// a target above 0.1 is the first milestone
		{"high target", 0.5, 9, 0, []float64{1.6, 1.5}, []float64{0.1, 0.4}, []int{2}, StopTarget, -1, -1},
		// one epoch may pass all milestones
		{"at once", 0.01, 9, 0, []float64{0.2}, []float64{0.001}, []int{1}, StopTarget, 2, 2},
		// nothing is reached: the last epoch alone is evaluated
		{"never", 0.01, 3, 0, []float64{2}, []float64{2}, []int{3}, StopMaxEpochs, -1, -1},
		// with dropout every epoch is
		{"dropout", 0.01, 4, 0.5, []float64{2}, []float64{2, 2, 0.01 - 1e-6}, []int{1, 2, 3}, StopTarget, 6, 6},
		{"diverged step", 0.01, 4, 0, []float64{2, math.Inf(1)}, []float64{2}, nil, StopDiverged, -1, -1},
		{"diverged evaluation", 0.01, 4, 0, []float64{0.2}, []float64{math.NaN()}, nil, StopDiverged, -1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := scriptedRun(t, c.target, c.epochs, c.dropout, c.steps, c.eval)
			var evaluated []int
			for _, line := range got.History {
				if line.TrainLoss != nil {
					evaluated = append(evaluated, line.Epoch)
				}
			}
			if len(evaluated) != len(c.evaluated) {
				t.Fatalf("evaluated after epochs %v, want %v", evaluated, c.evaluated)
			}
			for i := range evaluated {
				if evaluated[i] != c.evaluated[i] {
					t.Fatalf("evaluated after epochs %v, want %v", evaluated, c.evaluated)
				}
			}
			if got.Stop != c.stop || got.StepsTo01 != c.to01 || got.StepsTo001 != c.to001 {
				t.Errorf("stop %q, steps to 0.1 %d, to 0.01 %d; want %q, %d, %d", got.Stop, got.StepsTo01, got.StepsTo001, c.stop, c.to01, c.to001)
			}
		})
	}
}

// TestTrainingAllocatesNothing checks the loop itself: after the first epoch a
// whole further epoch, evaluation included, allocates only the two numbers of its history line.
func TestTrainingAllocatesNothing(t *testing.T) {
	a, err := MLP(Shape{C: 1, H: 1, W: 3}, 2, MLPOptions{Width: 2, Depth: 1, Dropout: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	ex := Examples{X: make([]float32, 3*1000), Y: make([]int32, 1000)}
	s := &scripted{arch: a, steps: []float64{1}, eval: []float64{1}, perEpoch: 100}
	spec := Training{Optimizer: Optimizer{Name: "sgd", LearningRate: 1}, BatchSize: 10, MaxEpochs: 1000, Init: "he"}
	tr := newTrainer(s, a, spec, Seeds{}, ex, 256)
	ctx, epoch := context.Background(), 1
	allocs := testing.AllocsPerRun(20, func() {
		epoch++
		if err := tr.epoch(ctx, epoch, nil); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 2 {
		t.Errorf("an epoch of 100 steps allocates %v times, want at most 2", allocs)
	}
}

// TestShuffle checks that orders are permutations, differ by epoch and seed,
// and are uniform: over 24,000 shuffles of 4, each of the 24 orders is expected
// 1,000 times; χ² with 23 degrees of freedom exceeds 59.6 with probability 4e-5
// (scipy.stats.chi2.sf(59.6, 23)).
func TestShuffle(t *testing.T) {
	var tr trainer
	counts := map[[4]int]int{}
	order := make([]int, 4)
	for epoch := range uint64(24000) {
		for i := range order {
			order[i] = i
		}
		tr.source.Seed(7, epoch)
		shuffle(order, &tr.source)
		counts[[4]int(order)]++
	}
	if len(counts) != 24 {
		t.Fatalf("%d orders of 4 seen, want 24", len(counts))
	}
	var chi2 float64
	for _, n := range counts {
		chi2 += float64(n-1000) * float64(n-1000) / 1000
	}
	if chi2 > 59.6 {
		t.Errorf("χ² = %v over the 24 orders, want below 59.6", chi2)
	}
}
