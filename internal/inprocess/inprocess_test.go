package inprocess_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

func engine(t *testing.T) models.Engine {
	t.Helper()
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestAsk: every built-in has a value on the toy network, so that what it asked for is all that it
// asks for, and the requests of some are known.
func TestAsk(t *testing.T) {
	var choices []inprocess.Choice
	var names []string
	for _, m := range measures.All() {
		choices = append(choices, inprocess.Choice{Measure: m})
		names = append(names, m.Info().Name)
	}
	paper := inprocess.Choice{Measure: choices[slices.Index(names, "cna")].Measure, Options: map[string]string{"layers": "paper"}}
	choices, names = append(choices, paper), append(names, "cna[layers=paper]")
	start := time.Now()
	asked, err := inprocess.Ask(context.Background(), engine(t), choices)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d measures in %v", len(asked), time.Since(start))
	for i, a := range asked {
		if a.Err != nil {
			t.Errorf("%s has no value on the toy network: %v", names[i], a.Err)
		}
	}
	for name, want := range map[string][]string{
		"pac-bayes-flatness":     {"pac-bayes[kind=plain,rgm_compat=false]"},
		"pac-bayes-mag-flatness": {"pac-bayes[kind=magnitude,rgm_compat=false]"},
		"l2norm":                 {"fused-weights", "train-logits", "train-margins"}, // margins rest on logits
		"sharpness-init":         {"fused-init-weights", "fused-weights", "pac-bayes[kind=plain,rgm_compat=false]", "sharpness[kind=plain]"},
		"cna[layers=paper]": {"complexity[bins=256,complexity=entropy,examples=10000,noised=false,out_of_range=clip,scale=bits,split=train]",
			"layer-sums[examples=10000,include_logits=true,layers=paper,reduce=sum,split=train]"},
	} {
		var got []string
		for r := range asked[slices.Index(names, name)].All {
			got = append(got, r.String())
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s asks for %v, want %v", name, got, want)
		}
	}
}

// greedy asks for what it did not declare.
type greedy struct{}

func (greedy) Info() measure.Info {
	return measure.Info{Name: "greedy", Version: "1", Needs: measure.Needs{measure.TrainLoss, measure.PACBayes}}
}

func (greedy) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	_, err := net.Weights(ctx)
	return 0, err
}

// TestRefusedAndDeclared: undeclared needs are refused as over the wire, and a measure without a value is taken
// by its word.
func TestRefusedAndDeclared(t *testing.T) {
	asked, err := inprocess.Ask(context.Background(), engine(t), []inprocess.Choice{{Measure: greedy{}}})
	if err != nil || asked[0].Err == nil {
		t.Fatalf("%+v, %v: an undeclared need is served", asked, err)
	}
	want := []quantity.Request{{Name: "train-loss"}, {Name: "pac-bayes", Args: "kind=plain,rgm_compat=false"}}
	if !slices.Equal(asked[0].Needs, want) {
		t.Errorf("%v, want %v", asked[0].Needs, want)
	}
}
