package plugin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// oddProgram is the test binary as a plugin of that kind.
func oddProgram(kind string) Program {
	return Program{Name: "odd", Path: self(), Args: []string{"plugin", kind}}
}

func testOptions(t testing.TB) Options {
	dir, err := os.MkdirTemp("", "gbt") // t.TempDir's path is long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Options{StartTimeout: 30 * time.Second, ComputeTimeout: 60 * time.Second, Grace: time.Second, RunDir: dir}
}

func startOdd(t testing.TB, kind string, o Options) *Process {
	t.Helper()
	p, err := Start(context.Background(), oddProgram(kind), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func query(p *Process, name, network string, q Quantities) Outcome {
	return p.Compute(context.Background(), Request{Measure: name, Network: network, Seed: 1, Meta: measure.Meta{Classes: 2, TrainSize: 3}, Provider: q})
}

// behaveOddly is main of a plugin that should not start.
func behaveOddly(kind string) {
	switch kind {
	case "odd":
		measure.Serve(oddMeasures()...)
	case "slow":
		fmt.Fprintln(os.Stderr, "importing a large library")
		select {}
	case "early":
		fmt.Fprintln(os.Stderr, "libcuda.so.1: cannot open shared object file")
		os.Exit(3)
	case "chatty":
		fmt.Println("loading torch...")
		measure.Serve(oddMeasures()...)
	case "endless":
		b := make([]byte, 1<<16)
		for i := range b {
			b[i] = 'x'
		}
		for {
			if _, err := os.Stdout.Write(b); err != nil {
				os.Exit(4)
			}
		}
	case "old-protocol":
		fmt.Println("1|9|unix|/nowhere|grpc|")
		select {}
	case "twice-named":
		measure.Serve(odd{name: "twin"}, odd{name: "twin"})
	default:
		serveForeign(kind)
	}
	os.Exit(0)
}

// odd is a measure whose Compute is a function.
type odd struct {
	name    string
	needs   measure.Needs
	options []measure.Option
	compute func(context.Context, *measure.Network) (float64, error)
}

func (o odd) Info() measure.Info {
	return measure.Info{Name: o.name, Version: "1", Needs: o.needs, Options: o.options}
}

func (o odd) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return o.compute(ctx, net)
}

func mean(ctx context.Context, net *measure.Network) (float64, error) {
	v, err := net.TrainMargins(ctx)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v)), nil
}

// oddMeasures do much that a measure should not.
func oddMeasures() []measure.Measure {
	margins := measure.Needs{measure.TrainMargins}
	simple := func(name string, f func() error) odd {
		return odd{name: name, compute: func(context.Context, *measure.Network) (float64, error) { return 0, f() }}
	}
	return []measure.Measure{
		odd{name: "mean", needs: margins, compute: mean},
		odd{name: "missing-lost", needs: measure.Needs{measure.InitWeights}, compute: func(ctx context.Context, net *measure.Network) (float64, error) {
			_, err := net.InitWeights(ctx)
			return 0, errors.New("no weights: " + err.Error())
		}},
		odd{name: "undeclared", compute: mean},
		odd{name: "test-split", needs: measure.Needs{measure.LayerSums}, compute: func(ctx context.Context, net *measure.Network) (float64, error) {
			_, _, err := net.LayerSums(ctx, measure.LayerSumsOptions{Split: "test"})
			return 0, err
		}},
		odd{name: "quiet-noise", compute: func(ctx context.Context, net *measure.Network) (float64, error) {
			_, err := net.Evaluate(ctx, []measure.Perturbation{{Kind: "gaussian"}})
			return 0, err
		}},
		simple("fails", func() error { return errors.New("matrix is singular") }),
		simple("panics", func() error { panic("index out of hand") }),
		simple("dies", func() error { fmt.Fprintln(os.Stderr, "licence expired"); os.Exit(7); return nil }),
		simple("panics-elsewhere", func() error { go panic("in another goroutine"); select {} }),
		simple("hangs", func() error { select {} }),
		simple("spins", func() error {
			//lint:ignore SA5002 a measure that spins is what is tested
			for {
			}
		}),
		odd{name: "heeds", compute: func(ctx context.Context, _ *measure.Network) (float64, error) { <-ctx.Done(); return 0, ctx.Err() }},
		odd{name: "dies-first", needs: margins, compute: func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := net.TrainMargins(ctx)
			if err == nil && v[0] == 1 { // the first time that the margins are asked for
				os.Exit(7)
			}
			return v[0], err
		}},
		odd{name: "scribbles", needs: margins, compute: func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := net.TrainMargins(ctx)
			v[0] = 1
			return v[0], err
		}},
		odd{name: "maps", needs: margins, compute: func(ctx context.Context, net *measure.Network) (float64, error) {
			v, err := mean(ctx, net) // touches every page of the mapped file
			time.Sleep(200 * time.Millisecond)
			return v, err
		}},
		simple("eats", func() error {
			var held [][]byte
			for range 8 << 10 {
				b := make([]byte, 1<<20)
				for i := 0; i < len(b); i += 4096 {
					b[i] = 1
				}
				held = append(held, b)
			}
			return fmt.Errorf("nobody stopped me at %d MiB", len(held))
		}),
		simple("leaves-child", func() error {
			c := exec.Command("sleep", "600")
			if err := c.Start(); err != nil {
				return err
			}
			fmt.Fprintln(os.Stderr, "child", c.Process.Pid)
			os.Exit(7)
			return nil
		}),
		simple("tells", tell),
		simple("leaves-strays", leaveStrays),
	}
}

// tell answers, as an error, what the process can see of itself.
func tell() error {
	var core unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	_, write := syscall.Write(1, []byte("to descriptor 1\n")) // must not break the connection
	return fmt.Errorf("core=%d tmp_is_here=%v write=%v env=%q", core.Max, here == os.TempDir(), write, os.Environ())
}

// quantities is a fake of what the host computes.
type quantities struct {
	t testing.TB

	mu      sync.Mutex
	margins []float64     // nil: [1] the first time, [2] the second, ...
	zeros   int           // so many margins of 0, in a file with nothing on the disk
	asked   int           // how often the margins were asked for
	block   bool          // Get waits for its context
	left    chan struct{} // closed when a blocked Get returned
	panics  bool
}

func (q *quantities) Get(ctx context.Context, name string, _ map[string]string) (*quantity.Bundle, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.panics:
		panic("a mistake of the host")
	case q.block:
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond)
		close(q.left)
		return nil, ctx.Err()
	case name == "init-weights":
		return nil, &quantity.Missing{Need: name, Reason: "the corpus did not keep the weights before training"}
	case name != "train-margins":
		return nil, &quantity.Undefined{Reason: name + " does not exist here"}
	}
	q.asked++
	v := q.margins
	if v == nil {
		v = []float64{float64(q.asked)}
	}
	b := make([]byte, 0, 8*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
	}
	path := filepath.Join(q.t.TempDir(), "margins")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return nil, err
	}
	n := len(v)
	if q.zeros > 0 {
		n = q.zeros
		if err := os.Truncate(path, int64(8*n)); err != nil {
			return nil, err
		}
	}
	return &quantity.Bundle{Arrays: []quantity.Array{{Name: "margins", DType: "f64", Shape: []int{n}, Path: path}}, Seconds: 2.5}, nil
}

func (q *quantities) Evaluate(context.Context, []quantity.Perturbation) ([]quantity.Evaluated, error) {
	return nil, errors.New("nothing to evaluate")
}
