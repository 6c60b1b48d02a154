package slides

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures/cna"
	"github.com/genbench/genbench/models"
)

const (
	watchedEpochs = 5   // of the slide
	watchedSteps  = 640 // or so many mini-batches, if these are more: the slide's curve has settled by then
	watchedPoints = 160
	watchedBytes  = 1 << 29 // of tensors held at a time
)

// step is a network before a mini-batch.
type step struct {
	done  int // optimizer steps before it
	state models.State
}

// lossAndCNA is the second figure: loss and CNA of mini-batches.
func (c *Corpus) lossAndCNA(ctx context.Context, o Options) (*figure.Figure, error) {
	r, err := c.one(o.Network, func(r *corpora.Record) bool { return !r.Imported() })
	if err != nil {
		return nil, err
	}
	if r == nil || r.Imported() {
		return nil, errors.New("the training of imported networks cannot be repeated: choose another network")
	}
	data, err := c.data.For(r)
	if err != nil {
		return nil, err
	}
	steps, from, err := c.steps(ctx, r, data)
	if err != nil {
		return nil, err
	}
	n := len(steps)
	at, loss, batch, all := make(figure.Values, n), make(figure.Values, n), make(figure.Values, n), make(figure.Values, n)
	err = c.each(ctx, n, func(i int) (err error) {
		at[i] = float64(steps[i].done)
		part := batchData(data, r, steps[i].done)
		if loss[i], batch[i], err = c.lossOf(ctx, r, steps[i].state, part); err != nil || o.Published {
			return err
		}
		_, all[i], err = c.lossOf(ctx, r, steps[i].state, data)
		return err
	})
	if err != nil {
		return nil, err
	}
	return lossFigure(r, o, from, at, loss, batch, all), nil
}

func lossFigure(r *corpora.Record, o Options, from string, at, loss, batch, all figure.Values) *figure.Figure {
	label := figure.Axis{Label: "mini-batch"}
	f := &figure.Figure{Title: "Training loss and CNA over training time", Panels: []figure.Panel{
		{Title: "training loss of the mini-batch", X: label, Y: figure.Axis{Label: "cross-entropy, nats"}, Lines: []figure.Line{
			{Name: "mini-batch", X: at, Y: loss, Thin: true},
		}, Points: []figure.Points{{Name: "published: 2.30 at first, 0.2 at batch 2,345", X: publishedBatchLoss[0], Y: publishedBatchLoss[1], Published: true}}},
		{Title: "CNA", X: label, Y: figure.Axis{Label: "correlation of α and β"}, Lines: []figure.Line{
			{Name: fmt.Sprintf("of the mini-batch of %d", r.Training.BatchSize), X: at, Y: batch, Thin: true},
		}},
	}}
	if !o.Published {
		f.Panels[1].Lines[0].Colour = 5
		f.Panels[1].Lines = append(f.Panels[1].Lines, figure.Line{Name: "of the training set", X: at, Y: all})
	}
	f.Panels[1].Lines = append(f.Panels[1].Lines, figure.Line{Name: "published, read off", X: publishedBatchCNA[0], Y: publishedBatchCNA[1], Published: true})
	first, last := 0.0, max(at[len(at)-1], 650)
	for i := range f.Panels {
		f.Panels[i].X.Min, f.Panels[i].X.Max = &first, &last
	}
	images := ""
	if r.Training.Augment.On() {
		images = " and without the training's augmentation"
	}
	f.Caption = []string{
		sentence(ofNetwork(r)) + "; " + from + ". Before each mini-batch its loss and its CNA, in evaluation mode" + images + ".",
		fmt.Sprintf("Differs from the slide, which is of an MLP 784-500-500-500-10 on MNIST, learning rate 0.0025, momentum 0.9, 2,345 batches of 128: there CNA falls to -0.7 near batch 320 and rises to 0.7 after batch 600. Here batches are of %d, learning rate %g, momentum %g.",
			r.Training.BatchSize, r.Training.Optimizer.LearningRate, r.Training.Optimizer.Momentum),
	}
	return f
}

// lossOf is the mean cross-entropy of the training examples of data, in nats, and their CNA; NaN where that is undefined.
func (c *Corpus) lossOf(ctx context.Context, r *corpora.Record, state models.State, data *dataset.Data) (loss, value float64, err error) {
	s, err := c.engine.NewSession(r.Architecture, corpora.EvaluationBatch)
	if err != nil {
		return 0, 0, err
	}
	defer s.Close()
	if err := s.SetState(state); err != nil {
		return 0, 0, err
	}
	losses, _, err := errorsOf(s, r.Architecture, models.Examples{X: data.Train.X, Y: data.Train.Y})
	if err != nil {
		return 0, 0, err
	}
	value, err = c.cnaOf(ctx, moment{record: r}, state, data)
	return mean(losses), value, err
}

// cnaOf is the CNA of tensors on the training examples of data, NaN where it is undefined.
func (c *Corpus) cnaOf(ctx context.Context, m moment, state models.State, data *dataset.Data) (value float64, err error) {
	err = c.openState(m, state, nil, data, func(net *inprocess.Network) error {
		a, undefined, err := c.value(ctx, net, cna.CNA{}, nil, state.Hash())
		if value = a.Value; undefined != "" {
			value = math.NaN()
		}
		return err
	})
	return value, err
}

// batchesOf is the number of optimizer steps of an epoch, as models.Train has it.
func batchesOf(r *corpora.Record) int {
	n, b := r.Train.N, r.Training.BatchSize
	if n%b == 1 && n > 1 && r.Architecture.Has(models.BatchNorm) {
		return n / b
	}
	return (n + b - 1) / b
}

// batchData is the data with the training examples of one mini-batch alone: the one that came after so many steps.
func batchData(data *dataset.Data, r *corpora.Record, done int) *dataset.Data {
	perEpoch := batchesOf(r)
	order := models.EpochOrder(data.Train.Len(), r.Seeds, done/perEpoch+1)
	lo := done % perEpoch * r.Training.BatchSize
	rows := order[lo:min(lo+r.Training.BatchSize, len(order))]
	d, native := data.Shape.C*data.Shape.H*data.Shape.W, data.NativeShape.C*data.NativeShape.H*data.NativeShape.W
	part := *data
	part.Hash = fmt.Sprintf("%s|batch %d of %d by %d", data.Hash, done, r.Training.BatchSize, r.Seeds.Order)
	part.Train = dataset.Split{}
	for _, i := range rows {
		t := &part.Train
		t.X, t.Native = append(t.X, data.Train.X[i*d:(i+1)*d]...), append(t.Native, data.Train.Native[i*native:(i+1)*native]...)
		t.Y, t.Clean, t.Index = append(t.Y, data.Train.Y[i]), append(t.Clean, data.Train.Clean[i]), append(t.Index, data.Train.Index[i])
	}
	return &part
}

// steps are the network before some mini-batches: from the store where it has snapshots of steps, else from
// the training done once more, which is the same to the last bit on the same engine; from says which.
func (c *Corpus) steps(ctx context.Context, r *corpora.Record, data *dataset.Data) (_ []step, from string, err error) {
	stored, err := c.storedSteps(r)
	if err != nil {
		return nil, "", err
	}
	if len(stored) >= 10 {
		return stored, "from its snapshots of steps", nil
	}
	perEpoch := batchesOf(r)
	last := min(r.Steps, max(watchedEpochs*perEpoch, watchedSteps))
	bytes := 4 * r.Architecture.NumParameters()
	points := max(2, min(watchedPoints, watchedBytes/bytes))
	stride := (last + points - 1) / points
	t := r.Training
	t.Snapshots, t.SnapshotSteps, t.MaxEpochs = nil, nil, min(t.MaxEpochs, (last+perEpoch-1)/perEpoch)
	for s := stride; s < last; s += stride {
		t.SnapshotSteps = append(t.SnapshotSteps, s)
	}
	again, err := models.Train(ctx, c.engine, r.Architecture, t, r.Seeds, models.Examples{X: data.Train.X, Y: data.Train.Y, Padding: data.Black()}, nil)
	if err != nil {
		return nil, "", fmt.Errorf("repeating the training of network %s: %w", r.ID, err)
	}
	if from, err = c.repeated(r, again); err != nil {
		return nil, "", err
	}
	steps := []step{{0, again.Init}}
	for _, s := range again.Snapshots {
		steps = append(steps, step{s.Step, s.State})
	}
	return steps, from, nil
}

func (c *Corpus) storedSteps(r *corpora.Record) ([]step, error) {
	var steps []step
	for _, f := range r.Tensors.Snapshots {
		if f.Step > 0 {
			state, err := c.store.LoadStep(r, f.Step)
			if err != nil {
				return nil, err
			}
			steps = append(steps, step{f.Step, state})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return a.done - b.done })
	if _, initial, err := c.store.LoadNetwork(r); err != nil {
		return nil, err
	} else if initial != nil {
		steps = append([]step{{0, initial}}, steps...)
	}
	return steps, nil
}

// repeated holds a training done again against the history of the first: on the same engine the losses of its epochs are the same.
func (c *Corpus) repeated(r *corpora.Record, again *models.Trained) (string, error) {
	if r.Engine != c.engine.Name() {
		return fmt.Sprintf("trained once more for this figure on %s, which is not the engine of the store, %s: the two agree within rounding", c.engine.Name(), r.Engine), nil
	}
	history, err := c.store.History(r)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for i, e := range again.History {
		if i < len(history) && history[i].MeanLoss != e.MeanLoss {
			return "", fmt.Errorf("network %s: the training done again has the mean loss %v in epoch %d, the record %v: it was made by another version of genbench or on another machine", r.ID, e.MeanLoss, e.Epoch, history[i].MeanLoss)
		}
	}
	return "trained once more for this figure, to the same bits", nil
}
