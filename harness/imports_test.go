package harness_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/genbench/genbench/"

// mayImport is the architecture: which package of genbench may import which.
// A pattern's * stands for one path element. Test files are exempt: they hold
// packages against each other.
var mayImport = []struct {
	pkg     string
	imports []string
}{
	{"models", nil},
	{"models/enginetest", []string{"models"}},
	{"models/xla", []string{"models", "models/xla/internal/*"}},
	{"models/*", []string{"models"}},
	{"models/xla/internal/*", nil},
	{"models/cpu/internal/*", nil},
	{"corpora/dataset", nil},
	{"corpora/dataset/internal/*", []string{"corpora/dataset"}},
	{"corpora/importer", []string{"corpora", "models", "corpora/dataset"}},
	{"corpora", []string{"models", "corpora/dataset"}},
	{"harness/internal/pb", nil},
	{"harness/measure", []string{"harness/internal/pb"}},
	{"harness/measure/measuretest", []string{"harness/measure"}},
	{"harness/quantity", []string{"models", "corpora/dataset"}},
	{"harness/plugin", []string{"harness/measure", "harness/quantity", "harness/internal/pb"}},
	{"harness/result", nil},
	{"harness/rank", nil},
	{"harness/figure", nil},
	{"harness/report", []string{"harness/rank", "harness/result", "corpora"}},
	{"harness/values", []string{"harness/report"}},
	{"harness", []string{"corpora", "harness/measure", "harness/plugin", "harness/quantity", "harness/result"}},
	{"measures", []string{"harness/measure", "measures/*"}},
	{"measures/*", []string{"harness/measure", "measures/internal/*"}},
	{"measures/internal/*", []string{"harness/measure"}},
	{"examples/*", []string{"harness/measure"}},
	{"python", nil},
	{"cmd/*", []string{"*", "*/*", "*/*/*"}},
	{"internal/*", []string{"*", "*/*", "*/*/*"}},
}

// TestImportsPointOneWay reads the files itself: a test that asks the go command
// passes from Go's cache after the rule is broken.
func TestImportsPointOneWay(t *testing.T) {
	root := ".."
	files := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && file != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		files++
		rel, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		for _, imported := range importsOf(t, file) {
			if !allowed(filepath.ToSlash(rel), imported) {
				t.Errorf("%s: %s must not import %s", file, rel, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d files read: the walk is broken", files)
	}
}

func TestImportRulesRefuse(t *testing.T) {
	for _, c := range []struct{ pkg, imported string }{
		{"measures/l2norm", "harness/result"},
		{"measures/l2norm", "measures/cna"},
		{"measures/internal/margin", "measures/cna"},
		{"harness/rank", "harness/result"},
		{"models", "corpora"},
		{"harness/measure", "models"},
		{"nowhere", "models"},
	} {
		if allowed(c.pkg, c.imported) {
			t.Errorf("%s may import %s, which the architecture forbids", c.pkg, c.imported)
		}
	}
}

func allowed(pkg, imported string) bool {
	for _, rule := range mayImport {
		if !matches(rule.pkg, pkg) {
			continue
		}
		return slices.ContainsFunc(rule.imports, func(p string) bool { return matches(p, imported) })
	}
	return false
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

func importsOf(t *testing.T, file string) []string {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, s := range f.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if rest, ok := strings.CutPrefix(p, module); ok {
			own = append(own, rest)
		}
	}
	return own
}
