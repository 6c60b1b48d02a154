package slides

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
)

// column is a measure of the bar figures.
type column struct {
	name    string // in the legend
	measure string
	options map[string]string

	// Of the authors' programs, with their margin: the measure's value v and its margin γ, and the released code's γ', to what was correlated.
	published func(v, gamma, released float64) float64
}

// columns are the five measures of the slides.
var columns = []column{
	{name: "CNA-Margin", measure: "cna-margin", published: func(v, _, _ float64) float64 { return v }},
	{name: "L2", measure: "l2norm-product", published: func(v, gamma, released float64) float64 { return math.Exp(v) * math.Abs(gamma) / released }},
	{name: "L2-path", measure: "path-norm-over-margin", published: func(v, gamma, released float64) float64 { return math.Exp(v/2) * math.Abs(gamma) / released }},
	{name: "spectral norm", measure: "l2norm-product", options: map[string]string{"norm": "spectral"}, published: func(v, gamma, released float64) float64 { return math.Exp(v) * math.Abs(gamma) / released }},
	{name: "2018 bound (spec-init-main)", measure: "spec-init-main", published: func(v, gamma, released float64) float64 { return math.Exp(v) * gamma * gamma / released }},
}

// publishedOptions are those with which a measure answers, whatever the margin's sign, what the authors' value can be made from.
var publishedOptions = map[string]map[string]string{
	"cna-margin":            {"axis": "published", "bug_compat": "true", "layers": "paper", "reduce": "mean_channel_sum_space"},
	"l2norm-product":        {"margin_abs": "true"},
	"path-norm-over-margin": {"margin": "rgm"},
	"spec-init-main":        {"margin": "rgm"},
}

// measured is a moment with what is correlated.
type measured struct {
	moment
	values   []float64 // [measure] NaN where undefined
	failure  error     // of one that failed: it costs its value
	trained  float64   // train loss, nats
	loss     float64   // test less train loss, nats
	accuracy float64   // train less test accuracy
}

// kind is a figure of bars.
type kind struct {
	title     string
	which     func(*corpora.Network) bool
	what      string // the networks, in words
	published bars
	summed    bool // its losses were sums over batches; else means over the size of a batch
}

func (c *Corpus) gapNoise(ctx context.Context, o Options) (*figure.Figure, error) {
	return c.gap(ctx, o, kind{"Correlation with the generalization gap: standard data and noise", notShuffled, "networks of clean labels, those of the set gaussian-noise and those with input noise among them", publishedNoise, true})
}

func (c *Corpus) gapShuffled(ctx context.Context, o Options) (*figure.Figure, error) {
	return c.gap(ctx, o, kind{"Correlation with the generalization gap: shuffled labels", shuffledNetwork, "networks with shuffled labels", publishedShuffled, true})
}

func (c *Corpus) gapStandard(ctx context.Context, o Options) (*figure.Figure, error) {
	return c.gap(ctx, o, kind{"Correlation with the generalization gap: standard data", standardNetwork, "networks of clean labels and inputs", publishedStandard, false})
}

// gap draws the correlations of the five measures with the gap, for all networks and each architecture.
func (c *Corpus) gap(ctx context.Context, o Options, k kind) (*figure.Figure, error) {
	var all []measured
	trained, missed := 0, 0
	for _, r := range c.records {
		n := r.Network()
		if !k.which(&n) {
			continue
		}
		trained++
		if !r.Converged {
			missed++
		}
		moments := []moment{c.end(r)}
		if o.Published {
			moments = c.moments(r)
		}
		for _, m := range moments {
			all = append(all, measured{moment: m})
		}
	}
	if trained < leastNetworks {
		return nil, c.notTrained(fmt.Sprintf("%d %s", leastNetworks, k.what))
	}
	if err := c.each(ctx, len(all), func(i int) error { return c.measureAll(ctx, &all[i], o) }); err != nil {
		return nil, err
	}
	f := &figure.Figure{Title: k.title, Stacked: true}
	targets := []target{{"loss gap", func(m *measured) float64 { return m.loss }}, {"accuracy gap", func(m *measured) float64 { return m.accuracy }}}
	if o.Published {
		targets = []target{{"loss gap as published", func(m *measured) float64 { return publishedGap(m, k.summed) }}}
	}
	for i, t := range targets {
		p, err := c.barPanel(all, t, o, i == 0, k.published)
		if err != nil {
			return nil, err
		}
		f.Panels = append(f.Panels, p)
	}
	f.Caption = gapCaption(o, k, trained, missed, len(all))
	for i := range all {
		if err := all[i].failure; err != nil {
			f.Caption = append(f.Caption, fmt.Sprintf("A measure failed, and has no value there: %v.", err))
			break
		}
	}
	if notes := barNotes(f.Panels); notes != "" && !o.Published {
		f.Caption = append(f.Caption, notes)
	}
	return f, nil
}

func gapCaption(o Options, k kind, trained, missed, moments int) []string {
	counted := fmt.Sprintf("%d %s", trained, k.what)
	if missed > 0 {
		counted += fmt.Sprintf("; %d of them stopped before their target loss and are counted", missed)
	}
	const published = " Dashed outlines are the slide's |r|, whose networks are of other data, larger architectures (VGG-18, ResNet-18) and, in number, not said."
	if o.Published {
		gap := "the train and test losses over the size of a batch"
		if k.summed {
			gap = "the losses summed over batches of the training and of the test images, so that the numbers of batches decide"
		}
		return []string{
			fmt.Sprintf("%s, and their snapshots as networks of their own: %d points. Bars are |r|, Pearson's, with the absolute difference of %s.%s", counted, moments, gap, published),
			"As published: the margin of the released code, which is none (it is never positive), under every measure; areas in which parts cancel; products of norms, not their logarithms. No intervals: snapshots are not independent. Before training there is no bound: its distance is 0. Not reproduced: margins of test examples, batch norm in training mode, the bound's other initial weights.",
		}
	}
	return []string{
		counted + ". Bars are Pearson's r, positive where the measure predicts as it claims, with 95 % intervals where the data give one, and the number of networks where the measure is defined." + published,
		"Differs from the slide: trained networks alone, not snapshots; true means per example, in evaluation mode, and the sign of r; the correct margin f_y - max f_j of training examples; the area between curves, not a polygon in which parts cancel; logarithms of the products of norms, which are undefined where the margin is not positive; the bound of the 2018 spectral margin paper (FGM eq. 29) from the network's own initial weights.",
	}
}

// barNotes says why bars or their intervals are missing, each reason once, with the groups.
func barNotes(panels []figure.Panel) string {
	var reasons []string
	groups := map[string][]string{}
	for _, p := range panels {
		for g, row := range p.Bars.Bar {
			for _, b := range row {
				if b.Note == "" {
					continue
				}
				if groups[b.Note] == nil {
					reasons = append(reasons, b.Note)
				}
				if name := p.Bars.Groups[g]; !slices.Contains(groups[b.Note], name) {
					groups[b.Note] = append(groups[b.Note], name)
				}
			}
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	for i, r := range reasons {
		reasons[i] = r + " (" + strings.Join(groups[r], ", ") + ")"
	}
	return "Why a bar or an interval is missing: " + strings.Join(reasons, "; ") + "."
}

// measureAll fills a moment in.
func (c *Corpus) measureAll(ctx context.Context, m *measured, o Options) error {
	train, test, err := c.metrics(m.moment)
	if err != nil {
		return err
	}
	m.trained, m.loss, m.accuracy = train.Loss, test.Loss-train.Loss, train.Accuracy-test.Accuracy
	state, err := m.state()
	if err != nil {
		return err
	}
	tensors := state.Hash()
	return c.open(m.moment, func(net *inprocess.Network) error {
		released := math.NaN()
		for _, col := range columns {
			options := map[string]string{}
			for k, v := range col.options {
				options[k] = v
			}
			if o.Published {
				for k, v := range publishedOptions[col.measure] {
					options[k] = v
				}
			}
			a, undefined, err := c.value(ctx, net, byName(col.measure), options, tensors)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			v := a.Value
			switch {
			case err != nil:
				m.failure, v = fmt.Errorf("%s on network %s: %w", col.measure, m.record.ID, err), math.NaN()
			case undefined != "":
				v = math.NaN()
			case o.Published:
				if col.measure == "cna-margin" {
					released = a.Diagnostics["gamma"]
				}
				v = col.published(v, a.Diagnostics["gamma"], released)
			}
			if math.IsInf(v, 0) {
				v = math.NaN()
			}
			m.values = append(m.values, v)
		}
		return nil
	})
}

func byName(name string) measure.Measure {
	for _, m := range measures.All() {
		if m.Info().Name == name {
			return m
		}
	}
	return nil
}

// publishedGap is the authors' gap: losses as sums of batches' means, which were divided by the number of images in some of their programs.
func publishedGap(m *measured, summed bool) float64 {
	train, test := m.record.Train, m.record.Test
	b := float64(m.record.Training.BatchSize)
	batches := func(n int) float64 { return math.Ceil(float64(n) / b) }
	trainLoss, testLoss := m.trained, m.trained+m.loss
	if summed {
		return math.Abs(batches(train.N)*trainLoss - batches(test.N)*testLoss)
	}
	return math.Abs(batches(train.N)*trainLoss/float64(train.N) - batches(test.N)*testLoss/float64(test.N))
}

// target is what measures are correlated with.
type target struct {
	name string
	of   func(*measured) float64
}

func (c *Corpus) barPanel(all []measured, t target, o Options, overlay bool, published bars) (figure.Panel, error) {
	var families []string
	for i := range all {
		families = append(families, familyOf(all[i].record))
	}
	families = ordered(families)
	groups := families
	if len(families) > 1 {
		groups = append([]string{"all"}, families...)
	}
	low, high := -1.12, 1.0 // room for the numbers of networks
	p := figure.Panel{Title: "with the " + t.name, Y: figure.Axis{Label: "Pearson's r", Min: &low, Max: &high}, Bars: &figure.Bars{}}
	if o.Published {
		p.Y.Label, low = "|r|", -0.08
	}
	for _, col := range columns {
		p.Bars.Series = append(p.Bars.Series, col.name)
	}
	for _, g := range groups {
		name := title(g)
		if g == "all" {
			name = "all"
		}
		row := make([]figure.Bar, len(columns))
		for k := range columns {
			var some []scored
			for i := range all {
				if g == "all" || familyOf(all[i].record) == g {
					some = append(some, scored{moment: all[i].moment, value: all[i].values[k], target: t.of(&all[i])})
				}
			}
			var err error
			if row[k], err = c.bar(some, o, t); err != nil {
				return p, err
			}
			if heights, ok := published[publishedFamily(g)]; ok && overlay {
				row[k].Published = &heights[k]
			}
		}
		p.Bars.Groups, p.Bars.Bar = append(p.Bars.Groups, name), append(p.Bars.Bar, row)
	}
	return p, nil
}

// publishedFamily is the column of the slides that a family is laid under: all VGGs under VGG-18, ResNets but 101 under ResNet-18.
func publishedFamily(family string) string {
	if family != "resnet101" {
		for _, f := range []string{"vgg", "resnet"} {
			if strings.HasPrefix(family, f) {
				return f
			}
		}
	}
	return family
}

// bar is one correlation, as published or as it should be.
func (c *Corpus) bar(some []scored, o Options, t target) (figure.Bar, error) {
	if !o.Published {
		return c.correlate(some, c.testNoise(some, t))
	}
	some = slices.DeleteFunc(slices.Clone(some), func(s scored) bool { return !s.defined() })
	var x, y []float64
	for _, s := range some {
		x, y = append(x, s.value), append(y, s.target)
	}
	r := math.Abs(pearson(x, y))
	if math.IsNaN(r) {
		return figure.Bar{N: len(x), Note: "fewer than three points, or a constant"}, nil
	}
	return figure.Bar{Value: &r, N: len(x), Note: "snapshots are not independent: no interval"}, nil
}
