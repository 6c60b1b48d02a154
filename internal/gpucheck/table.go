package main

import (
	"fmt"
	"runtime"
	"strings"
	"text/tabwriter"
)

func processors() int { return runtime.NumCPU() }

// table is the report for people.
func (r *report) table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gpucheck, %s, %s\nengine %s", r.Program, r.Time, r.Engine)
	if r.Torch != "" {
		fmt.Fprintf(&b, "; PyTorch %s", r.Torch)
	}
	b.WriteString("\n\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
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
	if len(r.Benchmarks) > 0 {
		fmt.Fprintln(w, "\nnetwork\tbatch\tproducts\tkernels\tconvolutions\tStep ex/s\tone ex/s\tbest group\tnetworks x ex/s\tTFLOP/s\tof peak\ttorch eager\ttorch graph\ttorch.compile\tgroup / best torch")
	}
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
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%.4g\t%.4g\t%d\t%.4g\t%.3g\t%s", m.Net, m.Batch, m.Precision, kernels, m.Convolutions, m.Session, one, best.K, best.Rate, flops/1e12, share)
		fastest := 0.0
		for _, way := range []string{"eager", "cuda graph", "torch.compile"} {
			v := m.Torch[way]
			if v == nil {
				fmt.Fprint(w, "\t-")
				continue
			}
			fastest = max(fastest, *v)
			fmt.Fprintf(w, "\t%.4g", *v)
		}
		ratio := "-"
		if fastest > 0 {
			ratio = fmt.Sprintf("%.2f", best.Rate/fastest)
		}
		fmt.Fprintf(w, "\t%s\n", ratio)
	}
	r.quantityTable(w)
	w.Flush()
	for _, m := range r.Benchmarks {
		for _, e := range m.Errors {
			fmt.Fprintf(&b, "%s %s %s: %s\n", m.Net, m.Precision, m.Convolutions, e)
		}
	}
	if c := r.Corpus; c != nil {
		fmt.Fprintf(&b, "\ncorpus of %d networks: %.1f s on %s, %.1f s on %s; rank correlation of gaps %.4f; GPU utilization %.0f %%; %d failed\n",
			c.Networks, c.Seconds, c.Engine, c.SecondsCPU, c.EngineCPU, c.GapRank, c.Utilization, c.Failed)
	}
	if len(r.Ahead) > 0 {
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "compiled for a GPU that is not there\tconvolutions\tprogram\tseconds\targuments MiB\ttemporary MiB")
		for _, a := range r.Ahead {
			for _, p := range a.Programs {
				fmt.Fprintf(w, "%s batch %d\t%s\t%s\t%.1f\t%.1f\t%.1f\n", a.Net, a.Batch, a.Convolutions, p.Program, p.Seconds, float64(p.Arguments)/(1<<20), float64(p.Temporary)/(1<<20))
			}
		}
		w.Flush()
	}
	for _, e := range r.Errors {
		fmt.Fprintf(&b, "\nERROR %s\n", e)
	}
	return b.String()
}
