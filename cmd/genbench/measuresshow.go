package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
	"github.com/spf13/cobra"
)

func measuresShow(env environment) *cobra.Command {
	f := &flags{env: env}
	var network ofNetwork
	c := &cobra.Command{
		Use: "show NAME", Short: "Describe one measure and its options", Args: cobra.ExactArgs(1),
		Long: "show describes a built-in measure, by its name or an alias, a control, or one that is not implemented.\nWith --network it draws the (α, β) curves of one network, of training and test inputs, and prints what\ncna, cna-area and cna-margin say of it.",
		RunE: func(c *cobra.Command, args []string) error {
			if f.columns < 0 {
				return usagef("--width %d: give a number of characters, or 0", f.columns)
			}
			if network.id != "" {
				return network.show(c.Context(), f, args[0])
			}
			page, err := f.describe(c.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(env.stdout, page)
			return err
		},
	}
	c.Flags().IntVar(&f.columns, "width", 0, "width of the text in characters (default: the terminal's, 100 at the most)")
	network.add(c, f)
	return c
}

// describe finds what a name means.
func (f *flags) describe(ctx context.Context, name string) (string, error) {
	var names []string
	for k, m := range measures.All() {
		i := m.Info()
		names = append(append(names, i.Name), i.Aliases...)
		found := i.Name == name
		for _, a := range i.Aliases {
			found = found || strings.EqualFold(a, name)
		}
		if found {
			asked, err := askBuiltins(ctx, f.env)
			if err != nil {
				return "", err
			}
			return f.measurePage(i, asked[k])
		}
	}
	for _, c := range report.Controls() {
		names = append(names, c.Name)
		if c.Name == name {
			p := f.page(c.Name + " (control)")
			p.text("", c.Doc+". A row of every leaderboard, not a measure that can be asked for.")
			p.text("predicts", claim(c.Direction))
			p.text("citation", c.Citation)
			return p.String(), nil
		}
	}
	for _, a := range measures.NotImplemented() {
		names = append(names, a.Name)
		if a.Name == name {
			p := f.page(a.Name + " is not implemented")
			p.text("", a.Reason+".")
			p.text("citation", a.Citation)
			return p.String(), nil
		}
	}
	if near, ok := corpora.Nearest(name, names); ok {
		return "", usagef("no measure %q; did you mean %q? `genbench measures ls` lists them all", name, near)
	}
	return "", usagef("no measure %q; `genbench measures ls` lists them all", name)
}

// claim says a direction in a sentence.
func claim(direction string) string {
	if direction == "unknown" {
		return "no claim; it is ranked as if a larger value predicted a larger gap"
	}
	return "a larger value predicts a " + predicts(direction)
}

// page is text under construction, in fields with a name at the left.
type page struct {
	strings.Builder
	width int
}

// showWidth is the widest that running text is comfortable to read.
const showWidth = 100

func (f *flags) page(title string) *page {
	p := &page{width: f.width(f.env.stdout)}
	if p.width == 0 || f.columns == 0 && p.width > showWidth {
		p.width = showWidth
	}
	p.WriteString(title + "\n\n")
	return p
}

// fieldIndent is as wide as the widest name of a field, and two.
const fieldIndent = "            "

// text writes a field; without a name a paragraph, without text nothing.
func (p *page) text(name, text string) {
	switch {
	case text == "":
	case name == "":
		p.WriteString(wrapped(text, "", p.width) + "\n")
	default:
		p.WriteString(wrapped(name+fieldIndent[len(name):]+text, fieldIndent, p.width))
	}
}

func (f *flags) measurePage(i measure.Info, asked inprocess.Asked) (string, error) {
	p := f.page(fmt.Sprintf("%s (version %s)", i.Name, i.Version))
	p.text("", i.Doc)
	p.text("formula", i.Formula)
	p.text("deviations", i.Deviations)
	p.text("citation", i.Citation)
	p.text("aliases", strings.Join(i.Aliases, ", "))
	p.text("family", i.Family)
	p.text("class", map[string]string{
		report.Train:        "train: it sees the network and its training data",
		report.Transductive: "transductive: it also sees test inputs, without labels",
	}[class(i)])
	p.text("predicts", claim(i.Larger.String()))
	p.text("scale", map[measure.Scale]string{
		measure.Raw: "raw: the quantity itself", measure.Log: "log: the natural logarithm of the quantity",
	}[i.Scale])
	if i.Stochastic {
		p.text("stochastic", "the value depends on the run's seed")
	}
	if err := p.needs(i, asked); err != nil {
		return "", err
	}
	if len(i.Options) > 0 {
		fmt.Fprintf(p, "\noptions, as %s[option=value,...]:\n", i.Name)
	}
	for _, o := range i.Options {
		text := fmt.Sprintf("%s=%s: %s", o.Name, o.Default, o.Doc)
		if len(o.Values) > 0 {
			text += "; one of " + strings.Join(o.Values, ", ")
		}
		p.WriteString(wrapped("  "+text, "      ", p.width))
	}
	return p.String(), nil
}

// needs lists the quantities with what each takes.
func (p *page) needs(i measure.Info, asked inprocess.Asked) error {
	fmt.Fprintf(p, "\nneeds, with passes over %d training examples (usual, at the most):\n", costSize.Train)
	costs := map[string][2]quantity.Cost{}
	for _, r := range asked.Needs {
		u, m, err := r.Cost(costSize)
		if err != nil {
			return err
		}
		costs[r.Name] = [2]quantity.Cost{costs[r.Name][0].Plus(u), costs[r.Name][1].Plus(m)} // with other arguments, once more
	}
	line := func(name string, usual, most quantity.Cost) {
		text := usual.String()
		if usual != most {
			text += ", at most " + most.String()
		}
		fmt.Fprintf(p, "  %-20s %s\n", name, text)
	}
	for _, n := range i.Needs {
		c, ok := costs[string(n)]
		switch {
		case ok:
			line(string(n), c[0], c[1])
		case n == measure.TestInputs:
			fmt.Fprintf(p, "  %-20s seen through the others\n", n)
		case n == measure.PerturbedLosses:
			fmt.Fprintf(p, "  %-20s 1F for each perturbation\n", n)
		default:
			fmt.Fprintf(p, "  %-20s not asked for with the default options\n", n)
		}
	}
	usual, most, err := quantity.Total(asked.All, costSize)
	if err != nil {
		return err
	}
	line("all, and theirs", usual, most)
	return nil
}
