package report

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A board that was read back writes the same bytes in every form.
func TestReadBack(t *testing.T) {
	_, in := readCorpus(t)
	bare := largeInput(2)
	bare.Axes, bare.Bootstrap = nil, 20
	pooled := gridInput(2, 2, 2)
	pooled.Repeats = "pooled"
	for name, in := range map[string]Input{"axes": in, "no axes": bare, "pooled": pooled, "one network": gridInput(1, 1)} {
		b := build(t, in)
		stored := form(t, func(w *bytes.Buffer) error { return b.WriteJSON(w) })
		again, err := Read(strings.NewReader(stored))
		if err != nil {
			t.Fatal(err)
		}
		if !Equal(b, again) {
			t.Errorf("%s: the boards differ", name)
		}
		for what, pair := range map[string][2]string{
			"text":     {form(t, func(w *bytes.Buffer) error { return b.WriteText(w, 100) }), form(t, func(w *bytes.Buffer) error { return again.WriteText(w, 100) })},
			"markdown": {form(t, func(w *bytes.Buffer) error { return b.WriteMarkdown(w) }), form(t, func(w *bytes.Buffer) error { return again.WriteMarkdown(w) })},
			"csv":      {form(t, func(w *bytes.Buffer) error { return b.WriteCSV(w) }), form(t, func(w *bytes.Buffer) error { return again.WriteCSV(w) })},
			"json":     {stored, form(t, func(w *bytes.Buffer) error { return again.WriteJSON(w) })},
		} {
			if d := cmp.Diff(pair[0], pair[1]); d != "" {
				t.Errorf("%s, %s: built (-) and read back (+):\n%s", name, what, d)
			}
		}
	}
}

func form(t *testing.T, write func(*bytes.Buffer) error) string {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Boards stored before they had axes still show them, by name.
func TestReadWithoutAxes(t *testing.T) {
	_, in := readCorpus(t)
	var fields map[string]any
	if err := json.Unmarshal([]byte(form(t, func(w *bytes.Buffer) error { return build(t, in).WriteJSON(w) })), &fields); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"axes", "configurations", "seeds", "repeats"} {
		delete(fields, f)
	}
	old, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(bytes.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	text := form(t, func(w *bytes.Buffer) error { return b.WriteText(w, 0) })
	if d := cmp.Diff([]string{"label_shuffle", "norm", "width"}, b.Axes); d != "" || !strings.Contains(text, "ψ label_shuffle  ψ norm  ψ width") || !strings.HasPrefix(text, "toy: 24 networks scored, axes label_shuffle, norm, width\n") {
		t.Errorf("axes %v:\n%s", b.Axes, text)
	}
}

// testdata/board-before.json is a whole board as it was written before rows had
// the papers' scores, intervals of K, ρ and r, and the place of the largest error.
func TestReadBefore(t *testing.T) {
	old, err := os.ReadFile("testdata/board-before.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(bytes.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	r := b.row(t, "good")
	if r.SignError.Environments != nil || r.SignError.MaxAt != nil || r.CMICI != nil || r.Compat.PGDL != nil || r.Compat.FGMPsiByAxis == nil || b.Compat == nil {
		t.Errorf("%+v", r)
	}
	text := form(t, func(w *bytes.Buffer) error { return b.WriteText(w, 0) })
	for _, gone := range []string{"[95 %]  p Holm", "K [95 %]", "intervals: ", "scores 0.000"} {
		if strings.Contains(text, gone) {
			t.Errorf("the text has %q:\n%s", gone, text)
		}
	}
	for _, write := range []func(*bytes.Buffer) error{
		func(w *bytes.Buffer) error { return b.WriteMarkdown(w) },
		func(w *bytes.Buffer) error { return b.WriteCSV(w) },
		func(w *bytes.Buffer) error { return b.WriteLaTeX(w) },
	} {
		if form(t, write) == "" {
			t.Error("nothing is written")
		}
	}
	again, err := Read(strings.NewReader(form(t, func(w *bytes.Buffer) error { return b.WriteJSON(w) })))
	if err != nil || !Equal(b, again) {
		t.Errorf("written and read again: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	row := `{"measure":"m","class":"train","psi_by_axis":{"a":null}}`
	for text, want := range map[string]string{
		"":                                      "it is empty",
		"null":                                  "it has no schema number",
		"{}":                                    "it has no schema number",
		"[]":                                    "it is JSON, but not a leaderboard",
		"42":                                    "it is JSON, but not a leaderboard",
		"\x00\x01 genbench":                     "it is not JSON",
		`{"schema":1,"mod`:                      "it is not JSON: unexpected EOF",
		`{"schema":1,"models":4,"rows":[]} {}`:  "more text follows",
		`{"schema":2,"rows":"elsewhere"}`:       "written by a newer version of genbench (schema 2, this version knows 1)",
		`{"schema":-1}`:                         "it has no schema number",
		`{"schema":1}`:                          "it has no models or no rows",
		`{"schema":1,"models":4}`:               "it has no models or no rows",
		`{"schema":1,"models":4,"rows":"none"}`: "it is not a leaderboard of schema 1",
		`{"schema":1,"models":4,"rows":[{}]}`:   "rows[0] has no measure",
		`{"schema":1,"models":4,"rows":[{"measure":"m","class":"best"}]}`: `rows[0], m: class "best"`,
		`{"schema":1,"models":4,"axes":["a","b"],"rows":[` + row + `]}`:   "axes: no row has psi_by_axis of b",
		`{"schema":1,"models":4,"axes":[],"rows":[` + row + `]}`:          "axes: a is not among them",
	} {
		b, err := Read(strings.NewReader(text))
		if b != nil || err == nil || !strings.HasPrefix(err.Error(), "reading a leaderboard: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, b, err, want)
		}
	}
}

// Whatever the text: an error, or a board that can be written.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"schema":1,"models":4,"axes":["a"],"rows":[{"measure":"m","class":"train","psi_by_axis":{"a":null}}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var out bytes.Buffer
		for _, err := range []error{b.WriteText(&out, 80), b.WriteText(&out, 0), b.WriteMarkdown(&out), b.WriteCSV(&out), b.WriteJSON(&out), b.WriteLaTeX(&out)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}
