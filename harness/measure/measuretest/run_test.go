package measuretest

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/measure"
)

// subject is a measure made of a function.
type subject struct {
	info    measure.Info
	compute func(context.Context, *measure.Network) (float64, error)
}

func (s subject) Info() measure.Info { return s.info }
func (s subject) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return s.compute(ctx, net)
}

func with(needs measure.Needs, f func(context.Context, *measure.Network) (float64, error)) subject {
	return subject{info: measure.Info{Name: "subject", Version: "1", Needs: needs}, compute: f}
}

// norm is a measure as it should be: the sum of squares of the weights.
func norm(ctx context.Context, net *measure.Network) (float64, error) {
	ts, err := net.Weights(ctx)
	if err != nil {
		return 0, err
	}
	var s float64
	for _, t := range ts {
		for _, w := range t.Data {
			s += float64(w) * float64(w)
		}
	}
	if math.IsNaN(s) || math.IsInf(s, 0) {
		return 0, measure.Undefined("the weights are not finite")
	}
	return s, nil
}

func TestRunAcceptsAMeasureThatKeepsTheContract(t *testing.T) {
	Run(t, with(measure.Needs{measure.Weights}, norm))
}

// Each of these breaks one rule; the expected words name that rule.
func TestProblemsAreFound(t *testing.T) {
	weights := measure.Needs{measure.Weights}
	var calls atomic.Int64
	cases := []struct {
		name string
		m    measure.Measure
		want string
	}{
		{"no version", subject{info: measure.Info{Name: "subject"}}, "no version"},
		{"bad name", subject{info: measure.Info{Name: "Subject", Version: "1"}}, "lower-case"},
		{"unknown need", subject{info: measure.Info{Name: "subject", Version: "1", Needs: measure.Needs{"weight"}}}, `did you mean "weights"`},
		{"info changes", &changing{}, "Info is not constant"},
		{"NaN", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			_, err := net.Weights(ctx)
			return math.NaN(), err
		}), "answers NaN"},
		{"NaN of degenerate networks only", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := norm(ctx, net)
			if _, undefined := measure.IsUndefined(err); undefined {
				return math.NaN(), nil
			}
			return v, err
		}), "answers NaN on the network with NaN weights"},
		{"panics with one layer", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			ts, err := net.Weights(ctx)
			if err != nil {
				return 0, err
			}
			return float64(len(ts[2].Shape)), nil
		}), "panics on the network with one layer"},
		{"fails", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			if _, err := net.Weights(ctx); err != nil {
				return 0, err
			}
			return 0, errors.New("out of ideas")
		}), "out of ideas"},
		{"other bits", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			_, err := net.Weights(ctx)
			return float64(calls.Add(1)), err
		}), "for the same network"},
		{"uses the seed", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			_, err := net.Weights(ctx)
			return float64(net.Seed()), err
		}), "set Info.Stochastic"},
		{"writes", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			ts, err := net.Weights(ctx)
			if err != nil {
				return 0, err
			}
			ts[0].Data[0] = 1
			return 1, nil
		}), "changes what it reads"},
		{"undeclared", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			_, err := net.TrainMargins(ctx)
			return 1, err
		}), "not declared"},
		{"undeclared test inputs", with(measure.Needs{measure.LayerSums}, func(ctx context.Context, net *measure.Network) (float64, error) {
			_, _, err := net.LayerSums(ctx, measure.LayerSumsOptions{Split: "test"})
			return 1, err
		}), "test-inputs"},
		{"undeclared evaluation", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			_, err := net.Evaluate(ctx, []measure.Perturbation{{Kind: "gaussian", Scale: 1}})
			return 1, err
		}), "perturbed-losses"},
		{"swallows cancellation", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			net.Weights(ctx)
			return 1, nil
		}), "although its context was cancelled"},
		{"ignores cancellation", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			if ctx.Err() != nil {
				time.Sleep(3 * time.Second)
			}
			return norm(ctx, net)
		}), "runs on for 1s"},
		{"loses the missing need", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			if _, err := net.Weights(ctx); err != nil {
				return 0, errors.New("no weights: " + err.Error())
			}
			return 1, nil
		}), "when weights is missing fails"},
		{"calls the undefined a failure", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := norm(ctx, net)
			if reason, ok := measure.IsUndefined(err); ok {
				return 0, errors.New(reason)
			}
			return v, err
		}), "when weights is undefined fails"},
		{"goes on without what is refused", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			if m, err := net.TrainMargins(ctx); err == nil {
				return m[0], nil
			}
			return norm(ctx, net)
		}), "asks for what it does not declare and goes on without it"},
		{"hangs on zero weights", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := norm(ctx, net)
			if v == 0 && err == nil {
				select {}
			}
			return v, err
		}), "has no answer after 1s on the network with zero weights"},
		{"waits for a host that was told to stop", with(weights, func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := norm(ctx, net)
			if errors.Is(err, context.Canceled) {
				time.Sleep(3 * time.Second)
			}
			return v, err
		}), "runs on for 1s after its context was cancelled while the host was at work"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := strings.Join(problems(c.m, time.Second), "\n")
			if !strings.Contains(found, c.want) {
				t.Errorf("problems found: %q; none says %q", found, c.want)
			}
		})
	}
}

type changing struct{ calls int }

func (c *changing) Info() measure.Info {
	c.calls++
	return measure.Info{Name: "subject", Version: strings.Repeat("1", c.calls)}
}

func (*changing) Compute(context.Context, *measure.Network) (float64, error) { return 1, nil }

func TestOptionValuesAreTried(t *testing.T) {
	m := with(measure.Needs{measure.Weights}, func(ctx context.Context, net *measure.Network) (float64, error) {
		if net.Option("mode") == "broken" {
			return math.Inf(1), nil
		}
		return norm(ctx, net)
	})
	m.info.Options = []measure.Option{{Name: "mode", Default: "whole", Values: []string{"whole", "broken"}}}
	found := strings.Join(problems(m, 5*time.Second), "\n")
	if want := "answers +Inf with option mode=broken"; !strings.Contains(found, want) {
		t.Errorf("problems found: %q; none says %q", found, want)
	}
}

// Margins of two examples by hand: f_y - max of the others.
func TestMarginsComeFromLogits(t *testing.T) {
	n := Net{Labels: []int32{0, 2}, Logits: measure.Matrix32{Rows: 2, Cols: 3, Data: []float32{3, 1, 2, 0, 4, 1}}}
	got, err := n.Network(nil).TrainMargins(t.Context())
	if err != nil || len(got) != 2 || got[0] != 1 || got[1] != -3 {
		t.Errorf("margins %v, %v; want [1 -3]", got, err)
	}
}

// Every quantity of a full toy comes back through the typed view as it went in.
func TestNetServesEveryQuantity(t *testing.T) {
	n := toys()[0].net()
	net := n.Network(nil)
	ctx := t.Context()
	loss, accuracy, err := net.TrainLoss(ctx)
	if err != nil || loss != *n.Loss || accuracy != *n.Accuracy {
		t.Errorf("loss %v, accuracy %v, %v; want %v, %v", loss, accuracy, err, *n.Loss, *n.Accuracy)
	}
	s, err := net.PACBayes(ctx, true)
	if err != nil || s.Scale != 0.2 || !s.Converged || s.Evaluations != 12 {
		t.Errorf("search %+v, %v", s, err)
	}
	h, err := net.History(ctx)
	if err != nil || h.Steps != 30 || *h.GradientNoise1 != 0.5 || len(h.MeanLosses) != 3 {
		t.Errorf("history %+v, %v", h, err)
	}
	sums, index, err := net.LayerSums(ctx, measure.LayerSumsOptions{Split: "test", Examples: 5})
	if err != nil || sums.Rows != 5 || sums.Cols != 3 || len(index) != 5 {
		t.Errorf("sums [%d, %d], index %v, %v; want [5, 3]", sums.Rows, sums.Cols, index, err)
	}
	if ts, err := net.FusedInitWeights(ctx); err != nil || len(ts) != 8 || ts[0].Data[0] != n.Init[0].Data[0] {
		t.Errorf("fused initial weights: %d tensors, %v", len(ts), err)
	}
	es, err := net.Evaluate(ctx, []measure.Perturbation{{Kind: "gaussian"}})
	if err != nil || es[0].Loss != *n.Loss {
		t.Errorf("at scale 0: %+v, %v; want the loss %v", es, err, *n.Loss)
	}
}
