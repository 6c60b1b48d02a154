//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestCompilesForH100 compiles every kind of program for an H100 that is not there, with the options of a run: what XLA's compiler for CUDA takes is settled without a GPU.
func TestCompilesForH100(t *testing.T) {
	tools := func(o Options) bool {
		found, err := o.candidates("cuda")
		if err != nil || found[0].CUDA == "" {
			return false
		}
		_, err = os.Stat(filepath.Join(found[0].CUDA, "bin/ptxas"))
		return err == nil
	}
	if o := (Options{Getenv: os.Getenv}); !tools(o) {
		const remedy = "no CUDA plugin with its compiler: pip install --no-deps --require-hashes --target DIR -r .ci/pjrt.txt and set $GENBENCH_PYTHON_PACKAGES to DIR"
		if os.Getenv("GENBENCH_TEST_ALL") != "" {
			t.Fatal(remedy)
		}
		t.Skip(remedy)
	}
	image := models.Shape{C: 3, H: 10, W: 9}
	a, err := models.Build("free", image, 4, []models.Layer{
		{Kind: models.Conv2D, Channels: 6, Kernel: 3, Padding: 1}, {Kind: models.BatchNorm}, {Kind: models.ReLU, Name: "r"}, {Kind: models.Dropout, Rate: 0.2},
		{Kind: models.Conv2D, Channels: 6, Kernel: 1, NoBias: true}, {Kind: models.Add, With: "r"}, {Kind: models.MaxPool, Kernel: 3, Stride: 2, Padding: 1},
		{Kind: models.AvgPool, Kernel: 2}, {Kind: models.Flatten}, {Kind: models.Dense, Out: 8}, {Kind: models.Conv2D, Channels: 4, Kernel: 1}, {Kind: models.GlobalAvgPool},
	})
	if err != nil {
		t.Fatal(err)
	}
	sgd := models.Optimizer{Name: "sgd", Momentum: 0.9}
	for _, way := range []string{Patches, Native} {
		t.Run(way, func(t *testing.T) {
			ahead, err := NewAhead("NVIDIA H100 80GB HBM3", Options{Getenv: os.Getenv, Convolutions: way})
			if err != nil {
				t.Fatal(err)
			}
			defer ahead.Close()
			session, err := ahead.Session(a, 16, sgd, models.Optimizer{Name: "adam"}, models.Optimizer{Name: "rmsprop", Momentum: 0.5})
			if err != nil {
				t.Fatal(err)
			}
			group, err := ahead.Group(models.GroupShape{Arch: a, Optimizer: sgd, BatchSize: 16, Examples: 50}, 4, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range []models.GroupShape{
				{Arch: a, Optimizer: sgd, BatchSize: 16, Examples: 50, Augmented: true},
				{Arch: a, Optimizer: sgd, BatchSize: 16, Examples: 50, Cut: true},
				{Arch: a, Optimizer: sgd, BatchSize: 16, Examples: 50, Augmented: true, Cut: true},
			} {
				epoch, err := ahead.Group(s, 4, false)
				if err != nil {
					t.Fatalf("augmented: %t, cut: %t: %v", s.Augmented, s.Cut, err)
				}
				group = append(group, epoch...)
			}
			for _, p := range append(session, group...) {
				if p.Arguments == 0 || p.Outputs == 0 {
					t.Errorf("%s has %d bytes of arguments and %d of outputs", p.Program, p.Arguments, p.Outputs)
				}
				t.Logf("%s: %.1f s, %d bytes of arguments, %d temporary", p.Program, p.Seconds, p.Arguments, p.Temporary)
			}
		})
	}
}
