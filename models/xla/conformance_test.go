//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"os"
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/enginetest"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// testEngine makes an engine on the processor, or on $GENBENCH_TEST_DEVICE, or skips the test where no plugin is found; a failure where nothing may be skipped.
func testEngine(t testing.TB, o Options) models.Engine {
	t.Helper()
	o.Device, o.Getenv = "cpu", os.Getenv
	if device := os.Getenv("GENBENCH_TEST_DEVICE"); device != "" {
		o.Device = device
	}
	e, err := New(o)
	if err != nil {
		if os.Getenv("GENBENCH_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return e
}

// TestConformance runs the suite of the engines with both ways to convolve, compiled quickly: every network is a dozen programs. Networks without a convolution have the same
// programs both ways ([TestWays]), and are run once.
func TestConformance(t *testing.T) {
	parts, err := enginetest.Parts()
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{Patches, Native} {
		if way == Native {
			parts = slices.DeleteFunc(parts, func(p enginetest.Part) bool { return !p.Convolves })
		}
		t.Run(way, func(t *testing.T) {
			enginetest.RunParts(t, testEngine(t, Options{Convolutions: way, Quick: true}), parts, enginetest.Options{})
		})
	}
}

// TestConformanceAsRun runs parts of the suite with the options that a run has.
func TestConformanceAsRun(t *testing.T) {
	parts, err := enginetest.Parts()
	if err != nil {
		t.Fatal(err)
	}
	as := []string{"PyTorch", "PyTorchGradients", "dropout", "conv"}
	parts = slices.DeleteFunc(parts, func(p enginetest.Part) bool { return !slices.Contains(as, p.Name) })
	if len(parts) != len(as) {
		t.Fatalf("%d parts of the suite are named as %v", len(parts), as)
	}
	enginetest.RunParts(t, testEngine(t, Options{}), parts, enginetest.Options{})
}

// TestWays: without a convolution the two ways to convolve write the same programs, letter for letter; with one they do not.
func TestWays(t *testing.T) {
	mlp, err := models.MLP(models.Shape{C: 1, H: 1, W: 12}, 4, models.MLPOptions{Widths: []int{16, 9}, BatchNorm: true, Dropout: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	cnn, err := models.Build("cnn", models.Shape{C: 2, H: 6, W: 6}, 4, []models.Layer{
		{Kind: models.Conv2D, Channels: 3, Kernel: 3, Padding: 1}, {Kind: models.MaxPool, Kernel: 2, Stride: 2}, {Kind: models.Flatten}, {Kind: models.Dense}})
	if err != nil {
		t.Fatal(err)
	}
	for c := callOutputs; c <= callStep; c++ {
		for _, a := range []models.Architecture{mlp, cnn} {
			patches, err := programOf(c, a, 8, 1, choices{precision: hlo.Highest, patches: true}, rule{name: "sgd"})
			if err != nil {
				t.Fatal(err)
			}
			native, err := programOf(c, a, 8, 1, choices{precision: hlo.Highest}, rule{name: "sgd"})
			if err != nil {
				t.Fatal(err)
			}
			if same := patches.text == native.text; same == a.Has(models.Conv2D) {
				t.Errorf("%s of %s: the same program both ways: %v", c, a.Family, same)
			}
		}
	}
}
