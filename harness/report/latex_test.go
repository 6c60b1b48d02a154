package report

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pdflatex is skipped where it is missing, or fails where everything is to be tested.
func pdflatex(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("pdflatex")
	if err == nil {
		err = exec.Command("kpsewhich", "booktabs.sty").Run()
	}
	if err == nil {
		return program
	}
	const format = "pdflatex with the package booktabs is missing: %v"
	if os.Getenv("GENBENCH_TEST_ALL") == "1" {
		t.Fatalf(format, err)
	}
	t.Skipf(format, err)
	return ""
}

// nasty has every character that LaTeX takes for markup, and letters that its
// fonts lack.
const nasty = "a_b%c&d#e$f{g}h^i~j\\k<l>m|n\"o'p`q ψ µ é 中 \U0001F600 --- -1 [-2, -.5] ~2 !`"

// What WriteLaTeX writes is a fragment that LaTeX compiles.
func TestLaTeXCompiles(t *testing.T) {
	program := pdflatex(t)
	_, in := readCorpus(t)
	in.Measures[0].Name = nasty
	in.Notes = append(in.Notes, nasty)
	published := in
	published.Measures = slices.Clone(in.Measures)
	published.Compat = []string{"pgdl", "fgm", "rgm", "cna"}
	bare := largeInput(2)
	bare.Axes, bare.Bootstrap = nil, 20
	in.Measures = slices.Clone(in.Measures)
	in.Measures[0].Name = "pac-bayes-mag-flatness"
	for name, in := range map[string]Input{"axes": in, "compat": published, "no axes": bare, "one network": gridInput(1, 1)} {
		dir := t.TempDir()
		fragment := form(t, func(w *bytes.Buffer) error { return build(t, in).WriteLaTeX(w) })
		if !strings.HasPrefix(fragment, "% Needs \\usepackage{booktabs}") {
			t.Errorf("%s: it begins %q", name, fragment[:40])
		}
		document := "\\documentclass[twocolumn]{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + fragment + "\\end{document}\n"
		if err := os.WriteFile(filepath.Join(dir, "board.tex"), []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-interaction=nonstopmode", "-halt-on-error", "board.tex")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if name != "compat" && bytes.Contains(out, []byte("Overfull \\hbox")) { // the name there is long
			t.Errorf("%s: too wide:\n%s", name, out)
		}
		if err != nil || !bytes.Contains(out, []byte("Output written on board.pdf")) {
			t.Errorf("%s: %v\n%s\n%s", name, err, out, fragment)
		}
	}
}

func TestLaTeXEscapes(t *testing.T) {
	for text, want := range map[string]string{
		"-0.5 [-0.60, 1.00]": "$-$0.5 [$-$0.60, 1.00]",
		"*-0.33":             "*$-$0.33",
		"oracle-0.02":        "oracle-0.02", // a hyphen
		"~1 (1-4)":           `$\sim$1 (1-4)`,
		"100 %":              `100 \%`,
		"Ψ τ ψ a_b":          `$\Psi$ $\tau$ $\psi$ a\_b`,
		"中":                  "[U+4E2D]",
		"a\nb":               "a b",
	} {
		if got := latex(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
