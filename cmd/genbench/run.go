package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

const corpusUse = " [CORPUS]"

const corpusHelp = "CORPUS is the name of a built-in corpus (default quick;\nsee `genbench corpus ls`), a YAML file, or the folder of a store."

// corpusName is the corpus that the arguments name.
func corpusName(args []string) string {
	if len(args) == 0 {
		return "quick"
	}
	return args[0]
}

func runCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "run" + corpusUse, Short: "Train or load a corpus, measure it, print the leaderboard",
		Long: "run trains what is missing of a corpus, computes what is missing of every measure, and\nprints the leaderboard. It takes the measures that the corpus lists, and the programs of --plugin and of\nplugin folders; --measures '*' takes all. " + corpusHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.withStages(corpusName(args), created, func(s *stages) error {
				return s.locked(func() error { return s.run(c.Context()) })
			})
		},
	}
	f.addStore(c)
	f.addEngine(c)
	f.addGroupSize(c)
	f.addMeasures(c)
	f.addFormat(c)
	f.addScore(c)
	return c
}

func (s *stages) run(ctx context.Context) error {
	stop, err := s.startPlugins(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := s.train(ctx); err != nil {
		return err
	}
	if err := s.measure(ctx); err != nil {
		return err
	}
	if err := s.score(); err != nil {
		return err
	}
	return s.finish()
}

func trainCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "train" + corpusUse, Short: "Train what is missing of a corpus", Long: "train trains the networks of a corpus that its store lacks. " + corpusHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.withStages(corpusName(args), created, func(s *stages) error {
				return s.locked(func() error {
					if err := s.train(c.Context()); err != nil {
						return err
					}
					return s.finish()
				})
			})
		},
	}
	f.addStore(c)
	f.addEngine(c)
	f.addGroupSize(c)
	return c
}

func measureCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "measure" + corpusUse, Short: "Compute what is missing of the measures", Long: "measure computes the measures of the networks that the store holds, and trains nothing. " + corpusHelp,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.withStages(corpusName(args), existing, func(s *stages) error {
				return s.locked(func() error {
					stop, err := s.startPlugins(c.Context())
					if err != nil {
						return err
					}
					defer stop()
					if err := s.measure(c.Context()); err != nil {
						return err
					}
					return s.finish()
				})
			})
		},
	}
	f.addStore(c)
	f.addEngine(c)
	f.addMeasures(c)
	return c
}

// withStages opens the corpus and hands it on.
func (f *flags) withStages(corpus string, wants storeState, work func(*stages) error) error {
	s, err := f.openStages(corpus, wants)
	if err != nil {
		return err
	}
	return work(s)
}

// locked does work while no other run may use the store.
func (s *stages) locked(work func() error) error {
	release, err := s.store.Lock()
	if err != nil {
		return err
	}
	defer release()
	return work()
}

func seconds(s float64) string {
	switch {
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	case s < 2*3600:
		return fmt.Sprintf("%.1f min", s/60)
	}
	return fmt.Sprintf("%.1f h", s/3600)
}

func bytesOf(n int64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
