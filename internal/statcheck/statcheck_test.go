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
)

// python is the interpreter with NumPy and SciPy; without one the test is
// skipped, or fails where everything is to be tested.
func python(t *testing.T) string {
	t.Helper()
	program := os.Getenv("GENBENCH_TEST_PYTHON")
	if program == "" {
		program = "/usr/bin/python3"
	}
	out, err := exec.Command(program, "-c", "import numpy, scipy.stats").CombinedOutput()
	if err == nil {
		return program
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	const format = "%s with numpy and scipy is missing (GENBENCH_TEST_PYTHON names another): %v %s"
	if os.Getenv("GENBENCH_TEST_ALL") == "1" {
		t.Fatalf(format, program, err, lines[len(lines)-1])
	}
	t.Skipf(format, program, err, lines[len(lines)-1])
	return ""
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

// wrong changes one number of one answer by 1e-9, for each statistic: a check
// that cannot fail checks nothing.
func wrong(t *testing.T, interpreter, program string) {
	const inputs = "60" // samples; the grids follow them in the answers
	kept := filepath.Join(t.TempDir(), "answers")
	if out, status := check(t, interpreter, "--program", program, "--inputs", inputs, "--keep", kept); status != 0 {
		t.Fatalf("status %d\n%s", status, out)
	}
	right, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"tau_a", "tau_b", "spearman", "pearson",
		"grid psi_a psi", "grid psi_b psi", "grid information k",
		"grid sign_errors configurations mean", "grid sign_errors levels p90", "grid sign_errors levels max",
	} {
		t.Run(path, func(t *testing.T) {
			changed := filepath.Join(t.TempDir(), "answers")
			if err := os.WriteFile(changed, spoil(t, right, strings.Fields(path)), 0o644); err != nil {
				t.Fatal(err)
			}
			out, status := check(t, interpreter, "--inputs", inputs, "--answers", changed)
			if status != 1 || strings.Count(out, "FAIL") != 1 {
				t.Errorf("status %d, %d rows fail where one should:\n%s", status, strings.Count(out, "FAIL"), out)
			}
		})
	}
}

// spoil adds 1e-9 to the first number at path in the answers.
func spoil(t *testing.T, answers []byte, path []string) []byte {
	t.Helper()
	lines := bytes.SplitAfter(answers, []byte("\n"))
	for i, line := range lines {
		var a map[string]any
		if len(line) == 0 || json.Unmarshal(line, &a) != nil {
			continue
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
		lines[i] = append(b, '\n')
		return bytes.Join(lines, nil)
	}
	t.Fatalf("no answer has a number at %v", path)
	return nil
}
