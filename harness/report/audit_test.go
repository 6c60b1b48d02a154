package report

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// auditGrid is 3 x 3 x 2 configurations with the gap 9a + 3b + c and minus that for
// the loss gap. All expected values of its tests are worked out by hand.
func auditGrid(names ...string) Input {
	value := map[string]func(a, b, c float64) (float64, bool){
		"gap":    func(a, b, c float64) (float64, bool) { return 9*a + 3*b + c, true },
		"a-only": func(a, _, _ float64) (float64, bool) { return a, true },
		// Right for the levels 0 and 1 of a, wrong way round for 2.
		"level": func(a, b, c float64) (float64, bool) {
			if a == 2 {
				return -(9*a + 3*b + c), true
			}
			return 9*a + 3*b + c, true
		},
		"lost": func(a, b, c float64) (float64, bool) { return 9*a + 3*b + c, a < 2 },
	}
	in := Input{Corpus: "hand", Axes: []string{"a", "b", "c"}, Bootstrap: -1}
	for _, name := range names {
		in.Measures = append(in.Measures, Measure{Name: name, Class: Train, Direction: "larger"})
	}
	for a := range 3 {
		for b := range 3 {
			for c := range 2 {
				gap := float64(9*a + 3*b + c)
				in.Networks = append(in.Networks, Network{
					ID: fmt.Sprint(a, b, c), Config: map[string]string{"a": fmt.Sprint(a), "b": fmt.Sprint(b), "c": fmt.Sprint(c)},
					Gap: gap, LossGap: -gap, TrainLoss: math.NaN(),
				})
				for k, name := range names {
					v, ok := value[name](float64(a), float64(b), float64(c))
					in.Measures[k].Values = append(in.Measures[k].Values, Cell{Value: v, Defined: ok, Reason: "lost"})
				}
			}
		}
	}
	return in
}

func audited(t testing.TB, in Input) *Audited {
	t.Helper()
	a, err := Audit(in)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *Audited) row(t testing.TB, name string) *AuditRow {
	t.Helper()
	for i := range a.Rows {
		if a.Rows[i].Measure == name {
			return &a.Rows[i]
		}
	}
	t.Fatalf("no row %s", name)
	return nil
}

func (r *AuditRow) after(t testing.TB, what string) *Change {
	t.Helper()
	for i := range r.Changes {
		if r.Changes[i].What == what {
			return &r.Changes[i]
		}
	}
	t.Fatalf("%s: no change %q", r.Measure, what)
	return nil
}

func same(t testing.TB, what string, got *float64, want float64) {
	t.Helper()
	if got == nil || math.Abs(*got-want) > 1e-12 {
		t.Errorf("%s: %s, want %v", what, exact(got), want)
	}
}

func TestAuditRestsOnOneAxis(t *testing.T) {
	r := audited(t, auditGrid("a-only")).row(t, "a-only")
	same(t, "Ψ", r.Score, 1)
	if c := r.after(t, "without a"); c.Score != nil || !c.Counts {
		t.Errorf("without a: %+v", c)
	}
	if want := "rests on a alone: ψ is undefined on the other axes"; !strings.HasPrefix(r.Verdict, want) {
		t.Errorf("%q, want %q", r.Verdict, want)
	}
}

func TestAuditTurnsWithTheLossGap(t *testing.T) {
	a := audited(t, auditGrid("gap"))
	r := a.row(t, "gap")
	same(t, "Ψ", r.Score, 1)
	same(t, "loss gap", r.after(t, "with the loss gap").Score, -1)
	if want := "changes sign with the loss gap (1.00 to -1.00)"; r.Verdict != want {
		t.Errorf("%q, want %q", r.Verdict, want)
	}
	// What cannot be tried is said once.
	for _, want := range []string{"no configuration has two networks", "every measure is defined", "target training loss"} {
		if n := strings.Count(strings.Join(a.Notes, "\n"), want); n != 1 {
			t.Errorf("%d notes with %q: %q", n, want, a.Notes)
		}
	}
	in := auditGrid("gap")
	for i := range in.Networks {
		in.Networks[i].LossGap = math.NaN()
	}
	if a = audited(t, in); !strings.Contains(strings.Join(a.Notes, "\n"), "the loss gap is not tried: no network has one") {
		t.Errorf("%q", a.Notes)
	}
	if r = a.row(t, "gap"); !r.Robust {
		t.Errorf("%q", r.Verdict)
	}
}

// ψ of a, b and c is -1/3, 1/3 and 1/3 on the grid; 1, 1 and 1 without a = 2; -1, 0
// and 0 without a = 0.
func TestAuditLeavesALevelOut(t *testing.T) {
	r := audited(t, auditGrid("level")).row(t, "level")
	same(t, "Ψ", r.Score, 1./9)
	same(t, "without a 2", r.after(t, "without a 2").Score, 1)
	same(t, "without a 0", r.after(t, "without a 0").Score, -1./3)
	same(t, "without b 1", r.after(t, "without b 1").Score, 1./9)
	// c has two levels: it keeps its ψ.
	c := r.after(t, "without c 1")
	same(t, "without c 1", c.Score, 1./9)
	if !slices.Equal(c.Kept, []string{"c"}) {
		t.Errorf("kept %q", c.Kept)
	}
	if least, most := r.extreme(false), r.extreme(true); least.What != "without a 0" || most.What != "without a 2" {
		t.Errorf("%s, %s", least.What, most.What)
	}
	same(t, "without its strongest axis", r.after(t, "without b").Score, 0) // of b and c the first
}

func TestAuditOfALostLevel(t *testing.T) {
	a := audited(t, auditGrid("lost", "level", "gap"))
	if a.Common != 12 {
		t.Fatalf("%d common networks", a.Common)
	}
	same(t, "level", a.row(t, "level").after(t, "on the common networks").Score, 1)
	r := a.row(t, "lost")
	same(t, "lost", r.after(t, "on the common networks").Score, 1)
	same(t, "coverage", &r.Coverage, 2./3)
	// Without a = 0 one level of a is left: ψ of a is kept.
	if c := r.after(t, "without a 0"); !slices.Equal(c.Kept, []string{"a"}) || *c.Score != 1 {
		t.Errorf("without a 0: %+v", c)
	}
}

// An environment's sign error without a filter is the plain mean over its pairs.
func TestAuditWithoutTheFilter(t *testing.T) {
	in := Input{Corpus: "signs", Axes: []string{"a"}, Bootstrap: -1, TestSize: 10000}
	m := Measure{Name: "m", Class: Train, Direction: "larger"}
	// Sixteen pairs between the two levels, 8 of them right: the gaps of seeds 0 and 1
	// at level 1 are far above level 0, those of seeds 2 and 3 within the noise.
	for level, gaps := range [][]float64{{.10, .10, .10, .10}, {.30, .30, .101, .101}} {
		for seed, gap := range gaps {
			in.Networks = append(in.Networks, Network{ID: fmt.Sprint(level, seed), Seed: int64(seed), Config: map[string]string{"a": fmt.Sprint(level)}, Gap: gap, LossGap: math.NaN(), TrainLoss: math.NaN()})
			v := []float64{0, 1}[level]
			if level == 1 && seed > 1 {
				v = -.5 // the mean stays above level 0
			}
			m.Values = append(m.Values, Cell{Value: v, Defined: true})
		}
	}
	in.Measures = []Measure{m}
	r := audited(t, in).row(t, "m")
	if r.SignError != nil {
		// Eight pairs carry weight: fewer than the effective sample size of 12.
		t.Fatalf("sign error %v", *r.SignError)
	}
	for i := range in.Networks { // twice the networks: 32 pairs carry weight, of 64
		n := in.Networks[i]
		n.ID, n.Seed = n.ID+"again", n.Seed+4
		in.Networks = append(in.Networks, n)
		in.Measures[0].Values = append(in.Measures[0].Values, in.Measures[0].Values[i])
	}
	r = audited(t, in).row(t, "m")
	same(t, "filtered", r.SignError, 0)
	same(t, "unfiltered", r.after(t, "without the noise filter").Score, .5)
}

func TestVerdicts(t *testing.T) {
	score := func(v float64) *float64 { return &v }
	change := func(k ChangeKind, what string, v float64) Change {
		return Change{Kind: k, What: what, Axis: "depth", Level: "3", Score: &v}
	}
	interval := func(low, high float64) *Interval { return &Interval{low, high} }
	for _, c := range []struct {
		score, signs float64
		ci           *Interval
		changes      []Change
		want         string
	}{
		{.41, 0, interval(.31, .51), []Change{change(WithoutAxis, "without depth", -.02)}, "carried by depth: Ψ 0.41 with it, -0.02 without"},
		{.41, 0, interval(.31, .51), []Change{change(WithoutAxis, "without depth", .33)}, "robust: no change moves Ψ beyond its interval (at most -0.08, without depth)"},
		{.32, 0, interval(.1, .5), []Change{change(WithoutLevel, "without depth 3", .04), change(OtherGap, "with the loss gap", -.1)},
			"changes sign with the loss gap (0.32 to -0.10); it also moves without depth 3 (0.04)"},
		{.32, 0, interval(.2, .4), []Change{change(WithoutLevel, "without depth 3", .1)}, "hangs on depth 3: Ψ 0.32 with it, 0.10 without"},
		{.32, 0, interval(.2, .4), []Change{change(WithoutLevel, "without depth 3", .6)}, "moves without depth 3 (Ψ 0.32 to 0.60)"},
		// Inside an interval around 0 a sign is not known, and its turn says nothing.
		{.02, 0, interval(-.2, .2), []Change{change(OtherGap, "with the loss gap", -.1)}, "not told from 0, and no change moves Ψ beyond its interval (at most -0.12, with the loss gap)"},
		{.5, 0, nil, []Change{change(OtherGap, "with the loss gap", .1)}, "no change turns the sign (at most -0.40, with the loss gap); without an interval of Ψ no shift can be judged"},
		{.5, 0, nil, []Change{change(OtherGap, "with the loss gap", -.1)}, "changes sign with the loss gap (0.50 to -0.10)"},
		// A filter that is off moves every sign error to 0.5.
		{.5, .1, interval(.4, .6), []Change{change(WithoutFilter, "without the noise filter", .4)}, "robust: no change moves Ψ beyond its interval"},
		{.5, .3, interval(.4, .6), []Change{change(WithoutFilter, "without the noise filter", .6)}, "changes sides without the noise filter (sign error 0.30 to 0.60)"},
		{.5, .49, interval(.4, .6), []Change{change(WithoutFilter, "without the noise filter", .51)}, "robust: no change moves Ψ beyond its interval"},
	} {
		r := AuditRow{Score: score(c.score), Interval: c.ci, SignError: score(c.signs), Changes: c.changes}
		if c.ci != nil {
			r.HalfWidth = score((c.ci[1] - c.ci[0]) / 2)
		}
		for i := range r.Changes {
			r.judge(&r.Changes[i])
		}
		r.conclude(psiStatistic)
		if r.Verdict != c.want {
			t.Errorf("got  %q\nwant %q", r.Verdict, c.want)
		}
	}
}

// Every change is what a board says that is built of the changed input: networks
// taken out, another gap, other repeats. Axes without a ψ there keep theirs.
func TestAuditAgreesWithChangedBoards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Compat, in.Bootstrap, in.Gap = nil, -1, AccuracyGap
		in.KeepUnconverged = rapid.Bool().Draw(t, "keep")
		loss := rapid.SampledFrom([]float64{math.NaN(), 0, .5, 1})
		known := rapid.Bool().Draw(t, "loss gaps")
		for i := range in.Networks {
			n := &in.Networks[i]
			n.LossGap = loss.Draw(t, "loss gap")
			if known && math.IsNaN(n.LossGap) {
				n.LossGap = 2
			}
			n.Unconverged = rapid.IntRange(0, 4).Draw(t, "unconverged") == 0
		}
		a, err := Audit(in)
		if err != nil {
			if _, buildErr := Build(in); buildErr == nil {
				t.Fatal(err)
			}
			return
		}
		base, err := Build(in)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Rows {
			r := &a.Rows[i]
			for _, c := range r.Changes {
				checkChange(t, in, base, r, c)
			}
		}
		for _, width := range []int{0, 80} {
			if err := a.WriteText(new(bytes.Buffer), width); err != nil {
				t.Fatal(err)
			}
		}
		for _, err := range []error{a.WriteMarkdown(new(bytes.Buffer)), a.WriteCSV(new(bytes.Buffer)), a.WriteJSON(new(bytes.Buffer)), a.WriteLaTeX(new(bytes.Buffer))} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

func checkChange(t *rapid.T, in Input, base *Board, r *AuditRow, c Change) {
	changed := in
	switch c.Kind {
	case WithoutAxis, WithoutFilter:
		return
	case WithoutLevel:
		changed = without(in, func(i int) bool { return in.Networks[i].Config[c.Axis] == c.Level })
	case CommonNetworks:
		changed = without(in, func(i int) bool {
			scored := func(k int) bool { return in.KeepUnconverged || !in.Networks[k].Unconverged }
			return scored(i) && slices.ContainsFunc(in.Measures, func(m Measure) bool {
				nowhere := true
				for k, cell := range m.Values {
					nowhere = nowhere && (!scored(k) || !cell.Defined)
				}
				return !nowhere && !m.Values[i].Defined
			})
		})
	case OtherGap:
		changed.Gap = LossGap
	case WithUnconverged:
		changed.KeepUnconverged = !in.KeepUnconverged
	case OtherRepeats:
		changed.Repeats = "per-seed"
		if in.Repeats == "per-seed" {
			changed.Repeats = "mean"
		}
	}
	if slices.Contains([]string{"hyperparameters", "oracle-0.02", "oracle-0.05"}, r.Measure) {
		return // made of the gaps of the networks scored
	}
	b, err := Build(changed)
	if err != nil {
		if c.Score != nil {
			t.Fatalf("%s %s: %v, and the board says: %v", r.Measure, c.What, *c.Score, err)
		}
		return
	}
	row := slices.IndexFunc(b.Rows, func(o Row) bool { return o.Measure == r.Measure })
	own := slices.IndexFunc(base.Rows, func(o Row) bool { return o.Measure == r.Measure })
	var want *float64
	if len(base.Axes) == 0 {
		want = b.Rows[row].Tau
	} else {
		sum, axes, kept := 0.0, 0, 0
		for _, axis := range base.Axes {
			before, after := base.Rows[own].PsiByAxis[axis], b.Rows[row].PsiByAxis[axis]
			switch {
			case before == nil:
				continue
			case after == nil:
				sum += *before
				kept++
			default:
				sum += *after
			}
			axes++
		}
		if kept < axes {
			sum /= float64(axes)
			want = &sum
		}
	}
	if (want == nil) != (c.Score == nil) || want != nil && math.Abs(*want-*c.Score) > 1e-12 {
		t.Fatalf("%s %s: %s, the changed board has %s", r.Measure, c.What, exact(c.Score), exact(want))
	}
	if c.Score == nil && c.Reason == "" {
		t.Fatalf("%s %s: no score and no reason", r.Measure, c.What)
	}
}

// without leaves networks out of an input.
func without(in Input, out func(int) bool) Input {
	var keep []int
	for i := range in.Networks {
		if !out(i) {
			keep = append(keep, i)
		}
	}
	networks := make([]Network, len(keep))
	measures := slices.Clone(in.Measures)
	for k := range measures {
		measures[k].Values = make([]Cell, len(keep))
	}
	for at, i := range keep {
		networks[at] = in.Networks[i]
		for k := range measures {
			measures[k].Values[at] = in.Measures[k].Values[i]
		}
	}
	in.Networks, in.Measures = networks, measures
	return in
}

// goldens checks the forms of a table against testdata.
func goldens(t *testing.T, name string, forms map[string]func(*bytes.Buffer) error) {
	t.Helper()
	for ext, write := range forms {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name+ext)
		if *update {
			if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), want) {
			t.Errorf("%s has changed (go test -update writes it anew):\n%s", path, out.String())
		}
	}
}

// smallAudit is the audit of the hand-made grid, its interval set by hand: the
// goldens are of the writing alone.
func smallAudit(t *testing.T) *Audited {
	a := audited(t, auditGrid("gap", "a-only", "level", "lost"))
	a.Rows = slices.DeleteFunc(a.Rows, func(r AuditRow) bool { return r.Class == Control })
	for i := range a.Rows {
		r := &a.Rows[i]
		half := .25
		r.HalfWidth, r.Interval = &half, &Interval{*r.Score - half, *r.Score + half}
		for k := range r.Changes {
			r.judge(&r.Changes[k])
		}
		r.Robust = false
		r.conclude(a.Statistic)
	}
	a.Rows = append(a.Rows, AuditRow{Measure: "a|b_none", Class: Transductive, Changes: []Change{}, Verdict: "no score: the measure is defined for no network"})
	a.Summary = a.summarise()
	return a
}

func TestAuditGolden(t *testing.T) {
	a := smallAudit(t)
	goldens(t, "audit", map[string]func(*bytes.Buffer) error{
		".txt": func(w *bytes.Buffer) error { return a.WriteText(w, 0) },
		".md":  func(w *bytes.Buffer) error { return a.WriteMarkdown(w) },
		".csv": func(w *bytes.Buffer) error { return a.WriteCSV(w) },
	})
	var narrow bytes.Buffer
	if err := a.WriteText(&narrow, 60); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(narrow.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 60 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}

// The bits of an audit do not depend on the number of workers.
func TestAuditJobs(t *testing.T) {
	var one, many bytes.Buffer
	in := auditGrid("gap", "a-only", "level", "lost")
	in.Bootstrap = 20
	for jobs, w := range map[int]*bytes.Buffer{1: &one, 7: &many} {
		in.Jobs = jobs
		if err := audited(t, in).WriteJSON(w); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), many.Bytes()) {
		t.Error("1 and 7 workers give different audits")
	}
}

// BenchmarkAuditChanges is what an audit adds to the board: one measure on 3^7
// configurations with 5 seeds, 21 levels.
func BenchmarkAuditChanges(b *testing.B) {
	in := Input{Corpus: "large", Bootstrap: -1}
	r := rand.New(rand.NewPCG(1, 2))
	m := Measure{Name: "m", Class: Train, Direction: "larger"}
	for a := range 7 {
		in.Axes = append(in.Axes, fmt.Sprint("axis", a))
	}
	for i := range 10935 {
		n := Network{ID: fmt.Sprint(i), Seed: int64(i % 5), Gap: r.Float64(), LossGap: r.Float64(), TrainLoss: math.NaN(), Unconverged: i%50 == 0, Config: map[string]string{}}
		for a, at := 0, i/5; a < 7; a, at = a+1, at/3 {
			n.Config[in.Axes[a]] = fmt.Sprint(at % 3)
		}
		in.Networks = append(in.Networks, n)
		m.Values = append(m.Values, Cell{Value: n.Gap + r.Float64(), Defined: i%100 != 1})
	}
	in.Measures = []Measure{m}
	small := in // the row's own statistics are not what is measured
	board, err := Build(small)
	if err != nil {
		b.Fatal(err)
	}
	a, err := newAuditor(in, board)
	if err != nil {
		b.Fatal(err)
	}
	at := slices.IndexFunc(board.Rows, func(r Row) bool { return r.Measure == "m" })
	for b.Loop() {
		if _, err := a.row(&board.Rows[at]); err != nil {
			b.Fatal(err)
		}
	}
}
