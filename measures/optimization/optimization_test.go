package optimization_test

import (
	"context"
	"errors"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
	"github.com/genbench/genbench/measures/optimization"
)

func compute(t *testing.T, name string, h measure.TrainingHistory) (float64, error) {
	t.Helper()
	for _, m := range optimization.All() {
		if m.Info().Name == name {
			return measuretest.Net{History: &h}.Compute(context.Background(), m, nil)
		}
	}
	t.Fatalf("no measure %s", name)
	return 0, nil
}

// TestByHand: 12 epochs of 5 steps; 0.1 was reached after the third, 0.01 at the end. The losses are 12, 11, .. 1: 78 in all, 55 the last ten.
func TestByHand(t *testing.T) {
	ev := evidence.Open(t)
	first, last := 2.5, 0.125
	h := measure.TrainingHistory{Epochs: 12, Steps: 60, StepsTo01: 15, StepsTo001: 60, GradientNoise1: &first, GradientNoiseFinal: &last}
	for e := 12; e >= 1; e-- {
		h.MeanLosses = append(h.MeanLosses, float64(e))
	}
	for name, want := range map[string]float64{
		"steps-0.1": 15, "steps-0.1-0.01": 45, "grad-noise-1": 2.5, "grad-noise-final": 0.125, "sotl": 78, "sotl-e": 55,
	} {
		got, err := compute(t, name, h)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ev.Measure(name, "by hand, from a recorded training", evidence.Absolute(0), got, want)
	}
	h.MeanLosses = h.MeanLosses[:3]
	if got, err := compute(t, "sotl-e", h); err != nil || got != 12+11+10 {
		t.Errorf("sotl-e of 3 epochs = %v, %v", got, err)
	}
}

// TestNeverAndNotRecorded: what did not happen is undefined, what was not recorded is missing.
func TestNeverAndNotRecorded(t *testing.T) {
	never := measure.TrainingHistory{Epochs: 2, Steps: 10, StepsTo01: -1, StepsTo001: -1}
	half := measure.TrainingHistory{Epochs: 2, Steps: 10, StepsTo01: 5, StepsTo001: -1}
	for _, c := range []struct {
		name string
		h    measure.TrainingHistory
	}{{"steps-0.1", never}, {"steps-0.1-0.01", never}, {"steps-0.1-0.01", half}} {
		v, err := compute(t, c.name, c.h)
		if _, ok := measure.IsUndefined(err); !ok {
			t.Errorf("%s that was never reached: %v, %v", c.name, v, err)
		}
	}
	imported := measure.TrainingHistory{Epochs: -1, Steps: -1, StepsTo01: -1, StepsTo001: -1}
	for _, m := range optimization.All() {
		name := m.Info().Name
		v, err := compute(t, name, imported)
		var missing *measure.MissingError
		if !errors.As(err, &missing) || missing.Need != measure.History {
			t.Errorf("%s of a training that was not recorded: %v, %v", name, v, err)
		}
	}
}
