package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/internal/slides"
	"github.com/genbench/genbench/measures"
	"github.com/spf13/cobra"
)

// ofNetwork are the flags of `measures show` for one network.
type ofNetwork struct {
	id, corpus string
}

func (n *ofNetwork) add(c *cobra.Command, f *flags) {
	c.Flags().StringVar(&n.id, "network", "", "of cna, cna-area and cna-margin: draw and print the diagnostics of this network, an ID or its beginning")
	c.Flags().StringVar(&n.corpus, "corpus", "quick", "with --network: the corpus that it is of, a built-in name, a YAML file, or the folder of a store")
	c.Flags().StringVar(&f.output, "output", "", "with --network: folder for the files (default report/figures in the store)")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "with --network: seed of the stochastic measures")
	f.addStore(c)
	f.addEngine(c)
}

// withCurves are the measures that have (α, β) curves.
var withCurves = []string{"cna", "cna-area", "cna-margin"}

// show draws the curves of the network and prints what the measures say of it.
func (n *ofNetwork) show(ctx context.Context, f *flags, pattern string) error {
	name, options, err := harness.ParseVariant(pattern)
	if err != nil {
		return errUsage{err}
	}
	if !slices.Contains(withCurves, strings.ToLower(name)) {
		return usagef("measures show %s --network: curves are of %s", name, strings.Join(withCurves, ", "))
	}
	for _, m := range measures.All() {
		if info := m.Info(); info.Name == strings.ToLower(name) {
			if _, err := info.Resolve(options); err != nil {
				return errUsage{err}
			}
		}
	}
	output := f.output
	f.output = ""
	c, s, err := f.openSlides(n.corpus)
	if err != nil {
		return err
	}
	defer c.Close()
	d, fig, err := c.Diagnose(ctx, n.id, options)
	if err != nil {
		return err
	}
	fig.Name = "curves-" + d.ID
	if output == "" {
		output = filepath.Join(s.store.Dir(), "report", "figures")
	}
	text, err := f.writeFigure(output, fig)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f.env.stdout, text+"\n"+diagnoses(d))
	return err
}

// diagnoses is the table of what the measures say.
func diagnoses(d *slides.Diagnosis) string {
	var b strings.Builder
	line := func(name, key, what string) {
		v, ok := d.Values[key]
		text := strconv.FormatFloat(v, 'g', 6, 64)
		if !ok {
			text = "undefined"
			if reason := d.Undefined[key]; reason != "" {
				text += ": " + reason
			}
		}
		fmt.Fprintf(&b, "  %-18s %-12s %s\n", name, text, what)
	}
	line("cna", "cna", "correlation of α and β over training inputs")
	line("cna-area", "cna-area", "area between the curves")
	line("floor", "split-half-area", "area between the curves of halves of the training inputs: the noise of smoothing")
	line("gamma", "gamma", "training margin, 5th percentile")
	line("cna-margin", "cna-margin", "area times margin")
	line("layers", "layers", "over which β is a slope")
	line("examples", "examples", "of each split, in the curves")
	fmt.Fprintf(&b, "  %-18s %-12.6g %s\n", "smoothed test", d.CurveCorrelation, "correlation of the smoothed test curve, which the authors' programs stored as CNA")
	return b.String()
}
