package values

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/report"
	"github.com/google/go-cmp/cmp"
)

// loaded is what testdata/load_data.py prints.
type loaded struct {
	Dropped  map[string]int
	Axes     []string
	Measures []string
	Rows     []struct {
		Row    int
		Gap    float64
		Axes   []any
		Values []float64
	}
}

func readReleased(t *testing.T) (report.Input, []Warning) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "released.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in, warnings, err := Read(f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return in, warnings
}

// The expected numbers are what the authors' own load_data prints and keeps:
// github.com/nitarshan/robust-generalization-measures at 8e90129, run by
// testdata/load_data.py under pandas 1.5.3 and NumPy 1.24.2.
func TestReleasedLayout(t *testing.T) {
	in, warnings := readReleased(t)
	if d := cmp.Diff(map[string]int{droppedConverged: 2, droppedAccuracy: 2, droppedMissing: 6}, in.Dropped); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"lr", "model_depth", "model_width", "dataset", "train_size"}, in.Axes); d != "" {
		t.Error(d)
	}
	type row struct {
		id     string
		gap    float64
		axes   string
		seed   int64
		loss   float64 // cross_entropy
		values [3]float64
	}
	want := []row{
		{"row 2", 0.2, "0.01 2 8 cifar10 25000", 0, 0.009, [3]float64{1.25, -3.5, 1e-05}},
		{"row 3", 0.19, "0.01 2 8 cifar10 25000", 1, 0.0091, [3]float64{1.25, -3.4, 2500}},
		{"row 4", 0.21, "0.01 2 8 cifar10 25000", 2, 0.0088, [3]float64{1.25, -3.3, 3}},
		{"row 9", 0.22, "0.01 4 8 cifar10 25000", 4, 0.009, [3]float64{1.5, -2.2, 8}},
		{"row 16", 0.055, "0.01 2 10 svhn 6250", 6, 0.0085, [3]float64{1.5, -2.05, 14}},
		{"row 17", 0.05, "0.0032 4 10 svhn 6250", 0, 0.009, [3]float64{1.75, -1.5, 15}},
		{"row 18", 0.045, "0.0032 4 10 svhn 6250", 1, 0.009, [3]float64{1.75, -1.25, 16}},
	}
	var got []row
	for i, n := range in.Networks {
		r := row{id: n.ID, gap: n.Gap, seed: n.Seed, loss: n.TrainLoss}
		var levels []string
		for _, a := range in.Axes {
			levels = append(levels, n.Config[a])
		}
		r.axes = strings.Join(levels, " ")
		for k, m := range in.Measures {
			if !m.Values[i].Defined {
				t.Errorf("%s of %s is not defined", m.Name, n.ID)
			}
			r.values[k] = m.Values[i].Value
		}
		got = append(got, r)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(row{})); d != "" {
		t.Error(d)
	}
	var names []string
	for _, m := range in.Measures {
		names = append(names, m.Name)
	}
	if d := cmp.Diff([]string{"params", "log_prod_of_spec_fft", "path_norm"}, names); d != "" {
		t.Error(d)
	}
	if len(warnings) != 1 || !strings.Contains(string(warnings[0]), "'epoch', 'wall_time', 'comment'") {
		t.Errorf("warnings %q", warnings)
	}
}

// TestReleasedLayoutBesideTheAuthors runs the authors' code beside ours.
func TestReleasedLayoutBesideTheAuthors(t *testing.T) {
	checkout := os.Getenv("GENBENCH_TEST_RGM")
	if checkout == "" {
		t.Skipf("the expected numbers of TestReleasedLayout stand alone: GENBENCH_TEST_RGM names no checkout of github.com/nitarshan/robust-generalization-measures")
	}
	python := os.Getenv("GENBENCH_TEST_PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	if out, err := exec.Command(python, "-c", "import numpy, pandas").CombinedOutput(); err != nil {
		t.Skipf("%s with numpy and pandas is missing (GENBENCH_TEST_PYTHON names another): %v %s", python, err, out)
	}
	cmd := exec.Command(python, filepath.Join("testdata", "load_data.py"), checkout, filepath.Join("testdata", "released.csv"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("load_data.py: %v\n%s", err, out)
	}
	var theirs loaded
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatal(err)
	}
	in, _ := readReleased(t)
	for ours, reason := range map[string]string{
		droppedConverged: "did not meet the cross-entropy standards",
		droppedAccuracy:  "did not meet the accuracy standards",
		droppedMissing:   "contained inf/nan values",
	} {
		if in.Dropped[ours] != theirs.Dropped[reason] {
			t.Errorf("%d rows dropped for %q, theirs %d", in.Dropped[ours], reason, theirs.Dropped[reason])
		}
	}
	if d := cmp.Diff(theirs.Axes, in.Axes); d != "" {
		t.Error(d)
	}
	if len(theirs.Rows) != len(in.Networks) {
		t.Fatalf("%d networks, theirs %d", len(in.Networks), len(theirs.Rows))
	}
	for i, r := range theirs.Rows {
		n := in.Networks[i]
		if n.ID != "row "+strconv.Itoa(r.Row) || n.Gap != r.Gap {
			t.Errorf("network %d: %s with gap %v, theirs row %d with %v", i, n.ID, n.Gap, r.Row, r.Gap)
		}
		for k, v := range r.Axes {
			s := n.Config[in.Axes[k]]
			if f, ok := v.(float64); ok {
				if got, err := strconv.ParseFloat(s, 64); err != nil || got != f {
					t.Errorf("%s: %s is %s, theirs %v", n.ID, in.Axes[k], s, f)
				}
			} else if s != v {
				t.Errorf("%s: %s is %s, theirs %v", n.ID, in.Axes[k], s, v)
			}
		}
		for k, v := range r.Values {
			// read_csv's own parser may be off by the last digit.
			if got := in.Measures[k].Values[i].Value; math.Abs(got-v) > 1e-15*math.Abs(v) {
				t.Errorf("%s: %s is %v, theirs %v", n.ID, in.Measures[k].Name, got, v)
			}
		}
	}
}

// No rows left is said with the reason.
func TestReleasedLayoutNothingLeft(t *testing.T) {
	_, _, err := Read(strings.NewReader("hp.lr,gen.gap,is.converged,complexity.a,complexity.b\n1,0.1,True,1,\n1,0.2,False,2,1\n2,0.1,True,inf,\n"), Options{})
	if err == nil || !strings.Contains(err.Error(), "0 rows left of 3: 1 are not is.converged, of the rest 0 not is.high_train_accuracy, and of the rest 2 have an infinite or missing value (most in column 'complexity.b': 2)") {
		t.Errorf("%v", err)
	}
}

// hp.train_dataset_size is the axis where train_dataset_size is not a column; repeat_id
// counts as the seed only where it tells repeats apart.
func TestReleasedLayoutVariants(t *testing.T) {
	in, _, err := Read(strings.NewReader("hp.train_dataset_size,repeat_id,gen.train_acc,gen.val_acc,complexity.a\n10,7,1,0.75,1\n10,7,1,0.5,2\n20.0,8,1,0.25,3\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []report.Network{{Gap: 0.25, Seed: 0}, {Gap: 0.5, Seed: 1}, {Gap: 0.75, Seed: 0}} {
		if n := in.Networks[i]; n.Gap != want.Gap || n.Seed != want.Seed || n.Config["train_size"] != []string{"10", "10", "20"}[i] {
			t.Errorf("network %d: %+v", i, n)
		}
	}
}
