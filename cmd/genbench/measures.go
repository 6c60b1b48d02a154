package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/measures"
	"github.com/spf13/cobra"
)

// servePlugin is the whole program when it runs as the plugin of the built-in
// measures: NAME[,NAME...].
func servePlugin(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "genbench plugin: for genbench itself, which starts it with the names of measures")
		return exitUsage
	}
	byName := map[string]measure.Measure{}
	for _, m := range measures.All() {
		byName[m.Info().Name] = m
	}
	var serve []measure.Measure
	for _, name := range strings.Split(args[0], ",") {
		m, ok := byName[name]
		if !ok {
			fmt.Fprintf(stderr, "genbench plugin: no built-in measure %q\n", name)
			return exitUsage
		}
		serve = append(serve, m)
	}
	measure.Serve(serve...)
	return exitOK
}

func measuresCommand(env environment) *cobra.Command {
	c := &cobra.Command{Use: "measures", Short: "List and show measures"}
	c.AddCommand(measuresLs(env), measuresShow(env))
	return c
}

// class is how a measure is ranked: transductive ones read test inputs.
func class(info measure.Info) string {
	if info.Needs.Transductive() {
		return "transductive"
	}
	return "train"
}

// listed is a measure in `measures ls --format json`.
type listed struct {
	Name      string   `json:"name"`
	Family    string   `json:"family"`
	Class     string   `json:"class"`
	Needs     []string `json:"needs"`
	Direction string   `json:"direction"`
	Version   string   `json:"version"`
	Citation  string   `json:"citation"`
}

func measuresLs(env environment) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "ls", Short: "List the built-in measures", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			var list []listed
			for _, m := range measures.All() {
				i := m.Info()
				l := listed{Name: i.Name, Family: i.Family, Class: class(i), Needs: []string{}, Direction: i.Larger.String(), Version: i.Version, Citation: i.Citation}
				for _, n := range i.Needs {
					l.Needs = append(l.Needs, string(n))
				}
				list = append(list, l)
			}
			switch format {
			case "json":
				enc := json.NewEncoder(env.stdout)
				enc.SetIndent("", "  ")
				return enc.Encode(list)
			case "text":
			default:
				return usagef("--format %q: known are text, json", format)
			}
			var rows [][]string
			for _, l := range list {
				predicts := map[string]string{"larger": "larger gap", "smaller": "smaller gap", "unknown": "no claim"}[l.Direction]
				rows = append(rows, []string{l.Name, l.Family, l.Class, predicts, strings.Join(l.Needs, " "), l.Version})
			}
			return plainTable(env.stdout, []string{"measure", "family", "class", "larger predicts", "needs", "version"}, rows)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}

func measuresShow(env environment) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Describe one measure and its options", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			var names []string
			for _, m := range measures.All() {
				if i := m.Info(); i.Name == args[0] {
					return showMeasure(env.stdout, i)
				} else {
					names = append(names, i.Name)
				}
			}
			if near, ok := corpora.Nearest(args[0], names); ok {
				return usagef("no measure %q; did you mean %q? `genbench measures ls` lists them all", args[0], near)
			}
			return usagef("no measure %q; `genbench measures ls` lists them all", args[0])
		},
	}
}

func showMeasure(w io.Writer, i measure.Info) error {
	var needs []string
	for _, n := range i.Needs {
		needs = append(needs, string(n))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s (version %s)\n\n%s\n\n", i.Name, i.Version, i.Doc)
	fmt.Fprintf(&b, "family      %s\nclass       %s\nneeds       %s\ndirection   a larger value predicts: %s gap\nscale       %s\nstochastic  %v\ncitation    %s\n",
		i.Family, class(i), strings.Join(needs, ", "), i.Larger, i.Scale, i.Stochastic, i.Citation)
	if len(i.Options) > 0 {
		fmt.Fprintf(&b, "\noptions, as %s[option=value,...]:\n", i.Name)
	}
	for _, o := range i.Options {
		fmt.Fprintf(&b, "  %s=%s  %s\n", o.Name, o.Default, o.Doc)
		if len(o.Values) > 0 {
			fmt.Fprintf(&b, "      one of %s\n", strings.Join(o.Values, ", "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
