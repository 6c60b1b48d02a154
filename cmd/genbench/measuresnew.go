package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbench/genbench/internal/scaffold"
	"github.com/genbench/genbench/measures"
	"github.com/spf13/cobra"
)

func measuresNew(env environment) *cobra.Command {
	var language, output, source string
	c := &cobra.Command{
		Use: "new NAME", Short: "Make a folder with a measure of your own", Args: cobra.ExactArgs(1),
		Long: "new makes a folder with a small measure in Go or Python that builds, passes its own test and runs at\n" +
			"once, before genbench is published or installed anywhere: a Go measure finds genbench's source tree by a\n" +
			"replace directive, a Python measure has the package genbench beside it.",
		RunE: func(_ *cobra.Command, args []string) error {
			name := args[0]
			if err := notBuiltin(name); err != nil {
				return err
			}
			if !slices.Contains(scaffold.Languages(), language) {
				return usagef("--lang %q: known are %s", language, strings.Join(scaffold.Languages(), " and "))
			}
			if output == "" {
				output = name
			}
			m := scaffold.Measure{Name: name, Language: language, Dir: output}
			if language == "go" {
				var err error
				if m.Source, err = findSource(source); err != nil {
					return usageError(err)
				}
			}
			if err := scaffold.Write(m); err != nil {
				return usageError(err)
			}
			_, err := fmt.Fprint(env.stdout, nextSteps(m))
			return err
		},
	}
	c.Flags().StringVar(&language, "lang", "go", "go or python")
	c.Flags().StringVar(&output, "output", "", "folder to make (default ./NAME)")
	c.Flags().StringVar(&source, "source", "", "folder of genbench's source, for Go (default: the one that this genbench was built from)")
	return c
}

func usageError(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return err
	}
	return errUsage{err}
}

// notBuiltin refuses a name that selects a built-in measure.
func notBuiltin(name string) error {
	for _, m := range measures.All() {
		i := m.Info()
		for _, taken := range append([]string{i.Name}, i.Aliases...) {
			if strings.EqualFold(taken, name) {
				return usagef("measure %s: the built-in measure %s is called so; choose another name", name, i.Name)
			}
		}
	}
	return nil
}

func findSource(given string) (scaffold.Source, error) {
	var places []string
	if dir, err := os.Getwd(); err == nil {
		places = append(places, dir)
	}
	if exe, err := os.Executable(); err == nil {
		places = append(places, filepath.Dir(exe))
	}
	return scaffold.FindSource(given, version(), places...)
}

// nextSteps says what was made and what to do with it.
func nextSteps(m scaffold.Measure) string {
	// A script is its folder: from outside of it, what genbench writes does not land there.
	program, steps := filepath.Join(m.Dir, "measure.py"), []string{"python3 -m unittest discover " + m.Dir}
	if m.Language == "go" {
		program = "./genbench-measure-" + m.Name
		steps = []string{"cd " + m.Dir, "go test ./...", "go build -o genbench-measure-" + m.Name + " ."}
		if m.Source.Dir == "" {
			steps = slices.Insert(steps, 1, "go mod tidy")
		}
	}
	steps = append(steps, "genbench measures check "+program, "genbench run tiny --plugin "+m.Name+"="+program)
	return fmt.Sprintf("made %s; next:\n\n    %s\n", m.Dir, strings.Join(steps, "\n    "))
}
