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
	Names    [][]string `json:"names"` // [A][level], how Python prints a level: for PGDL alone
}

// answer holds null where a statistic is undefined.
type answer struct {
	N        int      `json:"n"`
	TauA     *float64 `json:"tau_a"`
	TauB     *float64 `json:"tau_b"`
	Spearman *float64 `json:"spearman"`
	Pearson  *float64 `json:"pearson"`
	CNA      *float64 `json:"cna"` // absolute Pearson of single networks
	Grid     *onGrid  `json:"grid,omitempty"`
}

// onGrid holds the statistics that need hyperparameters.
type onGrid struct {
	PsiA        granulated             `json:"psi_a"`
	PsiB        granulated             `json:"psi_b"`
	Information information            `json:"information"`
	SignErrors  map[string]*signErrors `json:"sign_errors"` // by environment; as in RGM
	FGM         fgm                    `json:"fgm"`
	PGDL        *float64               `json:"pgdl"`
}

type fgm struct {
	Psi *float64 `json:"psi"`
	Tau *float64 `json:"tau"`
}

type granulated struct {
	Psi  *float64   `json:"psi"`
	Axes []*float64 `json:"axes"` // [A]
}

type information struct {
	K       *float64      `json:"k"`
	Set     []int         `json:"set"`
	MinCell int           `json:"min_cell"`
	At      [2][]int      `json:"min_cell_at"` // levels of both points on the axes of Set
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
	Worst        *worst   `json:"worst,omitempty"`
	// ByAxis is [A], and empty in its elements.
	ByAxis []*signErrors `json:"by_axis,omitempty"`
}

type worst struct {
	Axis    int     `json:"axis"`
	From    int     `json:"from"`
	To      int     `json:"to"`
	Network int     `json:"network"`
	Error   float64 `json:"error"`
	ESS     float64 `json:"ess"`
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

// defined answers x and y of the networks where both are.
func (q *request) defined() (x, y []float64) {
	for i := range q.X {
		if q.X[i] != nil && q.Y[i] != nil {
			x, y = append(x, *q.X[i]), append(y, *q.Y[i])
		}
	}
	return x, y
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
	}{
		{&a.TauA, s.TauA}, {&a.TauB, s.TauB}, {&a.Spearman, s.Spearman}, {&a.Pearson, s.Pearson},
		{&a.CNA, func() (float64, error) { return rank.AbsolutePearson(q.defined()) }},
	} {
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
	if out.Information, err = informationOf(s.Information()); err != nil {
		return nil, err
	}
	for name, e := range map[string]rank.SignErrors{
		"configurations": s.SignErrorsOf(rank.SignErrorOptions{TestSize: q.TestSize, LeastESS: rank.LeastESS}),
		"levels":         s.SignErrorsOf(rank.SignErrorOptions{TestSize: q.TestSize, LeastESS: rank.LeastESS, Environment: rank.LevelPair}),
		"unfiltered":     s.SignErrorsOf(rank.SignErrorOptions{TestSize: q.TestSize, LeastESS: rank.LeastESS, Unfiltered: true, Doubled: true}),
		"rgm":            s.RGM(q.TestSize),
	} {
		if out.SignErrors[name], err = signErrorsOf(e); err != nil {
			return nil, err
		}
	}
	return out, q.published(s, out)
}

func (q *request) published(s *rank.Sample, out *onGrid) error {
	f, err := s.FGM()
	if err != nil && !errors.Is(err, rank.ErrUndefined) {
		return err
	}
	if out.FGM.Psi, err = value(f.Psi, f.PsiErr); err != nil {
		return err
	}
	if out.FGM.Tau, err = value(f.Tau, f.TauErr); err != nil {
		return err
	}
	p, err := s.PGDL(q.Names)
	out.PGDL, err = value(p.Score, err)
	return err
}

func informationOf(k rank.Information) (information, error) {
	v, err := value(k.K, k.Err)
	if err != nil {
		return information{}, err
	}
	out := information{K: v, Set: k.Set, MinCell: k.MinCell, At: k.MinCellAt}
	for _, c := range k.Sets {
		v, err := value(c.Value, c.Err)
		if err != nil {
			return information{}, err
		}
		out.Sets = append(out.Sets, conditional{c.Axes, v, c.MinCell})
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
	out, err := summaryOf(e.SignErrorSummary)
	if err != nil {
		return nil, err
	}
	if e.Err == nil {
		w := e.Worst
		out.Worst = &worst{w.Axis, w.From, w.To, w.Network, w.Error, w.ESS}
	}
	for _, a := range e.ByAxis {
		s, err := summaryOf(a)
		if err != nil {
			return nil, err
		}
		out.ByAxis = append(out.ByAxis, s)
	}
	return out, nil
}

func summaryOf(e rank.SignErrorSummary) (*signErrors, error) {
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
