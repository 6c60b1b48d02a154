package pluginbench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/pythontest"
)

// TestMain lets the test binary be the plugin in Go.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		measure.Serve(growth{}, reader{"reach"}, reader{"touch"})
	}
	os.Exit(m.Run())
}

// growth is testdata/large.py's, in Go.
type growth struct{}

func (growth) Info() measure.Info {
	return measure.Info{Name: "growth", Version: "1", Needs: measure.Needs{measure.Weights}}
}

func (growth) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	before := privateBytes()
	ts, err := net.Weights(ctx)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, v := range ts[0].Data {
		sum += float64(v)
	}
	net.Diagnose("sum", sum)
	return privateBytes() - before, nil
}

func privateBytes() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	var kib float64
	if _, rest, ok := strings.Cut(string(text), "RssAnon:"); ok {
		fmt.Sscan(rest, &kib)
	}
	return kib * 1024
}

// reader reads the last weight, or one a page.
type reader struct{ name string }

func (r reader) Info() measure.Info {
	return measure.Info{Name: r.name, Version: "1", Needs: measure.Needs{measure.Weights}}
}

func (r reader) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	ts, err := net.Weights(ctx)
	if err != nil {
		return 0, err
	}
	w := ts[0].Data
	if r.name == "reach" {
		return float64(w[len(w)-1]), nil
	}
	var sum float64
	for i := 0; i < len(w); i += 1024 {
		sum += float64(w[i])
	}
	return sum, nil
}

// program is the plugin in that language, and what its environment is looked up by.
func program(t testing.TB, language string) (plugin.Program, plugin.Options) {
	t.Helper()
	if language == "go" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		return plugin.Program{Name: "large", Path: exe, Args: []string{"plugin"}}, plugin.Options{Getenv: os.Getenv}
	}
	python := pythontest.Program(t, "grpc, google.protobuf, numpy")
	script, err := filepath.Abs(filepath.Join("testdata", "large.py"))
	if err != nil {
		t.Fatal(err)
	}
	pkg, err := filepath.Abs(filepath.Join("..", "..", "python"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // the script's first line asks for python3
	if err := os.Symlink(python, filepath.Join(dir, "python3")); err != nil {
		t.Fatal(err)
	}
	return plugin.Program{Name: "large", Path: script}, plugin.Options{Getenv: func(name string) string {
		switch name {
		case "PYTHONPATH":
			return pkg
		case "PATH":
			return dir + string(os.PathListSeparator) + os.Getenv(name)
		}
		return os.Getenv(name)
	}}
}

// values is how many float32 make 100 MB.
const values = 25_000_000

// large are the weights of a network, one tensor of 100 MB: 0, 1, ... 255, 0, 1, ...
type large struct{ path string }

func newLarge(t testing.TB) large {
	t.Helper()
	l := large{filepath.Join(t.TempDir(), "weights")}
	f, err := os.Create(l.path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	var b [4]byte
	for i := range values {
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(float32(i%256)))
		w.Write(b[:])
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l large) Get(_ context.Context, name string, _ map[string]string) (*quantity.Bundle, error) {
	if name != "weights" {
		return nil, fmt.Errorf("no quantity %s", name)
	}
	return &quantity.Bundle{Arrays: []quantity.Array{{Name: "fc1.weight", DType: "f32", Shape: []int{5000, values / 5000}, Path: l.path}}}, nil
}

func (large) Evaluate(context.Context, []quantity.Perturbation) ([]quantity.Evaluated, error) {
	return nil, errors.New("not asked for")
}

// TestLargeTensorIsNotCopied: reading 100 MB, all of it, takes no private memory to speak of.
func TestLargeTensorIsNotCopied(t *testing.T) {
	weights := newLarge(t)
	var sum float64
	for i := range values {
		sum += float64(i % 256)
	}
	for _, language := range []string{"go", "python"} {
		t.Run(language, func(t *testing.T) {
			program, options := program(t, language)
			options.Sandbox = plugin.SandboxOff // it reads /proc/self
			p, err := plugin.Start(t.Context(), program, options)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Stop()
			out := p.Compute(t.Context(), plugin.Request{Measure: "growth", Network: "n", Provider: weights})
			if out.Status != plugin.OK || out.Diagnostics["sum"] != sum || out.Diagnostics["owns"] != 0 {
				t.Fatalf("%+v; want the sum %v", out, sum)
			}
			if out.Value > 8<<20 { // buffers of the runtimes; a copy has 100 MB
				t.Errorf("private memory grew by %.0f bytes", out.Value)
			}
		})
	}
}

// BenchmarkStart is the time from exec to a description, without the end of the process.
func BenchmarkStart(b *testing.B) {
	for _, language := range []string{"go", "python"} {
		b.Run(language, func(b *testing.B) {
			p, o := program(b, language)
			var took time.Duration
			for b.Loop() {
				begin := time.Now()
				process, err := plugin.Start(b.Context(), p, o)
				took += time.Since(begin)
				if err != nil {
					b.Fatal(err)
				}
				process.Stop()
			}
			b.ReportMetric(took.Seconds()*1000/float64(b.N), "ms/start")
		})
	}
}

// BenchmarkLargeTensor is the time from the host's question to its answer, of measures that read one weight of 100 MB
// and one of every page.
func BenchmarkLargeTensor(b *testing.B) {
	weights := newLarge(b)
	for _, language := range []string{"go", "python"} {
		for _, name := range []string{"reach", "touch"} {
			b.Run(language+"/"+name, func(b *testing.B) {
				program, options := program(b, language)
				p, err := plugin.Start(b.Context(), program, options)
				if err != nil {
					b.Fatal(err)
				}
				defer p.Stop()
				n := 0
				for b.Loop() {
					n++ // another network: nothing of the last one is kept
					out := p.Compute(b.Context(), plugin.Request{Measure: name, Network: fmt.Sprint(n), Provider: weights})
					if out.Status != plugin.OK {
						b.Fatalf("%+v", out)
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N), "ms/network")
			})
		}
	}
}
