// Command enginebench times the cpu engine against PyTorch on one thread, in
// turns on the same machine, and prints a table of medians and their ratios.
//
//	go run ./internal/enginebench [-python /usr/bin/python3] [-rounds 7] [-seconds 0.3] [-kernels avx2] [-clock cpu]
//
// On a machine that is not idle -clock cpu counts processor time on both sides instead of the time that passes.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/genbench/genbench/models"
)

// row is one line of the table.
type row struct {
	Net       string              `json:"net,omitempty"` // one of nets; else an MLP of these widths
	Widths    []int               `json:"widths,omitempty"`
	Arch      models.Architecture `json:"architecture"`
	Batch     int                 `json:"batch"`
	Task      string              `json:"task"` // "step", "evaluate"
	BatchNorm bool                `json:"batchnorm"`
	Optimizer string              `json:"optimizer"`
	Clock     string              `json:"clock"` // "wall", "cpu"
}

func (r row) String() string {
	s := fmt.Sprintf("%s %v batch %d", r.Task, r.Widths, r.Batch)
	if r.Net != "" {
		s = fmt.Sprintf("%s %s batch %d", r.Task, r.Net, r.Batch)
	}
	if r.BatchNorm {
		s += " batchnorm"
	}
	if r.Optimizer != "sgd" {
		s += " " + r.Optimizer
	}
	return s
}

func rows() []row {
	var rs []row
	step := func(batch int, widths ...int) {
		rs = append(rs, row{Widths: widths, Batch: batch, Task: "step", Optimizer: "sgd"})
	}
	step(32, 64, 128, 128, 10)
	step(128, 784, 256, 256, 10)
	for _, batch := range []int{32, 8} {
		step(batch, 196, 128, 128, 10)
		step(batch, 196, 256, 256, 10)
		step(batch, 196, 128, 128, 128, 128, 10)
		step(batch, 196, 256, 256, 256, 256, 10)
	}
	small := []int{196, 128, 128, 10}
	rs = append(rs,
		row{Widths: small, Batch: 32, Task: "step", BatchNorm: true, Optimizer: "sgd"},
		row{Widths: small, Batch: 32, Task: "step", Optimizer: "adam"},
		row{Widths: small, Batch: 1000, Task: "evaluate", Optimizer: "sgd"},
		row{Widths: []int{196, 256, 256, 256, 256, 10}, Batch: 1000, Task: "evaluate", Optimizer: "sgd"})
	for _, n := range nets() {
		rs = append(rs, row{Net: n.name, Batch: n.batch, Task: "step", Optimizer: "sgd"})
	}
	for _, n := range nets() {
		rs = append(rs, row{Net: n.name, Batch: n.batch, Task: "evaluate", Optimizer: "sgd"})
	}
	return rs
}

func main() {
	python := flag.String("python", "/usr/bin/python3", "a Python that has PyTorch")
	script := flag.String("script", "internal/enginebench/bench_torch.py", "the PyTorch side")
	rounds := flag.Int("rounds", 7, "rounds; a table entry is their median")
	seconds := flag.Float64("seconds", 0.3, "length of one measurement")
	clock := flag.String("clock", "wall", "what a second is: wall, or cpu for processor time")
	kernels := flag.String("kernels", "", "kernels of the cpu engine; the best if empty")
	only := flag.String("only", "", "measure only rows whose name contains this, \"[784\" for one")
	flag.Parse()
	log.SetFlags(0)
	if err := compare(*python, *script, *kernels, *only, *clock, *rounds, time.Duration(*seconds*float64(time.Second))); err != nil {
		log.Fatalf("enginebench: %v", err)
	}
}

func compare(python, script, kernels, only, clock string, rounds int, d time.Duration) error {
	torch, err := startTorch(python, script)
	if err != nil {
		return err
	}
	defer torch.stop()
	fmt.Printf("torch %s, %d thread; %s; %d CPUs; medians of %d rounds of %v in turns [lowest to highest]\n\n",
		torch.version, torch.threads, runtime.Version(), runtime.NumCPU(), rounds, d)
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "task\tgenbench ex/s\ttorch ex/s\tratio")
	for _, r := range rows() {
		if !strings.Contains(r.String(), only) {
			continue
		}
		r.Clock = clock
		own, err := newWorker(kernels, r)
		if err != nil {
			return err
		}
		r.Arch = own.arch
		var a, b []float64
		for range rounds {
			v, err := own.rate(d)
			if err != nil {
				return err
			}
			w, err := torch.rate(r, d)
			if err != nil {
				return err
			}
			a, b = append(a, v), append(b, w)
		}
		fmt.Fprintf(out, "%v\t%s\t%s\t%.2f\n", r, spread(a), spread(b), median(a)/median(b))
	}
	if only == "" {
		for _, r := range []row{rows()[0], {Net: "cnn28", Batch: 64, Task: "step", Optimizer: "sgd"}, {Net: "resnet18", Batch: 64, Task: "step", Optimizer: "sgd"}} {
			if err := twoWorkers(out, r, kernels, rounds, d); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// twoWorkers compares two sessions on two goroutines with one.
func twoWorkers(out *tabwriter.Writer, r row, kernels string, rounds int, d time.Duration) error {
	one, err := newWorker(kernels, r)
	if err != nil {
		return err
	}
	two, err := newWorker(kernels, r)
	if err != nil {
		return err
	}
	var a, b []float64
	for range rounds {
		alone, err := one.rate(d)
		if err != nil {
			return err
		}
		type answer struct {
			rate float64
			err  error
		}
		other := make(chan answer)
		go func() {
			v, err := two.rate(d)
			other <- answer{v, err}
		}()
		v, err := one.rate(d)
		second := <-other
		if err != nil || second.err != nil {
			return fmt.Errorf("two workers: %v, %v", err, second.err)
		}
		a, b = append(a, v+second.rate), append(b, alone)
	}
	_, err = fmt.Fprintf(out, "two workers (left) and one: %v\t%s\t%s\t%.2f\n", r, spread(a), spread(b), median(a)/median(b))
	return err
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func spread(v []float64) string {
	if median(v) < 1e4 {
		return fmt.Sprintf("%.4g [%.4g-%.4g]", median(v), slices.Min(v), slices.Max(v))
	}
	return fmt.Sprintf("%.1fk [%.1fk-%.1fk]", median(v)/1e3, slices.Min(v)/1e3, slices.Max(v)/1e3)
}
