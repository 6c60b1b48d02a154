package models_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/reference"
)

// torchTraining is one training of testdata/training.json, made by
// testdata/make_training.py with PyTorch.
type torchTraining struct {
	Name        string           `json:"name"`
	N           int              `json:"n"`
	D           int              `json:"d"`
	K           int              `json:"k"`
	Widths      []int            `json:"widths"`
	BatchNorm   bool             `json:"batchnorm"`
	Dropout     float64          `json:"dropout"`
	Batch       int              `json:"batch"`
	Target      float64          `json:"target"`
	MaxEpochs   int              `json:"max_epochs"`
	Optimizer   models.Optimizer `json:"optimizer"`
	InitSeed    uint64           `json:"init_seed"`
	OrderSeed   uint64           `json:"order_seed"`
	DropoutSeed uint64           `json:"dropout_seed"`

	X          []float32            `json:"x"`
	Y          []int32              `json:"y"`
	Init       map[string][]float32 `json:"init"`
	Final      map[string][]float64 `json:"final"`
	History    []models.Epoch       `json:"history"`
	Stop       string               `json:"stop"`
	Epochs     int                  `json:"epochs"`
	Steps      int                  `json:"steps"`
	StepsTo01  int                  `json:"to01"`
	StepsTo001 int                  `json:"to001"`
	Noise1     float64              `json:"noise1"`
	NoiseFinal float64              `json:"noise_final"`
}

func (c torchTraining) arguments(t *testing.T) (models.Architecture, models.Training, models.Seeds, models.Examples) {
	t.Helper()
	a, err := models.MLP(models.Shape{C: 1, H: 1, W: c.D}, c.K, models.MLPOptions{Widths: c.Widths, BatchNorm: c.BatchNorm, Dropout: c.Dropout})
	if err != nil {
		t.Fatal(err)
	}
	return a,
		models.Training{Optimizer: c.Optimizer, BatchSize: c.Batch, TargetLoss: c.Target, MaxEpochs: c.MaxEpochs, Init: "pytorch"},
		models.Seeds{Init: c.InitSeed, Order: c.OrderSeed, Dropout: c.DropoutSeed},
		models.Examples{X: c.X, Y: c.Y}
}

func torchTrainings(t *testing.T) []torchTraining {
	t.Helper()
	raw, err := os.ReadFile("testdata/training.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []torchTraining }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 4 {
		t.Fatalf("training.json has %d cases, want 4", len(file.Cases))
	}
	return file.Cases
}

// TestTrainIsPyTorch compares whole trainings with PyTorch's on the float64
// engine: initial weights, order, batches, steps, stop, recorded steps, history
// and gradient noise.
func TestTrainIsPyTorch(t *testing.T) {
	// The reference engine differs from float64 PyTorch in the order of sums
	// (1e-16), grown over some hundred steps; tensors are rounded to float32 (6e-8).
	const tol, rounding = 1e-6, 1e-6
	near := func(t *testing.T, what string, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= tol*math.Abs(want)) {
			t.Errorf("%s = %v, PyTorch has %v", what, got, want)
		}
	}
	for _, c := range torchTrainings(t) {
		t.Run(c.Name, func(t *testing.T) {
			a, training, seeds, ex := c.arguments(t)
			var lines int
			got, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, func(models.Epoch) { lines++ })
			if err != nil {
				t.Fatal(err)
			}
			for _, tensor := range got.Init {
				for j, v := range tensor.Data {
					if v != c.Init[tensor.Name][j] {
						t.Fatalf("initial %s[%d] = %v, want %v", tensor.Name, j, v, c.Init[tensor.Name][j])
					}
				}
			}
			type counts struct {
				stop                            string
				epochs, steps, to01, to001, his int
			}
			g := counts{got.Stop, got.Epochs, got.Steps, got.StepsTo01, got.StepsTo001, len(got.History)}
			w := counts{c.Stop, c.Epochs, c.Steps, c.StepsTo01, c.StepsTo001, len(c.History)}
			if g != w {
				t.Fatalf("training ended as %+v, PyTorch as %+v", g, w)
			}
			if lines != len(c.History) {
				t.Errorf("progress was called %d times, want %d", lines, len(c.History))
			}
			for i, want := range c.History {
				line := got.History[i]
				if line.Epoch != want.Epoch || line.Steps != want.Steps || (line.TrainLoss == nil) != (want.TrainLoss == nil) {
					t.Fatalf("history line %d is %+v, want %+v", i, line, want)
				}
				near(t, "mean loss", line.MeanLoss, want.MeanLoss)
				if want.TrainLoss != nil {
					near(t, "train loss", *line.TrainLoss, *want.TrainLoss)
					near(t, "train accuracy", *line.TrainAccuracy, *want.TrainAccuracy)
				}
			}
			near(t, "gradient noise after epoch 1", *got.GradientNoise1, c.Noise1)
			near(t, "gradient noise at the end", *got.GradientNoiseFinal, c.NoiseFinal)
			for _, tensor := range got.Final {
				for j, v := range tensor.Data {
					want := c.Final[tensor.Name][j]
					if math.Abs(float64(v)-want) > rounding*(1+math.Abs(want)) {
						t.Fatalf("final %s[%d] = %v, PyTorch has %v", tensor.Name, j, v, want)
					}
				}
			}
		})
	}
}

func TestTrainSnapshots(t *testing.T) {
	c := torchTrainings(t)[0]
	a, training, seeds, ex := c.arguments(t)
	training.MaxEpochs, training.Snapshots = 3, []int{3, 0, 1}
	got, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	var epochs []int
	for _, s := range got.Snapshots {
		epochs = append(epochs, s.Epoch)
	}
	if len(epochs) != 3 || epochs[0] != 0 || epochs[1] != 1 || epochs[2] != 3 {
		t.Fatalf("snapshots after epochs %v, want [0 1 3]", epochs)
	}
	if got.Snapshots[0].State.Hash() != got.Init.Hash() {
		t.Error("the snapshot of epoch 0 is not the initial state")
	}
	if got.Snapshots[2].State.Hash() != got.Final.Hash() {
		t.Error("the snapshot of the last epoch is not the final state")
	}
	if got.Snapshots[1].State.Hash() == got.Final.Hash() {
		t.Error("the snapshot of epoch 1 is the final state")
	}
	// A shorter training is the beginning of a longer one.
	training.MaxEpochs, training.Snapshots = 1, nil
	short, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	if short.Final.Hash() != got.Snapshots[1].State.Hash() {
		t.Error("one epoch alone and the first of three end in different tensors")
	}
}

func TestTrainDiverges(t *testing.T) {
	c := torchTrainings(t)[0]
	a, training, seeds, ex := c.arguments(t)
	training.Optimizer = models.Optimizer{Name: "sgd", LearningRate: 9e5, WeightDecay: 9e5}
	got, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Stop != models.StopDiverged || got.GradientNoiseFinal != nil || got.Final == nil {
		t.Errorf("stop %q, final noise %v; want %q and none", got.Stop, got.GradientNoiseFinal, models.StopDiverged)
	}
	if _, err := json.Marshal(got.History); err != nil {
		t.Errorf("the history of a diverged training is no JSON: %v", err)
	}
}

func TestTrainCancel(t *testing.T) {
	c := torchTrainings(t)[0]
	a, training, seeds, ex := c.arguments(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	got, err := models.Train(ctx, reference.New(), a, training, seeds, ex, func(e models.Epoch) {
		if e.Epoch == 2 {
			cancel()
		}
		if e.Epoch > 2 {
			t.Errorf("epoch %d ran after the cancellation", e.Epoch)
		}
	})
	if !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("a cancelled training answers %v, %v; want nothing and context.Canceled", got, err)
	}
}

func TestTrainRefuses(t *testing.T) {
	c := torchTrainings(t)[0]
	a, training, seeds, ex := c.arguments(t)
	normed, err := models.MLP(a.Input, a.Classes, models.MLPOptions{Width: 3, Depth: 1, BatchNorm: true})
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*models.Architecture, *models.Training, *models.Examples)) error {
		a, training := a, training
		ex := models.Examples{X: append([]float32{}, ex.X...), Y: append([]int32{}, ex.Y...)}
		change(&a, &training, &ex)
		_, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, nil)
		return err
	}
	for what, change := range map[string]func(*models.Architecture, *models.Training, *models.Examples){
		"no epochs":         func(_ *models.Architecture, t *models.Training, _ *models.Examples) { t.MaxEpochs = 0 },
		"batch size 0":      func(_ *models.Architecture, t *models.Training, _ *models.Examples) { t.BatchSize = 0 },
		"target NaN":        func(_ *models.Architecture, t *models.Training, _ *models.Examples) { t.TargetLoss = math.NaN() },
		"target -1":         func(_ *models.Architecture, t *models.Training, _ *models.Examples) { t.TargetLoss = -1 },
		"unknown init":      func(_ *models.Architecture, t *models.Training, _ *models.Examples) { t.Init = "zeros" },
		"unknown optimizer": func(_ *models.Architecture, t *models.Training, _ *models.Examples) { t.Optimizer.Name = "lion" },
		"snapshot too late": func(_ *models.Architecture, t *models.Training, _ *models.Examples) {
			t.Snapshots = []int{t.MaxEpochs + 1}
		},
		"snapshot -1":              func(_ *models.Architecture, t *models.Training, _ *models.Examples) { t.Snapshots = []int{-1} },
		"label K":                  func(a *models.Architecture, _ *models.Training, ex *models.Examples) { ex.Y[3] = int32(a.Classes) },
		"NaN input":                func(_ *models.Architecture, _ *models.Training, ex *models.Examples) { ex.X[3] = float32(math.NaN()) },
		"x cut short":              func(_ *models.Architecture, _ *models.Training, ex *models.Examples) { ex.X = ex.X[1:] },
		"no examples":              func(_ *models.Architecture, _ *models.Training, ex *models.Examples) { *ex = models.Examples{} },
		"batch norm, batches of 1": func(a *models.Architecture, t *models.Training, _ *models.Examples) { *a, t.BatchSize = normed, 1 },
		"no layers":                func(a *models.Architecture, _ *models.Training, _ *models.Examples) { a.Layers = nil },
	} {
		if with(change) == nil {
			t.Errorf("%s is not an error", what)
		}
	}
	if err := with(func(*models.Architecture, *models.Training, *models.Examples) {}); err != nil {
		t.Errorf("the arguments unchanged: %v", err)
	}
}

// TestSnapshotsChangeNothing: with snapshots of every step and epoch the training, dropout and batch norm in it, has
// the same bits as without; and the steps that end epochs are the epochs' snapshots.
func TestSnapshotsChangeNothing(t *testing.T) {
	for _, c := range torchTrainings(t) {
		a, training, seeds, ex := c.arguments(t)
		training.MaxEpochs = min(training.MaxEpochs, 3)
		plain, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, nil)
		if err != nil {
			t.Fatal(err)
		}
		perEpoch := plain.Steps / plain.Epochs
		training.Snapshots = []int{0, 1, 2, 3}
		for s := range plain.Steps + 10 {
			training.SnapshotSteps = append(training.SnapshotSteps, s+1)
		}
		kept, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, nil)
		if err != nil {
			t.Fatal(err)
		}
		if kept.Final.Hash() != plain.Final.Hash() || kept.Steps != plain.Steps {
			t.Errorf("%s: keeping snapshots changed the training", c.Name)
		}
		if len(kept.Snapshots) != 1+plain.Epochs+plain.Steps {
			t.Fatalf("%s: %d snapshots of %d epochs and %d steps", c.Name, len(kept.Snapshots), plain.Epochs, plain.Steps)
		}
		steps := map[int]string{0: kept.Init.Hash()}
		for _, s := range kept.Snapshots {
			if s.Step > 0 {
				steps[s.Step] = s.State.Hash()
			}
		}
		for _, s := range kept.Snapshots {
			if s.Step == 0 && s.State.Hash() != steps[s.Epoch*perEpoch] {
				t.Errorf("%s: the snapshot of epoch %d is not that of step %d", c.Name, s.Epoch, s.Epoch*perEpoch)
			}
		}
	}
}

// TestEpochOrder: the examples of a step are those that training took: from one step's snapshot to the next the
// tensors move by the learning rate times the gradient over these examples, and not over the next ones.
func TestEpochOrder(t *testing.T) {
	c := torchTrainings(t)[0]
	a, training, seeds, ex := c.arguments(t)
	const batch, rate = 4, 0.5
	training.MaxEpochs, training.BatchSize, training.TargetLoss = 2, batch, 0
	training.Optimizer = models.Optimizer{Name: "sgd", LearningRate: rate}
	perEpoch := (ex.Len() + batch - 1) / batch
	training.SnapshotSteps = []int{1, 2, perEpoch, perEpoch + 1}
	got, err := models.Train(context.Background(), reference.New(), a, training, seeds, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := reference.New().NewSession(a, batch)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d := a.Input.Size()
	// off is the largest difference between a step and the one that the examples from order[lo] on would give
	off := func(before, after models.State, order []int, lo int) float64 {
		var x []float32
		var y []int32
		for _, i := range order[lo : lo+batch] {
			x, y = append(x, ex.X[i*d:(i+1)*d]...), append(y, ex.Y[i])
		}
		gradient := models.NewState(a)
		if err := s.SetState(before); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Gradient(gradient, x, y, models.Learn, models.Draw{}); err != nil {
			t.Fatal(err)
		}
		var most float64
		for k := range before {
			for j, w := range before[k].Data {
				most = max(most, math.Abs(float64(w-after[k].Data[j])-rate*float64(gradient[k].Data[j])))
			}
		}
		return most
	}
	snaps := got.Snapshots
	for _, step := range []struct {
		name          string
		before, after models.State
		epoch, lo     int
	}{
		{"first", got.Init, snaps[0].State, 1, 0},
		{"second", snaps[0].State, snaps[1].State, 1, batch},
		{"first of epoch 2", snaps[2].State, snaps[3].State, 2, 0},
	} {
		order := models.EpochOrder(ex.Len(), seeds, step.epoch)
		if e := off(step.before, step.after, order, step.lo); e > 1e-6 {
			t.Errorf("%s step: off by %v", step.name, e)
		}
		if e := off(step.before, step.after, order, step.lo+batch); e < 1e-3 {
			t.Errorf("%s step: other examples give the same, within %v: the test cannot fail", step.name, e)
		}
	}
}
