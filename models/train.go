package models

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// evaluationBatch is how many training examples are evaluated at once. It is
// fixed, not chosen by the machine, because an engine's bits may depend on it.
const evaluationBatch = 256

// Loss milestones whose steps are recorded, in nats.
const (
	milestone01  = 0.1
	milestone001 = 0.01
)

// evaluationMargin is how far above the next milestone an epoch's mean step
// loss may be for the epoch to be evaluated.
const evaluationMargin = 3

// Train trains one network on the engine and answers its tensors and what was
// seen on the way.
//
// Epochs count from 1. The order of epoch e is a Fisher-Yates shuffle of
// 0..N-1 by PCG(seeds.Order, e). Batches are consecutive; the last one may be
// short and is a step like any other, with the mean over its own size, as
// PyTorch's DataLoader (drop_last=False) and CrossEntropyLoss do. One case is
// left out: a last batch of a single example in a network with batch norm of one
// place a channel, which PyTorch refuses with an error, is dropped. Dropout masks are drawn by
// (seeds.Dropout, step), steps counting from 0. Inputs of steps, and no others, are changed as
// t.Augment says, by (seeds.Augment, epoch, example).
//
// Training stops at the end of the first evaluated epoch whose cross-entropy
// over the whole training set, in evaluation mode, is at most t.TargetLoss.
// To save time an epoch is not evaluated when the mean loss of its steps is
// above 3 times the next milestone, the largest of 0.1, 0.01 and t.TargetLoss
// that has not been reached; the steps of an epoch run before the weights are
// at their best, so its mean is above the loss at its end, rarely threefold.
// A network with dropout, batch norm or augmentation is evaluated after every epoch (its
// steps' losses are of another mode or other inputs), and the last epoch always is. The stop
// and the recorded steps to 0.1 and 0.01 can therefore come an epoch later
// than if every epoch were evaluated, never earlier.
//
// A loss that is NaN or infinite ends the training as [StopDiverged], without
// an error. Cancelling ctx ends it between two steps with ctx's error and no
// result. progress, if not nil, is called with every line of the history.
// Equal arguments on an equal engine give equal bits, Seconds apart.
func Train(ctx context.Context, e Engine, a Architecture, t Training, seeds Seeds, ex Examples, progress func(Epoch)) (*Trained, error) {
	if err := checkTraining(a, t, ex); err != nil {
		return nil, fmt.Errorf("training: %w", err)
	}
	initial, err := InitialState(a, t.Init, seeds.Init)
	if err != nil {
		return nil, fmt.Errorf("training: %w", err)
	}
	rows := min(evaluationBatch, ex.Len())
	s, err := e.NewSession(a, max(rows, min(t.BatchSize, ex.Len())))
	if err != nil {
		return nil, fmt.Errorf("training on %s: %w", e.Name(), err)
	}
	defer s.Close()
	tr := newTrainer(s, a, t, seeds, ex, rows)
	tr.result.Init = initial
	if err := tr.run(ctx, progress); err != nil {
		return nil, fmt.Errorf("training on %s: %w", e.Name(), err)
	}
	return &tr.result, nil
}

// trainer is one training under way. All its memory is made at the start: the
// loop allocates for snapshots only.
type trainer struct {
	session Session
	arch    Architecture
	spec    Training
	seeds   Seeds
	ex      Examples
	always  bool // evaluate every epoch
	least   int  // examples of a step

	order  []int     // [N]
	x      []float32 // [BatchSize, D]
	y      []int32   // [BatchSize]
	logits []float32 // [evaluation batch, K]
	source rand.PCG
	kept   map[int]bool // the steps of spec.SnapshotSteps

	augment augmenter

	noise  *noiseMeter
	result Trained
}

func newTrainer(s Session, a Architecture, t Training, seeds Seeds, ex Examples, rows int) *trainer {
	batch := min(t.BatchSize, ex.Len())
	return &trainer{
		session: s, arch: a, spec: t, seeds: seeds, ex: ex,
		always: t.evaluatesAlways(a),
		least:  a.LeastLearn(),
		order:  make([]int, ex.Len()),
		x:      make([]float32, batch*a.Input.Size()),
		y:      make([]int32, batch),
		logits: make([]float32, rows*a.Classes),
		kept:   setOf(t.SnapshotSteps),
		noise:  newNoiseMeter(a, rows),

		augment: newAugmenter(t.Augment, a.Input, ex.Padding, seeds.Augment),

		result: Trained{StepsTo01: -1, StepsTo001: -1, History: make([]Epoch, 0, min(t.MaxEpochs, 1024))},
	}
}

func (t *trainer) run(ctx context.Context, progress func(Epoch)) error {
	if err := t.session.SetState(t.result.Init); err != nil {
		return err
	}
	if err := t.session.Begin(t.spec.Optimizer); err != nil {
		return err
	}
	if err := t.snapshot(0); err != nil {
		return err
	}
	for epoch := 1; t.result.Stop == ""; epoch++ {
		if err := t.epoch(ctx, epoch, progress); err != nil {
			return err
		}
	}
	return t.finish()
}

// epoch runs one epoch and what follows it, and sets result.Stop when it is the last.
func (t *trainer) epoch(ctx context.Context, epoch int, progress func(Epoch)) error {
	start := time.Now()
	mean, err := t.steps(ctx, epoch)
	if err != nil {
		return fmt.Errorf("epoch %d: %w", epoch, err)
	}
	if !finite(mean) {
		t.result.Stop = StopDiverged
		return nil
	}
	line := Epoch{Epoch: epoch, Steps: t.result.Steps, MeanLoss: mean}
	if t.evaluates(line) {
		if err := t.evaluate(&line); err != nil {
			return fmt.Errorf("epoch %d: %w", epoch, err)
		}
	}
	line.Seconds = time.Since(start).Seconds()
	t.note(line)
	if epoch == 1 && t.result.Stop != StopDiverged {
		if t.result.GradientNoise1, err = t.noise.measure(t.session, t.ex); err != nil {
			return fmt.Errorf("gradient noise after epoch 1: %w", err)
		}
	}
	if err := t.snapshot(epoch); err != nil {
		return err
	}
	if progress != nil {
		progress(line)
	}
	return nil
}

// steps runs the optimizer over the examples once and answers the mean of the
// steps' losses; it ends at the first one that is not finite and answers that.
func (t *trainer) steps(ctx context.Context, epoch int) (mean float64, err error) {
	n, d, batch := t.ex.Len(), t.arch.Input.Size(), len(t.y)
	orderOf(t.order, &t.source, t.seeds.Order, epoch)
	var sum float64
	steps := 0
	for lo := 0; lo < n; lo += batch {
		rows := min(batch, n-lo)
		if rows < t.least {
			break
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		for i, from := range t.order[lo : lo+rows] {
			t.input(t.x[i*d:][:d], from, epoch)
			t.y[i] = t.ex.Y[from]
		}
		draw := Draw{Seed: t.seeds.Dropout, Step: uint64(t.result.Steps)}
		loss, err := t.session.Step(t.x[:rows*d], t.y[:rows], draw)
		if err != nil {
			return 0, fmt.Errorf("step %d: %w", t.result.Steps, err)
		}
		t.result.Steps++
		if err := t.snapshotOfStep(); err != nil {
			return 0, err
		}
		if !finite(loss) {
			return loss, nil
		}
		sum += loss
		steps++
	}
	return sum / float64(steps), nil
}

// evaluatesAlways says that the losses of steps tell nothing of the network in evaluation mode: they are of another mode or other inputs.
func (t Training) evaluatesAlways(a Architecture) bool {
	return a.Has(Dropout) || a.Has(BatchNorm) || t.Augment.On()
}

// evaluates says whether the epoch is followed by an evaluation: see [Train].
func (t *trainer) evaluates(line Epoch) bool {
	return line.Epoch == t.spec.MaxEpochs || t.always || line.MeanLoss <= evaluationMargin*t.nextMilestone()
}

// note puts the epoch into the result.
func (t *trainer) note(line Epoch) {
	if line.Epoch == t.spec.MaxEpochs && t.result.Stop == "" {
		t.result.Stop = StopMaxEpochs
	}
	t.result.Epochs = line.Epoch
	t.result.History = append(t.result.History, line)
}

// input writes what is trained on of an example.
func (t *trainer) input(dst []float32, example, epoch int) {
	src := t.ex.X[example*len(dst):][:len(dst)]
	if !t.augment.On() {
		copy(dst, src)
		return
	}
	t.augment.write(dst, src, epoch, example)
}

// nextMilestone is the largest loss that is still to be reached.
func (t *trainer) nextMilestone() float64 {
	next := t.spec.TargetLoss
	if t.result.StepsTo01 < 0 {
		next = max(next, milestone01)
	}
	if t.result.StepsTo001 < 0 {
		next = max(next, milestone001)
	}
	return next
}

// evaluate evaluates the network.
func (t *trainer) evaluate(line *Epoch) error {
	var m Metrics
	if err := evaluate(&m, t.session, t.ex, t.logits, t.arch.Classes); err != nil {
		return err
	}
	t.judge(line, m)
	return nil
}

// judge fills in the line's evaluation and compares it with the milestones.
func (t *trainer) judge(line *Epoch, m Metrics) {
	if !finite(m.Loss) {
		t.result.Stop = StopDiverged
		return
	}
	line.TrainLoss, line.TrainAccuracy = &m.Loss, &m.Accuracy
	if m.Loss <= milestone01 && t.result.StepsTo01 < 0 {
		t.result.StepsTo01 = line.Steps
	}
	if m.Loss <= milestone001 && t.result.StepsTo001 < 0 {
		t.result.StepsTo001 = line.Steps
	}
	if m.Loss <= t.spec.TargetLoss {
		t.result.Stop = StopTarget
	}
}

// finish records the end of the training.
func (t *trainer) finish() error {
	t.result.Final = NewState(t.arch)
	if err := t.session.State(t.result.Final); err != nil {
		return fmt.Errorf("final state: %w", err)
	}
	if t.result.Stop == StopDiverged {
		return nil
	}
	if t.result.Epochs == 1 {
		t.result.GradientNoiseFinal = t.result.GradientNoise1
		return nil
	}
	var err error
	if t.result.GradientNoiseFinal, err = t.noise.measure(t.session, t.ex); err != nil {
		return fmt.Errorf("gradient noise at the end: %w", err)
	}
	return nil
}

// shuffle is the Fisher-Yates shuffle, from the end. It is written out because
// rand/v2's may change with a Go release, and every corpus would change with it.
func shuffle(order []int, src *rand.PCG) {
	for i := len(order) - 1; i > 0; i-- {
		j := below(uint64(i+1), src)
		order[i], order[j] = order[j], order[i]
	}
}

// below is uniform on 0..n-1 (Lemire 2019, arXiv 1805.10941, algorithm 5).
func below(n uint64, src *rand.PCG) uint64 {
	hi, lo := bits.Mul64(src.Uint64(), n)
	if lo < n {
		for threshold := -n % n; lo < threshold; {
			hi, lo = bits.Mul64(src.Uint64(), n)
		}
	}
	return hi
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
