package agreement

import (
	"context"
	"errors"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
	"github.com/genbench/genbench/internal/evidence"
)

// By hand: two of five answers differ.
func TestDisagreement(t *testing.T) {
	ev := evidence.Open(t)
	net := measuretest.Net{Classes: 3, TestPredictions: []int32{0, 1, 2, 2, 1}, SiblingPredictions: []int32{0, 2, 2, 0, 1}}
	got, err := net.Compute(context.Background(), Disagreement{}, nil)
	if err != nil {
		t.Error(err)
	}
	ev.Measure("disagreement", "by hand: two of five answers differ", evidence.Absolute(0), got, 0.4)
	net.SiblingPredictions = net.TestPredictions
	if got, err := net.Compute(context.Background(), Disagreement{}, nil); err != nil || got != 0 {
		t.Errorf("of a network with itself: %v, %v, want 0", got, err)
	}
	net.SiblingPredictions = []int32{0}
	if got, err := net.Compute(context.Background(), Disagreement{}, nil); err == nil {
		t.Errorf("of answers to other inputs: %v", got)
	}
	net.SiblingPredictions = nil
	var missing *measure.MissingError
	if got, err := net.Compute(context.Background(), Disagreement{}, nil); !errors.As(err, &missing) || missing.Need != measure.Sibling {
		t.Errorf("without a sibling: %v, %v", got, err)
	}
}

// TestTransductive: predictions of test inputs are refused to a measure that does not own up to them.
func TestTransductive(t *testing.T) {
	if !(Disagreement{}).Info().Needs.Transductive() {
		t.Error("disagreement reads test inputs and does not say so")
	}
	for _, need := range []measure.Need{measure.TestPredictions, measure.Sibling} {
		if err := (measure.Needs{need}).Permit(string(need), nil); err == nil {
			t.Errorf("%s is permitted without %s", need, measure.TestInputs)
		}
		if err := (measure.Needs{need, measure.TestInputs}).Permit(string(need), nil); err != nil {
			t.Errorf("%s with %s: %v", need, measure.TestInputs, err)
		}
	}
}
