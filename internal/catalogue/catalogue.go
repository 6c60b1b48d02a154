package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models/cpu"
)

// withoutEvidence are the rows that nothing outside can be held against: the controls.
func withoutEvidence() []string { return report.ControlNames() }

// catalogue is all that the table is made of.
type catalogue struct {
	measures []measure.Info
	costs    []quantity.Cost // [measures], usual
	found    []evidence.Found
}

// size is that of corpus quick, which costs are stated for.
var size = quantity.Size{Train: 1000, Test: 2000, Classes: 10}

// collect reads the evidence below root and asks the measures what they take.
func collect(ctx context.Context, root string) (*catalogue, error) {
	c := &catalogue{}
	var err error
	if c.found, err = evidence.Collect(root); err != nil {
		return nil, err
	}
	engine, err := cpu.New("")
	if err != nil {
		return nil, err
	}
	var choices []inprocess.Choice
	for _, m := range measures.All() {
		choices = append(choices, inprocess.Choice{Measure: m})
		c.measures = append(c.measures, m.Info())
	}
	asked, err := inprocess.Ask(ctx, engine, choices, inprocess.Sizes{Train: size.Train, Test: size.Test})
	if err != nil {
		return nil, err
	}
	for _, a := range asked {
		usual, _, err := quantity.Total(a.All, size)
		if err != nil {
			return nil, err
		}
		c.costs = append(c.costs, usual)
	}
	return c, nil
}

// of returns the evidence of a measure, that of its defaults first.
func (c *catalogue) of(name string) []evidence.Found {
	var out []evidence.Found
	for _, f := range c.found {
		if base, _, _ := strings.Cut(f.Measure, "["); base == name && f.Measure != "" {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b evidence.Found) int {
		return cmp.Or(cmp.Compare(a.Measure, b.Measure), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Package, b.Package), cmp.Compare(a.Test, b.Test))
	})
	return out
}

// unknown lists evidence of measures and quantities that there are not.
func (c *catalogue) unknown() []string {
	known := map[string]bool{}
	for _, i := range c.measures {
		known[i.Name] = true
	}
	var out []string
	for _, f := range c.found {
		base, _, _ := strings.Cut(f.Measure, "[")
		if f.Measure != "" && !known[base] || f.Quantity != "" && !slices.Contains(quantity.Names(), f.Quantity) {
			out = append(out, fmt.Sprintf("%s of %s: %s%s", f.Test, f.Package, f.Measure, f.Quantity))
		}
	}
	return out
}

// bare lists the measures without evidence.
func (c *catalogue) bare() []string {
	var out []string
	for _, i := range c.measures {
		if len(c.of(i.Name)) == 0 && !slices.Contains(withoutEvidence(), i.Name) {
			out = append(out, i.Name)
		}
	}
	return out
}

func (c *catalogue) write(b *bytes.Buffer) {
	b.WriteString("# The catalogue of measures\n\n" +
		"Written by `go run ./internal/catalogue --output docs/catalogue.md`; not to be edited. *Held against* says where the expected\n" +
		"values come from, *tolerance* how far ours may be from them, *seen* the largest error that the tests saw, on how many\n" +
		"values. The tests write these figures, and fail where they do not hold. Errors are relative unless said otherwise; a\n" +
		"measure with options in brackets is a variant.\n\n")
	fmt.Fprintf(b, "*Cost* is what the host usually computes for the measure alone, in passes over %d training examples: F forward, B gradients, H Hessian\n"+
		"products, Ft forward over the test inputs, SVD of all weights, FFT norms of all\n"+
		"kernels as circular convolutions (where there are kernels). Measures share what they need: `genbench plan` has the cost of\n"+
		"a set. What moves the values is in [invariance.md](invariance.md); options, symbols and deviations of one measure are in\n"+
		"`genbench measures show NAME`.\n", size.Train)
	families := map[string][]int{}
	var order []string
	for k, i := range c.measures {
		if families[i.Family] == nil {
			order = append(order, i.Family)
		}
		families[i.Family] = append(families[i.Family], k)
	}
	for _, family := range order {
		fmt.Fprintf(b, "\n## %s\n\n| measure | formula | source | held against | tolerance | seen | cost |\n|---|---|---|---|---|---|---|\n", family)
		for _, k := range families[family] {
			c.row(b, k)
		}
	}
	c.quantities(b)
	b.WriteString("\n## Controls\n\nRows of every leaderboard that nothing outside is held against.\n\n| control | what |\n|---|---|\n")
	for _, r := range report.Controls() {
		fmt.Fprintf(b, "| %s | %s |\n", r.Name, escape(r.Doc))
	}
	b.WriteString("\n## Not implemented\n\n| measure | why | source |\n|---|---|---|\n")
	for _, a := range measures.NotImplemented() {
		fmt.Fprintf(b, "| %s | %s | %s |\n", escape(a.Name), escape(a.Reason), escape(a.Citation))
	}
}

func (c *catalogue) row(b *bytes.Buffer, k int) {
	i := c.measures[k]
	sources, tolerances, seen := columns(c.of(i.Name), func(f evidence.Found) string { return strings.TrimPrefix(f.Measure, i.Name) })
	formula := i.Formula
	if formula == "" {
		formula = i.Doc
	}
	fmt.Fprintf(b, "| **%s** | %s | %s | %s | %s | %s | %s |\n", i.Name, escape(formula), escape(i.Citation), sources, tolerances, seen, c.costs[k])
}

// quantities is the table of what the host computes.
func (c *catalogue) quantities(b *bytes.Buffer) {
	by := map[string][]evidence.Found{}
	for _, f := range c.found {
		if f.Quantity != "" {
			by[f.Quantity] = append(by[f.Quantity], f)
		}
	}
	b.WriteString("\n## Quantities of the host\n\nWhat measures are made of, where it was held against something outside by itself.\n\n" +
		"| quantity | held against | tolerance | seen |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(by)) {
		sources, tolerances, seen := columns(by[name], func(evidence.Found) string { return "" })
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", name, sources, tolerances, seen)
	}
}

// columns are the evidence's cells, a line an entry.
func columns(found []evidence.Found, variant func(evidence.Found) string) (sources, tolerances, seen string) {
	if len(found) == 0 {
		return "—", "—", "—"
	}
	var s, t, e []string
	for _, f := range found {
		source := escape(f.Source)
		if v := variant(f); v != "" {
			source = escape(v) + " " + source
		}
		unit := ""
		switch f.Unit {
		case evidence.RelativeError:
		case evidence.AbsoluteError:
			unit = " absolute"
		default:
			unit = " " + strings.TrimPrefix(string(f.Unit), string(evidence.RelativeError)+" ")
		}
		s = append(s, source)
		t = append(t, fmt.Sprintf("%.2g%s", f.Tolerance, unit))
		e = append(e, fmt.Sprintf("%.2g (%d)", f.Error, f.Values))
	}
	return strings.Join(s, "<br>"), strings.Join(t, "<br>"), strings.Join(e, "<br>")
}

// escape keeps text within a cell of a Markdown table.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", "*", `\*`, "_", `\_`).Replace(s)
}
