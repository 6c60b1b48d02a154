package enginetest_test

import (
	"testing"

	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/enginetest"
	"github.com/genbench/genbench/models/reference"
)

// TestEnginesAgree holds every set of CPU kernels against gorgonia's autodiff.
func TestEnginesAgree(t *testing.T) {
	for _, kernels := range cpu.Kernels() {
		e, err := cpu.New(kernels)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(e.Name(), func(t *testing.T) { enginetest.Agree(t, e, reference.New()) })
	}
}
