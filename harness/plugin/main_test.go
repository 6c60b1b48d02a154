package plugin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// TestMain lets the test binary be a plugin: its first argument, after "plugin",
// names the behaviour. So every test here crosses a real process boundary without
// a build step.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		behave(os.Args[2], os.Args[3:])
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "host" {
		hostForever(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// behave is the plugin's side.
func behave(name string, args []string) {
	switch name {
	case "prints-first":
		fmt.Println("loading weights ...")
		measure.Serve(testers(args)...)
	case "exits":
		fmt.Fprintln(os.Stderr, "libcudart.so.12: cannot open shared object file")
		os.Exit(7)
	case "silent":
		time.Sleep(time.Hour)
	case "crashes-at-start":
		panic("no luck")
	case "alternates": // another version whenever the marker file is absent
		info := measure.Info{Name: "alternates", Version: "1"}
		if _, err := os.Stat(args[0]); err != nil {
			info.Version = "2"
		}
		measure.Serve(tester{info, func(context.Context, *measure.Network) (float64, error) { os.Exit(1); return 0, nil }})
	case "invalid":
		measure.Serve(tester{measure.Info{Name: "Not a name", Version: "1"}, nil})
	case "well":
		measure.Serve(testers(args)...)
	case "snoops":
		measure.Serve(snoops())
	}
	behaveOddly(name)
}

// tester is a measure made of a function.
type tester struct {
	info    measure.Info
	compute func(context.Context, *measure.Network) (float64, error)
}

func (m tester) Info() measure.Info { return m.info }
func (m tester) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return m.compute(ctx, net)
}

// testers are the measures that misbehave in Compute, or do as they should.
func testers(args []string) []measure.Measure {
	var ms []measure.Measure
	add := func(name string, f func(context.Context, *measure.Network) (float64, error), needs ...measure.Need) {
		ms = append(ms, tester{measure.Info{Name: name, Version: "1", Needs: needs, Larger: measure.PredictsSmallerGap, Scale: measure.Log,
			Doc: "does what its name says", Options: []measure.Option{{Name: "mode", Default: "a", Values: []string{"a", "b"}}}}, f})
	}
	constant := func(v float64) func(context.Context, *measure.Network) (float64, error) {
		return func(context.Context, *measure.Network) (float64, error) { return v, nil }
	}
	add("margin-sum", marginSum, measure.TrainMargins)
	add("nan", constant(math.NaN()))
	add("inf", constant(math.Inf(1)))
	add("undefined", func(context.Context, *measure.Network) (float64, error) {
		return 0, fmt.Errorf("layer 2: %w", measure.Undefined("the weights are zero"))
	})
	add("panics", func(context.Context, *measure.Network) (float64, error) { panic("index 5 of 3") })
	add("fails", func(context.Context, *measure.Network) (float64, error) { return 0, errors.New("did not converge") })
	add("writes", func(ctx context.Context, net *measure.Network) (float64, error) {
		m, err := net.TrainMargins(ctx)
		if err == nil {
			m[0] = 1
		}
		return 0, err
	}, measure.TrainMargins)
	add("dies", func(context.Context, *measure.Network) (float64, error) {
		go func() { panic("in a goroutine of the measure") }()
		select {}
	})
	add("dies-once", func(context.Context, *measure.Network) (float64, error) {
		if _, err := os.Stat(args[0]); err == nil {
			return 5, nil
		}
		fmt.Fprintln(os.Stderr, "first time: aborting")
		os.WriteFile(args[0], nil, 0o600)
		os.Exit(9)
		return 0, nil
	})
	add("hangs", func(context.Context, *measure.Network) (float64, error) { select {} })
	add("spins", func(context.Context, *measure.Network) (float64, error) {
		for i := 0; ; i++ {
			sink = i
		}
	})
	add("slow-but-listens", func(ctx context.Context, _ *measure.Network) (float64, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	add("eats-memory", func(ctx context.Context, _ *measure.Network) (float64, error) {
		var kept [][]byte
		for ctx.Err() == nil {
			b := make([]byte, 16<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			kept = append(kept, b)
			time.Sleep(5 * time.Millisecond)
		}
		return float64(len(kept)), ctx.Err()
	})
	add("prints", func(context.Context, *measure.Network) (float64, error) {
		fmt.Println("to stdout")
		os.NewFile(1, "fd 1").WriteString("to descriptor 1\n")
		fmt.Fprintln(os.Stderr, "to stderr")
		return 1, nil
	})
	add("reads-stdin", func(context.Context, *measure.Network) (float64, error) {
		n, err := os.Stdin.Read(make([]byte, 1))
		return float64(n), measure.Undefined("read %d: %v", n, err)
	})
	add("undeclared", func(ctx context.Context, net *measure.Network) (float64, error) {
		_, err := net.Weights(ctx)
		return 1, err
	}, measure.TrainMargins)
	add("peeks", func(ctx context.Context, net *measure.Network) (float64, error) {
		_, _, err := net.LayerSums(ctx, measure.LayerSumsOptions{Split: "test"})
		return 1, err
	}, measure.LayerSums)
	add("evaluates-undeclared", func(ctx context.Context, net *measure.Network) (float64, error) {
		_, err := net.Evaluate(ctx, []measure.Perturbation{{Kind: "gaussian", Scale: 1}})
		return 1, err
	})
	add("wants-init", func(ctx context.Context, net *measure.Network) (float64, error) {
		if _, err := net.InitWeights(ctx); err != nil {
			return 0, errors.New("lost the error: " + err.Error())
		}
		return 1, nil
	}, measure.InitWeights)
	add("wants-search", func(ctx context.Context, net *measure.Network) (float64, error) {
		s, err := net.PACBayes(ctx, false)
		return s.Scale, err
	}, measure.PACBayes)
	add("wants-broken", func(ctx context.Context, net *measure.Network) (float64, error) {
		_, _, err := net.TrainLoss(ctx)
		return 1, err
	}, measure.TrainLoss)
	add("evaluates", func(ctx context.Context, net *measure.Network) (float64, error) {
		es, err := net.Evaluate(ctx, []measure.Perturbation{{Kind: "gaussian", Scale: 2, Seed: net.Seed()}, {Kind: "gaussian-magnitude", Scale: 3}})
		if err != nil {
			return 0, err
		}
		net.Diagnose("second", es[1].Loss)
		net.Warn("seed %d, option %s", net.Seed(), net.Option("mode"))
		return es[0].Loss, nil
	}, measure.PerturbedLosses)
	add("writes-files", func(context.Context, *measure.Network) (float64, error) {
		private := os.WriteFile(filepath.Join(os.TempDir(), "x"), []byte("x"), 0o600)
		elsewhere := os.WriteFile(filepath.Join(args[0], "x"), []byte("x"), 0o600)
		return 0, measure.Undefined("private: %v; elsewhere: %v", private, elsewhere)
	})
	add("pid", func(context.Context, *measure.Network) (float64, error) { return float64(os.Getpid()), nil })
	return ms
}

var sink int

func marginSum(ctx context.Context, net *measure.Network) (float64, error) {
	m, err := net.TrainMargins(ctx)
	var s float64
	for _, v := range m {
		s += v
	}
	return s, err
}

// fake is a network's quantities: margins 1, 2, 4 in a file; no initial weights; a
// search that found nothing; a loss that cannot be computed.
type fake struct{ margins string }

func newFake(t testing.TB) *fake {
	var b []byte
	for _, v := range []float64{1, 2, 4} {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	path := filepath.Join(t.TempDir(), "margins")
	if err := os.WriteFile(path, b, 0o400); err != nil {
		t.Fatal(err)
	}
	return &fake{path}
}

func (f *fake) Get(_ context.Context, name string, _ map[string]string) (*quantity.Bundle, error) {
	switch name {
	case "train-margins":
		return &quantity.Bundle{Arrays: []quantity.Array{{Name: "margins", DType: "f64", Shape: []int{3}, Path: f.margins}}, Seconds: 0.25}, nil
	case "init-weights":
		return nil, &quantity.Missing{Need: "init-weights", Reason: "the corpus did not keep them"}
	case "pac-bayes":
		return nil, &quantity.Undefined{Reason: "no noise costs 0.1"}
	}
	return nil, errors.New("the disk is full")
}

func (f *fake) Evaluate(_ context.Context, ps []quantity.Perturbation) ([]quantity.Evaluated, error) {
	out := make([]quantity.Evaluated, len(ps))
	for i, p := range ps {
		out[i] = quantity.Evaluated{Loss: 10*p.Scale + float64(p.Seed), Accuracy: 0.5}
	}
	return out, nil
}

// program is the test binary as a plugin of that behaviour.
func program(t testing.TB, behaviour string, args ...string) Program {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Program{Name: "third", Path: path, Args: append([]string{"plugin", behaviour}, args...)}
}

func begin(t testing.TB, p Program, o Options) *Process {
	t.Helper()
	process, err := Start(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Stop)
	return process
}

func ask(t testing.TB, p *Process, name, network string) Outcome {
	return p.Compute(t.Context(), Request{Measure: name, Network: network, Seed: 7, Provider: newFake(t)})
}

// hostForever is a host that a test kills: it asks the measure, and says by a file
// in its place of work which process answers. It never ends of itself.
func hostForever(args string) {
	name, file, _ := strings.Cut(args, ",")
	path, _ := os.Executable()
	p, err := Start(context.Background(), Program{Name: "third", Path: path, Args: []string{"plugin", "well"}}, Options{Getenv: os.Getenv})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pid := strconv.Itoa(p.session.pid())
	if name != "" {
		go p.Compute(context.Background(), Request{Measure: name, Network: "n"})
		time.Sleep(300 * time.Millisecond) // into the middle of Compute
	}
	os.WriteFile(file+".tmp", []byte(pid), 0o600)
	os.Rename(file+".tmp", file)
	select {}
}
