package report

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// wilson is Wilson's score interval of a proportion.
func wilson(r, n float64) (p float64, ci Interval) {
	p = r / n
	z := distuv.UnitNormal.Quantile(.975)
	centre, half := (2*r+z*z)/(2*(n+z*z)), z*math.Sqrt(z*z+4*r*(1-p))/(2*(n+z*z))
	return p, Interval{centre - half, centre + half}
}

// The difference of two proportions from Wilson's limits is method 10 of Newcombe
// 1998 (Statistics in Medicine 17(8), Table II), whose printed limits these are.
func TestDifferenceIntervalIsNewcombes(t *testing.T) {
	for _, c := range []struct {
		r1, n1, r2, n2 float64
		low, high      float64
	}{
		{56, 70, 48, 80, .0524, .3339},
		{9, 10, 3, 10, .1705, .8090},
		{6, 7, 2, 7, .0582, .8062},
		{5, 56, 0, 29, -.0381, .1926},
		{0, 10, 0, 20, -.1611, .2775},
		{10, 10, 0, 20, .6791, 1},
		{10, 10, 0, 10, .6075, 1},
	} {
		p1, ci1 := wilson(c.r1, c.n1)
		p2, ci2 := wilson(c.r2, c.n2)
		got := DifferenceInterval(p1, ci1, p2, ci2)
		if math.Abs(got[0]-c.low) > 5e-5 || math.Abs(got[1]-c.high) > 5e-5 {
			t.Errorf("%v/%v - %v/%v: %.4f, want [%v %v]", c.r1, c.n1, c.r2, c.n2, got, c.low, c.high)
		}
	}
}

// Symmetric intervals add as standard errors do: 3, 4, 5.
func TestDifferenceIntervalOfSymmetricOnes(t *testing.T) {
	if got := DifferenceInterval(10, Interval{7, 13}, 8, Interval{4, 12}); got != (Interval{-3, 7}) {
		t.Errorf("%v, want [-3 7]", got)
	}
}

func compared(t testing.TB, a, b *Board, by string) *Compared {
	t.Helper()
	c, err := Compare(a, b, "before", "after", by)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// handBoard is a board of Ψ with intervals of half width .1.
func handBoard(corpus string, psi map[string]float64, order ...string) *Board {
	b := &Board{Schema: Schema, Corpus: corpus, Models: 18, Axes: []string{"depth"}, Configurations: 9, Seeds: [2]int{2, 2}, Repeats: "mean", Gap: AccuracyGap, Rows: []Row{}}
	place := 0
	for _, name := range order {
		if name != "random" {
			place++
		}
		v, tau, place := psi[name], psi[name]/2, place
		r := Row{Measure: name, Class: Train, Direction: "larger", Psi: &v, PsiCI: &Interval{v - .1, v + .1}, Tau: &tau, Rank: &place,
			PsiByAxis: map[string]*float64{"depth": &v}, SignError: &SignError{Mean: .25}, Notes: map[string]string{"tau_ci": "no bootstrap was asked for"}}
		if name == "random" {
			r.Class, r.Rank = Control, nil
		}
		b.Rows = append(b.Rows, r)
	}
	return b
}

// Two intervals of half width .1 give a difference of half width .1·√2 = .141.
func handBoards() (a, b *Board) {
	a = handBoard("quick", map[string]float64{"up": .2, "stays": .3, "down": .4, "gone": .1, "random": 0}, "down", "stays", "up", "gone", "random")
	b = handBoard("wide", map[string]float64{"up": .35, "stays": .44, "down": .1, "new": .5, "random": .3}, "new", "stays", "up", "random", "down")
	b.Models, b.Dropped = 20, map[string]int{"missed the target training loss": 2}
	return a, b
}

func TestCompare(t *testing.T) {
	a, b := handBoards()
	c := compared(t, a, b, "")
	want := map[string]string{"down": "down", "stays": "~", "up": "up", "gone": "only A", "random": "up", "new": "only B"}
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.moved() != want[r.Measure] {
			t.Errorf("%s: %s, want %s", r.Measure, r.moved(), want[r.Measure])
		}
		delete(want, r.Measure)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	if got, want := c.Summary, "2 of 3 measures moved beyond their interval; 1 of 1 control; 2 measures on one board only"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := strings.Join(c.Warnings, "\n"); got != "corpora: quick against wide\nnetworks scored: 18 against 20\ndropped networks: none against 2 (missed the target training loss)" {
		t.Errorf("warnings:\n%s", got)
	}
	d := c.Rows[0].Difference
	same(t, "difference", &d.Value, -.3)
	same(t, "low", &d.Interval[0], -.3-.1*math.Sqrt2)
	same(t, "high", &d.Interval[1], -.3+.1*math.Sqrt2)
	goldens(t, "compare", map[string]func(*bytes.Buffer) error{
		".txt": func(w *bytes.Buffer) error { return c.WriteText(w, 0) },
		".md":  func(w *bytes.Buffer) error { return c.WriteMarkdown(w) },
		".csv": func(w *bytes.Buffer) error { return c.WriteCSV(w) },
	})
}

func TestCompareWithoutVerdicts(t *testing.T) {
	a, b := handBoards()
	// τ has no intervals on these boards.
	c := compared(t, a, b, tauStatistic)
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.A != nil && r.B != nil && (r.Difference == nil || r.Difference.Beyond != nil || r.Reason != "no interval on before: no bootstrap was asked for") {
			t.Errorf("%s: %+v, %q", r.Measure, r.Difference, r.Reason)
		}
	}
	if !strings.HasPrefix(c.Summary, "no measure could be judged") {
		t.Errorf("%q", c.Summary)
	}
	// A board without axes leaves τ alone.
	b.Axes = nil
	if c := compared(t, a, b, ""); c.Statistic != tauStatistic || !strings.Contains(strings.Join(c.Warnings, "\n"), "compared by τ: only before has axes") {
		t.Errorf("%s, %q", c.Statistic, c.Warnings)
	}
	if c := compared(t, a, a, ""); !c.Identical || c.Summary != "the two boards are identical in all but seconds" || len(c.Warnings) > 0 {
		t.Errorf("%v %q %q", c.Identical, c.Summary, c.Warnings)
	}
	if _, err := Compare(a, b, "a", "b", "kendall"); err == nil || !strings.Contains(err.Error(), "psi, tau, cmi") {
		t.Errorf("%v", err)
	}
	if _, err := Compare(a, nil, "a", "b", ""); err == nil {
		t.Error("a missing board is compared")
	}
}

// Ψ over other axes is another quantity.
func TestCompareOverOtherAxes(t *testing.T) {
	a, b := handBoards()
	b.Axes = []string{"depth", "width"}
	zero := 0.0
	b.Rows[1].PsiByAxis["width"] = &zero
	c := compared(t, a, b, "")
	for i := range c.Rows {
		if r := &c.Rows[i]; (r.Remark != "") != (r.Measure == "stays") {
			t.Errorf("%s: remark %q", r.Measure, r.Remark)
		}
	}
	if c.Rows[1].moved() != "~*" {
		t.Errorf("%s", c.Rows[1].moved())
	}
}

// Any two boards can be compared by anything and written, and a board is identical
// to itself.
func TestCompareAnyBoards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var boards [2]*Board
		for i := range boards {
			in := drawInput(t)
			in.Compat = nil
			var err error
			if boards[i], err = Build(in); err != nil {
				t.Fatal(err)
			}
		}
		by := rapid.SampledFrom(append(CompareBy(), "")).Draw(t, "by")
		for _, other := range boards {
			c, err := Compare(boards[0], other, "a", "b", by)
			if err != nil {
				t.Fatal(err)
			}
			if other == boards[0] && !c.Identical {
				t.Fatal("a board is not identical to itself")
			}
			for i := range c.Rows {
				r := &c.Rows[i]
				if (r.Difference == nil || r.Difference.Beyond == nil) && r.Reason == "" {
					t.Fatalf("%s is not judged without a reason", r.Measure)
				}
				if d := r.Difference; d != nil && d.Interval != nil && !(d.Interval[0] <= d.Value && d.Value <= d.Interval[1]) {
					t.Fatalf("%s: %v is not in %v", r.Measure, d.Value, *d.Interval)
				}
			}
			for _, err := range []error{c.WriteText(new(bytes.Buffer), 80), c.WriteMarkdown(new(bytes.Buffer)), c.WriteCSV(new(bytes.Buffer)), c.WriteJSON(new(bytes.Buffer)), c.WriteLaTeX(new(bytes.Buffer))} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestSheetsCompileAsLaTeX(t *testing.T) {
	program := pdflatex(t)
	a, b := handBoards()
	var document bytes.Buffer
	document.WriteString("\\documentclass[twocolumn]{article}\n\\usepackage{booktabs}\n\\begin{document}\n")
	for _, err := range []error{smallAudit(t).WriteLaTeX(&document), compared(t, a, b, "").WriteLaTeX(&document)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	document.WriteString("\\end{document}\n")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "sheets.tex"), document.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-interaction=nonstopmode", "-halt-on-error", "sheets.tex")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("Overfull \\hbox")) {
		t.Errorf("%v\n%s\n%s", err, out, document.String())
	}
}
