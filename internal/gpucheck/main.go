// Command gpucheck shows in one go what the xla engine does on a machine, and needs nothing there but a PJRT plugin: no Go, no network. Built with
//
//	CGO_ENABLED=0 go build ./internal/gpucheck
//
// and carried there (beside bench_torch.py, for PyTorch's figures), it loads the plugin, checks a matrix product and a convolution's gradient,
// runs the engines' conformance suite, times training steps alone and in groups beside PyTorch and the calls of measures alone and together, trains a small corpus, and
// writes gpucheck.json and gpucheck.txt, a table. What fails costs only itself.
//
//	./gpucheck -device cuda:0 -python python3 -out results
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// report is what is written.
type report struct {
	Schema     int               `json:"schema"`
	Program    string            `json:"program"` // revision and Go's version
	Time       string            `json:"time"`
	Host       string            `json:"host"`
	Plugins    []xla.Description `json:"plugins"`
	Device     string            `json:"device"`
	Engine     string            `json:"engine,omitempty"`
	Checks     []check           `json:"checks"`
	Torch      string            `json:"torch,omitempty"` // version and device
	Benchmarks []benchmark       `json:"benchmarks"`
	Quantities []quantityRow     `json:"quantities,omitempty"`
	Corpus     *corpusReport     `json:"corpus,omitempty"`
	Ahead      []aheadRow        `json:"ahead,omitempty"`
	Errors     []string          `json:"errors,omitempty"`
}

// check is one thing that must hold.
type check struct {
	Name    string  `json:"name"`
	OK      bool    `json:"ok"`
	Detail  string  `json:"detail"`
	Seconds float64 `json:"seconds"`
}

// settings are the command's flags.
type settings struct {
	device, out, python, script, only string
	ahead                             string
	parts                             string
	seconds                           float64
	most, networks                    int
}

func main() {
	testing.Init() // the suite's flags
	var s settings
	flag.StringVar(&s.device, "device", "", "cuda:0, cuda:1, ... or cpu; the first that is found if empty")
	flag.StringVar(&s.out, "out", ".", "folder for gpucheck.json, gpucheck.txt and conformance.txt")
	flag.StringVar(&s.python, "python", "", "a Python with PyTorch on the same device; none if empty")
	flag.StringVar(&s.script, "script", "bench_torch.py", "the PyTorch side")
	flag.StringVar(&s.only, "only", "", "time only networks whose name contains this")
	flag.StringVar(&s.parts, "parts", "basics,conformance,benchmarks,quantities,corpus", "what to do")
	flag.Float64Var(&s.seconds, "seconds", 2, "length of one measurement")
	flag.IntVar(&s.most, "group", 512, "largest group to time")
	flag.IntVar(&s.networks, "networks", 64, "networks of the corpus, a multiple of 4")
	flag.StringVar(&s.ahead, "ahead", "", "compile the benchmarks for this GPU, which need not be there, and do no more: \"NVIDIA H100 80GB HBM3\"")
	flag.Parse()
	log.SetFlags(0)
	log.SetPrefix("gpucheck: ")
	if err := s.run(); err != nil {
		log.Fatal(err)
	}
}

func (s settings) run() error {
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	host, _ := os.Hostname() // a name for people
	r := &report{Schema: 1, Program: revision(), Time: time.Now().UTC().Format(time.RFC3339), Host: host, Device: s.device}
	if s.ahead != "" {
		return s.write(r, s.compileAhead(r))
	}
	r.Plugins = xla.Describe(os.Getenv)
	e, err := xla.New(s.options())
	if err != nil {
		r.Errors = append(r.Errors, err.Error())
		return s.write(r, err)
	}
	r.Engine = e.Name()
	for _, part := range []struct {
		name string
		run  func(models.Engine, *report) error
	}{{"basics", s.basics}, {"conformance", s.conformance}, {"benchmarks", s.benchmarks}, {"quantities", s.quantities}, {"corpus", s.corpus}} {
		if !strings.Contains(s.parts, part.name) {
			continue
		}
		log.Printf("%s ...", part.name)
		if err := guarded(func() error { return part.run(e, r) }); err != nil {
			log.Printf("%s: %v", part.name, err)
			r.Errors = append(r.Errors, part.name+": "+err.Error())
		}
		if err := s.write(r, nil); err != nil { // after every part: a machine may be taken away
			return err
		}
	}
	if len(r.Errors) > 0 {
		return fmt.Errorf("%d parts failed; see %s", len(r.Errors), filepath.Join(s.out, "gpucheck.txt"))
	}
	return nil
}

// options are the engine's for this run.
func (s settings) options() xla.Options { return xla.Options{Device: s.device, Getenv: os.Getenv} }

// guarded turns a panic into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}

// write writes both files and answers the error it was given, or its own.
func (s settings) write(r *report, failed error) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.out, "gpucheck.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.out, "gpucheck.txt"), []byte(r.table()), 0o644); err != nil {
		return err
	}
	return failed
}

func revision() string {
	text := runtime.Version()
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return text
	}
	for _, v := range info.Settings {
		if v.Key == "vcs.revision" || v.Key == "vcs.modified" {
			text += " " + v.Value
		}
	}
	return text
}
