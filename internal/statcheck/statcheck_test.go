package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/internal/pythontest"
)

// python is the interpreter with NumPy and SciPy; without one the test is
// skipped, or fails where everything is to be tested.
func python(t *testing.T) string {
	t.Helper()
	return pythontest.Program(t, "numpy, scipy.stats")
}

// check answers check.py's output and exit status.
func check(t *testing.T, interpreter string, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, append([]string{"check.py"}, args...)...)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestAgreesWithCodeOfOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("short tests: this one builds a program and runs SciPy on a thousand inputs")
	}
	interpreter := python(t)
	program := filepath.Join(t.TempDir(), "statcheck")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, status := check(t, interpreter, "--program", program)
	t.Log("\n" + out)
	if status != 0 {
		t.Errorf("status %d: some statistic disagrees", status)
	}
	t.Run("finds a wrong number", func(t *testing.T) { wrong(t, interpreter, program) })
}

// wrong changes one number of each statistic by 1e-9: a check that cannot fail
// checks nothing.
func wrong(t *testing.T, interpreter, program string) {
	const inputs = "60" // samples; 12 grids and 24 complete ones follow them in the answers
	kept := filepath.Join(t.TempDir(), "answers")
	if out, status := check(t, interpreter, "--program", program, "--inputs", inputs, "--keep", kept); status != 0 {
		t.Fatalf("status %d\n%s", status, out)
	}
	b, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
	rows := map[string]string{ // where the number is in an answer: the row that is to find it
		"tau_a": "Kendall tau-a, NumPy over all pairs", "tau_b": "Kendall tau-b, scipy.stats.kendalltau",
		"spearman": "Spearman, scipy.stats.spearmanr", "pearson": "Pearson, scipy.stats.pearsonr", "cna": "CNA's |r|",
		"grid psi_a psi": "granulated Psi, tau-a", "grid psi_b psi": "granulated Psi, tau-b",
		"grid information k": "K over |S| <= 2", "grid fgm psi": "FGM Psi", "grid fgm tau": "FGM tau",
		"grid sign_errors configurations mean": "sign errors, configurations: mean",
		"grid sign_errors levels max":          "sign errors, levels: max",
		"grid sign_errors unfiltered mean":     "sign errors, unfiltered: mean",
		"grid sign_errors rgm p90":             "sign errors, rgm: p90",
		"grid pgdl":                            "PGDL score beside a replica",
	}
	for path := range rows {
		of := lines
		if path == "grid pgdl" {
			of = lines[60+12:] // elsewhere it is not compared
		}
		spoil(t, of, strings.Fields(path))
	}
	changed := filepath.Join(t.TempDir(), "answers")
	if err := os.WriteFile(changed, bytes.Join(lines, nil), 0o644); err != nil {
		t.Fatal(err)
	}
	out, status := check(t, interpreter, "--inputs", inputs, "--answers", changed)
	if n := strings.Count(out, "FAIL"); status != 1 || n < len(rows) {
		t.Errorf("status %d, %d rows fail where %d should:\n%s", status, n, len(rows), out)
	}
	for path, row := range rows {
		if !strings.Contains(out, "\n"+row) || !strings.Contains(strings.SplitN(strings.SplitN(out, "\n"+row, 2)[1], "\n", 2)[0], "FAIL") {
			t.Errorf("%s is wrong and the row %q does not say so", path, row)
		}
	}
}

// spoil adds 1e-9 to the first number at path in the answers.
func spoil(t *testing.T, answers [][]byte, path []string) {
	t.Helper()
	for i, line := range answers {
		var a map[string]any
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatal(err)
		}
		at := a
		for _, key := range path[:len(path)-1] {
			at, _ = at[key].(map[string]any)
		}
		last := path[len(path)-1]
		v, ok := at[last].(float64)
		if !ok {
			continue
		}
		at[last] = v + 1e-9
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		answers[i] = append(b, '\n')
		return
	}
	t.Fatalf("no answer has a number at %v", path)
}
