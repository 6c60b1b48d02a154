package inprocess_test

import (
	"context"
	"slices"
	"strings"
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
	asked, err := inprocess.Ask(context.Background(), engine(t), choices, inprocess.Sizes{Train: 1000, Test: 2000})
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
		"l2norm":                 {"layer-norms[conv=matrix,fused=true,weights=final]", "train-logits", "train-margins"}, // margins rest on logits
		"sharpness-init":         {"fused-init-weights", "fused-weights", "pac-bayes[kind=plain,rgm_compat=false]", "sharpness[kind=plain]"},
		"cna[layers=paper]": {"complexity[bins=256,complexity=entropy,examples=0,noised=false,out_of_range=clip,range=0:1,scale=bits,split=train]",
			"layer-sums[examples=0,include_logits=true,layers=paper,reduce=sum,split=train]"},
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
	asked, err := inprocess.Ask(context.Background(), engine(t), []inprocess.Choice{{Measure: greedy{}}}, inprocess.Sizes{Train: 1000, Test: 2000})
	if err != nil || asked[0].Err == nil {
		t.Fatalf("%+v, %v: an undeclared need is served", asked, err)
	}
	want := []quantity.Request{{Name: "train-loss"}, {Name: "pac-bayes", Args: "kind=plain,rgm_compat=false"}}
	if !slices.Equal(asked[0].Needs, want) {
		t.Errorf("%v, want %v", asked[0].Needs, want)
	}
}

// TestSizes: numbers of examples are those of the corpus, so that what two measures share is seen to be.
func TestSizes(t *testing.T) {
	var choices []inprocess.Choice
	for _, m := range measures.All() {
		if name := m.Info().Name; name == "cna" || name == "cna-area" {
			choices = append(choices, inprocess.Choice{Measure: m})
		}
	}
	sums := func(asked inprocess.Asked) string {
		var parts []string
		for r := range asked.All {
			if r.Name == "layer-sums" {
				parts = append(parts, r.Argument("split")+" "+r.Argument("examples"))
			}
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	}
	// cna looks at 10,000 training examples; cna-area at equally many of both splits.
	for sizes, want := range map[inprocess.Sizes][2]string{
		{Train: 1000, Test: 2000}:   {"train 0", "test 1000, train 0"},
		{Train: 2000, Test: 1000}:   {"train 0", "test 0, train 1000"},
		{Train: 1000, Test: 1000}:   {"train 0", "test 0, train 0"},
		{Train: 60000, Test: 10000}: {"train 10000", "test 0, train 10000"},
	} {
		asked, err := inprocess.Ask(context.Background(), engine(t), choices, sizes)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if got := sums(asked[i]); got != w {
				t.Errorf("%+v: %s asks for %s, want %s", sizes, choices[i].Measure.Info().Name, got, w)
			}
		}
	}
}
