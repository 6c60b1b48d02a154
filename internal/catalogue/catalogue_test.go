package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/evidence"
)

// root of the source tree.
var root = filepath.Join("..", "..")

func read(t *testing.T) *catalogue {
	t.Helper()
	c, err := collect(context.Background(), root)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestEvidence: every measure was held against something that genbench did not write.
func TestEvidence(t *testing.T) {
	c := read(t)
	if bare := c.bare(); len(bare) > 0 {
		t.Errorf("no test holds these against an outside source (package evidence says how): %s", strings.Join(bare, ", "))
	}
	if u := c.unknown(); len(u) > 0 {
		t.Errorf("evidence of what there is not: %s", strings.Join(u, "; "))
	}
	for _, f := range c.found {
		if !(f.Error <= f.Tolerance) {
			t.Errorf("%s of %s: the error %v of %s%s is more than %v", f.Test, f.Package, f.Error, f.Measure, f.Quantity, f.Tolerance)
		}
	}
}

// TestTestsExist: evidence whose test is gone is nobody's.
func TestTestsExist(t *testing.T) {
	tests := map[string]string{}
	for _, f := range read(t).found {
		if _, done := tests[f.Package]; !done {
			files, err := filepath.Glob(filepath.Join(root, f.Package, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				b, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				tests[f.Package] += string(b)
			}
		}
		if !regexp.MustCompile(`(?m)^func ` + f.Test + `\(`).MatchString(tests[f.Package]) {
			t.Errorf("%s has evidence of %s, which is no test there", f.Package, f.Test)
		}
	}
}

// TestDocument: the table in the tree is the one that the program writes.
func TestDocument(t *testing.T) {
	var b bytes.Buffer
	read(t).write(&b)
	kept, err := os.ReadFile(filepath.Join(root, "docs", "catalogue.md"))
	if err != nil || !bytes.Equal(kept, b.Bytes()) {
		t.Errorf("docs/catalogue.md is not what the evidence and the measures say (%v); `go run ./internal/catalogue --output docs/catalogue.md` writes it", err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "| **") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 8 {
			t.Errorf("a row is not of seven cells: %s", line)
		}
	}
}

// TestBare: what is missing is found, a variant's evidence counts, and a strange name is told.
func TestBare(t *testing.T) {
	c := &catalogue{measures: []measure.Info{{Name: "a"}, {Name: "b"}, {Name: "random"}}}
	entry := func(measure, quantity string) evidence.Found {
		return evidence.Found{Entry: evidence.Entry{Measure: measure, Quantity: quantity}}
	}
	c.found = []evidence.Found{entry("b[x=1]", ""), entry("", "a"), entry("c", ""), entry("", "train-loss")}
	if got := c.bare(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("bare: %v, want a", got)
	}
	if got := c.unknown(); len(got) != 2 {
		t.Errorf("unknown: %v, want the quantity a and the measure c", got)
	}
}
