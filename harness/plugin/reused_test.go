package plugin

import (
	"context"
	"strings"
	"testing"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// costly is a network whose quantities cost two seconds each.
type costly struct{}

func (costly) Get(context.Context, string, map[string]string) (*quantity.Bundle, error) {
	return &quantity.Bundle{Seconds: 2}, nil
}

func (costly) Evaluate(context.Context, []quantity.Perturbation) ([]quantity.Evaluated, error) {
	return nil, nil
}

// TestReusedIsChargedAndChecked: a quantity that a plugin kept from another
// measure's reading costs as if it had been asked for, once, and must be declared.
func TestReusedIsChargedAndChecked(t *testing.T) {
	margins := &pb.QuantityRequest{Name: "train-margins"}
	a := newAsking(t.Context(), 1, measure.Needs{measure.TrainMargins}, costly{})
	if err := a.reused(t.Context(), []*pb.QuantityRequest{margins, margins}); err != nil {
		t.Fatal(err)
	}
	if cost, _ := a.tally(); cost != 2 {
		t.Errorf("charged %v s, want 2", cost)
	}
	a = newAsking(t.Context(), 2, measure.Needs{measure.Weights}, costly{})
	if err := a.reused(t.Context(), []*pb.QuantityRequest{margins}); err == nil || !strings.Contains(err.Error(), "not declared") {
		t.Errorf("error %v; want that train-margins is not declared", err)
	}
}
