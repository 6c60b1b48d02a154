//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"os"
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/enginetest"
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

// TestConformance runs the suite of the engines with both ways to convolve; with -short, one: every network is a dozen programs to compile.
func TestConformance(t *testing.T) {
	ways := []string{Patches, Native}
	if testing.Short() {
		ways = ways[:1]
	}
	for _, way := range ways {
		t.Run(way, func(t *testing.T) { enginetest.Run(t, testEngine(t, Options{Convolutions: way})) })
	}
}
