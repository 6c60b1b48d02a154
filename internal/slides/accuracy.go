package slides

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/inprocess"
)

// seen is a moment with its test accuracy, in percent, and its CNA.
type seen struct {
	moment
	accuracy, cna float64
}

// accuracy is the fourth figure: CNA against test accuracy, over networks and the moments of their training.
func (c *Corpus) accuracy(ctx context.Context, o Options) (*figure.Figure, error) {
	var all []seen
	for _, r := range c.records {
		for _, m := range c.moments(r) {
			all = append(all, seen{moment: m})
		}
	}
	if len(c.records) < leastNetworks {
		return nil, c.notTrained(fmt.Sprintf("%d networks", leastNetworks))
	}
	err := c.each(ctx, len(all), func(i int) error {
		_, test, err := c.metrics(all[i].moment)
		if err != nil {
			return err
		}
		all[i].accuracy = 100 * test.Accuracy
		if o.Published {
			all[i].cna, err = c.smoothedCNA(ctx, all[i].moment)
		} else {
			all[i].cna, err = c.cnaAt(ctx, all[i].moment)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f := accuracyFigure(all, c.families())
	note, err := c.accuracyNote(all)
	if err != nil {
		return nil, err
	}
	f.Caption = append([]string{note}, f.Caption...)
	if o.Published {
		f.Panels[0].Y.Label = "CNA as published: of the smoothed test curve"
		f.Caption[1] = averageNote + "As published, CNA is the correlation of the smoothed (α, β) curve of test inputs, over all layers and the logits; smoothing takes correlations to the ends. Not reproduced: batch norm in training mode, the window, which is not said."
	}
	return f, nil
}

const averageNote = "Moving average and band are over all marks, in the order of accuracy. "

func accuracyFigure(all []seen, families []string) *figure.Figure {
	panel := figure.Panel{X: figure.Axis{Label: "test accuracy, %"}, Y: figure.Axis{Label: "CNA of the training set"}}
	var x, y []float64
	for _, s := range all {
		if !math.IsNaN(s.cna) {
			x, y = append(x, s.accuracy), append(y, s.cna)
		}
	}
	window := max(5, len(x)/10)
	mx, my, sd := average(x, y, window)
	band := figure.Band{Name: fmt.Sprintf("± standard deviation of %d neighbours", window), X: mx, Colour: 5}
	for i := range mx {
		band.Low, band.High = append(band.Low, my[i]-sd[i]), append(band.High, my[i]+sd[i])
	}
	panel.Bands = []figure.Band{band}
	panel.Lines = []figure.Line{
		{Name: "moving average", X: mx, Y: my},
		{Name: "published moving average, read off", X: publishedAccuracy[0], Y: publishedAccuracy[1], Published: true},
	}
	for k, family := range families {
		for _, final := range []bool{false, true} {
			p := figure.Points{Name: title(family) + ", snapshots", Colour: k + 1, Small: true}
			if final {
				p = figure.Points{Name: title(family) + ", trained", Colour: k + 1}
			}
			for _, s := range all {
				if familyOf(s.record) == family && s.final == final {
					p.X, p.Y = append(p.X, s.accuracy), append(p.Y, s.cna)
				}
			}
			if len(p.X) > 0 {
				panel.Points = append(panel.Points, p)
			}
		}
	}
	return &figure.Figure{Title: "CNA against test accuracy", Panels: []figure.Panel{panel}, Caption: []string{
		averageNote + "Differs from the slide (close to 200 networks and checkpoints of five image sets and four architectures; window not said; CNA of smoothed test curves): CNA of training inputs, in evaluation mode; snapshots of one training are not independent and count for the average, not for r.",
	}}
}

// accuracyNote is the correlation over trained networks, with its interval.
func (c *Corpus) accuracyNote(all []seen) (string, error) {
	var ends []scored
	for _, s := range all {
		if s.final {
			ends = append(ends, scored{moment: s.moment, value: s.cna, target: s.accuracy})
		}
	}
	note, err := c.correlationNote("all trained networks", ends)
	if err != nil {
		return "", err
	}
	if families := c.families(); len(families) > 1 {
		for _, family := range families {
			var some []scored
			for _, s := range ends {
				if familyOf(s.record) == family {
					some = append(some, s)
				}
			}
			text, err := c.correlationNote(title(family), some)
			if err != nil {
				return "", err
			}
			note += "; " + text
		}
	}
	return fmt.Sprintf("%d trained networks and %d snapshots. Pearson's r of CNA and test accuracy: %s.", len(ends), len(all)-len(ends), note), nil
}

func (c *Corpus) correlationNote(name string, some []scored) (string, error) {
	bar, err := c.correlate(some, nil)
	if err != nil {
		return "", err
	}
	switch {
	case bar.Value == nil:
		return fmt.Sprintf("%s none (%s)", name, bar.Note), nil
	case bar.Interval == nil:
		return fmt.Sprintf("%s %.2f (n %d, no interval: %s)", name, *bar.Value, bar.N, bar.Note), nil
	}
	return fmt.Sprintf("%s %.2f [%.2f, %.2f] (n %d)", name, *bar.Value, bar.Interval[0], bar.Interval[1], bar.N), nil
}

// smoothedCNA is what the authors' programs stored as CNA: the correlation of the smoothed test curve, of all layers with the logits.
func (c *Corpus) smoothedCNA(ctx context.Context, m moment) (value float64, err error) {
	err = c.open(m, func(net *inprocess.Network) error {
		curves, err := c.curvesOf(ctx, net, paperLayers())
		if value = pearson(curves.Test.Alpha, curves.Test.Beta); errors.As(err, new(*measure.UndefinedError)) {
			value, err = math.NaN(), nil
		}
		return err
	})
	return value, err
}

// paperLayers are the options for the layers of the authors' experiments.
func paperLayers() map[string]string {
	return map[string]string{"layers": "paper", "reduce": "mean_channel_sum_space"}
}
