// Command gpucheck shows in one go what the xla engine does on a machine, and needs nothing there but a PJRT plugin: no Go, no network. Built with
//
//	CGO_ENABLED=0 go build -tags xla ./internal/gpucheck
//
// and carried there (beside bench_torch.py, for PyTorch's figures), it loads the plugin, checks a matrix product and a convolution's gradient,
// runs the engines' conformance suite, times training steps alone and in groups beside PyTorch and the calls of measures alone and together, trains and measures a
// corpus on the device and on the processor, and writes gpucheck.json and gpucheck.txt, a table. What fails costs only itself.
//
//	./gpucheck -device cuda:0 -python python3 -out results
//
// A machine may be had for minutes only: -parts chooses, -limit ends what runs in time, and a further call with the same -out and -work goes on from there.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// found is what is written.
type found struct {
	Schema     int               `json:"schema"`
	Program    string            `json:"program"` // revision and Go's version
	Time       string            `json:"time"`
	Host       string            `json:"host"`
	Plugins    []xla.Description `json:"plugins"`
	Device     string            `json:"device"`
	Engine     string            `json:"engine,omitempty"`
	Checks     []check           `json:"checks"`
	Suite      []*suiteReport    `json:"conformance"`
	Torch      string            `json:"torch,omitempty"` // version and device
	Benchmarks []benchmark       `json:"benchmarks"`
	Quantities []quantityRow     `json:"quantities,omitempty"`
	Corpus     *corpusReport     `json:"corpus,omitempty"`
	Ahead      []aheadRow        `json:"ahead,omitempty"`
	Errors     map[string]string `json:"errors,omitempty"` // by part: of the last call that ran it
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
	device, out, work, python, script, only string
	ahead                                   string
	parts                                   string
	suite                                   string
	limit                                   time.Duration
	seconds, peak, bandwidth                float64
	most, networks                          int
	again, quick                            bool
	measures                                string
}

// part is a piece of what is done. It ends soon after its context does, with what is there.
type part struct {
	name string
	run  func(context.Context, models.Engine, *found) error
}

// all lists the parts in their order. What the first ones say decides whether the others are worth a try.
func (s settings) all() []part {
	return append([]part{{"basics", s.basics}, {"conformance", s.conformance}, {"benchmarks", s.benchmarks}, {"quantities", s.quantities}}, s.corpusParts()...)
}

// errTime is of a part that has not done everything.
var errTime = errors.New("the time is up; call again to go on")

func main() {
	// Before all else: as the plugin of the built-in measures this program must not print, parse or log anything.
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		os.Exit(servePlugin(os.Args[2:]))
	}
	testing.Init() // the suite's flags
	var s settings
	flag.StringVar(&s.device, "device", "", "cuda:0, cuda:1, ... or cpu; the first that is found if empty")
	flag.StringVar(&s.out, "out", ".", "folder for gpucheck.json, gpucheck.txt and the suite's logs; what gpucheck.json has already is kept")
	flag.StringVar(&s.work, "work", "", "folder for the corpus' networks (default OUT/work); a further call needs it to go on")
	flag.StringVar(&s.python, "python", "", "a Python with PyTorch on the same device; none if empty")
	flag.StringVar(&s.script, "script", "bench_torch.py", "the PyTorch side")
	flag.StringVar(&s.only, "only", "", "time only networks, and run only parts of the suite, whose name contains this")
	flag.StringVar(&s.parts, "parts", "basics,conformance,benchmarks,quantities,corpus", "what to do; corpus is short for "+strings.Join(names(s.corpusParts()), ","))
	flag.DurationVar(&s.limit, "limit", 0, "time for all, such as 9m: what has not begun by then is left for a further call")
	flag.BoolVar(&s.again, "again", false, "do again what an earlier call has done: but for the corpus, whose networks and values stay")
	flag.Float64Var(&s.seconds, "seconds", 2, "length of one measurement")
	flag.Float64Var(&s.peak, "peak", 0, "the device's FLOP/s in float32, where gpucheck does not know it; e.g. 67e12")
	flag.Float64Var(&s.bandwidth, "bandwidth", 0, "the same for bytes/s of its memory")
	flag.IntVar(&s.most, "group", 512, "largest group to time")
	flag.IntVar(&s.networks, "networks", 256, "networks of the corpus, a multiple of 32")
	flag.StringVar(&s.measures, "measures", "*", "measures of the corpus, a list of names with * and ?")
	flag.BoolVar(&s.quick, "quick", false, "compile the suite for a processor without optimizations, in half the time")
	flag.StringVar(&s.ahead, "ahead", "", "compile the benchmarks for this GPU, which need not be there, and do no more: \"NVIDIA H100 80GB HBM3\"")
	flag.StringVar(&s.suite, "suite", "", "for gpucheck itself: run the suite with this way to convolve")
	passed := flag.String("passed", "", "for gpucheck itself: parts of the suite to leave out")
	flag.Parse()
	log.SetFlags(log.Ltime)
	log.SetPrefix("gpucheck: ")
	if s.work == "" {
		s.work = filepath.Join(s.out, "work")
	}
	run := s.run
	if s.suite != "" {
		run = func() error { return s.runSuite(*passed) }
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func names(parts []part) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p.name)
	}
	return all
}

// chosen are the parts that -parts names.
func (s settings) chosen() ([]part, error) {
	wanted := strings.Split(s.parts, ",")
	if at := slices.Index(wanted, "corpus"); at >= 0 {
		wanted = slices.Replace(wanted, at, at+1, names(s.corpusParts())...)
	}
	for _, w := range wanted {
		if !slices.Contains(names(s.all()), w) {
			return nil, fmt.Errorf("-parts: there is no part %q (known: %s, corpus)", w, strings.Join(names(s.all()), ", "))
		}
	}
	return slices.DeleteFunc(s.all(), func(p part) bool { return !slices.Contains(wanted, p.name) }), nil
}

func (s settings) run() error {
	parts, err := s.chosen()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	r, err := s.earlier()
	if err != nil {
		return err
	}
	if s.ahead != "" {
		return s.write(r, s.compileAhead(r))
	}
	r.Plugins = xla.Describe(os.Getenv)
	e, err := xla.New(s.options())
	if err != nil {
		r.Errors["engine"] = err.Error()
		return s.write(r, err)
	}
	delete(r.Errors, "engine")
	if r.Engine != "" && r.Engine != e.Name() {
		return fmt.Errorf("%s has results of %s, this is %s: give another folder with -out", s.out, r.Engine, e.Name())
	}
	r.Engine = e.Name()
	ctx := context.Background()
	if s.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	for _, part := range parts {
		log.Printf("%s ...", part.name)
		start := time.Now()
		delete(r.Errors, part.name)
		err := errTime
		if ctx.Err() == nil {
			err = guarded(func() error { return part.run(ctx, e, r) })
		}
		if err != nil {
			r.Errors[part.name] = err.Error()
			log.Printf("%s: %v", part.name, err)
		}
		log.Printf("%s: %.1f s", part.name, time.Since(start).Seconds())
		if err := s.write(r, nil); err != nil { // after every part: a machine may be taken away
			return err
		}
	}
	if len(r.Errors) > 0 {
		return fmt.Errorf("%d parts failed or are not done; see %s", len(r.Errors), filepath.Join(s.out, "gpucheck.txt"))
	}
	return nil
}

// earlier is the report that a call before this one wrote, or a new one.
func (s settings) earlier() (*found, error) {
	host, _ := os.Hostname() // a name for people
	r := &found{}
	data, err := os.ReadFile(filepath.Join(s.out, "gpucheck.json"))
	if err == nil {
		err = json.Unmarshal(data, r)
		if err == nil && r.Schema != schema {
			err = fmt.Errorf("it is of schema %d, this program writes %d", r.Schema, schema)
		}
		if err != nil {
			return nil, fmt.Errorf("going on from %s: %w; give another folder with -out", filepath.Join(s.out, "gpucheck.json"), err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if s.again {
		*r = found{Engine: r.Engine, Corpus: r.Corpus, Ahead: r.Ahead}
	}
	r.Schema, r.Program, r.Time, r.Host, r.Device = schema, revision(), time.Now().UTC().Format(time.RFC3339), host, s.device
	if r.Errors == nil {
		r.Errors = map[string]string{}
	}
	return r, nil
}

// schema is the version of gpucheck.json's form.
const schema = 2

// options are the engine's for this run.
func (s settings) options() xla.Options {
	return xla.Options{Device: s.device, Quick: s.quick && s.suite != "", Getenv: os.Getenv}
}

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
func (s settings) write(r *found, failed error) error {
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
