package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/internal/slides"
	"github.com/spf13/cobra"
)

func figuresCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	var corpus string
	var o slides.Options
	var list strings.Builder
	for _, s := range slides.All() {
		fmt.Fprintf(&list, "  %-14s %s\n", s.Name, s.Doc)
	}
	c := &cobra.Command{
		Use: "figures [NAME...]", Short: "Draw the figures of the CNA work from a corpus",
		Long: "figures draws the figures of the slides that genbench starts from (Gain and Siegelmann 2019,\narXiv:1905.11515) from the networks of a store, each as SVG, PNG and the data as JSON, with what was\npublished laid over them and a caption that says in what they differ. Without names it draws all that the\ncorpus can be drawn from:\n\n" +
			list.String() + "\nIt exits with 3 when a figure that was named cannot be drawn from this corpus. " + corpusHelp,
		Example: "  genbench figures --corpus tiny\n  genbench figures --corpus tiny curves gap-shuffled --published --output published",
		RunE: func(c *cobra.Command, args []string) error {
			chosen, err := chooseSlides(args)
			if err != nil {
				return err
			}
			return f.figures(c.Context(), corpus, chosen, len(args) > 0, o)
		},
	}
	c.Flags().StringVar(&corpus, "corpus", "quick", "the corpus: a built-in name, a YAML file, or the folder of a store")
	c.Flags().StringVar(&f.output, "output", "", "folder for the files (default report/figures in the store)")
	c.Flags().BoolVar(&o.Published, "published", false, "reproduce the defects of the authors' programs where they can be")
	c.Flags().StringVar(&o.Network, "network", "", "the network of figures of one network: its ID, or the beginning of it")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the stochastic measures and of the intervals")
	f.addStore(c)
	f.addEngine(c)
	return c
}

// chooseSlides finds figures by name; no names are all.
func chooseSlides(names []string) ([]slides.Slide, error) {
	all := slides.All()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []slides.Slide
	var known []string
	for _, s := range all {
		known = append(known, s.Name)
	}
	for _, name := range names {
		found := false
		for _, s := range all {
			if s.Name == name {
				chosen, found = append(chosen, s), true
			}
		}
		if near, ok := corpora.Nearest(name, known); !found && ok {
			return nil, usagef("no figure %q; did you mean %q?", name, near)
		}
		if !found {
			return nil, usagef("no figure %q; known are %s", name, strings.Join(known, ", "))
		}
	}
	return chosen, nil
}

// figures draws what is chosen; named says that the user did, so that what cannot be drawn is a gap.
func (f *flags) figures(ctx context.Context, corpus string, chosen []slides.Slide, named bool, o slides.Options) error {
	output := f.output
	f.output = "" // of a table, for check
	c, s, err := f.openSlides(corpus)
	if err != nil {
		return err
	}
	defer c.Close()
	if output == "" {
		output = filepath.Join(s.store.Dir(), "report", "figures")
	}
	said, err := s.draw(ctx, c, output, chosen, named, o)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(f.env.stdout, strings.Join(said, "")); err != nil {
		return err
	}
	return s.drawnFigures(len(said), len(chosen))
}

// draw writes the figures and answers what to say of each that could be drawn.
func (s *stages) draw(ctx context.Context, c *slides.Corpus, output string, chosen []slides.Slide, named bool, o slides.Options) ([]string, error) {
	var said []string
	bar := newProgress(s.env.stderr, s.noProgress, "drawing", len(chosen))
	defer bar.finish()
	for i, slide := range chosen {
		fig, err := slides.Draw(ctx, c, slide, o)
		var lack *slides.LackError
		switch {
		case errors.As(err, &lack) && named:
			s.gap("%v", lack)
		case errors.As(err, &lack):
			bar.printf("genbench: not drawn: %v", lack)
		case err != nil:
			return nil, err
		default:
			text, err := s.writeFigure(output, fig)
			if err != nil {
				return nil, err
			}
			said = append(said, text)
		}
		bar.step(float64(i+1) / float64(len(chosen)))
	}
	return said, nil
}

// drawnFigures says what could not be drawn, and turns it into the exit status.
func (s *stages) drawnFigures(drawn, chosen int) error {
	if drawn == 0 && len(s.gaps) == 0 {
		return fmt.Errorf("no figure can be drawn from corpus %s", s.spec.Name)
	}
	if len(s.gaps) > 0 {
		for _, g := range s.gaps {
			fmt.Fprintf(s.env.stderr, "genbench: gap: %s\n", g)
		}
		return fmt.Errorf("%w: %d of %d figures were not drawn", errGaps, len(s.gaps), chosen)
	}
	return nil
}

// openSlides opens a corpus' store to draw from.
func (f *flags) openSlides(corpus string) (*slides.Corpus, *stages, error) {
	s, err := f.openStages(corpus, readOnly)
	if err != nil {
		return nil, nil, err
	}
	c, err := slides.NewCorpus(slides.Source{
		Store: s.store, Networks: s.networks, Data: s.data, Engine: s.engine, CacheDir: filepath.Join(s.store.Dir(), "cache"), Seed: f.seed, Jobs: f.jobs,
	})
	return c, s, err
}

// writeFigure writes the picture in every format, and the data, and answers what to say of it.
func (f *flags) writeFigure(dir string, fig *figure.Figure) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("writing figure %s: %w", fig.Name, err)
	}
	base := filepath.Join(dir, fig.Name)
	for _, format := range figure.Formats() {
		if err := writeFile(base+"."+format, func(w io.Writer) error { return fig.Draw(w, format) }); err != nil {
			return "", err
		}
	}
	err := writeFile(base+".json", func(w io.Writer) error {
		b, err := json.MarshalIndent(fig, "", " ")
		if err == nil {
			_, err = w.Write(append(b, '\n'))
		}
		return err
	})
	if err != nil {
		return "", err
	}
	width := f.width(f.env.stdout)
	if width == 0 || width > showWidth {
		width = showWidth
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s: %s.{%s,json}\n", fig.Name, base, strings.Join(figure.Formats(), ","))
	for _, p := range fig.Caption {
		text.WriteString(wrapped("  "+p, "  ", width))
	}
	return text.String(), nil
}
