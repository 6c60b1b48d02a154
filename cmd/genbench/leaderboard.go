package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/harness/result"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func scoreCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "score" + corpusUse, Short: "Compute the statistics of what is measured, and print the leaderboard", Args: cobra.MaximumNArgs(1),
		Long: "score computes the leaderboard from the networks and answers that the store holds, or from a table of\n" +
			"values computed anywhere; it trains and measures nothing. " + corpusHelp + "\n\n" + valuesHelp,
		Example: "  genbench score quick --compat fgm,pgdl,rgm,cna\n  genbench score --values runs.csv --format latex --output board.tex\n  my-measures | genbench score --values -",
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("values") {
				return f.scoreValues(c, args)
			}
			return f.withStages(corpusName(args), readOnly, func(s *stages) error {
				stop, err := s.startPlugins(c.Context()) // they say which measures there are, in which version
				if err != nil {
					return err
				}
				defer stop()
				if err := s.readResults(); err != nil {
					return err
				}
				if err := s.score(); err != nil {
					return err
				}
				return s.finish()
			})
		},
	}
	f.addStore(c)
	f.addEngine(c)
	f.addMeasures(c)
	f.addFormat(c)
	f.addScore(c)
	f.addValues(c)
	return c
}

// score computes the leaderboard, stores it and prints it.
func (s *stages) score() error {
	s.gaps = nil // counted anew, from what is stored
	records, err := s.records()
	if err != nil {
		return err
	}
	if missing := len(s.networks) - len(records); missing > 0 {
		s.gap("%d of %d networks are not trained", missing, len(s.networks))
	}
	for _, line := range s.unnamed() {
		fmt.Fprintln(s.env.stderr, "measures: "+line)
	}
	table := s.harness.Table(records, s.set)
	s.noteGaps(table)
	in, err := s.boardInput(table)
	if err != nil {
		return err
	}
	if len(in.Networks) == 0 {
		return fmt.Errorf("no network to score: the store %s has none; `genbench train` trains them", s.store.Dir())
	}
	if !in.KeepUnconverged && !slices.ContainsFunc(in.Networks, func(n report.Network) bool { return !n.Unconverged }) {
		return fmt.Errorf("no network to score of %d in the store: %s; or score them with --keep-unconverged", len(in.Networks), strings.Join(unconverged(records), "; "))
	}
	board, err := report.Build(in)
	if err != nil {
		return err
	}
	if err := s.keep(board); err != nil {
		return err
	}
	return s.print(board)
}

// unconverged says of the networks that did not converge how many there are of a kind, and what to do.
func unconverged(records []*corpora.Record) []string {
	diverged, missed := 0, 0
	for _, r := range records {
		switch {
		case r.Diverged():
			diverged++
		case !r.Converged:
			missed++
		}
	}
	var said []string
	if diverged > 0 {
		said = append(said, fmt.Sprintf("%d diverged, a loss was not a number: try a smaller lr in the spec", diverged))
	}
	if missed > 0 {
		said = append(said, fmt.Sprintf("%d missed the target loss: raise max_epochs or target_loss in the spec", missed))
	}
	return said
}

// noteGaps says which cells failed or are missing; measures with the same gap share a line.
func (s *stages) noteGaps(t *harness.Table) {
	var lines []string // what follows the names
	names := map[string][]string{}
	note := func(name, format string, args ...any) {
		line := fmt.Sprintf(format, args...)
		if names[line] == nil {
			lines = append(lines, line)
		}
		names[line] = append(names[line], name)
	}
	for j, c := range t.Columns {
		failed, missing, reason := 0, 0, ""
		for i := range t.Records {
			switch r := t.Cells[i][j]; {
			case r == nil:
				missing++
			case r.Status == result.Failed:
				failed, reason = failed+1, r.Reason
			}
		}
		if failed > 0 {
			note(c.Name, "failed on %d of %d networks; the last: %s", failed, len(t.Records), reason)
		}
		if missing > 0 {
			note(c.Name, "missing on %d of %d networks", missing, len(t.Records))
		}
	}
	for _, line := range lines {
		s.gap("%s %s", severalNames(names[line]), line)
	}
}

// severalNames lists up to three names, and counts the others.
func severalNames(names []string) string {
	const most = 3
	if len(names) <= most+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// boardInput brings gaps and answers together: the first place where they meet.
func (s *stages) boardInput(t *harness.Table) (report.Input, error) {
	in := report.Input{
		Corpus: s.spec.Name, Dropped: map[string]int{}, AxisLevels: map[string][]string{},
	}
	if err := s.choose(&in); err != nil {
		return in, err
	}
	for _, r := range t.Records {
		n, err := s.scoredNetwork(r)
		if err != nil {
			return in, err
		}
		in.Networks = append(in.Networks, n)
	}
	for _, a := range corpora.Varying(s.store.Spec(), s.networks) {
		in.Axes = append(in.Axes, a.Name)
		for _, v := range a.Values {
			in.AxisLevels[a.Name] = append(in.AxisLevels[a.Name], v.String())
		}
	}
	for j, c := range t.Columns {
		in.Measures = append(in.Measures, boardMeasure(c, t, j))
	}
	return in, nil
}

func (s *stages) scoredNetwork(r *corpora.Record) (report.Network, error) {
	correct, err := s.store.TestCorrect(r.ID)
	if err != nil {
		return report.Network{}, err
	}
	n := report.Network{
		ID: r.ID, Config: map[string]string{}, Seed: r.Seed, Unconverged: !r.Converged, Diverged: r.Diverged(), Gap: r.Gap(), LossGap: r.LossGap(),
		TrainLoss: r.Train.Loss, Parameters: r.Architecture.NumParameters(), TrainSize: r.Train.N, TestCorrect: correct,
	}
	for _, c := range r.Config {
		n.Config[c.Axis] = c.Value.String()
	}
	return n, nil
}

func boardMeasure(c harness.Column, t *harness.Table, j int) report.Measure {
	m := report.Measure{Name: c.Name, Class: class(c.Info), Direction: c.Info.Larger.String(), Scale: c.Info.Scale.String()}
	total, timed := 0.0, 0
	for i := range t.Records {
		r := t.Cells[i][j]
		cell := report.Cell{Value: math.NaN(), Reason: "not measured"}
		if r != nil {
			cell.Status, cell.Reason = string(r.Status), r.Reason
			total, timed = total+r.Seconds+r.HostSeconds, timed+1
			if r.Status == result.OK {
				cell.Value, cell.Defined = *r.Value, true
			}
		}
		m.Values = append(m.Values, cell)
	}
	if timed > 0 {
		m.Seconds = total / float64(timed)
	}
	return m
}

func (s *stages) boardPath() string {
	return filepath.Join(s.store.Dir(), "report", "leaderboard.json")
}

// keep stores the board for `genbench report`.
func (s *stages) keep(b *report.Board) error {
	if err := os.MkdirAll(filepath.Dir(s.boardPath()), 0o755); err != nil {
		return fmt.Errorf("storing the leaderboard: %w", err)
	}
	return writeFile(s.boardPath(), b.WriteJSON)
}

// print writes the board where and as the flags say.
func (f *flags) print(b *report.Board) error {
	if err := f.printWritten(b); err != nil {
		return err
	}
	if !f.explain || f.output != "" {
		return nil
	}
	_, err := io.WriteString(f.env.stdout, "\n"+report.Explain())
	return err
}

// width is what --width says, else the terminal's; 0, no limit, where there is none.
func (f *flags) width(w io.Writer) int {
	if f.columns > 0 {
		return f.columns
	}
	if file, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 0
}

// writeFile writes a file by a temporary name: what was there stays until the new content is whole.
func writeFile(path string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	if err = write(tmp); err != nil {
		return err
	}
	return errors.Join(tmp.Chmod(0o644), tmp.Sync(), tmp.Close(), os.Rename(tmp.Name(), path))
}

func reportCommand(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "report" + corpusUse, Short: "Print the stored leaderboard", Args: cobra.MaximumNArgs(1),
		Long: "report prints the leaderboard that the last run or score stored, in any format. " + corpusHelp,
		RunE: func(_ *cobra.Command, args []string) error {
			return f.withStages(corpusName(args), readOnly, func(s *stages) error {
				b, err := readBoard(s.boardPath())
				if errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s holds no leaderboard; `genbench score` makes one", s.store.Dir())
				}
				if err != nil {
					return err
				}
				return s.print(b)
			})
		},
	}
	c.Flags().StringVar(&f.store, "store", "", "folder that holds the corpus (default ./genbench-store/CORPUS)")
	f.addFormat(c)
	return c
}

func readBoard(path string) (*report.Board, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the leaderboard: %w", err)
	}
	defer file.Close()
	b, err := report.Read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; `genbench score` makes it anew", path, err)
	}
	return b, nil
}
