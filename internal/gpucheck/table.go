package main

import (
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

func processors() int { return runtime.NumCPU() }

// table is the report for people.
func (r *found) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gpucheck, %s, %s\nengine %s", r.Program, r.Time, r.Engine)
	if r.Torch != "" {
		fmt.Fprintf(&b, "; PyTorch %s", r.Torch)
	}
	b.WriteString("\n\n")
	aligned(&b, r.checksTable)
	if len(r.Benchmarks) > 0 {
		b.WriteString("\nTraining, networks x examples/s. Share of the peak and bounds are of the best group; ratios are to PyTorch with one network at a time.\n")
		aligned(&b, r.benchmarkTable)
	}
	for _, m := range r.Benchmarks {
		for _, e := range m.Errors {
			fmt.Fprintf(&b, "%s %s %s: %s\n", m.Net, m.Precision, m.Convolutions, e)
		}
	}
	if len(r.Quantities) > 0 {
		b.WriteString("\nCalls of measures, a second, of all networks\n")
		aligned(&b, r.quantityTable)
	}
	if r.Corpus != nil {
		r.Corpus.table(&b)
	}
	if len(r.Ahead) > 0 {
		aligned(&b, r.aheadTable)
	}
	for _, part := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(&b, "\nERROR %s: %s\n", part, r.Errors[part])
	}
	return b.String()
}

// aligned writes tab-separated lines as columns.
func aligned(b io.Writer, write func(w io.Writer)) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	write(w)
	w.Flush()
}

func (r *found) checksTable(w io.Writer) {
	for _, p := range r.Plugins {
		state := strings.Join(p.Devices, "; ") + ", PJRT " + p.Interface
		if p.Problem != "" {
			state = p.Problem
		}
		fmt.Fprintf(w, "plugin %s\t%s\t%s\n", p.Path, p.From, state)
	}
	for _, c := range r.Checks {
		state := "FAILED"
		if c.OK {
			state = "ok"
		}
		fmt.Fprintf(w, "%s\t%s\t%s (%.1f s)\n", c.Name, state, c.Detail, c.Seconds)
	}
	for _, s := range r.Suite {
		state := "ok"
		switch {
		case len(s.Failed) > 0:
			state = "FAILED"
		case len(s.Passed) < s.Parts:
			state = "not done"
		}
		failed := ""
		if len(s.Failed) > 0 {
			failed = ", failed: " + strings.Join(s.Failed, ", ")
		}
		fmt.Fprintf(w, "conformance, convolutions %s\t%s\t%d of %d parts passed (%.1f s)%s\n", s.Convolutions, state, len(s.Passed), s.Parts, s.Seconds, failed)
	}
}

// torchWays are the columns of PyTorch's rates.
var torchWays = []string{"eager", "cuda graph", "torch.compile"}

func (r *found) benchmarkTable(w io.Writer) {
	fmt.Fprintln(w, "network\tbatch\tproducts\tkernels\tconvolutions\tStep\tone\tbest group\tof\tTFLOP/s\tof peak\tlimited by\ttorch eager\ttorch graph\ttorch.compile\t/ eager\t/ best torch")
	for _, m := range r.Benchmarks {
		best, one := m.best(), 0.0
		if len(m.Groups) > 0 {
			one = m.Groups[0].Rate
		}
		flops := best.Rate / float64(m.Batch) * m.StepFLOP
		share, kernels := "-", "fixed"
		if m.Tuned {
			kernels = "tuned"
		}
		if m.Peak > 0 {
			share = fmt.Sprintf("%.1f %%", 100*flops/m.Peak)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%.4g\t%.4g\t%.4g\t%d\t%.3g\t%s\t%s", m.Net, m.Batch, m.Precision, kernels, m.Convolutions, m.Session, one, best.Rate, best.K, flops/1e12, share, m.limitedBy())
		fastest := 0.0
		for _, way := range torchWays {
			v := m.Torch[way]
			if v == nil {
				fmt.Fprint(w, "\t-")
				continue
			}
			fastest = max(fastest, *v)
			fmt.Fprintf(w, "\t%.4g", *v)
		}
		eager := 0.0
		if v := m.Torch["eager"]; v != nil {
			eager = *v
		}
		fmt.Fprintf(w, "\t%s\t%s\n", ratio(best.Rate, eager), ratio(best.Rate, fastest))
	}
}

func ratio(rate, other float64) string {
	if other == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", rate/other)
}

func (r *found) aheadTable(w io.Writer) {
	fmt.Fprintln(w, "compiled for a GPU that is not there\tconvolutions\tprogram\tseconds\targuments MiB\ttemporary MiB")
	for _, a := range r.Ahead {
		for _, p := range a.Programs {
			fmt.Fprintf(w, "%s batch %d\t%s\t%s\t%.1f\t%.1f\t%.1f\n", a.Net, a.Batch, a.Convolutions, p.Program, p.Seconds, float64(p.Arguments)/(1<<20), float64(p.Temporary)/(1<<20))
		}
	}
}
