package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/models/cpu"
)

// TestMain lets the test binary be a plugin: its second argument names the behaviour.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		behave(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

type tester struct {
	info    measure.Info
	compute func(context.Context, *measure.Network) (float64, error)
}

func (m tester) Info() measure.Info { return m.info }
func (m tester) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return m.compute(ctx, net)
}

func mean(ctx context.Context, net *measure.Network) (float64, error) {
	margins, err := net.TrainMargins(ctx)
	var sum float64
	for _, m := range margins {
		sum += m / float64(len(margins))
	}
	return sum, err
}

// behaviours are measures that break one rule each, and one that breaks none.
func behaviours() map[string]func(context.Context, *measure.Network) (float64, error) {
	calls := 0.0
	return map[string]func(context.Context, *measure.Network) (float64, error){
		"good":   mean,
		"counts": func(context.Context, *measure.Network) (float64, error) { calls++; return calls, nil },
		"pid":    func(context.Context, *measure.Network) (float64, error) { return float64(os.Getpid()), nil },
		"seeded": func(_ context.Context, net *measure.Network) (float64, error) { return float64(net.Seed()), nil },
		"fails on zeros": func(ctx context.Context, net *measure.Network) (float64, error) {
			ts, err := net.Weights(ctx)
			if err == nil && ts[0].Data[0] == 0 {
				err = errors.New("a weight is 0")
			}
			return 1, err
		},
		"ignores its deadline": func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := mean(ctx, net)
			if err != nil {
				time.Sleep(50 * time.Millisecond) // genbench may see the deadline a little sooner
			}
			if ctx.Err() != nil {
				time.Sleep(time.Hour)
			}
			return v, err
		},
		"does without": func(ctx context.Context, net *measure.Network) (float64, error) {
			if v, err := mean(ctx, net); err == nil {
				return v, nil
			}
			return 1, nil
		},
		"prints": func(ctx context.Context, net *measure.Network) (float64, error) {
			fmt.Println("hello")
			return mean(ctx, net)
		},
		"is none": func(context.Context, *measure.Network) (float64, error) { return math.NaN(), nil },
		"hangs on zeros": func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := mean(ctx, net)
			if ts, _ := net.Weights(ctx); len(ts) > 0 && ts[0].Data[0] == 0 {
				time.Sleep(time.Hour)
			}
			return v, err
		},
		"is none on zeros": func(ctx context.Context, net *measure.Network) (float64, error) {
			ts, err := net.Weights(ctx)
			if err == nil && ts[0].Data[0] == 0 {
				return math.NaN(), nil
			}
			return 1, err
		},
		"fails": func(context.Context, *measure.Network) (float64, error) { return 0, errors.New("did not converge") },
		"dislikes b": func(_ context.Context, net *measure.Network) (float64, error) {
			if net.Option("mode") == "b" {
				return 0, errors.New("no b here")
			}
			return 1, nil
		},
		"first weight": func(ctx context.Context, net *measure.Network) (float64, error) {
			ts, err := net.FusedWeights(ctx)
			if err != nil {
				return 0, err
			}
			return float64(ts[0].Data[0]), nil
		},
	}
}

func behave(name string) {
	switch name {
	case "talks first":
		fmt.Println("loading")
	case "changes":
		measure.Serve(tester{measure.Info{Name: "m", Version: "1", Doc: fmt.Sprint(os.Getpid()), Needs: measure.Needs{measure.TrainMargins}}, mean})
	}
	info := measure.Info{Name: "m", Version: "1", Doc: "a test", Citation: "none", Larger: measure.PredictsLargerGap,
		Needs: measure.Needs{measure.TrainMargins, measure.Weights, measure.FusedWeights}}
	if name == "good" || name == "does without" || name == "ignores its deadline" {
		info.Needs = info.Needs[:1]
	}
	if name == "dislikes b" {
		info.Options = []measure.Option{{Name: "mode", Default: "a", Values: []string{"a", "b"}}}
	}
	compute := behaviours()[name]
	if compute == nil {
		compute = mean
	}
	measure.Serve(tester{info, compute})
}

func checksOf(t *testing.T, behaviour string, trained func() (networks, error)) []Check {
	t.Helper()
	engine, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var told []Check
	checks, err := run(t.Context(), Options{
		Program: plugin.Program{Name: "third", Path: path, Args: []string{"plugin", behaviour}}, Engine: engine, Dir: t.TempDir(), Patience: 200 * time.Millisecond,
		Plugin: plugin.Options{Getenv: os.Getenv, ComputeTimeout: 5 * time.Second}, Tell: func(c Check) { told = append(told, c) },
	}, trained)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(told, checks) {
		t.Errorf("told of %v; there are %v", told, checks)
	}
	return checks
}

// TestFindings: each behaviour is found by the check that is for it, and no other fails.
func TestFindings(t *testing.T) {
	trained := sync.OnceValues(func() (networks, error) {
		engine, err := cpu.New("")
		if err != nil {
			return networks{}, err
		}
		nets, err := train(context.Background(), engine)
		nets.sizes = nets.sizes[:min(1, len(nets.sizes))]
		return nets, err
	})
	for _, c := range []struct {
		behaviour, check string
		outcome          Outcome
		found            string
	}{
		{"good", "odd networks", Pass, "a value on 4 of 7"}, // huge, infinite and NaN weights have no margins
		{"counts", "determinism", Fail, "one process answers"},
		{"pid", "determinism", Fail, "two processes answer"},
		{"seeded", "determinism", Fail, "with another seed"},
		{"fails on zeros", "odd networks", Fail, "of zero weights: m: a weight is 0"},
		{"ignores its deadline", "deadline", Warn, "it had to be killed"},
		{"hangs on zeros", "odd networks", Fail, "left out for that: deadline, cancel, invariance, speed and memory"},
		{"does without", "missing need", Note, "train-margins: it answers without"},
		{"prints", "output", Note, "the first: hello"},
		{"is none", "value", Warn, "undefined on an ordinary network: the value is NaN"},
		{"is none on zeros", "odd networks", Warn, "undefined on the others; without a reason: of zero weights: the value is NaN"},
		{"fails", "value", Fail, "did not converge"},
		{"dislikes b", "options", Fail, "mode=b: failed: m: no b here"},
		{"first weight", "invariance", Note, "permuted units:"},
		{"talks first", "start", Fail, `it wrote "loading" to standard output before its handshake`},
		{"changes", "description", Fail, "two processes describe themselves differently"},
	} {
		t.Run(c.behaviour, func(t *testing.T) {
			seen := false
			for _, k := range checksOf(t, c.behaviour, trained) {
				if k.Name == c.check {
					seen = true
					if k.Outcome != c.outcome || !strings.Contains(k.Found, c.found) {
						t.Errorf("%s: %s: %s; want %s: ... %s", k.Name, k.Outcome, k.Found, c.outcome, c.found)
					}
					if k.Outcome != Pass && k.Remedy == "" {
						t.Errorf("%s has no remedy", k.Name)
					}
				} else if k.Outcome == Fail {
					t.Errorf("%s fails: %s", k.Name, k.Found)
				}
			}
			if !seen {
				t.Errorf("no check %q", c.check)
			}
		})
	}
}
