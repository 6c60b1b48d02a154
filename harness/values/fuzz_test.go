package values

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/report"
	"pgregory.net/rapid"
)

// noNumber is what Go prints of a float64 that is none.
var noNumber = regexp.MustCompile(`(?m)(^|[\s|,\[(&])[+-]?(NaN|Inf)($|[\s|,\])\\])`)

// FuzzScore takes any bytes for a table. What Read admits, Build must score, and every
// form can be written without a number that is none.
func FuzzScore(f *testing.F) {
	released, err := os.ReadFile(filepath.Join("testdata", "released.csv"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(released)
	for _, text := range []string{
		"gap,hp.a,hp.b,alpha,beta\n0.1,1,1,1,9\n0.2,1,2,2,8\n0.3,2,1,3,7\n0.4,2,2,4,6\n",
		"model,gap,seed,hp.lr,converged,m\nx,0.10,1,0.1,true,1\ny,0.2,2,0.1,true,\nz,0.3,1,0.01,false,2\nw,0.4,2,1e-2,1,3\n",
		"train_acc;test_acc;train_loss;test_loss;m\n1;0.5;0.1;1;-1e308\n1;0.6;0.2;2;1e308\n1;0.7;0.3;inf;0\n",
		"\ufeffgap\tm\r\n0.1\tNaN\r\n0.2\t\r\n",
		"gap,loss_gap,hp.a,hp.a b,m\n1,1e308,1,x,1e308\n-1,-1e308,2,y,1e308\n0,0,3,x,-1e308\n0.5,0,1,y,5e-324\n",
		"gap,hp.a,m\n0.1,1,1\n0.1,1,1\n0.2,2,1\n0.2,2,1\n",
		"gap,hp.a,m\n0.1,1\n", "gap,m\n10%,1\n", "gap,m\n0.1,\"", "PK\x03\x04", "\xff\xfeg\x00", "gap,random\n0.1,1\n0.2,2\n",
		"gap,hp.seed,m\n1,2,3\n", "gap,m\n0.1,n/a\n0.2,1\n", "gap,\"a|b\\&_%${}\",hp.x&_\n0.1,1,\\\n0.2,2,|\n0.3,0,$\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) <= 4<<10 {
			score(t, text, Options{})
		}
	})
}

// TestAnyTable makes tables that are well formed, of values that are not.
func TestAnyTable(t *testing.T) {
	number := rapid.SampledFrom([]string{"0", "-0", "1", "1.0", "2", "-3.5", "1e300", "-1e300", "1e301", "5e-324", "1e-300", "1e400", "", "NaN", "-inf", "0.30000000000000004", "0.3"})
	fraction := rapid.SampledFrom([]string{"0", "1", "-1", "0.1", "0.1", "0.5", "1e-300", "5e-324", "0.30000000000000004", "0.3"})
	value := rapid.SampledFrom([]string{"1", "2", "10", "a", "x y"})
	rapid.Check(t, func(t *rapid.T) {
		axes, measures, rows := rapid.IntRange(0, 3).Draw(t, "axes"), rapid.IntRange(1, 3).Draw(t, "measures"), rapid.IntRange(2, 14).Draw(t, "rows")
		loss, flagged := rapid.Bool().Draw(t, "loss"), rapid.Bool().Draw(t, "converged")
		var b bytes.Buffer
		b.WriteString("gap")
		if loss {
			b.WriteString(",train_loss,test_loss")
		}
		if flagged {
			b.WriteString(",converged")
		}
		for a := range axes {
			fmt.Fprintf(&b, ",hp.a%d", a)
		}
		for m := range measures {
			fmt.Fprintf(&b, ",m%d", m)
		}
		for range rows {
			b.WriteString("\n" + fraction.Draw(t, "gap"))
			if loss {
				b.WriteString("," + number.Draw(t, "train") + "," + number.Draw(t, "test"))
			}
			if flagged {
				fmt.Fprintf(&b, ",%v", rapid.Bool().Draw(t, "reached"))
			}
			for range axes {
				b.WriteString("," + value.Draw(t, "level"))
			}
			for range measures {
				b.WriteString("," + number.Draw(t, "value"))
			}
		}
		var o Options
		if rapid.Bool().Draw(t, "log") {
			o.Log = []string{"*"}
		}
		if rapid.Bool().Draw(t, "smaller") {
			o.Smaller = []string{"m0"}
		}
		score(t, b.Bytes(), o)
	})
}

// failer is what tests of both kinds have.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// score reads, builds and writes; a table that Read refuses is fine.
func score(t failer, text []byte, o Options) {
	t.Helper()
	in, _, err := Read(bytes.NewReader(text), o)
	if err != nil {
		if in.Networks != nil || strings.TrimSpace(err.Error()) == "" {
			t.Fatalf("an error with an input, or without words: %v", err)
		}
		return
	}
	// The statistics of large tables are not what is tried here.
	if len(in.Networks) > 40 || len(in.Measures) > 4 || len(in.Axes) > 4 {
		return
	}
	in.Bootstrap, in.Permute, in.Jobs = 20, 19, 1
	if !slices.ContainsFunc(in.Networks, func(n report.Network) bool { return !n.Unconverged }) {
		in.KeepUnconverged = true
	}
	b, err := report.Build(in)
	if err != nil {
		t.Fatalf("Read admits what Build refuses: %v\n%s", err, text)
	}
	checkForms(t, b, bytes.ToLower(text))
}

func checkForms(t failer, b *report.Board, source []byte) {
	var plain, table, markdown, latex, object bytes.Buffer
	for name, err := range map[string]error{
		"text": b.WriteText(&plain, 80), "csv": b.WriteCSV(&table), "markdown": b.WriteMarkdown(&markdown),
		"latex": b.WriteLaTeX(&latex), "json": b.WriteJSON(&object),
	} {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	// JSON has no NaN: that it can be read back says that there is none.
	if again, err := report.Read(bytes.NewReader(object.Bytes())); err != nil || !report.Equal(b, again) {
		t.Fatalf("read back: %v", err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil {
		t.Fatalf("csv: %v", err)
	}
	words := []string{"measure", "class", "direction", "transform", "notes", "cmi_set", "cmi_min_at", "sign_error_max_at"}
	for _, r := range rows[1:] {
		for k, cell := range r {
			if head := rows[0][k]; !slices.Contains(words, head) && noNumber.MatchString(cell) {
				t.Fatalf("csv: %s of %q is %s", head, r, cell)
			}
		}
	}
	if bytes.Contains(source, []byte("nan")) || bytes.Contains(source, []byte("inf")) {
		return // a name may be printed
	}
	for _, out := range []*bytes.Buffer{&plain, &markdown, &latex} {
		if found := noNumber.Find(out.Bytes()); found != nil {
			t.Fatalf("%q is printed:\n%s", found, out)
		}
	}
}
