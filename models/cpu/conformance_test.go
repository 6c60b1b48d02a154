package cpu

import (
	"testing"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/enginetest"
)

// engines makes an engine for every set of kernels that this machine runs.
func engines(t testing.TB) []models.Engine {
	t.Helper()
	var es []models.Engine
	for _, name := range Kernels() {
		e, err := New(name)
		if err != nil {
			t.Fatal(err)
		}
		es = append(es, e)
	}
	return es
}

func TestConformance(t *testing.T) {
	for i, e := range engines(t) {
		if testing.Short() && i > 0 {
			break // the kernels differ in no goroutine
		}
		t.Run(e.Name(), func(t *testing.T) { enginetest.Run(t, e) })
	}
}

// TestAgreement holds each set of kernels against plain Go.
func TestAgreement(t *testing.T) {
	es := engines(t)
	plain := es[len(es)-1]
	for _, e := range es[:len(es)-1] {
		t.Run(e.Name(), func(t *testing.T) { enginetest.Agree(t, e, plain) })
	}
}
