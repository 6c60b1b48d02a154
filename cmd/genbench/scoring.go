package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/harness/values"
	"github.com/spf13/cobra"
)

// scoring is how the statistics are computed, and of what.
type scoring struct {
	offered      bool // the command has these flags
	bootstrap    int
	permutations int
	gap          string
	repeats      string
	compat       []string
	canonical    []string
	unconverged  bool
	adjust       string

	values       string // a table in place of a corpus
	testSize     int
	smaller, log []string
}

const valuesHelp = `A table of values is a CSV file whose rows are networks. Columns: gap (or train_acc and test_acc), model,
seed, converged, loss_gap (or train_loss and test_loss), train_size (training examples, for --adjust; else hp.train_size or
hp.train_dataset_size say it), hp.AXIS for each hyperparameter; every other column of numbers is a measure, on log scale for
--adjust where its name begins with log_ or log-. The table released with "In Search of Robust Measures of Generalization" is read as it is.`

func (f *flags) addScore(c *cobra.Command) {
	o := &f.scoring
	o.offered = true
	c.Flags().IntVar(&o.bootstrap, "bootstrap", 1000, "resamples behind the intervals; 0 leaves them out")
	c.Flags().IntVar(&o.permutations, "permutations", 1000, "permutations behind the p-values")
	c.Flags().StringVar(&o.gap, "gap", "", "accuracy (default) or loss: which gap is predicted")
	c.Flags().StringVar(&o.repeats, "repeats", "mean", "what seeds of one configuration count as: mean, pooled or per-seed")
	c.Flags().StringSliceVar(&o.compat, "compat", nil, "print the published scores of "+strings.Join(report.CompatNames(), ", ")+" or all, each as its paper computes it, ordered by the first")
	c.Flags().StringArrayVar(&o.canonical, "canonical", nil, "AXIS=larger or AXIS=smaller: what the control canonical-ordering believes larger levels of AXIS do to the gap; may be repeated")
	c.Flags().StringVar(&o.adjust, "adjust", report.NoAdjustment, "none, or rgm: score √(value/m), of values on log scale (value - ln m)/2, m the training examples of each network")
	c.Flags().BoolVar(&o.unconverged, "keep-unconverged", false, "score networks that missed the target training loss too")
}

// addValues adds the flags of tables in place of a corpus.
func (f *flags) addValues(c *cobra.Command) {
	o := &f.scoring
	c.Flags().StringVar(&o.values, "values", "", "a table of values in place of a corpus: a CSV file, or - for standard input")
	c.Flags().IntVar(&o.testSize, "test-size", 0, "test examples behind each gap of the table, which the weights of sign errors rest on (default 10000)")
	c.Flags().StringSliceVar(&o.smaller, "smaller", nil, "measures of the table (names, * and ?) whose smaller values claim a larger gap")
	c.Flags().StringSliceVar(&o.log, "log", nil, "measures of the table (names, * and ?) that are scored by their natural logarithm")
}

// minBootstrap is how many resamples a 95 % interval takes at the least.
const minBootstrap = 20

func (o *scoring) check() error {
	if !o.offered {
		return nil
	}
	const most = 1_000_000
	if o.bootstrap < 0 || o.bootstrap > most || (o.bootstrap > 0 && o.bootstrap < minBootstrap) {
		return usagef("--bootstrap %d: give a number from %d to %d, or 0 for no intervals", o.bootstrap, minBootstrap, most)
	}
	if o.permutations < 1 || o.permutations > most {
		return usagef("--permutations %d: give a number from 1 to %d", o.permutations, most)
	}
	if !slices.Contains([]string{"", "accuracy", "loss"}, o.gap) {
		return usagef("--gap %q: known are accuracy and loss", o.gap)
	}
	if !slices.Contains([]string{"", "mean", "pooled", "per-seed"}, o.repeats) {
		return usagef("--repeats %q: known are mean, pooled and per-seed", o.repeats)
	}
	if !slices.Contains(report.Adjustments(), o.adjust) {
		return usagef("--adjust %q: known are %s", o.adjust, strings.Join(report.Adjustments(), " and "))
	}
	if slices.Contains(o.compat, "all") {
		o.compat = report.CompatNames()
	}
	for i, name := range o.compat {
		if !slices.Contains(report.CompatNames(), name) {
			return usagef("--compat %q: known are %s and all", name, strings.Join(report.CompatNames(), ", "))
		}
		if slices.Contains(o.compat[:i], name) {
			return usagef("--compat: %s is named twice", name)
		}
	}
	if o.values == "" && (len(o.smaller)+len(o.log) > 0 || o.testSize != 0) {
		return usagef("--smaller, --log and --test-size go with --values: a corpus and its measures say themselves what they are")
	}
	if o.testSize < 0 {
		return usagef("--test-size %d: give a number of test examples", o.testSize)
	}
	return nil
}

// choose writes what the flags say of the statistics into the input.
func (f *flags) choose(in *report.Input) error {
	o := &f.scoring
	in.Seed, in.Jobs = f.seed, f.jobs
	in.Bootstrap, in.Permute = o.bootstrap, o.permutations
	if o.bootstrap == 0 {
		in.Bootstrap = -1 // none
	}
	if o.gap != "" {
		in.Gap = report.GapKind(o.gap)
	}
	in.Repeats, in.Compat, in.KeepUnconverged = o.repeats, o.compat, o.unconverged
	in.Adjust = o.adjust
	for _, c := range o.canonical {
		axis, direction, ok := strings.Cut(c, "=")
		if !ok || axis == "" || direction != "larger" && direction != "smaller" {
			return usagef("--canonical %q: write AXIS=larger or AXIS=smaller", c)
		}
		if in.Canonical == nil {
			in.Canonical = map[string]string{}
		}
		in.Canonical[axis] = direction
	}
	return nil
}

// valuesInput reads the table that --values names.
func (f *flags) valuesInput(c *cobra.Command, args []string) (report.Input, error) {
	if f.scoring.values == "" {
		return report.Input{}, usagef("--values: the name is empty; give a CSV file, or - for standard input")
	}
	if len(args) > 0 {
		return report.Input{}, usagef("--values %s and the corpus %s: give one of them", f.scoring.values, args[0])
	}
	for _, name := range []string{"store", "data", "engine", "measures", "plugin"} {
		if c.Flags().Changed(name) {
			return report.Input{}, usagef("--%s goes with a corpus, not with --values", name)
		}
	}
	if err := f.check(); err != nil {
		return report.Input{}, err
	}
	in, err := f.readValues(f.scoring.values, f.env.stdin, values.Options{Smaller: f.scoring.smaller, Log: f.scoring.log})
	if err != nil {
		return in, err
	}
	in.TestSize = f.scoring.testSize
	return in, f.choose(&in)
}

// scoreValues scores the table that --values names; no store keeps the board.
func (f *flags) scoreValues(c *cobra.Command, args []string) error {
	in, err := f.valuesInput(c, args)
	if err != nil {
		return err
	}
	board, err := report.Build(in)
	if err != nil {
		return fmt.Errorf("%s: %w", f.scoring.values, err)
	}
	return f.print(board)
}
