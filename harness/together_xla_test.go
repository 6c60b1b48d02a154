//go:build linux && (amd64 || arm64) && xla

package harness_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/xla"
)

// oneAtATime hides what an engine can do beyond the contract: its sessions are called one after another.
type oneAtATime struct{ models.Engine }

// togetherRequests are the quantities that go through a network, one with each form of its arguments that computes in another way.
func togetherRequests() [][2]string {
	var all [][2]string
	for _, name := range quantity.Names() {
		all = append(all, [2]string{name, ""})
	}
	return append(all, [2]string{"pac-bayes", "kind=magnitude"}, [2]string{"pac-bayes", "rgm_compat=true"}, [2]string{"sharpness", "kind=magnitude"},
		[2]string{"worst-loss", "normalize_logits=true"}, [2]string{"worst-loss", "m=64"}, [2]string{"gradient-norms", "labels=expected"})
}

// quantities computes them of one network; "" stands for what is undefined.
func quantities(t *testing.T, h *quantity.Host, s *quantity.Subject) map[[2]string]any {
	p, err := h.Open(s)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer p.Close()
	all := map[[2]string]any{}
	for _, r := range togetherRequests() {
		args := map[string]string{}
		if name, value, ok := strings.Cut(r[1], "="); ok {
			args[name] = value
		}
		b, err := p.Get(context.Background(), r[0], args)
		var u *quantity.Undefined
		var missing *quantity.Missing
		switch {
		case errors.As(err, &u) || errors.As(err, &missing):
			all[r] = ""
		case err != nil:
			t.Errorf("%v: %v", r, err)
		default:
			all[r] = arrays(t, b)
		}
	}
	return all
}

func arrays(t *testing.T, b *quantity.Bundle) map[string][]float64 {
	all := map[string][]float64{}
	for _, a := range b.Arrays {
		raw, err := os.ReadFile(a.Path)
		if err != nil {
			t.Error(err)
			return nil
		}
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		v := make([]float64, n)
		for i := range v {
			switch at := raw[a.Offset:]; a.DType {
			case "f32":
				v[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(at[4*i:])))
			case "f64":
				v[i] = math.Float64frombits(binary.LittleEndian.Uint64(at[8*i:]))
			case "i32":
				v[i] = float64(int32(binary.LittleEndian.Uint32(at[4*i:])))
			default:
				v[i] = float64(at[i])
			}
		}
		all[a.Name] = v
	}
	return all
}

// TestQuantitiesTogether computes all quantities of tiny's networks on the xla engine with programs of 4 networks: four networks at once, with their parts at the same time, and one call after another. Both
// have the same bits, and are within bounds of the cpu engine's.
func TestQuantitiesTogether(t *testing.T) {
	e, err := xla.New(xla.Options{Device: "cpu", Together: 4, Getenv: os.Getenv})
	if err != nil {
		if os.Getenv("GENBENCH_TEST_ALL") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	count := 0
	if testing.Short() {
		count = 2
	}
	c := trainTiny(t, count, 2)
	reference, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	subjects := subjectsOf(t, c)
	compute := func(e models.Engine, workers int) []map[[2]string]any {
		answers := make([]map[[2]string]any, len(subjects))
		var all sync.WaitGroup
		for worker := range workers {
			all.Go(func() {
				h := quantity.NewHost(e, t.TempDir())
				defer h.Close()
				for i := worker; i < len(subjects); i += workers {
					answers[i] = quantities(t, h, subjects[i])
				}
			})
		}
		all.Wait()
		return answers
	}
	want, alone, together := compute(reference, 2), compute(oneAtATime{e}, 1), compute(e, 4)
	for i := range subjects {
		for _, r := range togetherRequests() {
			if !reflect.DeepEqual(alone[i][r], together[i][r]) {
				t.Errorf("network %d: %v has other bits when calls are computed together", i, r)
			}
			holdAgainst(t, i, r, together[i][r], want[i][r])
		}
	}
}

// holdAgainst compares with the cpu engine's, relative to an array's largest value.
func holdAgainst(t *testing.T, network int, r [2]string, got, want any) {
	a, ok := got.(map[string][]float64)
	b, same := want.(map[string][]float64)
	if !ok || !same {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("network %d: %v is %v, the cpu engine's %v", network, r, got, want)
		}
		return
	}
	for name, values := range b {
		if name == "shrunk" {
			continue // how often an ascent's step was halved: rounding decides
		}
		var largest, worst float64
		bound := 2e-5
		switch name { // of the Hessian: errors are of the largest eigenvalue's size, and the iteration does not end for the smallest
		case "residual":
			largest = b["eigenvalue"][0]
		case "smallest":
			largest, bound = b["eigenvalue"][0], 1e-3
		}
		for i, v := range values {
			largest, worst = max(largest, math.Abs(v)), max(worst, math.Abs(v-a[name][i]))
		}
		if worst > bound*largest {
			t.Errorf("network %d: %v, %s is off by %.2g of %.3g", network, r, name, worst, largest)
		}
	}
}

// subjectsOf reads the networks of a store.
func subjectsOf(t *testing.T, c *trained) []*quantity.Subject {
	t.Helper()
	var subjects []*quantity.Subject
	for _, rec := range c.records {
		final, initial, err := c.store.LoadNetwork(rec)
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.data.For(rec)
		if err != nil {
			t.Fatal(err)
		}
		subjects = append(subjects, &quantity.Subject{Key: rec.Tensors.FinalSHA256, Arch: rec.Architecture, Final: final, Init: initial, Data: d, Seed: 1})
	}
	return subjects
}
