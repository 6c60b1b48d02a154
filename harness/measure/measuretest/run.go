package measuretest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime/debug"
	"testing"
	"time"

	"github.com/genbench/genbench/harness/measure"
)

// Run fails the test where the measure breaks its contract:
//
//   - Info is valid and constant;
//   - the value is finite, or the error says undefined: for the defaults and for
//     every value of every option;
//   - the same network gives the same bits, whatever came between, and another
//     seed too unless the measure is Stochastic;
//   - what the measure read is as it was;
//   - nothing undeclared is read;
//   - a cancelled context ends it, without a value, also while the host is at work;
//   - what is missing or undefined comes back as the error that said so;
//   - networks of one example, of one layer, of equal examples, and with weights that
//     are zero, huge, infinite or NaN bring no NaN, no infinity, no panic and no hang.
//
// A measure that hangs is left behind in its goroutine.
func Run(t *testing.T, m measure.Measure) {
	t.Helper()
	for _, p := range problems(m, 20*time.Second) {
		t.Error(p)
	}
}

// problems lists how the measure breaks its contract; patience is how long it may
// take for a toy, or ignore a cancelled context.
func problems(m measure.Measure, patience time.Duration) []string {
	var found []string
	info := m.Info()
	if err := info.Validate(); err != nil {
		return []string{err.Error()} // nothing else would mean much
	}
	report := func(format string, a ...any) {
		found = append(found, info.Name+": "+fmt.Sprintf(format, a...))
	}
	if again := m.Info(); !reflect.DeepEqual(info, again) {
		report("Info is not constant: %+v, then %+v", info, again)
	}
	nets := map[string]Net{}
	for _, t := range toys() {
		nets[t.name] = t.net()
		if !checkValue(m, nets[t.name], nil, patience, report, "on the network with "+t.name, t.degenerate) {
			return found // it hangs: it would do so again and again
		}
	}
	ordinary := nets["ordinary"]
	checkOptions(m, ordinary, patience, report)
	checkRepeats(m, ordinary, nets["other"], report)
	checkCancel(m, ordinary, patience, report)
	for _, need := range info.Needs {
		checkMissing(m, ordinary, need, report)
	}
	return found
}

type reporter func(format string, a ...any)

// answer is how one Compute went.
type answer struct {
	value float64
	err   error
	src   *source
	panic string // what the measure panicked with, and where
}

// ask runs the measure, panics included.
func ask(ctx context.Context, m measure.Measure, n Net, options map[string]string) answer {
	return askOf(ctx, m, n, options, &source{})
}

func askOf(ctx context.Context, m measure.Measure, n Net, options map[string]string, src *source) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a.panic = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	a.value, a.src, a.err = n.runWith(ctx, m, options, src)
	return a
}

// await is ask with an end to its patience; ok says that the measure came back.
func await(ctx context.Context, m measure.Measure, n Net, options map[string]string, patience time.Duration) (a answer, ok bool) {
	done := make(chan answer, 1)
	go func() { done <- ask(ctx, m, n, options) }()
	select {
	case a = <-done:
		return a, true
	case <-time.After(patience):
		return answer{}, false
	}
}

// checkValue wants a finite value or an undefined one; of a degenerate network
// a failure will do too. It reports whether the measure came back.
func checkValue(m measure.Measure, n Net, options map[string]string, patience time.Duration, report reporter, where string, degenerate bool) bool {
	a, ok := await(context.Background(), m, n, options, patience)
	_, undefined := measure.IsUndefined(a.err)
	switch {
	case !ok:
		report("has no answer after %v %s", patience, where)
		return false
	case a.panic != "":
		report("panics %s: %s", where, a.panic)
		return true
	case a.err == nil && (math.IsNaN(a.value) || math.IsInf(a.value, 0)):
		report("answers %v %s; return measure.Undefined with the reason", a.value, where)
	case a.err != nil && !undefined && !degenerate:
		report("fails %s: %v", where, a.err)
	}
	if a.src != nil && !a.src.intact() {
		report("changes what it reads %s", where)
	}
	if a.src != nil && a.src.refused != nil && a.err == nil {
		report("asks for what it does not declare and goes on without it %s: %v", where, a.src.refused)
	}
	return true
}

func checkOptions(m measure.Measure, n Net, patience time.Duration, report reporter) {
	for _, o := range m.Info().Options {
		for _, v := range o.Values {
			if v != o.Default {
				checkValue(m, n, map[string]string{o.Name: v}, patience, report, fmt.Sprintf("with option %s=%s", o.Name, v), false)
			}
		}
	}
	if _, err := m.Info().Resolve(map[string]string{"no-such-option": ""}); err == nil {
		report("takes an unknown option")
	}
}

// checkRepeats wants the same bits again, also after another network, and from
// another seed where the measure says that it draws nothing.
func checkRepeats(m measure.Measure, n, other Net, report reporter) {
	ctx := context.Background()
	first := ask(ctx, m, n, nil)
	if first.err != nil || first.panic != "" {
		return // said already, or undefined
	}
	ask(ctx, m, other, nil)
	if again := ask(ctx, m, n, nil); !sameBits(first, again) {
		report("answers %v, then %v for the same network", first.value, again.value)
	}
	if m.Info().Stochastic {
		return
	}
	n.Seed++
	if again := ask(ctx, m, n, nil); !sameBits(first, again) {
		report("answers %v, but %v with another seed: set Info.Stochastic", first.value, again.value)
	}
}

func sameBits(a, b answer) bool {
	return a.err == nil && b.err == nil && b.panic == "" && math.Float64bits(a.value) == math.Float64bits(b.value)
}

// checkCancel wants a measure that reads anything to return an error at once when
// its context has ended, or ends while the host computes what it asked for.
func checkCancel(m measure.Measure, n Net, patience time.Duration, report reporter) {
	for _, when := range []string{"was cancelled", "was cancelled while the host was at work"} {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		src := &source{silent: true}
		if when == "was cancelled" {
			cancel()
		} else {
			time.AfterFunc(10*time.Millisecond, cancel)
		}
		done := make(chan answer, 1)
		go func() { done <- askOf(ctx, m, n, nil, src) }()
		select {
		case a := <-done:
			if a.panic != "" {
				report("panics when its context %s: %s", when, a.panic)
			} else if a.err == nil && len(m.Info().Needs) > 0 {
				report("answers %v although its context %s: return the error of what it reads", a.value, when)
			}
		case <-time.After(patience):
			report("runs on for %v after its context %s", patience, when)
		}
	}
}

// checkMissing takes one need away: the store lacks it, then the network does.
func checkMissing(m measure.Measure, n Net, need measure.Need, report reporter) {
	anyway, without := measure.IsUndefined(ask(context.Background(), m, n, nil).err) // it may not get as far as the need
	for _, kind := range []string{"missing", "undefined"} {
		var withheld error = &measure.MissingError{Need: need, Reason: "taken away by measuretest"}
		if kind == "undefined" {
			withheld = measure.Undefined("taken away by measuretest")
		}
		n.Errors = map[string]error{string(need): withheld}
		a := ask(context.Background(), m, n, nil)
		var missing *measure.MissingError
		is := errors.As(a.err, &missing)
		if reason, undefined := measure.IsUndefined(a.err); undefined {
			is = kind == "undefined" || without && reason == anyway
		}
		switch {
		case a.panic != "":
			report("panics when %s is %s: %s", need, kind, a.panic)
		case a.err != nil && !is:
			report("when %s is %s fails with %q: return the error of what it reads, or wrap it by %%w", need, kind, a.err)
		case a.err == nil && (math.IsNaN(a.value) || math.IsInf(a.value, 0)):
			report("answers %v when %s is %s", a.value, need, kind)
		}
	}
}
