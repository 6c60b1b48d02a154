package main

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/internal/rewrite"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// rounding is how far float32 logits of some units may move, of the largest, when sums are taken in another order
// or a running variance is rounded again.
const rounding = 2e-6

func engine(t *testing.T) models.Engine {
	t.Helper()
	e, err := cpu.New("go")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestTransformations: tensors change, and the function does not but where it should; what a transformation
// leaves out would show.
func TestTransformations(t *testing.T) {
	e := engine(t)
	for _, n := range rewrite.Networks() {
		s, err := n.Train(context.Background(), e)
		if err != nil {
			t.Fatal(err)
		}
		batchNorm := s.Arch.Has(models.BatchNorm)
		if batchNorm != strings.Contains(strings.ToLower(n.Title), "with batch norm") {
			t.Fatalf("%q: batch norm %v", n.Title, batchNorm)
		}
		half1, half2 := "fc1.weight", "fc2.weight"
		if s.Final.Find(half1) == nil {
			half1, half2 = "block.conv1.weight", "block.conv2.weight"
		}
		hash := s.Final.Hash()
		before, err := logits(e, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range rewrite.All() {
			c, classes, ok := tr.Apply(s)
			if tr.Name == "rescaled before norm" && ok != batchNorm {
				t.Errorf("%s applies: %v, batch norm: %v", tr.Name, ok, batchNorm)
			}
			if !ok {
				continue
			}
			after, err := logits(e, c)
			if err != nil {
				t.Fatal(err)
			}
			moved := functionMoved(before, after, s.Arch.Classes, classes)
			if tr.Moves && moved != 1 || !tr.Moves && moved > rounding { // logits times 2 move by themselves
				t.Errorf("%s, %s: the logits move by %v", n.Title, tr.Name, moved)
			}
			if c.Final.Hash() == hash || c.Key == s.Key {
				t.Errorf("%s changes nothing", tr.Name)
			}
			if s.Final.Hash() != hash {
				t.Fatalf("%s changes the network it was given", tr.Name)
			}
			if classes != nil {
				if plain := functionMoved(before, after, s.Arch.Classes, nil); plain < 0.1 {
					t.Errorf("%s moves the logits by %v before they are put back", tr.Name, plain)
				}
				for i, y := range c.Data.Train.Y {
					if classes[y] != int(s.Data.Train.Y[i]) {
						t.Fatalf("%s: label %d of example %d stands for %d, it was %d", tr.Name, y, i, classes[y], s.Data.Train.Y[i])
					}
				}
			}
			// Half a transformation is seen: the next layer as it was.
			half := *c
			half.Final = c.Final.Clone()
			copy(half.Final.Find(half2).Data, s.Final.Find(half2).Data)
			copy(half.Final.Find(half1).Data, s.Final.Find(half1).Data)
			if tr.Name == "permuted units" || tr.Name == "rescaled layers" || tr.Name == "rescaled before norm" {
				after, err := logits(e, &half)
				if err != nil {
					t.Fatal(err)
				}
				if moved := functionMoved(before, after, s.Arch.Classes, classes); moved < 0.01 {
					t.Errorf("half of %s moves the logits by %v only", tr.Name, moved)
				}
			}
		}
	}
}

func TestCell(t *testing.T) {
	for _, c := range []struct {
		change, noise float64
		want          string
	}{
		{0, 0, "="}, {1e-4, 0, "="}, {0.0123, 0, "0.012"}, {0.0123, 0.1, "~ 0.012"}, {2.25, 0.1, "2.2"}, {34.4, 0, "34"}, {5e6, 0, "5.0e+06"}, {math.Inf(1), 0, "from 0"},
	} {
		if got := cell(c.change, c.noise); got != c.want {
			t.Errorf("cell(%v, %v) = %q, want %q", c.change, c.noise, got, c.want)
		}
	}
	if got := change(measure.Raw, 4, 3); got != 0.25 {
		t.Errorf("from 4 to 3: %v", got)
	}
	if got := change(measure.Log, math.Log(4), math.Log(4)+0.5); math.Abs(got-0.5) > 1e-12 {
		t.Errorf("of a logarithm: %v", got)
	}
}

// TestDocument: docs/invariance.md has every measure, once for each network; where everything is to be tested
// it is what the program writes.
func TestDocument(t *testing.T) {
	kept, err := os.ReadFile(filepath.Join("..", "..", "docs", "invariance.md"))
	if err != nil {
		t.Fatal(err)
	}
	const remedy = "go run ./internal/invariance --output docs/invariance.md"
	for _, m := range measures.All() {
		if n := strings.Count(string(kept), "\n| "+m.Info().Name+" |"); n != 3 {
			t.Errorf("%s has %d rows, want 3; `%s` writes them", m.Info().Name, n, remedy)
		}
	}
	if os.Getenv("GENBENCH_TEST_ALL") != "1" || runtime.GOARCH != "amd64" {
		return
	}
	made, err := table(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, kept) {
		t.Errorf("docs/invariance.md is not what the program writes; `%s` does", remedy)
	}
}
