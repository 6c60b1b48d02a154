package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/genbench/genbench/measures"
)

// output runs a command in process and returns what it printed.
func output(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	env := environment{getenv: os.Getenv, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	if status := execute(context.Background(), env, args); status != exitOK {
		t.Fatalf("%v: status %d: %s", args, status, errs.String())
	}
	return out.String()
}

// TestMeasuresFit: no line of the list or of any description is wider than the terminal, and the list names
// every measure, with its source.
func TestMeasuresFit(t *testing.T) {
	const width = 120
	narrow := func(what, text string) {
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%s: a line of %d characters: %s", what, n, line)
			}
		}
	}
	narrow("the list", output(t, "measures", "ls", "--width", "120"))
	list := output(t, "measures", "ls") // as wide as it gets: no terminal
	for _, m := range measures.All() {
		i := m.Info()
		row := regexp.MustCompile(`(?m)^ ` + regexp.QuoteMeta(i.Name) + ` +` + regexp.QuoteMeta(i.Family) + ` .*[A-Z]\pL+ (19|20)\d\d`)
		if !row.MatchString(list) {
			t.Errorf("the list has no row of %s with its family, author and year", i.Name)
		}
		page := output(t, "measures", "show", i.Name, "--width", "120")
		narrow(i.Name, page)
		for _, o := range i.Options {
			if !strings.Contains(page, "  "+o.Name+"="+o.Default) {
				t.Errorf("%s is shown without its option %s", i.Name, o.Name)
			}
		}
		for _, n := range i.Needs {
			if !strings.Contains(page, "\n  "+string(n)+" ") {
				t.Errorf("%s is shown without its need %s", i.Name, n)
			}
		}
	}
}

func TestShortCitation(t *testing.T) {
	for citation, want := range map[string]string{
		"": "—",
		"Gain and Siegelmann, Abstraction mechanisms, 2019, arXiv:1905.11515":                           "Gain 2019, 1905.11515",
		"Jiang, Neyshabur, Mobahi, Krishnan and Bengio, Fantastic, 2019, arXiv:1912.02178, eq. 48":      "Jiang 2019, 1912.02178",
		"Davies and Bouldin, A cluster separation measure, 1979":                                        "Davies 1979",
		"Sedghi, The singular values, 2018, arXiv:1805.10408; Jiang, Fantastic, 2019, arXiv:1912.02178": "Sedghi 2018, 1805.10408",
		"Davies and Bouldin, A cluster, 1979; Natekar, Representation, 2020, arXiv:2012.02775":          "Davies 1979",
		"PGDL 2020 starting kit, baseline; Novak, 2018, arXiv:1802.08760":                               "PGDL 2020 starting kit",
		"an example, of no paper": "an example",
	} {
		if got := shortCitation(citation); got != want {
			t.Errorf("%q becomes %q, want %q", citation, got, want)
		}
	}
}

func TestWrapped(t *testing.T) {
	for _, c := range []struct {
		text, indent string
		width        int
		want         string
	}{
		{"one two three", "", 0, "one two three\n"},
		{"one two three", "  ", 7, "one two\n  three\n"},
		{"  name: one two", "    ", 11, "  name: one\n    two\n"},
		{"a-very-long-word on", "  ", 4, "a-very-long-word\n  on\n"},
		{"two\nlines of text", "  ", 10, "two\n  lines of\n  text\n"},
		{"αβγ δ", "", 5, "αβγ δ\n"}, // characters, not bytes
	} {
		if got := wrapped(c.text, c.indent, c.width); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestPackedTable(t *testing.T) {
	header, rows := []string{"n", "aa", "bb"}, [][]string{{"x", "1", "2"}}
	for width, want := range map[int]string{
		0:  " n  aa  bb\n x  1   2\n",
		11: " n  aa  bb\n x  1   2\n",
		10: " n  aa\n x  1\n\n n  bb\n x  2\n",
		1:  " n  aa\n x  1\n\n n  bb\n x  2\n", // a column a table at least
	} {
		var b bytes.Buffer
		if err := packedTable(&b, header, rows, 1, width); err != nil {
			t.Fatal(err)
		}
		if b.String() != want {
			t.Errorf("at %d:\n%s\nwant\n%s", width, b.String(), want)
		}
	}
}
