package main

import (
	"bytes"
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/harness/result"
)

// TestCurvesOfOneNetwork: `measures show cna --network` prints what the run's plugins answered, and draws curves that
// span the unit square together.
func TestCurvesOfOneNetwork(t *testing.T) {
	store, out := filepath.Join(t.TempDir(), "tiny"), t.TempDir()
	board(t, "run", "tiny", "--store", store, "--measures", "cna,cna-area,cna-margin")
	networks, err := os.ReadDir(filepath.Join(store, "models"))
	if err != nil || len(networks) != 8 {
		t.Fatalf("%d networks, %v", len(networks), err)
	}
	for _, m := range networks {
		id := m.Name()
		var stdout, stderr bytes.Buffer
		cmd := genbenchCommand(t, "measures", "show", "CNA", "--network", id[:8], "--corpus", store, "--output", out, "--no-progress")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		for _, want := range answers(t, store, id) {
			if !strings.Contains(strings.Join(strings.Fields(stdout.String()), " "), want) {
				t.Errorf("network %s: no %q in\n%s", id, want, stdout.String())
			}
		}
		raw, err := os.ReadFile(filepath.Join(out, "curves-"+id+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var f figure.Figure
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
		for _, l := range f.Panels[0].Lines {
			if len(l.X) != 200-24 {
				t.Errorf("a curve of %d points: 200 images averaged over 25 give 176", len(l.X))
			}
			for i := range l.X {
				for k, v := range [2]float64{l.X[i], l.Y[i]} {
					low[k], high[k] = min(low[k], v), max(high[k], v)
				}
			}
		}
		if low != [2]float64{0, 0} || high != [2]float64{1, 1} {
			t.Errorf("the curves run from %v to %v", low, high)
		}
		picture, err := os.Open(filepath.Join(out, "curves-"+id+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(picture); err != nil {
			t.Error(err)
		}
		picture.Close()
	}
}

// answers are the lines that a network's results in the store ask for.
func answers(t *testing.T, store, id string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(store, "values", "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no results: %v", err)
	}
	var lines []string
	six := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
			var r result.Result
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			if r.Network != id {
				continue
			}
			if r.Value == nil {
				t.Fatalf("%s of network %s: %s", r.Measure, id, r.Reason)
			}
			lines = append(lines, r.Measure+" "+six(*r.Value))
			for name, what := range map[string]string{"gamma": "gamma", "split-half-area": "floor"} {
				if v, ok := r.Diagnostics[name]; ok && (name == "gamma" || r.Measure == "cna-area") { // the halves depend on the measure's seed
					lines = append(lines, what+" "+six(v))
				}
			}
		}
	}
	if len(lines) != 5 {
		t.Fatalf("network %s has the answers %v", id, lines)
	}
	return lines
}
