package slides

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures/cna"
	"github.com/genbench/genbench/measures/cnam"
)

// Diagnosis is what CNA and its relatives say of one network.
type Diagnosis struct {
	ID               string             // of the network
	Network          string             // the network, in words
	Curves           cnam.Curves        //
	Values           map[string]float64 // cna, cna-area, cna-margin, and their diagnostics gamma, split-half-area, examples, layers; missing where undefined
	Undefined        map[string]string  // measure -> why
	TrainAcc, Test   float64            // accuracies, fractions
	CurveCorrelation float64            // Pearson of the smoothed test curve, which the authors' programs stored as CNA
}

// Diagnose computes it for a network: its ID, or the beginning of it. options are those of the measures
// cna, cna-area and cna-margin; each takes those that it has.
func (c *Corpus) Diagnose(ctx context.Context, id string, options map[string]string) (*Diagnosis, *figure.Figure, error) {
	r, err := c.find(id)
	if err != nil {
		return nil, nil, err
	}
	return c.diagnose(ctx, r, options)
}

func (c *Corpus) diagnose(ctx context.Context, r *corpora.Record, options map[string]string) (*Diagnosis, *figure.Figure, error) {
	d := &Diagnosis{ID: r.ID, Network: ofNetwork(r), Values: map[string]float64{}, Undefined: map[string]string{}, TrainAcc: r.Train.Accuracy, Test: r.Test.Accuracy}
	err := c.open(c.end(r), func(net *inprocess.Network) error {
		for _, m := range []measure.Measure{cna.CNA{}, cnam.CNAArea(), cnam.CNAMargin()} {
			a, undefined, err := c.value(ctx, net, m, those(m, options), r.Tensors.FinalSHA256)
			if err != nil {
				return err
			}
			if undefined != "" {
				d.Undefined[m.Info().Name] = undefined
				continue
			}
			d.Values[m.Info().Name] = a.Value
			for k, v := range a.Diagnostics {
				if _, taken := d.Values[k]; !taken && k != "area" { // of cna-area, not again of cna-margin
					d.Values[k] = v
				}
			}
		}
		var err error
		d.Curves, err = c.curvesOf(ctx, net, options)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	d.CurveCorrelation = pearson(d.Curves.Test.Alpha, d.Curves.Test.Beta)
	return d, d.figure(), nil
}

// curvesOf asks the measure for its curves.
func (c *Corpus) curvesOf(ctx context.Context, net *inprocess.Network, options map[string]string) (cnam.Curves, error) {
	var curves cnam.Curves
	p := probe{cnam.CNAArea(), func(ctx context.Context, net *measure.Network) (err error) {
		curves, err = cnam.CNAArea().Curves(ctx, net)
		return err
	}}
	return curves, net.Compute(ctx, p, those(p, options), c.seed).Err
}

// those are the options that a measure has.
func those(m measure.Measure, options map[string]string) map[string]string {
	out := map[string]string{}
	for _, o := range m.Info().Options {
		if v, ok := options[o.Name]; ok {
			out[o.Name] = v
		}
	}
	return out
}

// curves is the fifth figure: the (α, β) curves of a network.
func (c *Corpus) curves(ctx context.Context, o Options) (*figure.Figure, error) {
	r, err := c.one(o.Network, func(*corpora.Record) bool { return true })
	if err != nil {
		return nil, err
	}
	options := map[string]string{}
	if o.Published {
		options = paperLayers()
	}
	_, f, err := c.diagnose(ctx, r, options)
	if err != nil {
		return nil, err
	}
	if o.Published {
		f.Caption = append(f.Caption, "With the layers and sums of the authors' experiments (layers=paper, reduce=mean_channel_sum_space).")
	}
	return f, nil
}

func (d *Diagnosis) figure() *figure.Figure {
	f := &figure.Figure{
		Name: "curves", Title: "(α, β) curves of training and test inputs",
		Panels: []figure.Panel{{
			X: figure.Axis{Label: fmt.Sprintf("α, entropy of the input (0 is %.3g, 1 is %.3g)", d.Curves.AlphaLow, d.Curves.AlphaLow+d.Curves.AlphaRange)},
			Y: figure.Axis{Label: fmt.Sprintf("β, slope over depth (0 is %.3g, 1 is %.3g)", d.Curves.BetaLow, d.Curves.BetaLow+d.Curves.BetaRange)},
			Lines: []figure.Line{
				{Name: "training inputs", X: d.Curves.Train.Alpha, Y: d.Curves.Train.Beta, Colour: 0, Thin: true},
				{Name: "test inputs", X: d.Curves.Test.Alpha, Y: d.Curves.Test.Beta, Colour: 1, Thin: true},
			},
		}},
	}
	say := func(name, form string) string {
		if v, ok := d.Values[name]; ok {
			return fmt.Sprintf(form, v)
		}
		return "undefined"
	}
	f.Caption = []string{
		fmt.Sprintf("%s; train accuracy %.3f, test accuracy %.3f. CNA %s; CNA-Area %s, of which the noise of smoothing alone gives about %s (between halves of the training inputs); γ %s; CNA-Margin %s.",
			sentence(d.Network), d.TrainAcc, d.Test, say("cna", "%.3f"), say("cna-area", "%.4f"), say("split-half-area", "%.4f"), say("gamma", "%.4g"), say("cna-margin", "%.4g")),
		"Equally many inputs of both, in the order of α, averaged over 25 neighbours, both curves scaled together. Differs from the slide: evaluation mode, original pixels, γ of the training examples; the area is between the curves over α, not that of a polygon in which parts cancel. The slide is of an MLP on SVHN.",
	}
	return f
}
