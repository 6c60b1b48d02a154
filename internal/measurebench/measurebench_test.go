package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models/cpu"
)

// TestBench times the catalogue on one network of corpus tiny: every measure has its row and is timed in every way, and
// none fails.
func TestBench(t *testing.T) {
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	subjects, err := trained(context.Background(), options{corpus: "tiny", store: t.TempDir(), networks: 1}, e)
	if err != nil {
		t.Fatal(err)
	}
	b, err := measure(context.Background(), e, subjects)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.failed) > 0 {
		t.Errorf("failed: %v", b.failed)
	}
	var out bytes.Buffer
	b.print(&out, e.Name())
	var sum float64
	for k, m := range measures.All() {
		name := m.Info().Name
		if !strings.Contains(out.String(), "\n| "+name+" ") {
			t.Errorf("no row of %s", name)
		}
		s := b.timings[k]
		if len(s.alone) != 1 || len(s.inTurn) != 1 || !(s.alone[0] > 0) || s.aloneHost[0] > s.alone[0] {
			t.Errorf("%s: %+v", name, s)
		}
		sum += s.inTurn[0]
	}
	if d := sum - b.whole[0]; d > 1e-9 || d < -1e-9 {
		t.Errorf("the whole catalogue takes %v, its measures %v", b.whole[0], sum)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		v    []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 2}, 2}} {
		if got := median(c.v); got != c.want {
			t.Errorf("median of %v: %v, want %v", c.v, got, c.want)
		}
	}
}

// TestSameNames: of RGM's 34 measures all but the number of parameters, a control here, are timed.
func TestSameNames(t *testing.T) {
	if n := len(sameAsRGM()); n != 33 {
		t.Errorf("%d measures have a name in RGM, want 33", n)
	}
}
