// Package crosscheck holds no code of genbench: its tests run genbench on the
// corpus "tiny" and on one of more seeds and let a Python script compute the
// numbers of the stores a second time, with NumPy, SciPy and PyTorch.
package crosscheck

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/internal/pythontest"
)

// python is the interpreter with NumPy, SciPy, scikit-learn and PyTorch; without one the test
// is skipped, or fails where everything is to be tested.
func python(t *testing.T) string {
	t.Helper()
	return pythontest.Program(t, "numpy, scipy.special, sklearn, torch")
}

// run answers a program's output, and its exit status with the output as the
// error message.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join("..", "..")
	// Two cores' worth of small matrices gains nothing from threads.
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// build compiles the command, and reads what it is made of and the scripts: Go keeps the outcome of a test
// whose files are as they were, and does not see what a program that the test starts reads.
func build(t *testing.T, program string) {
	t.Helper()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "genbench-store") {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".s", ".py", ".yaml":
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, "go", "build", "-o", program, "./cmd/genbench")
}

func TestTiny(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one builds and runs genbench")
	}
	interpreter := python(t)
	program, store := filepath.Join(t.TempDir(), "genbench"), filepath.Join(t.TempDir(), "tiny")
	build(t, program)
	run(t, program, "run", "tiny", "--store", store, "--measures", "*", "--no-progress")
	// The script answers status 1 when any number disagrees.
	found := filepath.Join(t.TempDir(), "evidence.json")
	t.Log("\n" + run(t, interpreter, "internal/crosscheck/crosscheck.py", store, "--evidence", found))
	kept(t, found, "TestTiny")

	t.Run("finds a wrong number", func(t *testing.T) { wrong(t, interpreter, store) })
}

// kept holds what the script found of each measure against what is kept of an earlier run; its errors are within
// their tolerances, or the script would have failed. They differ between kernels and between versions of PyTorch,
// so that only a larger order of magnitude is a change. GENBENCH_UPDATE_EVIDENCE=1 keeps them anew.
func kept(t *testing.T, found, test string) {
	t.Helper()
	if os.Getenv("GENBENCH_UPDATE_EVIDENCE") == "1" {
		if err := replace(found, test); err != nil {
			t.Fatal(err)
		}
	}
	now, err := evidence.Read(found)
	if err != nil {
		t.Fatal(err)
	}
	before, err := evidence.Read(evidence.File)
	if err != nil {
		t.Fatal(err)
	}
	old := map[string]evidence.Entry{}
	for _, e := range before {
		if e.Test == test {
			old[e.Measure] = e
		}
	}
	const rounding = 1e-13 // below it an error says nothing
	for _, e := range now {
		o, ok := old[e.Measure]
		switch {
		case !ok:
			t.Errorf("%s: nothing is kept of it; GENBENCH_UPDATE_EVIDENCE=1 go test ./internal/crosscheck", e.Measure)
		case e.Tolerance != o.Tolerance || e.Unit != o.Unit || e.Values != o.Values:
			t.Errorf("%s: %+v, kept is %+v; GENBENCH_UPDATE_EVIDENCE=1 go test ./internal/crosscheck", e.Measure, e, o)
		case e.Error > rounding && e.Error > 10*o.Error && e.Error > e.Tolerance/10:
			t.Errorf("%s: the error is %v, kept is %v", e.Measure, e.Error, o.Error)
		}
		delete(old, e.Measure)
	}
	for name := range old {
		t.Errorf("%s: kept, and no more found", name)
	}
}

// replace puts the lines of a file in the place of a test's kept ones.
func replace(found, test string) error {
	raw, err := os.ReadFile(found)
	if err != nil {
		return err
	}
	var lines []string
	add := func(raw []byte, keep func(line string) bool) {
		for _, line := range strings.Split(string(raw), "\n") {
			if line = strings.TrimSuffix(line, ","); strings.HasPrefix(line, "{") && keep(line) {
				lines = append(lines, line)
			}
		}
	}
	kept, err := os.ReadFile(evidence.File)
	if err != nil {
		return err
	}
	add(kept, func(line string) bool { return !strings.Contains(line, `"test":"`+test+`"`) })
	add(raw, func(string) bool { return true })
	slices.Sort(lines)
	return os.WriteFile(evidence.File, []byte("[\n"+strings.Join(lines, ",\n")+"\n]\n"), 0o644)
}

// TestConvolutions: every measure of thin convolutional networks, a residual one among them; and CNA as its paper's code has it.
func TestConvolutions(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one builds and runs genbench")
	}
	interpreter := python(t)
	program, store := filepath.Join(t.TempDir(), "genbench"), filepath.Join(t.TempDir(), "convolutions")
	build(t, program)
	run(t, program, "run", "internal/crosscheck/convolutions.yaml", "--store", store, "--no-progress",
		"--measures", "*,cna[layers=paper,reduce=mean_channel_sum_space]")
	found := filepath.Join(t.TempDir(), "evidence.json")
	t.Log("\n" + run(t, interpreter, "internal/crosscheck/crosscheck.py", store, "--only", "data", "--only", "networks", "--only", "measures", "--only", "searches",
		"--draws", "20", "--strong", "1", "--evidence", found, "--test", "TestConvolutions"))
	kept(t, found, "TestConvolutions")
}

// TestSeeds is for the leaderboard's numbers that take many seeds or three axes.
func TestSeeds(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one builds and runs genbench")
	}
	interpreter := python(t)
	program, store := filepath.Join(t.TempDir(), "genbench"), filepath.Join(t.TempDir(), "seeds")
	build(t, program)
	run(t, program, "run", "internal/crosscheck/seeds.yaml", "--store", store, "--measures", "l2norm*,cna*,pac-bayes-orig", "--no-progress")
	t.Log("\n" + run(t, interpreter, "internal/crosscheck/crosscheck.py", store, "--only", "board"))
}

// wrong changes one digit of the leaderboard: a check that cannot fail checks nothing.
func wrong(t *testing.T, interpreter, store string) {
	board := filepath.Join(store, "report", "leaderboard.json")
	b, err := os.ReadFile(board)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(b), `"coverage": 1,`, `"coverage": 0.9,`, 1)
	if changed == string(b) {
		t.Fatal("the leaderboard has no coverage of 1 to change")
	}
	if err := os.WriteFile(board, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(interpreter, "crosscheck.py", store, "--only", "board")
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), "FAIL") {
		t.Errorf("a changed leaderboard passes: %v\n%s", err, out)
	}
}
