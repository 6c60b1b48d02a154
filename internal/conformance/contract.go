package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
)

// lateError says that a measure had no answer at its deadline.
type lateError struct{ reason string }

func (e *lateError) Error() string { return e.reason }

// measure runs all checks of one measure, up to its first time-out.
func (c *checker) measure(ctx context.Context, info measure.Info) error {
	checks := []struct {
		name string
		run  func(context.Context, measure.Info) error
	}{
		{"value", c.value}, {"options", c.options}, {"determinism", c.repeats}, {"missing need", c.needs}, {"odd networks", c.odd},
		{"deadline", c.deadline}, {"cancel", c.cancelled}, {"invariance", c.rewritten}, {"speed and memory", c.sizes},
	}
	for i, check := range checks {
		err := check.run(ctx, info)
		var late *lateError
		switch {
		case errors.Is(err, errNoValue):
			return nil
		case errors.As(err, &late):
			found := tidy(late.reason)
			var left []string
			for _, rest := range checks[i+1:] {
				left = append(left, rest.name)
			}
			if len(left) > 0 {
				found += "; left out for that: " + strings.Join(left, ", ")
			}
			c.add(check.name, info.Name, Fail, found, "if it needs longer, give it --plugin-timeout here and in runs; if not, see where it waits: docs/isolation.md, \"Looking inside\"")
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return nil
}

// errNoValue says that a measure has a value on no ordinary network, and so cannot be looked at further.
var errNoValue = errors.New("no value")

// value asks about ordinary networks.
func (c *checker) value(ctx context.Context, info measure.Info) error {
	var found []string
	outcome, works := Pass, false
	remedy := "a trained network should have a finite value; a failure's message says where it was raised"
	for _, n := range c.nets.ordinary {
		out, err := c.ask(ctx, c.first, n.subject, question{measure: info.Name})
		if err != nil {
			return err
		}
		switch out.Status {
		case plugin.OK:
			works = true
			found = append(found, fmt.Sprintf("%.6g on %s", out.Value, n.what))
		case plugin.Undefined:
			outcome = worse(outcome, Warn)
			found = append(found, "undefined on "+n.what+": "+out.Reason)
			remedy = cmp.Or(unreasoned(out), remedy)
		default:
			outcome = Fail
			found = append(found, out.Status+" on "+n.what+": "+out.Reason)
		}
	}
	c.add("value", info.Name, outcome, tidy(strings.Join(found, "; ")), remedy)
	if !works {
		return errNoValue
	}
	return nil
}

// unreasoned is the remedy for an answer that is not a number; "" for others.
func unreasoned(o plugin.Outcome) string {
	if !o.NotFinite {
		return ""
	}
	return "answer undefined with a reason where the formula has no value, and not NaN or an infinity: measure.Undefined in Go, raise genbench.Undefined in Python"
}

func worse(a, b Outcome) Outcome {
	order := map[Outcome]int{Skipped: 0, Pass: 1, Note: 2, Warn: 3, Fail: 4}
	if order[b] > order[a] {
		return b
	}
	return a
}

// options asks for every allowed value of every option.
func (c *checker) options(ctx context.Context, info measure.Info) error {
	asked, bad := 0, []string{}
	for _, o := range info.Options {
		for _, v := range o.Values {
			asked++
			out, err := c.ask(ctx, c.first, c.nets.ordinary[0].subject, question{measure: info.Name, options: map[string]string{o.Name: v}})
			if err != nil {
				return err
			}
			if out.Status != plugin.OK && out.Status != plugin.Undefined {
				bad = append(bad, fmt.Sprintf("%s=%s: %s: %s", o.Name, v, out.Status, out.Reason))
			}
		}
	}
	switch {
	case asked == 0:
		c.add("options", info.Name, Skipped, "it has none with a list of values", "")
	case len(bad) > 0:
		c.add("options", info.Name, Fail, tidy(strings.Join(bad, "; ")), "every value that an option lists has to work")
	default:
		c.add("options", info.Name, Pass, fmt.Sprintf("all %d values of %d options answered", asked, len(info.Options)), "")
	}
	return nil
}

// repeats asks again, in the same process after another network and in another process.
func (c *checker) repeats(ctx context.Context, info measure.Info) error {
	ask := func(p *plugin.Process, network int, seed uint64) (string, error) {
		out, err := c.ask(ctx, p, c.nets.ordinary[network].subject, question{measure: info.Name, seed: seed})
		return shown(out), err
	}
	var answers []string
	for _, q := range []struct {
		process *plugin.Process
		network int
		seed    uint64
	}{{c.first, 0, 1}, {c.first, 1, 1}, {c.first, 0, 1}, {c.second, 1, 1}, {c.second, 0, 1}, {c.first, 0, 2}} {
		a, err := ask(q.process, q.network, q.seed)
		if err != nil {
			return err
		}
		answers = append(answers, a)
	}
	const remedy = "take all randomness from the network's seed, keep no state between networks, and sum in a fixed order"
	switch {
	case answers[0] != answers[2]:
		c.add("determinism", info.Name, Fail, fmt.Sprintf("one process answers %s, then %s, for one network", answers[0], answers[2]), remedy)
	case answers[0] != answers[4] || answers[1] != answers[3]:
		c.add("determinism", info.Name, Fail, fmt.Sprintf("two processes answer %s and %s for one network", answers[0], answers[4]), remedy)
	case answers[0] != answers[5] && !info.Stochastic:
		c.add("determinism", info.Name, Fail, fmt.Sprintf("with another seed it answers %s, not %s", answers[5], answers[0]), "declare it stochastic")
	default:
		c.add("determinism", info.Name, Pass, "the same bits again, after another network, and in another process", "")
	}
	return nil
}

// shown is an answer with all its bits.
func shown(o plugin.Outcome) string {
	if o.Status == plugin.OK {
		return fmt.Sprintf("%v (bits %016x)", o.Value, math.Float64bits(o.Value))
	}
	return o.Status + ": " + o.Reason
}

// needs withholds each need.
func (c *checker) needs(ctx context.Context, info measure.Info) error {
	var found []string
	outcome := Pass
	for _, need := range info.Needs {
		out, err := c.ask(ctx, c.first, c.nets.ordinary[0].subject, question{measure: info.Name, alter: func(q plugin.Quantities) plugin.Quantities { return withheld{q, string(need)} }})
		if err != nil {
			return err
		}
		switch out.Status {
		case plugin.Skipped:
		case plugin.OK, plugin.Undefined:
			found = append(found, string(need)+": it answers without")
			if need != measure.TestInputs { // a class as much as a quantity
				outcome = worse(outcome, Note)
			}
		default:
			outcome = Fail
			found = append(found, string(need)+": "+out.Reason)
		}
	}
	switch {
	case len(info.Needs) == 0:
		c.add("missing need", info.Name, Skipped, "it needs nothing", "")
	case len(found) == 0:
		c.add("missing need", info.Name, Pass, fmt.Sprintf("without any of its %d needs it is skipped", len(info.Needs)), "")
	default:
		c.add("missing need", info.Name, outcome, tidy(strings.Join(found, "; ")), "return the errors of the network's methods as they are; declare no need that is not read with the default options, or say so in the doc")
	}
	return nil
}

// odd asks about broken networks.
func (c *checker) odd(ctx context.Context, info measure.Info) error {
	var bad, bare []string
	defined, remedy := 0, ""
	for _, n := range c.nets.odd {
		out, err := c.ask(ctx, c.first, n.subject, question{measure: info.Name})
		if err != nil {
			return err
		}
		switch out.Status {
		case plugin.OK:
			defined++
		case plugin.Undefined, plugin.Skipped:
			if out.NotFinite {
				bare, remedy = append(bare, n.what+": "+out.Reason), unreasoned(out)
			}
		default:
			bad = append(bad, n.what+": "+out.Reason)
		}
	}
	if len(bad) > 0 {
		c.add("odd networks", info.Name, Fail, tidy(strings.Join(bad, "; ")), "answer undefined with a reason where the formula has no value: measure.Undefined in Go, raise genbench.Undefined in Python")
		return nil
	}
	found := fmt.Sprintf("a value on %d of %d, undefined on the others", defined, len(c.nets.odd))
	if len(bare) > 0 {
		c.add("odd networks", info.Name, Warn, tidy(found+"; without a reason: "+strings.Join(bare, "; ")), remedy)
		return nil
	}
	c.add("odd networks", info.Name, Pass, found, "")
	return nil
}

// deadline lets the measure wait for a quantity that never comes.
func (c *checker) deadline(ctx context.Context, info measure.Info) error {
	if len(info.Needs) == 0 {
		c.add("deadline", info.Name, Skipped, "it asks for nothing that could be withheld", "")
		return nil
	}
	o := c.o.Plugin
	o.ComputeTimeout, o.Grace = c.o.Patience, 2*time.Second
	p, err := plugin.Start(ctx, c.o.Program, o)
	if err != nil {
		return err
	}
	defer p.Stop()
	begin := time.Now()
	out, err := c.ask(ctx, p, c.nets.ordinary[0].subject, question{measure: info.Name, alter: func(plugin.Quantities) plugin.Quantities { return silent{} }})
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	deadline := o.ComputeTimeout.Seconds()
	switch {
	case out.Status == plugin.OK || out.Status == plugin.Undefined || took < deadline/2:
		c.add("deadline", info.Name, Note, "it does not wait for its quantities: "+shown(out), "let the errors of the network's methods end the measure")
	case took > deadline+o.Grace.Seconds()/2:
		c.add("deadline", info.Name, Warn, fmt.Sprintf("it had to be killed %.1f s after its deadline of %.1f s", took-deadline, deadline), "let the errors of the network's methods end the measure; in Go look at ctx in long loops, in Python let genbench.Stopped pass")
	default:
		c.add("deadline", info.Name, Pass, fmt.Sprintf("it stopped within %.0f ms of its deadline", max(0, took-deadline)*1000), "")
	}
	return nil
}

// cancelled interrupts the measure: it must end at once, and the program be good for the next network.
func (c *checker) cancelled(ctx context.Context, info measure.Info) error {
	if len(info.Needs) == 0 {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := c.ask(short, c.first, c.nets.ordinary[0].subject, question{measure: info.Name, alter: func(plugin.Quantities) plugin.Quantities { return silent{} }}); err != nil {
		return err
	}
	again, err := c.ask(ctx, c.first, c.nets.ordinary[0].subject, question{measure: info.Name})
	if err != nil {
		return err
	}
	if again.Status != plugin.OK && again.Status != plugin.Undefined {
		c.add("cancel", info.Name, Fail, "after a call that was cancelled: "+tidy(shown(again)), "keep no state that a cancelled call leaves broken, and no lock beyond the process")
		return nil
	}
	c.add("cancel", info.Name, Pass, "good for the next network after a call that was cancelled", "")
	return nil
}
