package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness/result"
	"github.com/spf13/cobra"
)

func planCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "plan" + corpusUse, Short: "Say what a run would cost, and do nothing", Args: cobra.MaximumNArgs(1),
		Long: "plan prints how many networks a run would train, and an estimate of time and disk from a probe\nof a few networks for a few seconds and the multiply-adds of the others, beside the hours of a GPU of a stated rate; then the quantities that the measures asked for take of the host,\neach once, in passes over the training set (F forward, B gradients, H Hessian products, Ft forward over the\ntest inputs, SVD of all weights) and in time, from a probe of such passes. Nothing is written.\n" + corpusHelp,
		RunE: func(c *cobra.Command, args []string) error { return f.plan(c.Context(), corpusName(args)) },
	}
	f.addStore(c)
	f.addEngine(c)
	f.addMeasures(c)
	c.Flags().Float64Var(&f.gpuRate, "gpu-tflops", 10, "10¹² operations a second that a GPU is taken to sustain, for the line of GPU hours")
	c.Flags().IntVar(&f.columns, "width", 0, "width of the text in characters (default: the terminal's; without one, as wide as it gets)")
	return c
}

func (f *flags) plan(ctx context.Context, name string) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := f.checkData(); err != nil {
		return errUsage{err}
	}
	if !(f.gpuRate > 0) {
		return usagef("--gpu-tflops %v: give a positive number", f.gpuRate)
	}
	spec, err := corpora.Find(name)
	if err != nil {
		return errUsage{err}
	}
	engine, err := f.newEngine()
	if err != nil {
		return err
	}
	networks, err := spec.NetworksContext(ctx)
	if err != nil {
		return err
	}
	store, err := f.openStore(name, spec, readOnly)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		store = nil
	case err != nil:
		return err
	default:
		if networks, err = store.NetworksContext(ctx); err != nil {
			return err
		}
	}
	st := &stages{flags: f, spec: spec, networks: networks, store: store, engine: engine, data: corpora.NewDataCache(f.data)}
	measuring, err := st.planMeasuring(ctx) // first: it refuses measures that there are not
	if err != nil {
		return err
	}
	total, err := measuring.total()
	if err != nil {
		return err
	}
	p, err := corpora.MakePlan(ctx, store, networks, engine, f.data)
	if err != nil {
		return err
	}
	jobs := min(f.jobs, runtime.NumCPU())
	found := fmt.Sprintf("%d, none of them trained", p.Networks)
	if store != nil {
		found = fmt.Sprintf("%d, of which %d are in %s", p.Networks, p.Networks-p.Missing, store.Dir())
	}
	lines := append([][]string{
		{"corpus", spec.Name},
		{"networks", found},
		{"parameters", fmt.Sprintf("%d in all", p.Parameters)},
		{"engine", fmt.Sprintf("%s, %d workers", engine.Name(), f.jobs)},
		{"training", fmt.Sprintf("%s of core time, about %s on %d cores; at most %s (%s)", seconds(p.Seconds), seconds(p.Seconds/float64(jobs)), jobs, seconds(p.SecondsMax/float64(jobs)), p.Basis)},
		{"gpu", gpuOf(p.Operations, f.gpuRate)},
		{"disk", diskOf(p)},
	}, measuring.summary(total, jobs)...)
	if err := f.writePlan(lines, measuring, total); err != nil {
		return err
	}
	if p.Missing > 0 {
		st.sayUnusable()
	}
	return nil
}

// sayUnusable warns of data sets that a run would fail for.
func (s *stages) sayUnusable() {
	for _, info := range dataset.Known() {
		if !slices.ContainsFunc(s.networks, func(n corpora.Network) bool { return n.Set == info.Name }) {
			continue
		}
		if st := dataset.CheckOne(info, s.flags.data); st.Err != nil {
			s.warn(fmt.Errorf("data set %s is %s, a run would stop there: %s; what to do: %s", info.Name, st.State, problem(st), st.Remedy))
		}
	}
}

// gpuOf says what the training would take on a GPU: its operations over a rate that is given and not measured, since no engine
// here runs on one.
func gpuOf(operations, rate float64) string {
	if operations == 0 {
		return "nothing is missing"
	}
	return fmt.Sprintf("%.3g hours of one that sustains %g TFLOP/s (--gpu-tflops; not a measurement, no engine here runs on a GPU): training takes %.3g TFLOP, counted from the layers and the epochs expected",
		operations/(rate*1e12)/3600, rate, operations/1e12)
}

// diskOf says what the networks take, and what of it is for snapshots.
func diskOf(p corpora.Plan) string {
	if p.SnapshotBytes == 0 {
		return bytesOf(p.Bytes)
	}
	return fmt.Sprintf("%s, of which up to %s for snapshots during training", bytesOf(p.Bytes), bytesOf(p.SnapshotBytes))
}

// writePlan prints the lines, each with its name, and the table of quantities.
func (f *flags) writePlan(lines [][]string, m *measuring, t totals) error {
	width := f.width(f.env.stdout)
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(wrapped(" "+l[0]+fieldIndent[len(l[0]):]+l[1], " "+fieldIndent, width))
	}
	b.WriteString("\n")
	if _, err := io.WriteString(f.env.stdout, b.String()); err != nil {
		return err
	}
	header, rows := m.table(t)
	if err := packedTable(f.env.stdout, header, rows, 1, width); err != nil {
		return err
	}
	note := "Passes over the training set: F forward, B gradients, H Hessian products, Ft forward over the test inputs, SVD of all weights. "
	if names := m.byWord(); names != "" {
		note += "Known by their declared needs alone, with default arguments: " + names + "."
	}
	_, err := io.WriteString(f.env.stdout, "\n"+wrapped(note, "", width))
	return err
}

func statusCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "status" + corpusUse, Short: "Say what a store holds and what is missing", Args: cobra.MaximumNArgs(1),
		Long: "status counts the networks and the answers of every measure. It exits with 3 where gaps remain. " + corpusHelp,
		RunE: func(c *cobra.Command, args []string) error {
			return f.withStages(corpusName(args), readOnly, func(s *stages) error { return s.status(c.Context()) })
		},
	}
	f.addStore(c)
	f.addEngine(c)
	f.addMeasures(c)
	return c
}

func (s *stages) status(ctx context.Context) error {
	stop, err := s.startPlugins(ctx)
	if err != nil {
		return err
	}
	defer stop()
	records, err := s.records()
	if err != nil {
		return err
	}
	if err := s.readResults(); err != nil {
		return err
	}
	fmt.Fprintf(s.env.stdout, "%s: %d of %d networks\n", s.store.Dir(), len(records), len(s.networks))
	for _, line := range unconverged(records) {
		fmt.Fprintf(s.env.stdout, "  of them %s\n", line)
	}
	fmt.Fprintln(s.env.stdout)
	if missing := len(s.networks) - len(records); missing > 0 {
		s.gap("%d of %d networks are not trained", missing, len(s.networks))
	}
	table := s.harness.Table(records, s.set)
	var rows [][]string
	for j, c := range table.Columns {
		count := map[result.Status]int{}
		missing := len(s.networks) - len(records)
		for i := range records {
			if r := table.Cells[i][j]; r != nil {
				count[r.Status]++
			} else {
				missing++
			}
		}
		row := []string{c.Name}
		for _, n := range []int{count[result.OK], count[result.Undefined], count[result.Skipped], count[result.Failed], missing} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, row)
	}
	if err := plainTable(s.env.stdout, []string{"measure", "ok", "undefined", "skipped", "failed", "missing"}, rows); err != nil {
		return err
	}
	for _, line := range s.unnamed() {
		fmt.Fprintln(s.env.stdout, "\n"+line)
	}
	s.noteGaps(table)
	return s.finish()
}
