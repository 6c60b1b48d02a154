// Command statcheck answers the statistics of harness/rank for inputs on
// standard input, one JSON object a line, so that check.py can compare them
// with SciPy, with NumPy and with the programs that papers published.
//
//	python3 internal/statcheck/check.py [--inputs 1000] [--pgdl-kit DIR] [--rgm DIR]
//
// check.py builds this program, prints one table (statistic, inputs, largest
// deviation, disagreements) and ends with status 1 on any disagreement. DIR of
// --pgdl-kit holds the mutual_information.py of the PGDL competition's scoring
// program, DIR of --rgm the experiments/coupled_networks of the code of
// Dziugaite et al. 2020 (arXiv:2010.11924); without them those two are left out.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/genbench/genbench/harness/rank"
)

// request is one input. A network where x or y is null is undefined.
type request struct {
	X        []*float64 `json:"x"`
	Y        []*float64 `json:"y"`
	Levels   [][]int    `json:"levels"` // [A][N]; empty: correlations alone are asked for
	Seed     []int      `json:"seed"`   // [N]
	Repeats  string     `json:"repeats"`
	TestSize int        `json:"test_size"`
}

// answer holds null where a statistic is undefined.
type answer struct {
	N        int      `json:"n"`
	TauA     *float64 `json:"tau_a"`
	TauB     *float64 `json:"tau_b"`
	Spearman *float64 `json:"spearman"`
	Pearson  *float64 `json:"pearson"`
	Grid     *onGrid  `json:"grid,omitempty"`
}

// onGrid holds the statistics that need hyperparameters.
type onGrid struct {
	PsiA        granulated             `json:"psi_a"`
	PsiB        granulated             `json:"psi_b"`
	Information information            `json:"information"`
	SignErrors  map[string]*signErrors `json:"sign_errors"` // by environment
}

type granulated struct {
	Psi  *float64   `json:"psi"`
	Axes []*float64 `json:"axes"` // [A]
}

type information struct {
	K       *float64      `json:"k"`
	Set     []int         `json:"set"`
	MinCell int           `json:"min_cell"`
	Sets    []conditional `json:"sets"`
}

type conditional struct {
	Axes    []int    `json:"axes"`
	Value   *float64 `json:"value"`
	MinCell int      `json:"min_cell"`
}

type signErrors struct {
	Mean         *float64 `json:"mean"`
	P90          *float64 `json:"p90"`
	Max          *float64 `json:"max"`
	Environments int      `json:"environments"`
	Rejected     int      `json:"rejected"`
}

func main() {
	log.SetFlags(0)
	if err := serve(os.Stdin, os.Stdout); err != nil {
		log.Fatalf("statcheck: %v", err)
	}
}

func serve(r io.Reader, w io.Writer) error {
	in, out := json.NewDecoder(r), bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	for line := 1; ; line++ {
		var q request
		if err := in.Decode(&q); err == io.EOF {
			return out.Flush()
		} else if err != nil {
			return fmt.Errorf("input %d: %w", line, err)
		}
		a, err := q.answer()
		if err != nil {
			return fmt.Errorf("input %d: %w", line, err)
		}
		if err := enc.Encode(a); err != nil {
			return fmt.Errorf("answer %d: %w", line, err)
		}
	}
}

func (q *request) sample(repeats rank.Repeats) (*rank.Sample, error) {
	if len(q.X) != len(q.Y) {
		return nil, fmt.Errorf("%d x and %d y", len(q.X), len(q.Y))
	}
	x, y, defined := make([]float64, len(q.X)), make([]float64, len(q.X)), make([]bool, len(q.X))
	for i := range q.X {
		if defined[i] = q.X[i] != nil && q.Y[i] != nil; defined[i] {
			x[i], y[i] = *q.X[i], *q.Y[i]
		}
	}
	g, err := rank.NewGrid(len(x), q.Levels, q.Seed)
	if err != nil {
		return nil, err
	}
	return g.Sample(x, y, defined, repeats)
}

func (q *request) answer() (answer, error) {
	repeats, ok := map[string]rank.Repeats{"": rank.Mean, "mean": rank.Mean, "pooled": rank.Pooled, "per-seed": rank.PerSeed}[q.Repeats]
	if !ok {
		return answer{}, fmt.Errorf("repeats %q", q.Repeats)
	}
	s, err := q.sample(repeats)
	if err != nil {
		return answer{}, err
	}
	a := answer{N: s.N()}
	for _, f := range []struct {
		to *(*float64)
		of func() (float64, error)
	}{{&a.TauA, s.TauA}, {&a.TauB, s.TauB}, {&a.Spearman, s.Spearman}, {&a.Pearson, s.Pearson}} {
		v, err := f.of()
		if *f.to, err = value(v, err); err != nil {
			return answer{}, err
		}
	}
	if len(q.Levels) > 0 {
		a.Grid, err = q.onGrid(s)
	}
	return a, err
}

// value is nil where a statistic is undefined; other errors are handed back.
func value(v float64, err error) (*float64, error) {
	switch {
	case errors.Is(err, rank.ErrUndefined):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &v, nil
}

func (q *request) onGrid(s *rank.Sample) (*onGrid, error) {
	out := &onGrid{SignErrors: map[string]*signErrors{}}
	var err error
	if out.PsiA, err = granulatedOf(s.Granulated(rank.A)); err != nil {
		return nil, err
	}
	if out.PsiB, err = granulatedOf(s.Granulated(rank.B)); err != nil {
		return nil, err
	}
	k := s.Information()
	out.Information = information{Set: k.Set, MinCell: k.MinCell}
	if out.Information.K, err = value(k.K, k.Err); err != nil {
		return nil, err
	}
	for _, c := range k.Sets {
		v, err := value(c.Value, c.Err)
		if err != nil {
			return nil, err
		}
		out.Information.Sets = append(out.Information.Sets, conditional{c.Axes, v, c.MinCell})
	}
	for name, kind := range map[string]rank.Environment{"configurations": rank.ConfigurationPair, "levels": rank.LevelPair} {
		if out.SignErrors[name], err = signErrorsOf(s.SignErrors(q.TestSize, kind, rank.LeastESS)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func granulatedOf(g rank.Granulated) (granulated, error) {
	psi, err := value(g.Psi, g.Err)
	if err != nil {
		return granulated{}, err
	}
	out := granulated{Psi: psi}
	for _, a := range g.Axes {
		v, err := value(a.Psi, a.Err)
		if err != nil {
			return granulated{}, err
		}
		out.Axes = append(out.Axes, v)
	}
	return out, nil
}

func signErrorsOf(e rank.SignErrors) (*signErrors, error) {
	out := &signErrors{Environments: e.Environments, Rejected: e.Rejected}
	for _, f := range []struct {
		to *(*float64)
		v  float64
	}{{&out.Mean, e.Mean}, {&out.P90, e.P90}, {&out.Max, e.Max}} {
		var err error
		if *f.to, err = value(f.v, e.Err); err != nil {
			return nil, err
		}
	}
	return out, nil
}
