package measurecheck

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/internal/pythontest"
)

// Where other people's code is. The tests that run it are skipped without: what it answered for the kept networks stands alone in testdata,
// and neither is to be had from a distribution.
const (
	rgmVariable = "GENBENCH_TEST_RGM"           // a checkout of nitarshan/robust-generalization-measures
	wwVariable  = "GENBENCH_TEST_WEIGHTWATCHER" // a Python with torch and weightwatcher 0.7.5.5
)

// variants are the columns that the scripts compare beside the defaults.
const variants = "*,inverse-margin[margin=rgm],prod-of-fro-over-margin[margin=rgm],sum-of-fro-over-margin[margin=rgm]," +
	"prod-of-spec-over-margin[margin=rgm],sum-of-spec-over-margin[margin=rgm],spec-init-main[margin=rgm],spec-orig-main[margin=rgm]," +
	"prod-of-spec-over-margin-fft[margin=rgm],sum-of-spec-over-margin-fft[margin=rgm],spec-init-main-fft[margin=rgm],spec-orig-main-fft[margin=rgm]," +
	"path-norm-over-margin[margin=rgm]," +
	"pac-bayes-init[rgm_compat=true],pac-bayes-orig[rgm_compat=true],pac-bayes-flatness[rgm_compat=true]," +
	"pac-bayes-mag-init[rgm_compat=true],pac-bayes-mag-orig[rgm_compat=true],pac-bayes-mag-flatness[rgm_compat=true]," +
	"log-norm[min_evals=50],log-spectral-norm[min_evals=50],alpha[min_evals=50],alpha-hat[min_evals=50],log-alpha-norm[min_evals=50],stable-rank[min_evals=50]," +
	"alpha[min_evals=20,fix_fingers=clip_xmax],alpha-hat[min_evals=20,fix_fingers=clip_xmax],log-alpha-norm[min_evals=20,fix_fingers=clip_xmax]"

// required answers the variable, or skips.
func required(t *testing.T, variable, what string) string {
	t.Helper()
	v := os.Getenv(variable)
	if v == "" {
		t.Skipf("the values in testdata stand alone: %s names no %s", variable, what)
	}
	return v
}

// command runs a program in the module's folder and answers what it printed and whether it succeeded.
func command(t *testing.T, program string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// fresh trains the networks of a specification on this machine and measures them.
func fresh(t *testing.T, folder string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("short tests: this one builds and runs genbench")
	}
	program, store := filepath.Join(t.TempDir(), "genbench"), filepath.Join(t.TempDir(), "store")
	if out, err := command(t, "go", "build", "-o", program, "./cmd/genbench"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := command(t, program, "run", "internal/measurecheck/"+folder+".yaml", "--store", store, "--no-progress", "--measures", variants); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return store
}

// check runs a script on a fresh store, then on one in which a value was changed: a check that cannot fail checks nothing.
func check(t *testing.T, folder, changed string, script ...string) {
	store := fresh(t, folder)
	run := func() (string, error) { return command(t, script[0], append(script[1:], store)...) }
	out, err := run()
	t.Log("\n" + out)
	if err != nil {
		t.Fatalf("%s: %v", script[1], err)
	}
	if strings.Count(out, changed+" ") != 2 {
		t.Errorf("%s was not compared for both networks", changed)
	}
	spoil(t, store, changed)
	if out, err := run(); err == nil || !strings.Contains(out, "FAIL") {
		t.Errorf("a changed value of %s passes: %v\n%s", changed, err, out)
	}
}

// spoil puts a digit before every value of a measure.
func spoil(t *testing.T, store, name string) {
	files, err := filepath.Glob(filepath.Join(store, "values", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no values: %v", err)
	}
	spoiled := false
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(raw), "\n")
		for i, line := range lines {
			if strings.Contains(line, `"measure":"`+name+`"`) {
				lines[i] = strings.Replace(line, `"value":`, `"value":1`, 1)
				spoiled = true
			}
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !spoiled {
		t.Fatalf("the store has no value of %s to change", name)
	}
}

func TestFreshRGM(t *testing.T) {
	folder := required(t, rgmVariable, "checkout of github.com/nitarshan/robust-generalization-measures")
	python := pythontest.Path()
	for _, networks := range []string{mlps, convolutions} {
		t.Run(networks, func(t *testing.T) {
			check(t, networks, "path-norm", python, "internal/measurecheck/rgm.py", "--rgm", folder)
		})
	}
}

func TestFreshWeightWatcher(t *testing.T) {
	python := required(t, wwVariable, "Python with torch and weightwatcher 0.7.5.5")
	for _, networks := range []string{mlps, convolutions} {
		t.Run(networks, func(t *testing.T) { check(t, networks, "alpha", python, "internal/measurecheck/ww.py") })
	}
}
