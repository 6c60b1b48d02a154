package measures_test

import (
	"testing"

	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/measures"
)

// TestContract holds every built-in to what package measure asks of a measure.
func TestContract(t *testing.T) {
	for _, m := range measures.All() {
		t.Run(m.Info().Name, func(t *testing.T) { measuretest.Run(t, m) })
	}
}
