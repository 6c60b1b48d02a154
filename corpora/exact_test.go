package corpora

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestNumbersAreKeptOrRefused: 2^53 + 1 is the first integer that float64 lacks.
func TestNumbersAreKeptOrRefused(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"seed: [1, 2]", "seed: [9007199254740993]", "small.yaml:7:10: axes.seed[0]: 9007199254740993 cannot be kept exactly, it would be 9007199254740992; give an integer in [0, 9007199254740992]"},
		{"seed: [1, 2]", "seed: [1, 9007199254740990.5]", "small.yaml:7:13: axes.seed[1]: 9007199254740990.5 cannot be kept exactly"},
		{"seed: [1, 2]", "seed: [9007199254740994]", "9.007199254740994e+15 is impossible"},
		{"pool: 2", "subset_seed: 9007199254740993", "small.yaml:2:39: data.subset_seed: 9007199254740993 cannot be kept exactly"},
		{"width: 8", "width: 8.00000000000000000001", "network.width: 8.00000000000000000001 cannot be kept exactly, it would be 8"},
		{"lr: 0.1", "lr: 0.1, weight_decay: 1e-400", "training.weight_decay: 1e-400 is too small for a number, it would be 0"},
	} {
		src := strings.Replace(small, c.old, c.new, 1)
		if _, err := ParseSpec("small.yaml", []byte(src)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.new, err, c.want)
		}
	}
	for _, seed := range []string{"9007199254740992", "9007199254740991", "0", "010", "+5", "1e3", "1000.0", "5.", "0e-999999999"} {
		if _, err := ParseSpec("small.yaml", []byte(strings.Replace(small, "seed: [1, 2]", "seed: ["+seed+"]", 1))); err != nil {
			t.Errorf("%s: %v", seed, err)
		}
	}
	var v Value
	if err := json.Unmarshal([]byte("9007199254740993"), &v); err == nil || !strings.Contains(err.Error(), "cannot be kept exactly") {
		t.Errorf("a value in JSON: %v, %v", v, err)
	}
	for _, s := range []string{"9007199254740994", "1e300", "0.1", "-9007199254740992"} {
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestRateBounds: the parser, the schema and the optimizer agree on the largest value.
func TestRateBounds(t *testing.T) {
	for _, field := range []string{"lr", "weight_decay"} {
		for value, good := range map[string]bool{"1000000": true, "1000000.5": false, "1e7": false} {
			src := strings.Replace(small, "lr: 0.1", "lr: 0.1, "+field+": "+value, 1)
			if field == "lr" {
				src = strings.Replace(small, "lr: 0.1", "lr: "+value, 1)
			}
			_, err := ParseSpec("small.yaml", []byte(src))
			if (err == nil) != good {
				t.Errorf("%s: %s: parser says %v", field, value, err)
			}
			if schema := satisfies(resolved(decodeJSON(t, SpecSchema())), yamlAsJSON(t, []byte(src)), "spec"); (schema == nil) != good {
				t.Errorf("%s: %s: schema says %v", field, value, schema)
			}
			if !good && strings.Contains(err.Error(), "not positive") {
				t.Errorf("%s: %s: %v", field, value, err)
			}
		}
	}
}

// million is a grid of a million networks.
const million = `name: million
data: {set: fmnist-mini}
training: {lr: 0.1}
axes:
  width: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  depth: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  batch: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  target_loss: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]
  momentum: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
  seed: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
`

// countdown is a context that is cancelled after a number of looks at it.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestLargeGridsCanBeCancelled at any point, not only at the beginning.
func TestLargeGridsCanBeCancelled(t *testing.T) {
	spec := parse(t, million)
	s, err := OpenStore(t.TempDir(), spec)
	if err != nil {
		t.Fatal(err)
	}
	for name, build := range map[string]func(context.Context) error{
		"spec":  func(ctx context.Context) error { _, err := spec.NetworksContext(ctx); return err },
		"store": func(ctx context.Context) error { _, err := s.NetworksContext(ctx); return err },
	} {
		c := &countdown{Context: cancelled(t), left: 100}
		if err := build(c); !errors.Is(err, context.Canceled) || c.left < -2 {
			t.Errorf("%s: %v after %d looks", name, err, 100-c.left)
		}
	}
	nets := networks(t, small)
	c := &countdown{Context: cancelled(t), left: 2}
	if p, err := MakePlan(c, s, nets, engine(t), ""); !errors.Is(err, context.Canceled) || p.Parameters != 2*1666 {
		t.Errorf("plan: %+v, %v; want the end after two networks of 1666 parameters", p, err)
	}
	c = &countdown{Context: cancelled(t), left: 2}
	if _, _, missing, err := Verify(c, s, nets, engine(t), "", nil); !errors.Is(err, context.Canceled) || missing != 2 {
		t.Errorf("verify: %d missing, %v", missing, err)
	}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func BenchmarkMillionNetworks(b *testing.B) {
	s := parse(b, million)
	for b.Loop() {
		if _, err := s.Networks(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMillionPlan includes the probes, which take the seconds that they are given.
func BenchmarkMillionPlan(b *testing.B) {
	spec := parse(b, million)
	s, err := OpenStore(b.TempDir(), spec)
	if err != nil {
		b.Fatal(err)
	}
	nets, err := s.Networks()
	if err != nil {
		b.Fatal(err)
	}
	e := engine(b)
	for b.Loop() {
		if _, err := MakePlan(b.Context(), s, nets, e, ""); err != nil {
			b.Fatal(err)
		}
	}
}
