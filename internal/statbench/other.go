package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"github.com/genbench/genbench/harness/rank"
)

// other is the Python process: bench.py.
type other struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// task is a request to bench.py: data to keep, or to time what is kept.
type task struct {
	Task   string     `json:"task"` // "kendalltau" or "pgdl"; "" times the last again
	X      []float64  `json:"x,omitempty"`
	Y      []float64  `json:"y,omitempty"`
	Levels [][]int    `json:"levels,omitempty"` // [N][A]
	Names  [][]string `json:"names,omitempty"`  // [A][level]
}

type timed struct {
	Seconds float64 `json:"seconds"`
	Value   float64 `json:"value"`
	Version string  `json:"version"`
}

func startPython(o options) (*other, error) {
	args := []string{o.script}
	if o.kit != "" {
		args = append(args, "--pgdl-kit", o.kit)
	}
	p := &other{cmd: exec.Command(o.python, args...)}
	p.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	return p, p.cmd.Start()
}

func (p *other) stop() {
	p.in.Close()
	p.cmd.Wait() // its exit says nothing that the answers did not
}

func (p *other) ask(t task) (timed, error) {
	if err := json.NewEncoder(p.in).Encode(t); err != nil {
		return timed{}, fmt.Errorf("asking Python: %w", err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return timed{}, fmt.Errorf("python's answer: %w", err)
	}
	var a timed
	return a, json.Unmarshal(line, &a)
}

// inTurns times own and Python's, which has the task's data, and prints the best
// of each. Both must answer the same number.
func (o options) inTurns(w io.Writer, p *other, what, name string, t task, own func() (float64, error)) error {
	bestOwn, bestOther := math.Inf(1), math.Inf(1)
	version := ""
	for range o.rounds {
		start := time.Now()
		v, err := own()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		bestOwn = min(bestOwn, time.Since(start).Seconds())
		a, err := p.ask(t)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if math.Abs(a.Value-v) > 1e-9 {
			return fmt.Errorf("%s: %v here, %v in Python", what, v, a.Value)
		}
		bestOther, version = min(bestOther, a.Seconds), a.Version
		t = task{} // it has it now
	}
	_, err := fmt.Fprintf(w, "%s\t%.3g ms\t%.3g ms (%s)\t%.2f\n", what, bestOwn*1e3, bestOther*1e3, name+version, bestOther/bestOwn)
	return err
}

// benchTau compares τ-b at n = 10,000.
func benchTau(o options, w io.Writer, p *other) error {
	const n = 10000
	rng := rand.New(rand.NewPCG(2, 1))
	x, y := make([]float64, n), make([]float64, n)
	for i := range n {
		y[i] = rng.NormFloat64()
		x[i] = y[i] + rng.NormFloat64()
	}
	round := func(v []float64, to float64) []float64 {
		out := make([]float64, len(v))
		for i, f := range v {
			out[i] = math.Round(f*to) / to
		}
		return out
	}
	for _, c := range []struct {
		what string
		x, y []float64
	}{
		{"no ties", x, y},
		{"ties in both: 4 digits and few values", round(x, 2), round(y, 1e4)},
	} {
		what := fmt.Sprintf("τ-b, n = %d, %s", n, c.what)
		own := func() (float64, error) { return rank.TauB(c.x, c.y) }
		if err := o.inTurns(w, p, what, "SciPy ", task{Task: "kendalltau", X: c.x, Y: c.y}, own); err != nil {
			return err
		}
	}
	return nil
}

// benchPGDL compares K and the PGDL score on the grid of the competition's first task.
func benchPGDL(o options, w io.Writer, p *other) error {
	if o.kit == "" {
		return nil
	}
	names := [][]string{{"256", "512"}, {"0", "0.5"}, {"1", "3"}, {"1", "2"}, {"0.0", "0.001"}, {"8", "32", "512"}}
	sizes := []int{2, 2, 2, 2, 2, 3}
	rng := rand.New(rand.NewPCG(3, 1))
	t := task{Task: "pgdl", Names: names}
	byAxis := make([][]int, len(sizes))
	at := make([]int, len(sizes))
	for more := true; more; more = next(at, sizes) {
		gap := 0.2 + 0.02*rng.NormFloat64()
		for a, l := range at {
			byAxis[a] = append(byAxis[a], l)
			gap += 0.02 * float64(l)
		}
		t.Levels = append(t.Levels, append([]int(nil), at...))
		t.Y = append(t.Y, gap)
		t.X = append(t.X, gap+0.05*rng.NormFloat64())
	}
	sample := func() (*rank.Sample, error) {
		g, err := rank.NewGrid(len(t.X), byAxis, nil)
		if err != nil {
			return nil, err
		}
		return g.Sample(t.X, t.Y, nil, rank.Mean)
	}
	score := func(s *rank.Sample) (float64, error) {
		v, err := s.PGDL(names)
		return v.Score / 100, err
	}
	own := func() (float64, error) {
		s, err := sample()
		if err != nil {
			return 0, err
		}
		return score(s)
	}
	if err := o.inTurns(w, p, "PGDL score, complete grid of 96", "its scoring program", t, own); err != nil {
		return err
	}
	// K is another number; the score that is compared is not timed.
	s, err := sample()
	if err != nil {
		return err
	}
	want, err := score(s)
	if err != nil {
		return err
	}
	k := func() (float64, error) {
		s, err := sample()
		if err != nil {
			return 0, err
		}
		if s.Information().Err != nil {
			return 0, errors.New("its K is undefined")
		}
		return want, nil
	}
	return o.inTurns(w, p, "K over all |S| <= 2 there; the other has |S| = 2 alone", "PGDL scoring program", t, k)
}
