package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/benchnets"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// quantityRow is the speed of one kind of call that measures make, in calls a second of all networks: programs of one network and one network at a time; programs of several with one
// network calling, and with as many as the engine asks for.
type quantityRow struct {
	Net      string  `json:"net"`
	Batch    int     `json:"batch"`
	Call     string  `json:"call"`
	Networks int     `json:"networks"` // that call at the same time
	Alone    float64 `json:"alone"`
	One      float64 `json:"one"` // in a program of several whose other places are empty
	Together float64 `json:"together"`
	Same     bool    `json:"same"` // a network's answers had the same bits when it called alone and with the others
}

const (
	onProcessor = 4    // programs' networks where the rule says one
	lossRows    = 1024 // examples of a perturbed loss
)

// caller is one network that calls, with memory of its own.
type caller struct {
	session models.Session
	state   models.State
	x       []float32 // [lossRows, D]
	y       []int32
	batch   int
	logits  []float32
	grad    models.State
	norms   []float64
}

// answer is what a call wrote, for comparisons.
type answer struct {
	values []float32
	norms  []float64
}

func (c *caller) gradients() (a answer) {
	for _, t := range c.grad {
		a.values = append(a.values, t.Data...)
	}
	return a
}

// quantityCalls are the kinds.
var quantityCalls = []struct {
	name   string
	do     func(*caller) error
	answer func(*caller) answer
}{
	{"logits", func(c *caller) error {
		return c.session.Logits(c.logits[:c.batch*len(c.logits)/lossRows], c.x[:c.batch*len(c.x)/lossRows])
	}, (*caller).written},
	{"gradient", func(c *caller) error {
		_, err := c.session.Gradient(c.grad, c.x[:c.batch*len(c.x)/lossRows], c.y[:c.batch], models.Eval, models.Draw{})
		return err
	}, (*caller).gradients},
	{"gradient norms", func(c *caller) error {
		return c.session.GradientNorms(c.norms, c.x[:c.batch*len(c.x)/lossRows], c.y[:c.batch])
	}, func(c *caller) answer { return answer{norms: slices.Clone(c.norms)} }},
	{"Hessian product", func(c *caller) error {
		second, ok := c.session.(models.SecondOrder)
		if !ok {
			return errors.New("the engine has no second derivatives")
		}
		return second.HessianVector(c.grad, c.state, c.x[:c.batch*len(c.x)/lossRows], c.y[:c.batch])
	}, (*caller).gradients},
	{fmt.Sprintf("loss of %d, moved", lossRows), (*caller).loss, (*caller).written},
}

func (c *caller) written() answer { return answer{values: slices.Clone(c.logits)} }

// loss is what a perturbation costs: the weights are set, and all examples go through.
func (c *caller) loss() error {
	if err := c.session.SetState(c.state); err != nil {
		return err
	}
	d, k := len(c.x)/lossRows, len(c.logits)/lossRows
	for lo := 0; lo < lossRows; lo += c.batch {
		hi := min(lo+c.batch, lossRows)
		if err := c.session.Logits(c.logits[lo*k:hi*k], c.x[lo*d:hi*d]); err != nil {
			return err
		}
	}
	return nil
}

// quantities times the calls on every network whose calls have not all been timed.
func (s settings) quantities(ctx context.Context, _ models.Engine, r *found) error {
	var failed error
	for _, net := range slices.Concat(benchnets.MLPs(), benchnets.Convolutional()) {
		of := func(row quantityRow) bool { return row.Net == net.Name }
		done := len(slices.DeleteFunc(slices.Clone(r.Quantities), func(row quantityRow) bool { return !of(row) })) == len(quantityCalls)
		if !strings.Contains(net.Name, s.only) || done {
			continue
		}
		if ctx.Err() != nil {
			return errors.Join(failed, errTime)
		}
		a, err := net.Build()
		if err != nil {
			return err
		}
		rows, err := s.quantitiesOf(net.Name, a)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", net.Name, err))
		}
		r.Quantities = append(slices.DeleteFunc(r.Quantities, of), rows...)
		for _, row := range rows {
			log.Printf("%+v", row)
		}
		if err := s.write(r, nil); err != nil {
			return err
		}
	}
	return failed
}

func (s settings) quantitiesOf(name string, a models.Architecture) (rows []quantityRow, err error) {
	batch := quantity.Batch(a)
	o := s.options()
	e, err := xla.New(o)
	if err == nil && strings.HasPrefix(e.Name(), "xla/cpu") {
		o.Together = onProcessor
		e, err = xla.New(o)
	}
	if err != nil {
		return nil, err
	}
	count := 1
	if g, ok := e.(models.Gathering); ok {
		count = g.Together(a, batch)
	}
	together, err := newCallers(o, a, batch, count)
	if err != nil {
		return nil, err
	}
	o.Together = 1
	alone, err := newCallers(o, a, batch, 1)
	if err != nil {
		return nil, err
	}
	for _, call := range quantityCalls {
		row := quantityRow{Net: name, Batch: batch, Call: call.name, Networks: count, Same: true}
		if row.Alone, err = s.callRate(alone, call.do); err != nil {
			return rows, fmt.Errorf("%s: %w", call.name, err)
		}
		var before []answer
		for _, c := range together {
			if err := call.do(c); err != nil {
				return rows, fmt.Errorf("%s: %w", call.name, err)
			}
			before = append(before, call.answer(c))
		}
		if row.One, err = s.callRate(together[:1], call.do); err == nil {
			row.Together, err = s.callRate(together, call.do)
		}
		if err != nil {
			return rows, fmt.Errorf("%s, %d together: %w", call.name, count, err)
		}
		for i, c := range together {
			now := call.answer(c)
			row.Same = row.Same && slices.Equal(now.values, before[i].values) && slices.Equal(now.norms, before[i].norms)
		}
		rows = append(rows, row)
	}
	for _, c := range append(alone, together...) {
		err = errors.Join(err, c.session.Close())
	}
	return rows, err
}

// newCallers are networks of other weights, on an engine of their own, that read the same examples, which are kept where they are read.
func newCallers(o xla.Options, a models.Architecture, batch, count int) ([]*caller, error) {
	e, err := xla.New(o)
	if err != nil {
		return nil, err
	}
	rng := newRand()
	x, y := normals(rng, lossRows*a.Input.Size()), make([]int32, lossRows)
	for i := range y {
		y[i] = int32(rng.IntN(a.Classes))
	}
	if keeping, ok := e.(models.Keeping); ok {
		keeping.Keep(x) // as long as the engine
	}
	var all []*caller
	for i := range count {
		c := &caller{x: x, y: y, batch: batch, logits: make([]float32, lossRows*a.Classes), grad: models.NewState(a), norms: make([]float64, batch)}
		if c.state, err = models.InitialState(a, "he", uint64(i)); err != nil {
			return nil, err
		}
		if c.session, err = e.NewSession(a, batch); err != nil {
			return nil, err
		}
		if err := c.session.SetState(c.state); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// callRate is the calls a second of networks that call all the time, after one call each that warms up.
func (s settings) callRate(callers []*caller, do func(*caller) error) (float64, error) {
	for _, c := range callers {
		if err := do(c); err != nil {
			return 0, err
		}
	}
	counts, errs := make([]int, len(callers)), make([]error, len(callers))
	start := time.Now()
	var all sync.WaitGroup
	for i, c := range callers {
		all.Go(func() {
			for counts[i] == 0 || time.Since(start).Seconds() < s.seconds {
				if errs[i] = do(c); errs[i] != nil {
					return
				}
				counts[i]++
			}
		})
	}
	all.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / time.Since(start).Seconds(), errors.Join(errs...)
}

// quantityTable is the rows for people.
func (r *found) quantityTable(w io.Writer) {
	fmt.Fprintln(w, "network\tbatch\tcall\tcalls/s alone\tnetworks\tone of them\ttogether\ttogether / alone\tsame bits")
	for _, q := range r.Quantities {
		fmt.Fprintf(w, "%s\t%d\t%s\t%.4g\t%d\t%.4g\t%.4g\t%.2f\t%v\n", q.Net, q.Batch, q.Call, q.Alone, q.Networks, q.One, q.Together, q.Together/q.Alone, q.Same)
	}
}
