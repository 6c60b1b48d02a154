package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/measures"
	"github.com/spf13/cobra"
)

// listed is a row of `measures ls`, and its JSON.
type listed struct {
	Name       string      `json:"name"`
	Family     string      `json:"family"`
	Class      string      `json:"class"` // train, transductive, control, or "not implemented"
	Needs      []string    `json:"needs"`
	Cost       *listedCost `json:"cost"` // nil: none, or not implemented
	Direction  string      `json:"direction"`
	Scale      string      `json:"scale,omitempty"`
	Stochastic bool        `json:"stochastic"`
	Version    string      `json:"version"`
	Citation   string      `json:"citation"`
	Aliases    []string    `json:"aliases"`
	Reason     string      `json:"reason,omitempty"` // why it is not implemented
}

// listedCost is in passes over costExamples training examples.
type listedCost struct {
	Usual quantity.Cost `json:"usual"`
	Most  quantity.Cost `json:"most"`
}

// notImplemented is the class of what is only named.
const notImplemented = "not implemented"

// listMeasures lists built-ins, controls and what is not implemented.
func listMeasures(ctx context.Context, env environment) ([]listed, error) {
	asked, err := askBuiltins(ctx, env)
	if err != nil {
		return nil, err
	}
	var list []listed
	for k, m := range measures.All() {
		i := m.Info()
		usual, most, err := quantity.Total(asked[k].All, costSize)
		if err != nil {
			return nil, err
		}
		l := listed{
			Name: i.Name, Family: i.Family, Class: class(i), Needs: []string{}, Cost: &listedCost{usual, most}, Direction: i.Larger.String(),
			Scale: i.Scale.String(), Stochastic: i.Stochastic, Version: i.Version, Citation: i.Citation, Aliases: append([]string{}, i.Aliases...),
		}
		for _, n := range i.Needs {
			l.Needs = append(l.Needs, string(n))
		}
		list = append(list, l)
	}
	for _, c := range report.Controls() {
		list = append(list, listed{
			Name: c.Name, Family: report.Control, Class: report.Control, Needs: []string{}, Direction: c.Direction, Citation: c.Citation, Aliases: []string{},
		})
	}
	for _, a := range measures.NotImplemented() {
		list = append(list, listed{
			Name: a.Name, Class: notImplemented, Needs: []string{}, Direction: "unknown", Citation: a.Citation, Aliases: []string{}, Reason: a.Reason,
		})
	}
	return list, nil
}

func measuresLs(env environment) *cobra.Command {
	f := &flags{env: env}
	var family string
	c := &cobra.Command{
		Use: "ls", Short: "List the built-in measures, the controls, and what is not implemented", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"text", "markdown", "json"}, f.format) {
				return usagef("--format %q: known are text, markdown, json", f.format)
			}
			list, err := listMeasures(c.Context(), env)
			if err != nil {
				return err
			}
			if c.Flags().Changed("family") {
				if list, err = ofFamily(list, family); err != nil {
					return err
				}
			}
			return f.writeList(list)
		},
	}
	c.Flags().StringVar(&f.format, "format", "text", "text, markdown or json")
	c.Flags().StringVar(&family, "family", "", "list this family only")
	c.Flags().IntVar(&f.columns, "width", 0, "width of the text table in characters (default: the terminal's; without one, as wide as it gets)")
	return c
}

// ofFamily keeps one family, and refuses one that there is not.
func ofFamily(list []listed, family string) ([]listed, error) {
	var kept []listed
	var families []string
	for _, l := range list {
		if l.Family == family && family != "" {
			kept = append(kept, l)
		}
		if l.Family != "" && !slices.Contains(families, l.Family) {
			families = append(families, l.Family)
		}
	}
	if kept == nil {
		return nil, usagef("--family %q: known are %s", family, strings.Join(families, ", "))
	}
	return kept, nil
}

func (f *flags) writeList(list []listed) error {
	if f.columns < 0 {
		return usagef("--width %d: give a number of characters, or 0", f.columns)
	}
	w := f.env.stdout
	if f.format == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(list)
	}
	header := []string{"measure", "family", "class", "predicts", "cost", "source", "v", "needs"}
	var rows [][]string
	var absent []listed
	for _, l := range list {
		if l.Class == notImplemented {
			absent = append(absent, l)
			continue
		}
		cost := "—"
		if l.Cost != nil {
			cost = l.Cost.Usual.String()
		}
		rows = append(rows, []string{l.Name, l.Family, l.Class, strings.TrimSuffix(predicts(l.Direction), " gap"), cost, shortCitation(l.Citation), orDash(l.Version), orDash(strings.Join(l.Needs, " "))})
	}
	legend := fmt.Sprintf("predicts: the gap that a larger value predicts. source: first author, year, arXiv id. cost: what the host usually computes for the measure alone, in passes over %d training examples: F forward, B gradients, H Hessian products, Ft forward over the test inputs, SVD of all weights. "+
		"Measures share what they need: `genbench plan` has the cost of a set. `genbench measures show NAME` describes a measure.", costSize.Train)
	if f.format == "markdown" {
		return markdownList(w, header, rows, absent, legend)
	}
	width := f.width(w)
	if err := packedTable(w, header, rows, 1, width); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("\n" + wrapped(legend, "", width))
	if len(absent) > 0 {
		b.WriteString("\nNot implemented:\n")
	}
	for _, l := range absent {
		b.WriteString(wrapped("  "+l.Name+": "+l.Reason, "    ", width))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownList(w io.Writer, header []string, rows [][]string, absent []listed, legend string) error {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + strings.ReplaceAll(c, "|", `\|`) + " |")
		}
		b.WriteString("\n")
	}
	line(header)
	b.WriteString(strings.Repeat("|---", len(header)) + "|\n")
	for _, r := range rows {
		line(r)
	}
	b.WriteString("\n" + legend + "\n")
	if len(absent) > 0 {
		b.WriteString("\nNot implemented:\n\n")
	}
	for _, l := range absent {
		fmt.Fprintf(&b, "- `%s`: %s\n", l.Name, l.Reason)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// predicts says a direction in words.
func predicts(direction string) string {
	return map[string]string{"larger": "larger gap", "smaller": "smaller gap"}[direction] + map[string]string{"unknown": "no claim"}[direction]
}

func orDash(s string) string {
	if s == "" {
		return "—"
	}
	return s
}

var (
	citedYear  = regexp.MustCompile(`\b(19|20)[0-9]{2}\b`)
	citedArXiv = regexp.MustCompile(`arXiv:([0-9]{4}\.[0-9]{4,5})`)
)

// shortCitation is the first author, the year and the arXiv id: "Jiang 2019, 1912.02178".
func shortCitation(citation string) string {
	if citation == "" {
		return "—"
	}
	first, _, _ := strings.Cut(citation, ";") // of several sources
	short, _, _ := strings.Cut(first, ",")
	short, _, _ = strings.Cut(short, " and ")
	if year := citedYear.FindString(citedArXiv.ReplaceAllString(first, "")); year != "" && !strings.Contains(short, year) {
		short += " " + year
	}
	if id := citedArXiv.FindStringSubmatch(first); id != nil {
		short += ", " + id[1]
	}
	return short
}
