package slides

import (
	"context"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/figure"
)

// time draws loss, accuracy and CNA at the snapshots of epochs, of one network of each architecture.
func (c *Corpus) time(ctx context.Context, o Options) (*figure.Figure, error) {
	label := figure.Axis{Label: "epoch"}
	f := &figure.Figure{Title: "CNA against training time", Panels: []figure.Panel{
		{Title: "training loss", X: label, Y: figure.Axis{Label: "cross-entropy, nats"}},
		{Title: "test accuracy", X: label, Y: figure.Axis{Label: "accuracy, %"}},
		{Title: "CNA of the training set", X: label, Y: figure.Axis{Label: "correlation of α and β"}},
	}}
	families := c.families()
	if o.Network != "" {
		families = []string{""}
	}
	for k, family := range families {
		r, err := c.one(o.Network, func(r *corpora.Record) bool {
			return (family == "" || familyOf(r) == family) && len(c.moments(r)) >= 2
		})
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		moments := c.moments(r)
		rows := make([][3]float64, len(moments))
		err = c.each(ctx, len(moments), func(i int) error {
			train, test, err := c.metrics(moments[i])
			if err != nil {
				return err
			}
			value, err := c.cnaAt(ctx, moments[i])
			rows[i] = [3]float64{train.Loss, 100 * test.Accuracy, value}
			return err
		})
		if err != nil {
			return nil, err
		}
		for p := range f.Panels {
			line := figure.Line{Name: title(familyOf(r)), Colour: k, Marked: true}
			for i := range rows {
				line.X, line.Y = append(line.X, float64(moments[i].epoch)), append(line.Y, rows[i][p])
			}
			f.Panels[p].Lines = append(f.Panels[p].Lines, line)
		}
		f.Caption = append(f.Caption, title(family)+": "+ofNetwork(r)+".")
	}
	if len(f.Panels[0].Lines) == 0 {
		return nil, c.notTrained("a network with snapshots of its training")
	}
	f.Caption = append(f.Caption, "At the snapshots of epochs and at the end, in evaluation mode; not one of the slides' figures.")
	return f, nil
}

// cnaAt is the CNA of a moment on the training set.
func (c *Corpus) cnaAt(ctx context.Context, m moment) (float64, error) {
	state, err := m.state()
	if err != nil {
		return 0, err
	}
	data, err := c.data.For(m.record)
	if err != nil {
		return 0, err
	}
	return c.cnaOf(ctx, m, state, data)
}

// families are the architectures of the networks in the store: those of the slides in their order, then others.
func (c *Corpus) families() []string {
	var names []string
	for _, r := range c.records {
		names = append(names, familyOf(r))
	}
	return ordered(names)
}

func ordered(names []string) []string {
	known := []string{"mlp", "vgg", "resnet"}
	place := func(name string) int {
		for i, k := range known {
			if strings.HasPrefix(name, k) {
				return i
			}
		}
		return len(known)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := place(a) - place(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(names)
}
