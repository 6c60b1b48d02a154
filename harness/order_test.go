package harness

import (
	"slices"
	"testing"

	"github.com/genbench/genbench/corpora"
)

// TestOrderIsOfChance: all networks are measured, each once, and not in the order of the grid, from which a
// plugin that counts could tell their hyperparameters.
func TestOrderIsOfChance(t *testing.T) {
	var todo []Work
	for i := range 64 {
		todo = append(todo, Work{record: &corpora.Record{Epochs: i}})
	}
	epochs := func(todo []Work) (out []int) {
		for _, w := range todo {
			out = append(out, w.record.Epochs)
		}
		return out
	}
	a, b := epochs(shuffled(todo)), epochs(shuffled(todo))
	if slices.Equal(a, epochs(todo)) || slices.Equal(a, b) { // 1 in 64! by chance
		t.Errorf("measured in the order %v, then %v", a, b)
	}
	if slices.Sort(a); !slices.Equal(a, epochs(todo)) {
		t.Errorf("of 64 networks these are measured: %v", a)
	}
}
