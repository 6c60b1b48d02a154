package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/result"
	"github.com/genbench/genbench/internal/pythontest"
)

// pythonFolder is a folder whose python3 has what the package genbench needs, to be put first on the PATH. Where there
// is none the test is skipped, or fails where everything is to be tested.
func pythonFolder(t testing.TB, modules string) string {
	t.Helper()
	program := pythontest.Program(t, modules)
	dir := t.TempDir()
	if err := os.Symlink(program, filepath.Join(dir, "python3")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// usePython makes python3 the one with grpcio, protobuf and numpy, and the package of this tree importable, for
// this test and what it starts.
func usePython(t *testing.T, modules string) {
	t.Helper()
	dir := pythonFolder(t, modules)
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("PYTHONPATH", filepath.Join(root, "python"))
	t.Setenv("PYTHONDONTWRITEBYTECODE", "1")
}

// cellValues runs genbench on a corpus and answers each measure's values by network; NaN: undefined.
func cellValues(t *testing.T, corpus string, args ...string) map[string]map[string]float64 {
	t.Helper()
	store := filepath.Join(t.TempDir(), "store")
	out, err := genbenchCommand(t, append([]string{"run", corpus, "--store", store, "--no-progress"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	files, err := filepath.Glob(filepath.Join(store, "values", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of results, error %v", len(files), err)
	}
	found := map[string]map[string]float64{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var r result.Result
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if found[r.Measure] == nil {
				found[r.Measure] = map[string]float64{}
			}
			switch r.Status {
			case result.OK:
				found[r.Measure][r.Network] = *r.Value
			case result.Undefined:
				found[r.Measure][r.Network] = math.NaN()
			default:
				t.Errorf("%s of %s: %s %s", r.Measure, r.Network, r.Status, r.Reason)
			}
		}
	}
	return found
}

// TestGoAndPythonAgree runs the three example measures in both languages, and the built-in ones of the same
// definition: the same bits where the host does the arithmetic, 1e-12 where each does its own (singular values, by
// gonum and by LAPACK).
func TestGoAndPythonAgree(t *testing.T) {
	usePython(t, "grpc, google.protobuf, numpy")
	program := filepath.Join(t.TempDir(), "genbench-measure-go")
	if out, err := exec.Command("go", "build", "-o", program, "../../examples/three-measures").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script := filepath.Join("..", "..", "examples", "three-measures", "three_measures.py")
	found := cellValues(t, "tiny", "--plugin", "go="+program, "--plugin", "py="+script,
		"--measures", "go-*,py-*,go-l2norm[norms=own],py-l2norm[norms=own],l2norm,inverse-margin,pac-bayes-flatness")
	for _, c := range []struct {
		a, b      string
		tolerance float64 // relative
	}{
		{"go-l2norm", "py-l2norm", 0},
		{"go-l2norm", "l2norm", 0},
		{"go-inverse-margin", "py-inverse-margin", 0},
		{"go-inverse-margin", "inverse-margin", 0},
		{"go-pac-bayes", "py-pac-bayes", 0},
		{"go-pac-bayes", "pac-bayes-flatness", 0},
		{"go-l2norm[norms=own]", "py-l2norm[norms=own]", 1e-12},
		{"go-l2norm[norms=own]", "go-l2norm", 1e-12},
	} {
		if len(found[c.a]) != 8 || len(found[c.b]) != 8 {
			t.Fatalf("%s has %d values, %s %d; want 8", c.a, len(found[c.a]), c.b, len(found[c.b]))
		}
		defined := 0
		for network, a := range found[c.a] {
			b := found[c.b][network]
			if math.IsNaN(a) && math.IsNaN(b) {
				continue
			}
			defined++
			if !(math.Abs(a-b) <= c.tolerance*math.Abs(a)) {
				t.Errorf("network %s: %s is %v, %s %v", network, c.a, a, c.b, b)
			}
		}
		if defined == 0 {
			t.Errorf("%s and %s are undefined on all networks: nothing was compared", c.a, c.b)
		}
	}
}

// TestPyTorchRebuildsTheNetwork: net.torch() has the host's logits, on a network of every family.
func TestPyTorchRebuildsTheNetwork(t *testing.T) {
	usePython(t, "grpc, google.protobuf, numpy, torch")
	found := cellValues(t, filepath.Join("testdata", "families.yaml"), "--plugin", "rebuilt="+filepath.Join("testdata", "torch_logits.py"), "--measures", "rebuilt-*", "--plugin-start-timeout", "1m")
	for name, tolerance := range map[string]float64{
		"rebuilt-logits":   1e-5, // float32 sums in another order, relative to the largest logit
		"rebuilt-gradient": 1e-4, // and of the loss's gradient, relative to the host's squared norms
	} {
		if len(found[name]) != 5 {
			t.Errorf("%s has %d values, want 5", name, len(found[name]))
		}
		for network, v := range found[name] {
			t.Logf("network %s: %s differ by %.2g", network, name, v)
			if !(v <= tolerance) {
				t.Errorf("network %s: %s differ by %v of the largest", network, name, v)
			}
		}
	}
}
