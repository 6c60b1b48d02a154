// Package evidence keeps what the tests found when they held a measure against
// something that genbench did not write: which source, which tolerance was
// asked, which error was seen. The table of measures in docs/catalogue.md is
// made from it, so that no figure there was typed.
//
// A test compares through a [Recorder]:
//
//	func TestNumPy(t *testing.T) {
//		ev := evidence.Open(t)
//		...
//		ev.Measure("l2norm", "NumPy "+e.NumPy+": linalg.norm, percentile", evidence.Relative(1e-12), got, want)
//	}
//
// The comparison fails the test where the error exceeds the tolerance. When the
// test ends, the largest error of each (measure, source) is held against the
// package's testdata/evidence.json: an entry that is missing, that no test makes
// any more, whose tolerance is another, or whose error is off by more than a
// factor of 10 fails the test. What is there is written by
//
//	GENBENCH_UPDATE_EVIDENCE=1 go test ./measures/l2norm
//
// which replaces the entries of the tests that ran and passed, and no others.
package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is where a package keeps its evidence, below its own folder.
const File = "testdata/evidence.json"

// Entry is the largest error of one test's comparisons of a measure with one source.
type Entry struct {
	Measure   string  `json:"measure,omitempty"`  // a built-in's name; with options in brackets where they differ from the defaults
	Quantity  string  `json:"quantity,omitempty"` // or the name of a quantity of the host
	Source    string  `json:"source"`             // where the expected value comes from, with its version
	Test      string  `json:"test"`               // the test function
	Unit      Unit    `json:"unit"`
	Tolerance float64 `json:"tolerance"` // in units
	Error     float64 `json:"error"`     // the largest seen, in units, rounded up to two digits
	Values    int     `json:"values"`    // how many were compared
}

// Unit is what errors are measured in.
type Unit string

// The units.
const (
	RelativeError Unit = "relative"        // |got - want| / |want|; "relative to WHAT": over another scale
	AbsoluteError Unit = "absolute"        // |got - want|
	StandardError Unit = "standard errors" // |got - want| over the standard error of their difference
)

// subject names what was compared.
func (e Entry) subject() string {
	if e.Quantity != "" {
		return "quantity " + e.Quantity
	}
	return "measure " + e.Measure
}

func (e Entry) key() string { return e.subject() + "\x00" + e.Source + "\x00" + e.Test }

// Read returns the entries of a file, in its order; none where there is no file.
func Read(file string) ([]Entry, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var es []Entry
	if err := json.Unmarshal(raw, &es); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, e := range es {
		if (e.Measure == "") == (e.Quantity == "") || e.Source == "" || e.Test == "" {
			return nil, fmt.Errorf("%s: an entry lacks the name of its measure or quantity, its source or its test: %+v", file, e)
		}
	}
	return es, nil
}

// write keeps entries sorted, one a line, so that files merge.
func write(file string, es []Entry) error {
	es = slices.Clone(es)
	slices.SortFunc(es, func(a, b Entry) int { return cmp.Compare(a.key(), b.key()) })
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	var lines []string
	for _, e := range es {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e); err != nil {
			return err
		}
		lines = append(lines, strings.TrimSpace(b.String()))
	}
	return os.WriteFile(file, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644)
}

// Found is an entry and the folder of the package whose test made it.
type Found struct {
	Entry
	Package string // "measures/l2norm"
}

// Collect returns the evidence of all packages below root, by package.
func Collect(root string) ([]Found, error) {
	var found []Found
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(filepath.ToSlash(path), "/"+File):
			return nil
		}
		es, err := Read(path)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(filepath.Dir(path)))
		for _, e := range es {
			found = append(found, Found{Entry: e, Package: filepath.ToSlash(folder)})
		}
		return err
	})
	return found, err
}
