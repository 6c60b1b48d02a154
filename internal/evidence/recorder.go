package evidence

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// update is the variable of the environment that has tests write what they see.
// A flag would be refused by the packages of `go test ./...` that keep no evidence.
const update = "GENBENCH_UPDATE_EVIDENCE"

// Tolerance is how far a value may be from the expected one.
type Tolerance struct {
	unit  Unit
	bound float64
	scale float64 // what a unit is, of those that have no scale of their own
}

// Relative allows |got - want| <= bound·|want|. It is not for an expected value of 0,
// which only 0 then meets.
func Relative(bound float64) Tolerance { return Tolerance{unit: RelativeError, bound: bound} }

// Absolute allows |got - want| <= bound.
func Absolute(bound float64) Tolerance { return Tolerance{unit: AbsoluteError, bound: bound} }

// RelativeTo allows |got - want| <= bound·scale, for a value that is a small difference of large
// ones: what names the scale, "the loss".
func RelativeTo(what string, bound, scale float64) Tolerance {
	return Tolerance{unit: RelativeError + " to " + Unit(what), bound: bound, scale: math.Abs(scale)}
}

// StandardErrors allows |got - want| <= bound·se, for values that rest on random
// draws: se is the standard error of their difference.
func StandardErrors(bound, se float64) Tolerance {
	return Tolerance{unit: StandardError, bound: bound, scale: se}
}

// err is the error in units; +Inf where it has none.
func (t Tolerance) err(got, want float64) float64 {
	d := math.Abs(got - want)
	switch {
	case got == want:
		return 0
	case t.unit == RelativeError:
		d /= math.Abs(want)
	case t.unit != AbsoluteError:
		d /= t.scale
	}
	if math.IsNaN(d) {
		return math.Inf(1)
	}
	return d
}

// Recorder compares the values of one test with expected ones.
type Recorder struct {
	t    testing.TB
	file string
	seen []Entry // errors not yet rounded
}

// Open begins the comparisons of a test; what they found is checked or written
// when the test ends. A test that is skipped, or fails, leaves the evidence alone.
// Open it once a test, in the test itself or in one of its subtests.
func Open(t testing.TB) *Recorder {
	r := &Recorder{t: t, file: File}
	t.Cleanup(r.finish)
	return r
}

// Measure compares a measure's value with the one that source says. name is the
// measure's, with its options in brackets where they are not the defaults; source names program,
// version and function, or paper and vector.
func (r *Recorder) Measure(name, source string, tol Tolerance, got, want float64) {
	r.t.Helper()
	r.compare(Entry{Measure: name, Source: source}, tol, got, want)
}

// Quantity is Measure for a quantity of the host.
func (r *Recorder) Quantity(name, source string, tol Tolerance, got, want float64) {
	r.t.Helper()
	r.compare(Entry{Quantity: name, Source: source}, tol, got, want)
}

func (r *Recorder) compare(e Entry, tol Tolerance, got, want float64) {
	r.t.Helper()
	e.Test, _, _ = strings.Cut(r.t.Name(), "/")
	e.Unit, e.Tolerance, e.Error, e.Values = tol.unit, tol.bound, tol.err(got, want), 1
	if !(e.Error <= tol.bound) {
		r.t.Errorf("%s: %v, %s has %v: the %s error is %.3g, more than %g", e.subject(), got, e.Source, want, e.Unit, e.Error, tol.bound)
	}
	i := slices.IndexFunc(r.seen, func(o Entry) bool { return o.key() == e.key() })
	if i < 0 {
		r.seen = append(r.seen, e)
		return
	}
	old := &r.seen[i]
	if old.Unit != e.Unit || old.Tolerance != e.Tolerance {
		r.t.Errorf("%s: two tolerances for one source %q: %g (%s) and %g (%s)", e.subject(), e.Source, old.Tolerance, old.Unit, e.Tolerance, e.Unit)
	}
	old.Error = max(old.Error, e.Error)
	old.Values++
}

// files guards the files of a package against its parallel tests.
var files sync.Mutex

func (r *Recorder) finish() {
	if r.t.Skipped() || r.t.Failed() {
		return
	}
	files.Lock()
	defer files.Unlock()
	kept, err := Read(r.file)
	if err != nil {
		r.t.Error(err)
		return
	}
	if os.Getenv(update) == "" {
		for _, p := range r.problems(kept) {
			r.t.Errorf("%s: %s; %s=1 go test writes what is seen", r.file, p, update)
		}
		return
	}
	test, _, _ := strings.Cut(r.t.Name(), "/")
	kept = slices.DeleteFunc(kept, func(e Entry) bool { return e.Test == test })
	for _, e := range r.seen {
		e.Error = roundUp(e.Error)
		kept = append(kept, e)
	}
	if err := write(r.file, kept); err != nil {
		r.t.Error(err)
	}
}

// factor is how far a stored error may be from the one seen: kernels of other
// processors round otherwise.
const factor = 10

// problems says where the stored entries of this test differ from what it saw.
func (r *Recorder) problems(kept []Entry) []string {
	var out []string
	test, _, _ := strings.Cut(r.t.Name(), "/")
	for _, e := range r.seen {
		i := slices.IndexFunc(kept, func(o Entry) bool { return o.key() == e.key() })
		if i < 0 {
			out = append(out, fmt.Sprintf("no entry of %s against %q", e.subject(), e.Source))
			continue
		}
		if err := agree(kept[i], e); err != nil {
			out = append(out, fmt.Sprintf("%s against %q: %v", e.subject(), e.Source, err))
		}
	}
	for _, o := range kept {
		if o.Test == test && !slices.ContainsFunc(r.seen, func(e Entry) bool { return e.key() == o.key() }) {
			out = append(out, fmt.Sprintf("%s compares %s with %q no more", test, o.subject(), o.Source))
		}
	}
	return out
}

// agree reports how a stored entry misstates what was seen. Errors below a hundredth
// of the tolerance count as that: they are rounding, whatever their size.
func agree(stored, seen Entry) error {
	if stored.Unit != seen.Unit || stored.Tolerance != seen.Tolerance || stored.Values != seen.Values {
		return fmt.Errorf("the test compares %d values with a tolerance of %g (%s), stored are %d, %g (%s)",
			seen.Values, seen.Tolerance, seen.Unit, stored.Values, stored.Tolerance, stored.Unit)
	}
	floor := seen.Tolerance / 100
	a, b := max(stored.Error, floor), max(seen.Error, floor)
	if a > factor*b || b > factor*a {
		return errors.New("the stored error " + figure(stored.Error) + " is not what is seen, " + figure(seen.Error))
	}
	return nil
}

func figure(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

// roundUp is the smallest number of two digits that is not below v.
func roundUp(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) {
		return v
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 1, 64), 64)
	if r < v {
		r, _ = strconv.ParseFloat(strconv.FormatFloat(v+0.5*math.Pow(10, math.Floor(math.Log10(v))-1), 'e', 1, 64), 64)
	}
	return r
}
