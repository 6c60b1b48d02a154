package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/spf13/cobra"
)

func corpusCommand(env environment) *cobra.Command {
	c := &cobra.Command{Use: "corpus", Short: "List, show, verify and import corpora"}
	c.AddCommand(corpusLs(env), corpusShow(env), corpusVerify(env), corpusImport(env))
	return c
}

func corpusLs(env environment) *cobra.Command {
	return &cobra.Command{
		Use: "ls", Short: "List the built-in corpora", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var rows [][]string
			for _, name := range corpora.Builtin() {
				spec, err := corpora.Find(name)
				if err != nil {
					return err
				}
				nets, err := spec.Networks()
				if err != nil {
					return err
				}
				rows = append(rows, []string{name, fmt.Sprint(len(nets)), nets[0].Set, strings.Join(spec.Axes(), " ")})
			}
			return plainTable(env.stdout, []string{"corpus", "networks", "data", "axes"}, rows)
		},
	}
}

func corpusShow(env environment) *cobra.Command {
	return &cobra.Command{
		Use: "show" + corpusUse, Short: "Print a corpus' specification", Args: cobra.MaximumNArgs(1), Long: corpusHelp,
		RunE: func(_ *cobra.Command, args []string) error {
			source, err := corpusSource(corpusName(args))
			if err != nil {
				return err
			}
			_, err = env.stdout.Write(source)
			return err
		},
	}
}

// corpusSource is the text of a corpus: YAML of a built-in one or a file, JSON of
// what a store holds.
func corpusSource(name string) ([]byte, error) {
	if source, err := corpora.Source(name); err == nil {
		return source, nil
	}
	spec, err := corpora.Find(name) // a file must be a corpus to be shown as one
	if err != nil {
		return nil, errUsage{err}
	}
	if info, err := os.Stat(name); err != nil || !info.IsDir() {
		return os.ReadFile(name)
	}
	text, err := json.MarshalIndent(spec, "", "  ")
	return append(text, '\n'), err
}

func corpusVerify(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "verify" + corpusUse, Short: "Check every checkpoint and stored accuracy", Args: cobra.MaximumNArgs(1),
		Long: "verify reads every network of a store, checks its sums, and evaluates it again. It exits with 1\nwhen a checkpoint or a stored accuracy does not hold, and else with 3 when networks are missing. " + corpusHelp,
		RunE: func(c *cobra.Command, args []string) error {
			s, err := f.openStages(corpusName(args), readOnly)
			if err != nil {
				return err
			}
			bar := newProgress(env.stderr, f.noProgress, "verifying", len(s.networks))
			done := 0
			held, bad, missing, err := corpora.Verify(c.Context(), s.store, s.networks, s.engine, f.data, func(id string, err error) {
				if err != nil {
					bar.printf("%s: %v", id, err)
				}
				done++
				bar.step(float64(done) / float64(len(s.networks)))
			})
			bar.finish()
			if err != nil {
				return err
			}
			fmt.Fprintf(env.stdout, "%d networks hold, %d do not, %d of %d are not trained\n", held, bad, missing, len(s.networks))
			switch {
			case bad > 0:
				return fmt.Errorf("%d of %d networks do not hold", bad, len(s.networks))
			case missing > 0:
				return fmt.Errorf("%w: %d of %d networks are not trained; `genbench train` does that", errGaps, missing, len(s.networks))
			}
			return nil
		},
	}
	f.addStore(c)
	f.addEngine(c)
	return c
}
