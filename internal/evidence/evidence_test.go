package evidence

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fake is a test that records how it went; its cleanups run by end.
type fake struct {
	testing.TB
	errors   []string
	skipped  bool
	cleanups []func()
}

func (f *fake) Helper()           {}
func (f *fake) Name() string      { return "TestX/case" }
func (f *fake) Failed() bool      { return len(f.errors) > 0 }
func (f *fake) Skipped() bool     { return f.skipped }
func (f *fake) Error(args ...any) { f.errors = append(f.errors, fmt.Sprint(args...)) }
func (f *fake) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}
func (f *fake) Cleanup(g func()) { f.cleanups = append(f.cleanups, g) }

// try runs a test that compares, in the current folder, and returns its errors.
func try(compare func(r *Recorder, f *fake)) []string {
	f := &fake{}
	compare(Open(f), f)
	for _, g := range f.cleanups {
		g()
	}
	return f.errors
}

func says(t *testing.T, errs []string, want string) {
	t.Helper()
	if len(errs) != 1 || !strings.Contains(errs[0], want) {
		t.Errorf("errors %q, want one that says %q", errs, want)
	}
}

// TestCheckedAndWritten follows one file through its life.
func TestCheckedAndWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	off := func(d float64) func(*Recorder, *fake) {
		return func(r *Recorder, _ *fake) {
			r.Measure("m", "SciPy 1", Relative(1e-2), 2, 2)
			r.Measure("m", "SciPy 1", Relative(1e-2), 2+2*d, 2)
			r.Quantity("q", "by hand", Absolute(0.5), 1, 1)
		}
	}
	says(t, try(off(0.02)), "more than 0.01") // beyond the tolerance
	if es, err := Read(File); es != nil || err != nil {
		t.Fatalf("a failed test wrote %v, %v", es, err)
	}
	if errs := try(off(0.001)); len(errs) != 2 || !strings.Contains(errs[0], "no entry of measure m") {
		t.Errorf("without a file: %q", errs)
	}

	t.Setenv(update, "1")
	if errs := try(off(0.0010201)); errs != nil {
		t.Fatal(errs)
	}
	es, err := Read(File)
	want := []Entry{
		{Measure: "m", Source: "SciPy 1", Test: "TestX", Unit: RelativeError, Tolerance: 1e-2, Error: 0.0011, Values: 2},
		{Quantity: "q", Source: "by hand", Test: "TestX", Unit: AbsoluteError, Tolerance: 0.5, Values: 1},
	}
	if err != nil || !slices.Equal(es, want) {
		t.Fatalf("written %+v, %v, want %+v", es, err, want)
	}

	t.Setenv(update, "")
	if errs := try(off(0.004)); errs != nil { // within the factor
		t.Error(errs)
	}
	if errs := try(off(0)); len(errs) != 1 { // as if it were 1e-4, which is more than a factor of 10 away
		t.Errorf("a stored error that is overstated passes: %q", errs)
	}
	says(t, try(func(r *Recorder, f *fake) { off(0.001)(r, f); r.Measure("n", "by hand", Absolute(1), 1, 1) }), "no entry of measure n")
	says(t, try(func(r *Recorder, _ *fake) { r.Quantity("q", "by hand", Absolute(0.5), 1, 1) }), "no more")
	says(t, try(func(r *Recorder, f *fake) { off(0.001)(r, f); r.Quantity("q", "by hand", Absolute(0.5), 1, 1) }), "compares 2 values")
	if errs := try(func(r *Recorder, f *fake) { f.skipped = true }); errs != nil {
		t.Errorf("a skipped test is held to its evidence: %q", errs)
	}
}

func TestUpdateKeepsOtherTests(t *testing.T) {
	t.Chdir(t.TempDir())
	other := Entry{Measure: "m", Source: "paper", Test: "TestOther", Unit: AbsoluteError, Tolerance: 1, Values: 1}
	stale := Entry{Measure: "m", Source: "paper", Test: "TestX", Unit: AbsoluteError, Tolerance: 1, Values: 1}
	if err := write(File, []Entry{other, stale}); err != nil {
		t.Fatal(err)
	}
	t.Setenv(update, "1")
	if errs := try(func(r *Recorder, _ *fake) { r.Measure("n", "by hand", Absolute(1), 1, 1) }); errs != nil {
		t.Fatal(errs)
	}
	es, err := Read(File)
	if err != nil || len(es) != 2 || !slices.Contains(es, other) || slices.Contains(es, stale) {
		t.Errorf("%+v, %v", es, err)
	}
}

func TestTolerances(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		tol             Tolerance
		got, want, fail float64 // fail: the error in units
	}{
		{Relative(0.1), 1.5, 1, 0.5},
		{Relative(0.1), -3, -2, 0.5},
		{Relative(0.1), 0, 0, 0},
		{Relative(0.1), 1e-30, 0, inf},
		{Relative(0.1), nan, 1, inf},
		{Absolute(0.1), 1.5, 1, 0.5},
		{Absolute(0.1), 1, inf, inf},
		{Absolute(0.1), inf, inf, 0},
		{StandardErrors(4, 0.25), 1.5, 1, 2},
		{RelativeTo("the loss", 1e-5, -2), 0.5, 1, 0.25},
		{StandardErrors(4, 0), 1, 1.5, inf},
	} {
		if got := c.tol.err(c.got, c.want); got != c.fail {
			t.Errorf("%+v of %v and %v: %v, want %v", c.tol, c.got, c.want, got, c.fail)
		}
	}
	for v, want := range map[float64]float64{0: 0, 1: 1, 1.01: 1.1, 0.00123: 0.0013, 9.99e-15: 1e-14, 5.5e-8: 5.5e-8} {
		if got := roundUp(v); got != want {
			t.Errorf("%v rounds up to %v, want %v", v, got, want)
		}
	}
}

func TestCollect(t *testing.T) {
	root := t.TempDir()
	e := Entry{Measure: "m", Source: "s", Test: "TestX", Unit: AbsoluteError}
	for _, p := range []string{"measures/a", "harness/quantity", ".hidden/b"} {
		if err := write(filepath.Join(root, p, File), []Entry{e}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Collect(root)
	if err != nil || !slices.Equal(got, []Found{{e, "harness/quantity"}, {e, "measures/a"}}) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := write(filepath.Join(root, "bad", File), []Entry{{Measure: "m", Quantity: "q", Source: "s", Test: "T"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Collect(root); err == nil {
		t.Error("an entry of both a measure and a quantity passes")
	}
}
