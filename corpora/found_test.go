package corpora

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestPlanComesFirst: before a damaged network is set aside; and a run that is refused sets none aside.
func TestPlanComesFirst(t *testing.T) {
	s, nets := trainedStore(t)
	flip(t, s.path(nets[2].ID, finalName), -1)
	if _, err := Train(t.Context(), s, nets, TrainOptions{Engine: renamed{engine(t)}}); !errors.As(err, new(*EngineError)) {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.path(nets[2].ID, finalName)); err != nil {
		t.Errorf("a run that was refused changed the store: %v", err)
	}
	var kinds []string
	_, err := Train(t.Context(), s, nets, TrainOptions{Engine: engine(t), Progress: func(e TrainEvent) {
		kinds = append(kinds, string(e.Kind))
		if e.Kind == EventPlan && e.Reused != 3 {
			t.Errorf("plan: %+v", e)
		}
	}})
	if got := strings.Join(kinds, " "); err != nil || got != "plan damaged started epoch epoch epoch finished" {
		t.Errorf("%s, error %v", got, err)
	}
}

// TestVerifyCountsWhatIsMissing of the grid.
func TestVerifyCountsWhatIsMissing(t *testing.T) {
	s, nets := open(t, t.TempDir(), small)
	train(t, s, nets[:3], 3, 0)
	flip(t, s.path(nets[0].ID, correctName), 0)
	held, bad, missing, err := Verify(t.Context(), s, nets, engine(t), "", nil)
	if held != 2 || bad != 1 || missing != 1 || err != nil {
		t.Errorf("%d hold, %d bad, %d missing, error %v; want 2, 1, 1", held, bad, missing, err)
	}
}
