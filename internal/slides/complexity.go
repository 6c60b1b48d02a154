package slides

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures/cnam"
	"github.com/genbench/genbench/models"
)

// fractions of the test images, the most complex first.
var fractions = []float64{0.2, 0.4, 0.6, 0.8, 1}

// slideEpochs is how long the slide's training is.
const slideEpochs = 10

// complexity is the first figure: mean test loss and error of the most complex fractions against epochs.
func (c *Corpus) complexity(ctx context.Context, o Options) (*figure.Figure, error) {
	r, moments, err := c.watched(o, 2)
	if err != nil {
		return nil, err
	}
	if within := slices.IndexFunc(moments, func(m moment) bool { return m.epoch > slideEpochs }); within >= 3 {
		moments = moments[:within]
	}
	data, err := c.data.For(r)
	if err != nil {
		return nil, err
	}
	order, err := c.byComplexity(ctx, r)
	if err != nil {
		return nil, err
	}
	loss, wrong := make([]figure.Values, len(fractions)), make([]figure.Values, len(fractions))
	var epochs figure.Values
	for _, m := range moments {
		losses, errors, err := c.testErrors(m, data)
		if err != nil {
			return nil, err
		}
		epochs = append(epochs, float64(m.epoch))
		for k, f := range fractions {
			part := order[:int(math.Round(f*float64(len(order))))]
			mean := meanAt(losses, part)
			if o.Published {
				mean /= f * publishedBatch
			}
			loss[k], wrong[k] = append(loss[k], mean), append(wrong[k], 100*meanAt(errors, part))
		}
	}
	return complexityFigure(r, o, epochs, loss, wrong), nil
}

// complexityFigure draws losses and errors, [fractions][epochs].
func complexityFigure(r *corpora.Record, o Options, epochs figure.Values, loss, wrong []figure.Values) *figure.Figure {
	out := &figure.Figure{Title: "Does input complexity correspond to classification difficulty?", Panels: []figure.Panel{
		{Title: "mean test loss", X: figure.Axis{Label: "epoch"}, Y: figure.Axis{Label: "cross-entropy, nats"}},
		{Title: "test error", X: figure.Axis{Label: "epoch"}, Y: figure.Axis{Label: "error, %"}},
	}}
	marks := figure.Points{Name: "published, epoch 0, without the factor 1/fraction", Published: true}
	for k, f := range fractions {
		name := fmt.Sprintf("most complex %.0f %%", 100*f)
		if f == 1 {
			name = "all"
		}
		out.Panels[0].Lines = append(out.Panels[0].Lines, figure.Line{Name: name, X: epochs, Y: loss[k], Colour: k, Marked: true})
		out.Panels[1].Lines = append(out.Panels[1].Lines, figure.Line{Name: name, X: epochs, Y: wrong[k], Colour: k, Marked: true})
		factor := f * publishedBatch
		if o.Published {
			factor = 1
		}
		marks.X, marks.Y = append(marks.X, 0), append(marks.Y, factor*publishedEpoch0[k])
	}
	if o.Published {
		marks.Name = "published, epoch 0"
	}
	out.Panels[0].Points = []figure.Points{marks}
	out.Caption = []string{
		"Test images in the order of their complexity α, the entropy of the histogram of their pixels in bits; " + ofNetwork(r) + ", evaluation mode.",
	}
	if o.Published {
		out.Panels[0].Title = "mean test loss / (128 · fraction), as published"
		out.Caption = append(out.Caption, "As published, the loss of each part is divided by its fraction once more (and by 128, the size of a batch): before training, where all losses are ln 10, the lines differ by that factor alone.")
	} else {
		out.Caption = append(out.Caption, "Differs from the slide: true means over the images of each part. The slide's losses carry a factor 1/fraction, which makes most of their distances (--published draws that; the crosses are the slide's values at epoch 0 without it). The slide is of an MLP on MNIST.")
	}
	return out
}

// watched is a network with at least that many moments, and its moments.
func (c *Corpus) watched(o Options, least int) (*corpora.Record, []moment, error) {
	r, err := c.one(o.Network, func(r *corpora.Record) bool { return len(c.moments(r)) >= least })
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		return nil, nil, c.notTrained("a network with snapshots of its training")
	}
	moments := c.moments(r)
	if len(moments) < least {
		return nil, nil, fmt.Errorf("network %s has %d moments of its training, its end counted, and %d are needed: ask for snapshots under keep in the specification", r.ID, len(moments), least)
	}
	return r, moments, nil
}

// byComplexity is the test images of a network by falling complexity, equal ones as they come.
func (c *Corpus) byComplexity(ctx context.Context, r *corpora.Record) ([]int, error) {
	var alpha []float64
	p := probe{cnam.CNAArea(), func(ctx context.Context, net *measure.Network) error {
		values, _, err := net.Complexity(ctx, measure.ComplexityOptions{Split: "test"})
		alpha = slices.Clone(values) // they are gone once the network is released
		return err
	}}
	err := c.open(c.end(r), func(net *inprocess.Network) error { return net.Compute(ctx, p, nil, c.seed).Err })
	if err != nil {
		return nil, err
	}
	order := make([]int, len(alpha))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case alpha[a] > alpha[b]:
			return -1
		case alpha[a] < alpha[b]:
			return 1
		}
		return 0
	})
	return order, nil
}

// testErrors are the cross-entropy in nats of every test image, and 1 where it is classified wrongly.
func (c *Corpus) testErrors(m moment, data *dataset.Data) (losses, wrong []float64, err error) {
	state, err := m.state()
	if err != nil {
		return nil, nil, err
	}
	s, err := c.engine.NewSession(m.record.Architecture, corpora.EvaluationBatch)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	if err := s.SetState(state); err != nil {
		return nil, nil, err
	}
	return errorsOf(s, m.record.Architecture, models.Examples{X: data.Test.X, Y: data.Test.Y})
}

func errorsOf(s models.Session, a models.Architecture, ex models.Examples) (losses, wrong []float64, err error) {
	d, k := a.Input.Size(), a.Classes
	logits := make([]float32, corpora.EvaluationBatch*k)
	for lo := 0; lo < ex.Len(); lo += corpora.EvaluationBatch {
		hi := min(lo+corpora.EvaluationBatch, ex.Len())
		if err := s.Logits(logits[:(hi-lo)*k], ex.X[lo*d:hi*d]); err != nil {
			return nil, nil, err
		}
		for n := lo; n < hi; n++ {
			row := logits[(n-lo)*k:][:k]
			losses = append(losses, crossEntropy(row, int(ex.Y[n])))
			miss := 0.0
			if slices.Index(row, slices.Max(row)) != int(ex.Y[n]) {
				miss = 1
			}
			wrong = append(wrong, miss)
		}
	}
	return losses, wrong, nil
}

// crossEntropy is -ln softmax(logits)[label], in float64.
func crossEntropy(logits []float32, label int) float64 {
	top := float64(slices.Max(logits))
	var sum float64
	for _, v := range logits {
		sum += math.Exp(float64(v) - top)
	}
	return math.Log(sum) + top - float64(logits[label])
}

func meanAt(v []float64, at []int) float64 {
	var sum float64
	for _, i := range at {
		sum += v[i]
	}
	return sum / float64(len(at))
}
