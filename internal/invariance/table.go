package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/rewrite"
)

// still is the change below which a value counts as unmoved: what rounding in float32 does to sums over
// a network.
const still = 1e-4

// write prints the probes as Markdown.
func write(w io.Writer, engine string, ms []measure.Measure, probes []*probed) error {
	var b strings.Builder
	b.WriteString("# What moves the measures\n\n" +
		"Written by `go run ./internal/invariance --output docs/invariance.md`; not to be edited. It shows what each measure does when a\n" +
		"network is written down in another way. Nothing here is asserted: a measure that a rescaling moves is not wrong, but its\n" +
		"value is one of a parametrisation and not of a function alone.\n\n")
	fmt.Fprintf(&b, "Networks: multi-layer perceptrons of 3 hidden layers of 24 units, without and with batch norm, and a residual network: a 3x3\n"+
		"convolution of stride 2 to 8 channels, a block of two with an identity shortcut, a mean over places and a dense layer, trained on 300 images of\n"+
		"fmnist-mini to a cross-entropy of 0.01 (engine %s). In the residual network units are permuted and layers rescaled within the block: what a\n"+
		"shortcut carries has a place and a scale that both branches share. A cell is the relative change of the value, with the same seeds before and\n"+
		"after; of a measure on log scale, of what it is the logarithm of. **=**: at most %g. **~**: more than that, and\n"+
		"no more than the noise, the largest change that %d other seeds make: transformations that move the weights' places let the\n"+
		"same draws fall on other weights. —: does not apply, or not stochastic.\n\n", engine, still, seeds)
	for _, t := range rewrite.All() {
		fmt.Fprintf(&b, "- **%s**: %s.\n", t.Name, t.What)
	}
	for _, p := range probes {
		p.write(&b, ms)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *probed) write(b *strings.Builder, ms []measure.Measure) {
	fmt.Fprintf(b, "\n## %s\n\n| |", p.title)
	var heads []int
	for i, t := range rewrite.All() {
		if !math.IsNaN(p.function[i]) {
			heads = append(heads, i)
			fmt.Fprintf(b, " %s |", t.Name)
		}
	}
	b.WriteString(" other seeds |\n|---|" + strings.Repeat("---|", len(heads)+1) + "\n| *logits* |")
	for _, i := range heads {
		b.WriteString(" " + cell(p.function[i], 0) + " |")
	}
	b.WriteString(" |\n")
	for m, of := range ms {
		info := of.Info()
		fmt.Fprintf(b, "| %s |", info.Name)
		for _, i := range heads {
			b.WriteString(" " + p.cell(info.Scale, m, i) + " |")
		}
		noise := "—"
		if info.Stochastic {
			noise = cell(p.noise[m], 0)
		}
		b.WriteString(" " + noise + " |\n")
	}
}

// cell says what a transformation does to a measure.
func (p *probed) cell(scale measure.Scale, m, transformation int) string {
	a, b := p.values[m][0], p.values[m][1+transformation]
	switch {
	case a.err != nil && b.err != nil:
		return reason(a.err)
	case a.err != nil:
		return "had no value, then one"
	case b.err != nil:
		return reason(b.err)
	}
	return cell(change(scale, a.value, b.value), p.noise[m])
}

// reason is undefined, missing or failed, in one word.
func reason(err error) string {
	if _, ok := measure.IsUndefined(err); ok {
		return "undefined"
	}
	return "no value"
}

// cell writes a change.
func cell(c, noise float64) string {
	switch {
	case c <= still:
		return "="
	case c <= noise:
		return "~ " + digits(c)
	}
	return digits(c)
}

// digits writes a number with two of them.
func digits(v float64) string {
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		return "from 0"
	case v >= 1e4:
		return fmt.Sprintf("%.1e", v)
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2g", v)
}
