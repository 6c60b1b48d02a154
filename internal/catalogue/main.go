// Command catalogue prints docs/catalogue.md: every built-in measure with its formula and source, and what
// the tests found when they held its values against something that genbench did not write.
//
//	go run ./internal/catalogue > docs/catalogue.md
//
// Formulas and sources are the measures' own descriptions. The figures are those of package evidence, which
// the tests keep; none is typed here. What a measure costs is told by `genbench measures ls`.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures"
)

func main() {
	log.SetFlags(0)
	if err := write(os.Stdout, "."); err != nil {
		log.Fatalf("catalogue: %v", err)
	}
}

// write prints the page of the tree at root.
func write(w io.Writer, root string) error {
	found, err := evidence.Collect(root)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# The catalogue

Every built-in measure: what it computes, where it is from, and what its values were held against. Made by
`+"`go run ./internal/catalogue`"+` from the measures' own descriptions and from the evidence that the tests keep. Options,
deviations and needs: `+"`genbench measures show NAME`"+`; costs: `+"`genbench measures ls`"+`; what moves a measure without moving the
network's function: [invariance.md](invariance.md).

%d measures, %d comparisons.
`, len(measures.All()), len(found))
	for _, family := range families() {
		fmt.Fprintf(&b, "\n## %s\n\n| measure | formula | source |\n|---|---|---|\n", family)
		var checks strings.Builder
		for _, m := range measures.All() {
			i := m.Info()
			if i.Family != family {
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", i.Name, cell(formula(i)), cell(i.Citation))
			for _, f := range found {
				if subject(f.Measure) == i.Name {
					fmt.Fprintf(&checks, "| %s | %s | %s, %s | %s | %s | %d |\n", cell(f.Measure), cell(f.Source), f.Package, f.Test, number(f.Error), number(f.Tolerance)+" "+string(f.Unit), f.Values)
				}
			}
		}
		fmt.Fprintf(&b, "\n| measure | expected values from | test | largest error | tolerance | values |\n|---|---|---|---|---|---|\n%s", checks.String())
	}
	fmt.Fprint(&b, "\n## Not implemented\n\n| measure | why | source |\n|---|---|---|\n")
	for _, a := range measures.NotImplemented() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(a.Name), cell(a.Reason), cell(a.Citation))
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// families in the order of their first measure.
func families() []string {
	var names []string
	for _, m := range measures.All() {
		if f := m.Info().Family; !slices.Contains(names, f) {
			names = append(names, f)
		}
	}
	return names
}

func formula(i measure.Info) string {
	if i.Formula == "" {
		return i.Doc
	}
	return i.Formula
}

// subject is the measure's name without options.
func subject(name string) string {
	name, _, _ = strings.Cut(name, "[")
	return name
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 2, 64) }

// cell escapes what would end a table's cell or be taken for markup.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "_", `\_`, "<", "&lt;").Replace(s)
}
