package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of the board")

// corpus is testdata/board.json: a small corpus and what SciPy and numpy say of
// its measures; testdata/board.py made it and says how.
type corpus struct {
	TestSize int `json:"test_size"`
	Axes     []string
	Levels   map[string][]string
	Networks []struct {
		ID         string
		Config     map[string]string
		Seed       int64
		Wrong      []int
		Gap        float64
		TrainLoss  float64 `json:"train_loss"`
		Parameters int
	}
	Measures []struct {
		Name, Klass, Direction, Reason string
		Values                         []float64
		Missing                        []int
		Expected                       expected
	}
	Controls map[string]expected
}

type expected struct {
	N          int
	Coverage   float64
	Psi        *float64
	PsiByAxis  map[string]*float64 `json:"psi_by_axis"`
	Tau        *float64
	CMI        *float64
	CMISet     []string `json:"cmi_set"`
	CMIMinCell int      `json:"cmi_min_cell"`
	Spearman   *float64
	Pearson    *float64
	SignError  *SignError `json:"sign_error"`
	Compat     Compat
}

func readCorpus(t testing.TB) (corpus, Input) {
	t.Helper()
	raw, err := os.ReadFile("testdata/board.json")
	if err != nil {
		t.Fatal(err)
	}
	var c corpus
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	in := Input{
		Corpus: "toy", Axes: c.Axes, AxisLevels: c.Levels, Bootstrap: 200, Seed: 1,
		Dropped: map[string]int{"did not reach the target loss": 2}, Notes: []string{"a note | of the caller"},
	}
	for _, n := range c.Networks {
		correct := make([]bool, c.TestSize)
		for i := range correct {
			correct[i] = true
		}
		for _, i := range n.Wrong {
			correct[i] = false
		}
		in.Networks = append(in.Networks, Network{ID: n.ID, Config: n.Config, Seed: n.Seed, Gap: n.Gap, LossGap: 2 * n.Gap, TrainLoss: n.TrainLoss, Parameters: n.Parameters, TestCorrect: correct})
	}
	for k, m := range c.Measures {
		out := Measure{Name: m.Name, Class: m.Klass, Direction: m.Direction, Scale: "raw", Seconds: []float64{.25, 12.5, .0004, 1.25, 0, 130}[k]}
		for _, v := range m.Values {
			out.Values = append(out.Values, Cell{Value: v, Defined: true, Status: "ok"})
		}
		for _, i := range m.Missing {
			out.Values[i] = Cell{Status: "undefined", Reason: m.Reason}
		}
		in.Measures = append(in.Measures, out)
	}
	return c, in
}

func build(t testing.TB, in Input) *Board {
	t.Helper()
	b, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *Board) row(t testing.TB, name string) *Row {
	t.Helper()
	for i := range b.Rows {
		if b.Rows[i].Measure == name {
			return &b.Rows[i]
		}
	}
	t.Fatalf("no row %s", name)
	return nil
}

// 1e-9: gaps are rounded to 1e-12 and averages keep 40 bits, which moves
// Pearson and the sign error's weights by less.
const tol = 1e-9

func TestBoardAgreesWithSciPy(t *testing.T) {
	c, in := readCorpus(t)
	b := build(t, in)
	want := map[string]expected{}
	for _, m := range c.Measures {
		want[m.Name] = m.Expected
	}
	for name, e := range c.Controls {
		want[name] = e
	}
	if len(want) != 10 {
		t.Fatalf("board.json holds %d rows", len(want))
	}
	for name, e := range want {
		r := b.row(t, name)
		got := expected{N: r.N, Coverage: r.Coverage, Psi: r.Psi, PsiByAxis: r.PsiByAxis, Tau: r.Tau, CMI: r.CMI, CMISet: r.CMISet,
			Spearman: r.Spearman, Pearson: r.Pearson, SignError: r.SignError, Compat: r.Compat}
		if r.CMIMinCell != nil {
			got.CMIMinCell = *r.CMIMinCell
		}
		if e := r.SignError; e != nil {
			got.SignError = &SignError{Mean: e.Mean, P90: e.P90, Max: e.Max}
		}
		if d := cmp.Diff(e, got, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= tol })); d != "" {
			t.Errorf("%s: SciPy (-) and the board (+) differ:\n%s", name, d)
		}
	}
}

// Every null has its reason, every reason a field.
func TestNullsHaveReasons(t *testing.T) {
	_, in := readCorpus(t)
	var out struct{ Rows []map[string]any }
	var buf bytes.Buffer
	if err := build(t, in).WriteJSON(&buf); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(buf.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	nulls := 0
	for _, r := range out.Rows {
		notes := r["notes"].(map[string]any)
		for field, v := range r {
			if v == nil {
				nulls++
				if notes[field] == nil || notes[field] == "" {
					t.Errorf("%v: %s is null without a reason", r["measure"], field)
				}
			}
		}
		for _, parent := range []string{"psi_by_axis", "psi_by_axis_ci", "compat"} {
			for key, v := range r[parent].(map[string]any) {
				if v == nil && notes[parent+"."+key] == nil {
					t.Errorf("%v: %s.%s is null without a reason", r["measure"], parent, key)
				}
			}
		}
		for field := range notes {
			if _, ok := r[strings.Split(field, ".")[0]]; !ok {
				t.Errorf("%v: a reason for %s, which is no field", r["measure"], field)
			}
		}
	}
	if nulls == 0 {
		t.Error("the board has no null: the test says nothing")
	}
}

func TestJSONFields(t *testing.T) {
	_, in := readCorpus(t)
	var buf bytes.Buffer
	if err := build(t, in).WriteJSON(&buf); err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(buf.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	sameKeys(t, "board", out, "schema", "corpus", "models", "axes", "configurations", "possible", "seeds", "repeats", "gap", "estimand", "noise_floor", "compat", "dropped", "notes", "rows")
	for _, r := range out["rows"].([]any) {
		row := r.(map[string]any)
		sameKeys(t, "row", row, "measure", "class", "direction", "n", "coverage", "psi", "psi_ci", "psi_by_axis", "psi_by_axis_ci", "tau", "tau_ci",
			"cmi", "cmi_ci", "cmi_set", "cmi_min_cell", "cmi_min_at", "spearman", "spearman_ci", "pearson", "pearson_ci", "sign_error",
			"p_value", "p_value_holm", "tau_p_value", "compat", "rank", "rank_ci", "tie_group", "transform", "seconds", "notes")
		sameKeys(t, "compat", row["compat"].(map[string]any), "fgm_psi", "fgm_tau", "fgm_psi_by_axis", "pgdl", "rgm_mean", "rgm_p90", "rgm_max", "rgm_environments", "cna")
		if e, ok := row["sign_error"].(map[string]any); ok {
			sameKeys(t, "sign_error", e, "mean", "p90", "max", "max_at", "environments", "rejected")
		}
	}
}

func sameKeys(t *testing.T, what string, m map[string]any, want ...string) {
	t.Helper()
	for _, k := range want {
		if _, ok := m[k]; !ok {
			t.Errorf("%s: no field %s", what, k)
		}
	}
	if len(m) != len(want) {
		t.Errorf("%s: %d fields, want %d", what, len(m), len(want))
	}
}

// The text of each form; the numbers in it are TestBoardAgreesWithSciPy's.
func TestGolden(t *testing.T) {
	_, in := readCorpus(t)
	b := build(t, in)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"board.txt":         func(w *bytes.Buffer) error { return b.WriteText(w, 160) },
		"board-wide.txt":    func(w *bytes.Buffer) error { return b.WriteText(w, 0) },
		"board-80.txt":      func(w *bytes.Buffer) error { return b.WriteText(w, 80) },
		"board.md":          func(w *bytes.Buffer) error { return b.WriteMarkdown(w) },
		"board.csv":         func(w *bytes.Buffer) error { return b.WriteCSV(w) },
		"board.golden.json": func(w *bytes.Buffer) error { return b.WriteJSON(w) },
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("%s (go test -update writes it anew):\n%s", file, d)
		}
	}
}

// Width 0 is for pipes: one table with every column, no line broken.
func TestUnlimitedWidthIsOneTable(t *testing.T) {
	_, in := readCorpus(t)
	var out bytes.Buffer
	b := build(t, in)
	if err := b.WriteText(&out, 0); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if n := strings.Count(text, "\n───"); n != 1 {
		t.Errorf("%d tables", n)
	}
	for _, note := range b.Notes {
		if !strings.Contains(text, "\nnote: "+note+"\n") {
			t.Errorf("not on a line of its own: %q", note)
		}
	}
	head, _, _ := strings.Cut(text[strings.Index(text, "#"):], "\n")
	for _, c := range append(b.mainColumns(), b.axisColumns()...) {
		if !strings.Contains(head, c.head) {
			t.Errorf("the header lacks %q: %s", c.head, head)
		}
	}
}

func TestTextFitsItsWidth(t *testing.T) {
	_, in := readCorpus(t)
	b := build(t, in)
	for _, width := range []int{72, 80, 100, 120, 200} {
		var out bytes.Buffer
		if err := b.WriteText(&out, width); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("width %d: a line of %d: %q", width, n, line)
			}
		}
	}
}

func TestCSVIsReadable(t *testing.T) {
	_, in := readCorpus(t)
	b := build(t, in)
	var out bytes.Buffer
	if err := b.WriteCSV(&out); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&out).ReadAll() // refuses rows of unequal length
	if err != nil || len(records) != 1+len(b.Rows) {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if records[1][4] != b.Rows[0].Measure {
		t.Errorf("first row %q", records[1])
	}
}

// Names with markup must not break the table.
func TestMarkdownEscapes(t *testing.T) {
	_, in := readCorpus(t)
	in.Measures = in.Measures[:1]
	in.Measures[0].Name = "a|b\nc*d\\|<e>"
	var out bytes.Buffer
	if err := build(t, in).WriteMarkdown(&out); err != nil {
		t.Fatal(err)
	}
	var cells []int
	for _, line := range strings.Split(out.String(), "\n") {
		if strings.HasPrefix(line, "|") {
			plain := strings.NewReplacer(`\\`, "", `\|`, "").Replace(line)
			cells = append(cells, strings.Count(plain, "|"))
		}
	}
	tables := 0
	for i := range cells {
		if i == 0 || cells[i] != cells[i-1] {
			tables++
		}
	}
	if tables != 2 || !strings.Contains(out.String(), `a\|b c\*d\\\|&lt;e>`) {
		t.Errorf("%d tables:\n%s", tables, out.String())
	}
}

// Whatever the jobs and the order of networks and measures, the bytes are the same.
func TestSameBytes(t *testing.T) {
	_, in := readCorpus(t)
	var first bytes.Buffer
	in.Jobs = 1
	a := build(t, in)
	if err := a.WriteJSON(&first); err != nil {
		t.Fatal(err)
	}
	for jobs := 2; jobs < 6; jobs++ {
		in.Jobs = jobs
		in.Measures = append(in.Measures[1:], in.Measures[0])
		var again bytes.Buffer
		if err := build(t, in).WriteJSON(&again); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), again.Bytes()) {
			t.Fatalf("%d jobs gave another board:\n%s", jobs, cmp.Diff(first.String(), again.String()))
		}
	}
	in.Measures[0].Seconds += 3
	b := build(t, in)
	if !Equal(a, b) {
		t.Error("boards that differ in seconds are told apart")
	}
	in.Measures[0].Values[0].Value += 3
	if Equal(a, build(t, in)) {
		t.Error("boards that differ in a value are not told apart")
	}
}

func TestOrderAndRanks(t *testing.T) {
	_, in := readCorpus(t)
	b := build(t, in)
	place := map[string]int{}
	for i := range b.Rows {
		r := &b.Rows[i]
		if i > 0 {
			above := b.Rows[i-1].Psi
			if above == nil && r.Psi != nil || above != nil && r.Psi != nil && *above < *r.Psi {
				t.Errorf("%s stands below %s", r.Measure, b.Rows[i-1].Measure)
			}
		}
		switch {
		case r.Class == Control || r.Psi == nil:
			if r.Rank != nil || r.RankCI != nil || r.TieGroup != nil {
				t.Errorf("%s has a rank", r.Measure)
			}
		default:
			place[r.Class]++
			if r.Rank == nil || *r.Rank > place[r.Class] || r.RankCI[0] > place[r.Class] || r.RankCI[1] < place[r.Class] {
				t.Errorf("%s: rank %v, interval %v, place %d", r.Measure, r.Rank, r.RankCI, place[r.Class])
			}
		}
	}
	if place[Train] != 4 || place[Transductive] != 1 {
		t.Errorf("ranked: %v", place)
	}
}

// A measure far better than another on a large grid must not tie with it, and
// near twins must.
func TestTies(t *testing.T) {
	in := Input{Corpus: "ties", Axes: []string{"a", "b", "c"}, Bootstrap: 100}
	perfect := Measure{Name: "perfect", Class: Train, Direction: "larger"}
	twin := Measure{Name: "twin", Class: Train, Direction: "larger"}
	opposite := Measure{Name: "opposite", Class: Train, Direction: "larger"}
	for i := range 64 {
		a, b, c := i%4, i/4%4, i/16
		gap := .1*float64(a) + .02*float64(b) + .005*float64(c)
		level := gap
		gap += .004 * math.Sin(float64(i*i*i)) // the noise of training
		in.Networks = append(in.Networks, Network{ID: fmt.Sprint(i), Gap: gap, Config: map[string]string{"a": fmt.Sprint(a), "b": fmt.Sprint(b), "c": fmt.Sprint(c)}})
		perfect.Values = append(perfect.Values, Cell{Value: level, Defined: true})
		wobble := level
		if i == 21 {
			wobble += .03
		}
		twin.Values = append(twin.Values, Cell{Value: wobble, Defined: true})
		opposite.Values = append(opposite.Values, Cell{Value: -level + .003*math.Sin(float64(7*i)), Defined: true})
	}
	in.Measures = []Measure{opposite, twin, perfect}
	b := build(t, in)
	ranks := fmt.Sprint(*b.row(t, "perfect").Rank, *b.row(t, "twin").Rank, *b.row(t, "opposite").Rank)
	if ranks != "1 1 3" {
		t.Errorf("ranks %s, want 1 1 3", ranks)
	}
	if r := b.row(t, "opposite"); *r.RankCI != [2]int{3, 3} || *r.TieGroup != 2 || *r.Psi > -.7 {
		t.Errorf("opposite: %+v", r)
	}
	if r := b.row(t, "perfect"); *r.RankCI != [2]int{1, 2} || *r.Psi < .8 || *r.PValue > .02 {
		t.Errorf("perfect: %+v", r)
	}
}

func TestDirection(t *testing.T) {
	_, in := readCorpus(t)
	in.Measures = in.Measures[:1]
	flipped := in.Measures[0]
	flipped.Name, flipped.Direction = "flipped", "smaller"
	flipped.Values = append([]Cell{}, flipped.Values...)
	for i := range flipped.Values {
		flipped.Values[i].Value *= -1
	}
	in.Measures = append(in.Measures, flipped)
	b := build(t, in)
	p, q := b.row(t, "good"), b.row(t, "flipped")
	if *p.Psi != *q.Psi || *p.Tau != *q.Tau || *p.Pearson != *q.Pearson || p.SignError.Mean != q.SignError.Mean || *p.PsiCI != *q.PsiCI {
		t.Errorf("oriented alike, scored apart:\n%+v\n%+v", p, q)
	}
}

func BenchmarkBuild(b *testing.B) {
	in := largeInput(25)
	b.ResetTimer()
	for b.Loop() {
		build(b, in)
	}
}
