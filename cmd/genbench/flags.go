package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/reference"
	"github.com/genbench/genbench/models/xla"
	"github.com/spf13/cobra"
)

// flags are the flags that the stages share.
type flags struct {
	env      environment
	store    string
	data     string
	engine   string
	device   string
	size     string
	groups   corpora.GroupSizes // of size
	jobs     int
	seed     uint64
	measures []string
	plugins  []string
	start    time.Duration
	deadline time.Duration
	memory   int64
	confining
	format     string
	output     string
	noProgress bool
	scoring    scoring
	columns    int
	gpuRate    float64
	explain    bool
}

// Environment variables that the command reads.
const (
	envData    = "GENBENCH_DATA"        // default of --data
	envKernels = "GENBENCH_KERNELS"     // avx512, avx2 or go: the CPU engine's kernels
	envProduct = "GENBENCH_PRECISION"   // float32 or tf32: the xla engine's products
	envPlugins = "GENBENCH_PLUGIN_PATH" // folders of plugins, separated like PATH
)

func (f *flags) addStore(c *cobra.Command) {
	c.Flags().StringVar(&f.store, "store", "", "folder that holds the corpus (default ./genbench-store/CORPUS)")
	c.Flags().StringVar(&f.data, "data", f.env.getenv(envData), "folder with the data sets' official files ($"+envData+")")
	c.Flags().BoolVar(&f.noProgress, "no-progress", false, "show no progress")
}

func (f *flags) addEngine(c *cobra.Command) {
	c.Flags().StringVar(&f.engine, "engine", "cpu", "cpu, xla (an NVIDIA GPU, or a processor through XLA) or reference")
	c.Flags().StringVar(&f.device, "device", "", "where --engine xla computes: cuda:0, cuda:1, ... or cpu (default: a GPU if there is a plugin for one)")
	c.Flags().IntVar(&f.jobs, "jobs", runtime.NumCPU(), "workers; results do not depend on their number")
}

func (f *flags) addGroupSize(c *cobra.Command) {
	c.Flags().StringVar(&f.size, "group-size", "", "networks that --engine xla trains together: a number, or measured, which finds the fastest and keeps it in the store (default: by their shape)")
}

// checkGroupSize reads --group-size.
func (f *flags) checkGroupSize() error {
	if f.size == "" {
		return nil
	}
	if f.engine != "xla" {
		return usagef("--group-size %s goes with --engine xla: other engines train each network by itself", f.size)
	}
	if f.size == "measured" {
		f.groups.Measured = true
		return nil
	}
	n, err := strconv.Atoi(f.size)
	if err != nil || n < 1 || n > xla.LargestGroup {
		return usagef("--group-size %s: give a number from 1 to %d, or measured", f.size, xla.LargestGroup)
	}
	f.groups.Fixed = n
	return nil
}

func (f *flags) addMeasures(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.measures, "measures", nil, "measures to compute: names or aliases, * and ?, options in brackets, separated by commas; '*' is all (default: the corpus' own list, else all)")
	c.Flags().StringArrayVar(&f.plugins, "plugin", nil, "a third-party measure as NAME=PATH; may be repeated")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the stochastic measures")
	c.Flags().DurationVar(&f.start, "plugin-start-timeout", 15*time.Second, "time that a plugin has to start and describe itself")
	c.Flags().DurationVar(&f.deadline, "plugin-timeout", 10*time.Minute, "time that a plugin has for one network")
	c.Flags().Int64Var(&f.memory, "plugin-memory", 8<<10, "MiB of memory that one plugin may use, with what it starts")
	f.confining.add(c)
}

func (f *flags) addFormat(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "format", "text", "text, markdown, csv, json or latex")
	c.Flags().StringVar(&f.output, "output", "", "write the table to this file instead of standard output")
	c.Flags().IntVar(&f.columns, "width", 0, "width of the text table in characters (default: the terminal's; without one, as wide as it gets)")
	c.Flags().BoolVar(&f.explain, "explain", false, "say how to read the columns")
}

// check refuses values that no flag library can.
func (f *flags) check() error {
	if f.jobs < 0 || f.jobs > 4096 {
		return usagef("--jobs %d: give a number from 1 to 4096", f.jobs)
	}
	if f.jobs == 0 {
		f.jobs = runtime.NumCPU()
	}
	if err := f.checkGroupSize(); err != nil {
		return err
	}
	if err := f.scoring.check(); err != nil {
		return err
	}
	if f.start < 0 || f.deadline < 0 {
		return usagef("--plugin-start-timeout %v, --plugin-timeout %v: times are positive", f.start, f.deadline)
	}
	if f.columns < 0 {
		return usagef("--width %d: give a number of characters, or 0", f.columns)
	}
	if f.explain && f.format != "text" {
		return usagef("--explain goes with --format text, not %s", f.format)
	}
	if f.output != "" {
		if info, err := os.Stat(filepath.Dir(f.output)); err != nil || !info.IsDir() {
			return usagef("--output %s: %s is not a folder; make it first", f.output, filepath.Dir(f.output))
		}
		if info, err := os.Stat(f.output); err == nil && info.IsDir() {
			return usagef("--output %s: it is a folder; name a file in it", f.output)
		}
	}
	if f.memory < 0 {
		return usagef("--plugin-memory %d: give a number of MiB, or 0 for no limit", f.memory)
	}
	if err := f.confining.check(); err != nil {
		return err
	}
	if f.format != "" && !slices.Contains(formats, f.format) {
		return usagef("--format %q: known are %s", f.format, strings.Join(formats, ", "))
	}
	return nil
}

// checkData refuses a --data that holds no data sets, before anything looks for one in it.
func (f *flags) checkData() error {
	if f.data == "" {
		return nil
	}
	switch info, err := os.Stat(f.data); {
	case err != nil:
		return fmt.Errorf("--data: %w; give the folder with the data sets' official files, or leave --data and $%s out", err, envData)
	case !info.IsDir():
		return fmt.Errorf("--data %s: it is a file; give the folder that holds it", f.data)
	}
	return nil
}

var formats = []string{"text", "markdown", "csv", "json", "latex"}

// newEngine makes the engine that --engine names.
func (f *flags) newEngine() (models.Engine, error) {
	if f.device != "" && f.engine != "xla" {
		return nil, usagef("--device %s goes with --engine xla", f.device)
	}
	switch f.engine {
	case "", "cpu":
		e, err := cpu.New(f.env.getenv(envKernels))
		if err != nil {
			return nil, usagef("$%s: %v", envKernels, err)
		}
		return e, nil
	case "reference":
		return reference.New(), nil
	case "xla":
		e, err := xla.New(xla.Options{Device: f.device, Precision: f.env.getenv(envProduct), Getenv: f.env.getenv})
		if err != nil {
			return nil, usagef("--engine xla: %v", err)
		}
		return e, nil
	}
	return nil, usagef("--engine %q: known are cpu, xla and reference", f.engine)
}

// storeDir is where the corpus of that name lies.
func (f *flags) storeDir(corpus string) string {
	if f.store != "" {
		return f.store
	}
	return filepath.Join("genbench-store", corpus)
}

// version is what `go install` recorded, or "devel".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
