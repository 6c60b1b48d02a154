package values

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/report"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func mustRead(t *testing.T, text string, o Options) (report.Input, []Warning) {
	t.Helper()
	in, warnings, err := Read(strings.NewReader(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return in, warnings
}

func TestRead(t *testing.T) {
	in, warnings := mustRead(t, "model,hp.lr,hp.opt,seed,gap,loss_gap,train_loss,converged,alpha,beta[x=1]\n"+
		"a,0.10,sgd,1,0.25,1.5,0.01,true,1.5,-1e-3\n"+
		"b,0.1, adam ,1,0.5,2.5,0.02,FALSE,,+.5E2\n"+
		"\"c,d\",1e-5,sgd,2.0,-0.125,3,,1,NaN,inf\n", Options{Name: "mine", Smaller: []string{"be*"}, Log: []string{"alpha", "?eta[x=1]"}})
	cell := func(v float64) report.Cell { return report.Cell{Value: v, Defined: true, Status: "ok"} }
	hole := func(reason string) report.Cell { return report.Cell{Status: "undefined", Reason: reason} }
	want := report.Input{
		Corpus: "mine", Axes: []string{"lr", "opt"}, Dropped: map[string]int{},
		Networks: []report.Network{
			{ID: "a", Config: map[string]string{"lr": "0.1", "opt": "sgd"}, Seed: 1, Gap: 0.25, LossGap: 1.5, TrainLoss: 0.01},
			{ID: "b", Config: map[string]string{"lr": "0.1", "opt": "adam"}, Seed: 1, Gap: 0.5, LossGap: 2.5, TrainLoss: 0.02, Unconverged: true},
			{ID: "c,d", Config: map[string]string{"lr": "1e-05", "opt": "sgd"}, Seed: 2, Gap: -0.125, LossGap: 3, TrainLoss: math.NaN()},
		},
		Measures: []report.Measure{
			{Name: "alpha", Class: "train", Direction: "unknown", Scale: "raw", Transform: "log", Values: []report.Cell{cell(1.5), hole("empty in the table"), hole("marked as missing in the table")}},
			{Name: "beta[x=1]", Class: "train", Direction: "smaller", Scale: "raw", Transform: "log", Values: []report.Cell{cell(-1e-3), cell(50), hole("infinite in the table, or beyond ±1e300")}},
		},
		Notes: []string{"infinite values count as undefined, as Dziugaite et al. 2020 leave them out: 1 in the table"},
	}
	if d := cmp.Diff(want, in, cmpopts.EquateNaNs()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Warning{"column 'train_loss': the loss of 1 network is not known"}, warnings); d != "" {
		t.Error(d)
	}
}

// One table in the forms in which programs write it is one input.
func TestForms(t *testing.T) {
	const plain = "model,gap,hp.a,m\nx,0.5,1,2\ny,0.25,2,3\n"
	want, _ := mustRead(t, plain, Options{})
	for name, text := range map[string]string{
		"byte order mark": "\ufeff" + plain,
		"CRLF":            strings.ReplaceAll(plain, "\n", "\r\n"),
		"no last newline": strings.TrimSuffix(plain, "\n"),
		"tabs":            strings.ReplaceAll(plain, ",", "\t"),
		"semicolons":      strings.ReplaceAll(plain, ",", ";"),
		"quotes":          "\"model\",\"gap\",\"hp.a\",\"m\"\n\"x\",\"0.5\",\"1\",\"2\"\n\"y\",\"0.25\",\"2\",\"3\"\n",
		"blanks":          " model , gap,hp.a,m\nx ,0.5, 1,2\n\ny, 0.25,2.0,3 \n\n",
		"capitals":        strings.NewReplacer("model", "Model", "gap", "GAP", "hp.", "HP.").Replace(plain),
		"accuracies":      "model,train_acc,test_acc,hp.a,m\nx,1,0.5,1,2\ny,1,0.75,2,3\n",
		"index":           ",model,gap,hp.a,m\n0,x,0.5,1,2\n1,y,0.25,2,3\n",
		"one byte a read": plain,
	} {
		r := io.Reader(strings.NewReader(text))
		if name == "one byte a read" {
			r = slow{r}
		}
		got, _, err := Read(r, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if d := cmp.Diff(want, got, cmpopts.EquateNaNs()); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

type slow struct{ r io.Reader }

func (s slow) Read(b []byte) (int, error) { return s.r.Read(b[:min(len(b), 1)]) }

// Commas inside names do not hide that tabs separate.
func TestSeparator(t *testing.T) {
	in, _ := mustRead(t, "gap\tcna[a=1,b=2,c=3,d=4]\n0.1\t1\n0.2\t2\n", Options{})
	if len(in.Measures) != 1 || in.Measures[0].Name != "cna[a=1,b=2,c=3,d=4]" {
		t.Errorf("%+v", in.Measures)
	}
}

func TestSeeds(t *testing.T) {
	in, _ := mustRead(t, "gap,hp.a,m\n0.1,1,1\n0.2,1.0,2\n0.3,2,3\n0.4,1e0,4\n", Options{})
	for i, want := range []int64{0, 1, 0, 2} {
		if in.Networks[i].Seed != want {
			t.Errorf("row %d has seed %d, want %d", i+2, in.Networks[i].Seed, want)
		}
	}
	if len(in.Notes) != 1 || !strings.Contains(in.Notes[0], "in the order of the rows") {
		t.Errorf("notes %q", in.Notes)
	}
	in, _ = mustRead(t, "gap,seed,hp.a,m\n0.1,9007199254740993,1,1\n0.2,-3,1,2\n", Options{})
	if in.Networks[0].Seed != 9007199254740993 || in.Networks[1].Seed != -3 {
		t.Errorf("seeds %d, %d", in.Networks[0].Seed, in.Networks[1].Seed)
	}
}

// The gap of the loss stands in where there is no other.
func TestLossGap(t *testing.T) {
	in, warnings := mustRead(t, "train_loss,test_loss,hp.a,m\n0.5,1,1,1\n0.25,2,2,2\n", Options{})
	if in.Gap != report.LossGap || in.Networks[0].LossGap != 0.5 || in.Networks[1].LossGap != 1.75 || in.Networks[1].TrainLoss != 0.25 {
		t.Errorf("%q %+v", in.Gap, in.Networks)
	}
	if len(warnings) != 1 {
		t.Errorf("warnings %q", warnings)
	}
	if _, err := report.Build(in); err != nil {
		t.Error(err)
	}
	in, _ = mustRead(t, "gap,train_loss,test_loss,hp.a,m\n0.5,0.5,inf,1,1\n0.25,0.25,2,2,2\n", Options{})
	if in.Gap != "" || !math.IsNaN(in.Networks[0].LossGap) || in.Networks[1].LossGap != 1.75 {
		t.Errorf("%q %+v", in.Gap, in.Networks)
	}
}

func TestLevels(t *testing.T) {
	for s, want := range map[string]string{
		"0.10": "0.1", "1e-3": "0.001", "0.0001": "0.0001", "1e-05": "1e-05", "0.00001": "1e-05", "64": "64", "64.0": "64", "+64": "64",
		"-0": "0", "1048576": "1048576", "1e6": "1000000", "007": "7", "none": "none", "3x3": "3x3", "True": "True", "0x10": "0x10", "1_0": "1_0",
		"12345678901234567890": "12345678901234567890", "12345678901234567891": "12345678901234567891", "1e300": "1e+300", "3,3": "3,3",
	} {
		v, k := parse(s)
		if got := level(s, v, k); got != want {
			t.Errorf("level %s is %s, want %s", s, got, want)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a*c", "abbc", true}, {"a*c", "abcb", false}, {"*a*b*", "xxayyb", true},
		{"?", "é", true}, {"??", "a", false}, {"m[x=*]", "m[x=a]", true}, {"m[x]", "mx", false}, {"pac*-flat*", "pac-bayes-flatness", true},
	} {
		if got := match(c.pattern, c.name); got != c.want {
			t.Errorf("match(%q, %q) is %v", c.pattern, c.name, got)
		}
	}
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"text":            {"gap,hp.a,note,m\n0.1,1,good,1\n0.2,2,,2\n", "column 'note' holds text ('good', ...): it is no measure and is left out"},
		"one level":       {"gap,hp.a,hp.b,m\n0.1,1,0.5,1\n0.2,2,0.50,2\n", "column 'hp.b' has the value '0.5' in every row: it is no axis"},
		"never defined":   {"gap,hp.a,k,m\n0.1,1,,1\n0.2,2,nan,2\n", "column 'k': no value is defined"},
		"index":           {",gap,hp.a,m\n0,0.1,1,1\n1,0.2,2,2\n", "the first column has no name"},
		"no axes":         {"gap,m\n0.1,1\n0.2,2\n", "no column hp.AXIS"},
		"two gaps":        {"gap,train_acc,test_acc,hp.a,m\n0.1,1,0.8,1,1\n0.2,1,0.8,2,2\n", "row 2: gap is 0.1, and train_acc - test_acc is 0.19999999999999996; gap counts"},
		"outcome":         {"gap,hp.a,m,test_error\n0.1,1,1,0.1\n0.2,2,2,0.3\n", "column 'test_error' counts as a measure, and its name tells of the test"},
		"loss unknown":    {"gap,test_loss,train_loss,hp.a,m\n0.1,,1,1,1\n0.2,1,1,2,2\n", "column 'test_loss': the loss of 1 network is not known"},
		"no accuracy gap": {"loss_gap,hp.a,m\n0.1,1,1\n0.2,2,2\n", "the gap is test loss - train loss"},
	} {
		_, warnings := mustRead(t, c.text, Options{})
		if len(warnings) != 1 || !strings.Contains(string(warnings[0]), c.want) {
			t.Errorf("%s: %q, want %q", name, warnings, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":                 {"", "it is empty"},
		"blank":                 {"\ufeff \n\n", "it is empty"},
		"header alone":          {"gap,m\n", "0 rows: statistics compare networks"},
		"one row":               {"gap,m\n0.1,1\n", "1 row: statistics compare networks, a row each; at least 2 are needed"},
		"no gap":                {"hp.a,m,k\n1,1,1\n2,2,2\n", "there is no column gap (or train_acc and test_acc, or a gap of the loss: loss_gap, or train_loss and test_loss); found: 'hp.a', 'm', 'k'"},
		"half a gap":            {"train_acc,m\n1,1\n1,2\n", "there is no column gap"},
		"no gap, released":      {"hp.a,complexity.m\n1,1\n2,2\n", "there is no column gen.gap"},
		"no measure":            {"gap,hp.a,note\n0.1,1,x\n0.2,2,y\n", "there is no measure: every column of numbers"},
		"constant gap":          {"train_acc,test_acc,m\n1,0.8,1\n0.9,0.7,2\n", "there is nothing to predict"},
		"same names":            {"gap,m,m\n0.1,1,2\n", "columns 2 and 3 have the same name, 'm'"},
		"same names, capitals":  {"gap,Gap,m\n0.1,1,2\n", "columns 1 and 2 have the same name, 'Gap'"},
		"no name":               {"gap,m,\n0.1,1,2\n", "column 3 has no name"},
		"no axis name":          {"gap,m,hp.\n0.1,1,2\n", "column 'hp.' names no hyperparameter"},
		"seed as axis":          {"gap,m,hp.seed\n0.1,1,2\n", "call the column seed"},
		"axis twice":            {"gap,m,hp.a,HP.a\n0.1,1,2,3\n", "columns 'hp.a' and 'HP.a' are the same hyperparameter"},
		"a control's name":      {"gap,oracle-0.02\n0.1,1\n0.2,2\n", "column 'oracle-0.02': the name belongs to a control"},
		"control characters":    {"gap,\"a\nb\"\n0.1,1\n0.2,2\n", "column 2 has control characters"},
		"ragged, short":         {"gap,hp.a,m\n0.1,1,1\n\n0.2,2\n", "row 4 has 2 cells, the header 3"},
		"ragged, long":          {"gap,m\n0.1,1\n0,2,2\n", "row 3 has 3 cells, the header 2"},
		"partly text":           {"gap,alpha\n0.1,1\n0.2,n/a\n0.3,2\n", "row 3, column 'alpha': 'n/a' is not a number; leave the cell empty where the value is undefined"},
		"text, then numbers":    {"gap,alpha\n0.1,bad\n0.2,1\n", "row 2, column 'alpha': 'bad' is not a number"},
		"after a quoted line":   {"model,gap,alpha\n\"a\nb\",0.1,1\nc,0.2,bad\n", "row 4, column 'alpha'"},
		"hexadecimal":           {"gap,alpha\n0.1,0x1p-2\n0.2,1\n", "'0x1p-2' is not a number"},
		"decimal comma":         {"gap;alpha\n0,1;1\n0,2;2\n", "row 2, column 'gap': '0,1' has a comma; write a decimal point"},
		"thousands":             {"gap,alpha\n0.1,\"1,234.5\"\n0.2,\"2,000.0\"\n", "row 2, column 'alpha': '1,234.5' has a comma"},
		"percent sign":          {"gap,alpha\n10%,1\n20%,2\n", "row 2, column 'gap': '10%' is a percentage; write the number without the sign"},
		"percentages":           {"gap,alpha\n0.9,1\n12.5,2\n", "row 3, column 'gap': 12.5 is no fraction from -1 to 1; if the table has percentages, divide them by 100"},
		"accuracies in percent": {"train_acc,test_acc,alpha\n100,90,1\n100,80,2\n", "row 2, column 'train_acc': 100 is no fraction from 0 to 1"},
		"negative accuracy":     {"train_acc,test_acc,alpha\n1,-0.1,1\n1,0.8,2\n", "row 2, column 'test_acc': -0.1 is no fraction"},
		"empty gap":             {"gap,alpha\n0.1,1\n,2\n", "row 3, column 'gap': it is empty; leave out the network"},
		"NaN gap":               {"gap,alpha\nNaN,1\n0.1,2\n", "row 2, column 'gap': it is NaN"},
		"beyond 1e300":          {"loss_gap,alpha\n0.1,1\n1.1e300,2\n", "row 3, column 'loss_gap': it is infinite, or beyond ±1e300"},
		"infinite gap":          {"gap,alpha\n0.1,1\n-Inf,2\n", "row 3, column 'gap': it is infinite"},
		"word as gap":           {"gap,alpha\n0.1,1\nbig,2\n", "row 3, column 'gap': 'big' is not a number; leave out the network where it is not known"},
		"empty loss gap":        {"gap,loss_gap,alpha\n0.1,1,1\n0.2,,2\n", "row 3, column 'loss_gap': it is empty"},
		"unknown losses":        {"train_loss,test_loss,alpha\n1,2,1\n0.2,,2\n", "the losses of some networks are not finite"},
		"empty level":           {"gap,hp.a,alpha\n0.1,1,1\n0.2,,2\n", "row 3, column 'hp.a': it is empty; each network needs a value of each hyperparameter"},
		"NaN level":             {"gap,hp.a,alpha\n0.1,1,1\n0.2,nan,2\n", "row 3, column 'hp.a': it is NaN"},
		"empty seed":            {"gap,seed,hp.a,alpha\n0.1,1,1,1\n0.2,,2,2\n", "row 3, column 'seed': '' is not a whole number"},
		"seed and a half":       {"gap,seed,hp.a,alpha\n0.1,1.5,1,1\n0.2,1,2,2\n", "row 2, column 'seed': '1.5' is not a whole number"},
		"duplicate network":     {"gap,seed,hp.a,alpha\n0.1,1,0.10,1\n0.2,1,2,2\n0.3,1,0.1,3\n", "duplicate network: rows 2 and 4 have the same hyperparameters (a=0.1) and seed 1"},
		"duplicate model":       {"model,gap,alpha\nx,0.1,1\ny,0.2,2\nx,0.3,3\n", "row 4, column 'model': 'x' is the model of row 2 too"},
		"empty model":           {"model,gap,alpha\nx,0.1,1\n,0.2,2\n", "row 3, column 'model': it is empty"},
		"neither true nor not":  {"gap,converged,alpha\n0.1,maybe,1\n0.2,1,2\n", "row 2, column 'converged': 'maybe' is neither true nor false"},
		"quote":                 {"gap,alpha\n0.1,1\n0.2,2\"x\n", "row 3: a double quote is out of place"},
		"open quote":            {"gap,alpha\n0.1,1\n\"0.2,2\n", "row 3: a double quote is out of place"},
		"UTF-16":                {"\xff\xfeg\x00a\x00p\x00", "it is text in UTF-16"},
		"a workbook":            {"PK\x03\x04\x14\x00", "save the sheet as CSV"},
		"zero bytes":            {"gap,\x00", "zero bytes"},
		"Latin-1 header":        {"gap,\xe4\n0.1,1\n0.2,2\n", "the name of column 2 is not UTF-8"},
		"Latin-1 level":         {"gap,hp.a,m\n0.1,\xe4,1\n0.2,b,2\n", "row 2, column 'hp.a': '\\xe4' is not UTF-8"},
	} {
		_, _, err := Read(strings.NewReader(c.text), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", name, err, c.want)
		}
	}
	const good = "gap,alpha,beta\n0.1,1,1\n0.2,2,2\n"
	for _, o := range []Options{{Smaller: []string{"alpah"}}, {Log: []string{"beta", "alpah"}}} {
		if _, _, err := Read(strings.NewReader(good), o); err == nil || !strings.Contains(err.Error(), "no measure matches 'alpah'; the table has 'alpha', 'beta'") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// rows is a table of many rows that is not held anywhere.
func rows(head, row string, n int) io.Reader {
	r, w := io.Pipe()
	go func() {
		chunk := strings.Repeat(row, 1000)
		_, err := io.WriteString(w, head)
		for k := 0; k < n && err == nil; k += 1000 {
			_, err = io.WriteString(w, chunk[:min(1000, n-k)*len(row)])
		}
		w.CloseWithError(err)
	}()
	return r
}

func TestLimits(t *testing.T) {
	names := make([]string, maxColumns)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	wide := "gap," + strings.Join(names, ",") + "\n"
	if _, _, err := Read(strings.NewReader(wide), Options{}); err == nil || !strings.Contains(err.Error(), "10001 columns: at most 10000 are read") {
		t.Errorf("%v", err)
	}
	if testing.Short() {
		t.Skip("short tests: a million rows")
	}
	_, _, err := Read(rows("gap,m\n", "0,1\n", maxRows+1), Options{})
	if err == nil || !strings.Contains(err.Error(), "more than 1000000 rows") {
		t.Errorf("%v", err)
	}
}

// A reader that fails is an error, not the end of the table.
func TestReaderFails(t *testing.T) {
	r := io.MultiReader(rows("gap,m\n", "0.5,1\n", 500_000), broken{})
	if _, _, err := Read(r, Options{}); err == nil || !strings.Contains(err.Error(), "the disk is gone") {
		t.Errorf("%v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, fmt.Errorf("the disk is gone") }

// grid writes 3^7 configurations x 5 seeds with 60 columns, as the largest grids have.
func grid() []byte {
	const axes, seeds, measures = 7, 5, 60 - 9
	var b bytes.Buffer
	b.WriteString("gap,seed")
	for a := range axes {
		fmt.Fprintf(&b, ",hp.axis%d", a)
	}
	for m := range measures {
		fmt.Fprintf(&b, ",measure-%d", m)
	}
	b.WriteByte('\n')
	r := rand.New(rand.NewPCG(1, 2))
	for c := range 2187 {
		for s := range seeds {
			fmt.Fprintf(&b, "%v,%d", r.Float64(), s)
			for a, rest := 0, c; a < axes; a, rest = a+1, rest/3 {
				fmt.Fprintf(&b, ",%d", 1<<(rest%3))
			}
			for range measures {
				fmt.Fprintf(&b, ",%v", r.NormFloat64())
			}
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func BenchmarkRead(b *testing.B) {
	text := grid()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Read(bytes.NewReader(text), Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
