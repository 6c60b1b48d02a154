package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/genbench/genbench/harness/report"
	"github.com/spf13/cobra"
)

// unaudited are flags of score that change nothing in an audit.
var unaudited = []string{"compat", "permutations"}

func auditCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "audit" + corpusUse, Short: "Say how fragile each measure's score is", Args: cobra.MaximumNArgs(1),
		Long: "audit computes each score once more with one choice changed at a time: without an axis, without a level,\n" +
			"with the loss gap, without the noise filter, with networks that missed the target loss, seed by seed, and\n" +
			"on the networks that all measures share. It says which changes move the score beyond its own interval.\n" +
			"It trains and measures nothing. " + corpusHelp,
		Example: "  genbench audit quick\n  genbench audit --values runs.csv --format markdown",
		RunE: func(c *cobra.Command, args []string) error {
			for _, name := range unaudited {
				if c.Flags().Changed(name) {
					return usagef("--%s: an audit does not use it; `genbench score` does", name)
				}
			}
			if c.Flags().Changed("values") {
				in, err := f.valuesInput(c, args)
				if err != nil {
					return err
				}
				return f.auditInput(in)
			}
			return f.withStages(corpusName(args), readOnly, func(s *stages) error {
				stop, err := s.startPlugins(c.Context()) // they say which measures there are, in which version
				if err != nil {
					return err
				}
				defer stop()
				if err := s.readResults(); err != nil {
					return err
				}
				if err := s.audit(); err != nil {
					return err
				}
				return s.finish()
			})
		},
	}
	f.addStore(c)
	f.addEngine(c)
	f.addMeasures(c)
	f.addTable(c)
	f.addScore(c)
	f.addValues(c)
	for _, name := range unaudited {
		if err := c.Flags().MarkHidden(name); err != nil {
			panic(err) // a flag that addScore has not
		}
	}
	return c
}

// audit audits what the store holds.
func (s *stages) audit() error {
	records, err := s.records()
	if err != nil {
		return err
	}
	if missing := len(s.networks) - len(records); missing > 0 {
		s.gap("%d of %d networks are not trained", missing, len(s.networks))
	}
	t := s.harness.Table(records, s.set)
	s.noteGaps(t)
	in, err := s.boardInput(t)
	if err != nil {
		return err
	}
	if len(in.Networks) == 0 {
		return fmt.Errorf("no network to audit: none in the store %s can be scored", s.store.Dir())
	}
	return s.auditInput(in)
}

func (f *flags) auditInput(in report.Input) error {
	a, err := report.Audit(in)
	if err != nil {
		return err
	}
	return f.printWritten(a)
}

// addTable adds the flags of a table that explains itself.
func (f *flags) addTable(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "format", "text", strings.Join(formats, ", "))
	c.Flags().StringVar(&f.output, "output", "", "write the table to this file instead of standard output")
	c.Flags().IntVar(&f.columns, "width", 0, "width of the text table in characters (default: the terminal's; without one, as wide as it gets)")
}

// written is a table that has every format.
type written interface {
	WriteText(w io.Writer, width int) error
	WriteMarkdown(w io.Writer) error
	WriteCSV(w io.Writer) error
	WriteJSON(w io.Writer) error
	WriteLaTeX(w io.Writer) error
}

// printWritten writes a table where and as the flags say.
func (f *flags) printWritten(t written) error {
	write := func(w io.Writer) error {
		switch f.format {
		case "markdown":
			return t.WriteMarkdown(w)
		case "csv":
			return t.WriteCSV(w)
		case "json":
			return t.WriteJSON(w)
		case "latex":
			return t.WriteLaTeX(w)
		}
		return t.WriteText(w, f.width(w))
	}
	if f.output != "" {
		return writeFile(f.output, write)
	}
	return write(f.env.stdout)
}
