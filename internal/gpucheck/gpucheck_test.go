//go:build linux && (amd64 || arm64) && xla

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// program builds gpucheck: it starts itself, for the suite and for the measures.
func program(t *testing.T) string {
	t.Helper()
	if _, err := xla.New(xla.Options{Device: "cpu", Getenv: os.Getenv}); err != nil {
		if os.Getenv("GENBENCH_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	path := filepath.Join(t.TempDir(), "gpucheck")
	if out, err := exec.Command("go", "build", "-tags", "xla", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// call runs gpucheck and reads what it wrote.
func call(t *testing.T, path, out string, wantOK bool, args ...string) found {
	t.Helper()
	said, err := exec.Command(path, append([]string{"-device", "cpu", "-out", out, "-networks", "4", "-measures", "param-norm,inverse-margin,cna,pac-bayes-orig"}, args...)...).CombinedOutput()
	if (err == nil) != wantOK {
		t.Fatalf("gpucheck %v: %v\n%s", args, err, said)
	}
	data, err := os.ReadFile(filepath.Join(out, "gpucheck.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var r found
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestParts runs every part at its smallest, in several calls with one report, on the processor.
func TestParts(t *testing.T) {
	path, out := program(t), t.TempDir()

	r := call(t, path, out, false, "-parts", "train", "-limit", "1ns")
	if !strings.Contains(r.Errors["train"], "time is up") {
		t.Errorf("a limit of no time: errors %v", r.Errors)
	}
	r = call(t, path, out, true, "-parts", "basics,train")
	if len(r.Plugins) == 0 || r.Plugins[0].Interface == "" {
		t.Errorf("no plugin with its interface: %+v", r.Plugins)
	}
	if len(r.Checks) != 3 || slices.ContainsFunc(r.Checks, func(c check) bool { return !c.OK }) {
		t.Errorf("checks %+v, want a product and two gradients", r.Checks)
	}
	if p := r.Corpus.Phases[trainDevice]; p.Done != 4 || p.Failed != 0 || p.Seconds <= 0 || p.Engine != "xla/cpu" {
		t.Errorf("trained %+v, want 4 networks", p)
	}
	trained := r.Corpus.Phases[trainDevice].Seconds

	r = call(t, path, out, true, "-parts", "conformance", "-quick", "-only", "linear")
	for _, s := range r.Suite {
		if len(s.Passed) == 0 || !slices.ContainsFunc(s.Passed, func(name string) bool { return strings.Contains(name, "linear") }) {
			t.Errorf("%s: %v passed of %d", s.Convolutions, s.Passed, s.Parts)
		}
	}
	if len(r.Suite) != 2 || len(r.Checks) != 3 || r.Corpus == nil {
		t.Errorf("what the call before wrote is gone: %+v", r)
	}

	r = call(t, path, out, true, "-parts", "benchmarks,corpus", "-only", "mlp64", "-seconds", "0.05", "-group", "4", "-peak", "1e12", "-bandwidth", "1e11")
	if len(r.Benchmarks) != 1 || len(r.Benchmarks[0].Groups) != 2 || r.Benchmarks[0].Session <= 0 {
		t.Errorf("benchmarks %+v, want one of two groups", r.Benchmarks)
	}
	if r.Corpus.Phases[trainDevice].Seconds != trained {
		t.Error("trained networks were trained again")
	}
	a := r.Corpus.Agreement
	if a == nil || !a.Passed || len(a.Measures) != 4 || a.Same.Defined != 4 {
		t.Fatalf("agreement %+v, want 4 measures that agree", *a)
	}
	for _, m := range a.Measures {
		if m.Same.N != 4 || *m.Same.Spearman < passMark || m.Same.Largest > 1e-3 || m.Tau[0] == nil {
			t.Errorf("%+v, want 4 networks that agree", m)
		}
	}

	table, err := os.ReadFile(filepath.Join(out, "gpucheck.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"matrix product", "conformance, convolutions native", "mlp64", "measure-same-cpu", "pac-bayes-orig"} {
		if !strings.Contains(string(table), word) {
			t.Errorf("the table does not tell %q:\n%s", word, table)
		}
	}
}

// TestStepWork: a dense layer of 3 on 2 has 6 multiply-adds and 9 parameters.
func TestStepWork(t *testing.T) {
	a, err := oneLayer()
	if err != nil {
		t.Fatal(err)
	}
	flop, bytes := stepWork(a, 10)
	if flop != 6*6*10 || bytes != 4*((2+4*3)*10+5*9) {
		t.Errorf("%v operations and %v bytes", flop, bytes)
	}
}

// TestLimitedBy: the bounds are those of a device of 100 FLOP/s and 10 bytes/s.
func TestLimitedBy(t *testing.T) {
	at := func(flop, bytes float64, rates ...float64) benchmark {
		b := benchmark{Batch: 1, StepFLOP: flop, StepBytes: bytes, Peak: 100, Bandwidth: 10}
		for i, r := range rates {
			b.Groups = append(b.Groups, groupRate{K: 1 << (2 * i), Rate: r})
		}
		return b
	}
	for want, b := range map[string]benchmark{
		"compute (50 % of its bound)":                     at(100, 1, 0.4, 0.5),           // 1 example/s at most
		"memory (50 % of its bound); alone: launches":     at(10, 10, 0.1, 0.4, 0.5, 0.5), // 1 example/s by memory, 10 by products
		"kernels, far from compute (5 % of its bound)":    at(100, 1, 0.05, 0.05),
		"launches: still 4.0x with 4x the networks":       at(100, 1, 0.01, 0.04),
		"no more from more networks; the device's bounds": {Batch: 1, Groups: []groupRate{{K: 1, Rate: 2}, {K: 4, Rate: 2}}},
	} {
		if got := b.limitedBy(); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func oneLayer() (models.Architecture, error) {
	return models.MLP(models.Shape{C: 1, H: 1, W: 2}, 3, models.MLPOptions{})
}
