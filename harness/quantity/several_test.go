package quantity

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/genbench/genbench/models"
)

// gathering is an engine that says it computes calls together, and keeps what it is asked to. Underneath it is the cpu engine.
type gathering struct {
	models.Engine
	width  int
	made   atomic.Int64 // sessions
	inside atomic.Int64 // calls under way
	most   atomic.Int64 // of them

	mu   sync.Mutex
	kept map[*float32]int
}

func (g *gathering) Together(models.Architecture, int) int { return g.width }

func (g *gathering) Keep(x []float32) (release func()) {
	g.count(x, 1)
	return func() { g.count(x, -1) }
}

func (g *gathering) count(x []float32, by int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.kept[&x[0]] += by; g.kept[&x[0]] == 0 {
		delete(g.kept, &x[0])
	}
}

func (g *gathering) NewSession(a models.Architecture, maxBatch int) (models.Session, error) {
	g.made.Add(1)
	s, err := g.Engine.NewSession(a, maxBatch)
	if err != nil {
		return nil, err
	}
	return counted{s, s.(models.SecondOrder), s.(models.Seeded), g}, nil
}

// counted counts the calls of Logits under way, and lets others come in between.
type counted struct {
	models.Session
	models.SecondOrder
	models.Seeded
	g *gathering
}

func (c counted) Logits(dst, x []float32) error {
	n := c.g.inside.Add(1)
	defer c.g.inside.Add(-1)
	for most := c.g.most.Load(); n > most && !c.g.most.CompareAndSwap(most, n); most = c.g.most.Load() {
	}
	runtime.Gosched()
	return c.Session.Logits(dst, x)
}

// engineRequests are all quantities that an engine computes, each with its defaults and with every other value of every argument.
func engineRequests() (all []Request) {
	for _, k := range catalogue() {
		if k.of != ofEngine || k.sibling {
			continue
		}
		all = append(all, Request{Name: k.name})
		for _, a := range k.args {
			for i, v := range a.values {
				if i > 0 {
					all = append(all, Request{Name: k.name, Args: a.name + "=" + v})
				}
			}
		}
	}
	for _, args := range []string{"pac-bayes kind=magnitude,rgm_compat=true", "noise-loss draws=3", "worst-loss m=100,examples=0", "worst-loss m=200,normalize_logits=true,norm=linf",
		"hessian-top examples=0", "hessian-trace examples=300", "layer-sums examples=300", "layer-features rounds=2,examples=300", "jacobian-norms examples=300"} {
		name, a, _ := strings.Cut(args, " ")
		all = append(all, Request{name, a})
	}
	return all
}

// ask answers a quantity's arrays, or why there are none.
func ask(t *testing.T, p *Provider, r Request) any {
	t.Helper()
	args := map[string]string{}
	for _, pair := range strings.FieldsFunc(r.Args, func(c rune) bool { return c == ',' }) {
		name, value, _ := strings.Cut(pair, "=")
		args[name] = value
	}
	if _, err := p.Get(context.Background(), r.Name, args); err != nil {
		var u *Undefined
		if !errors.As(err, &u) {
			t.Fatalf("%+v: %v", r, err)
		}
		return err.Error()
	}
	return request(t, p, r.Name, args)
}

// TestSeveralGiveTheSame: every quantity has the same bits when its parts are computed at the same time; all inputs that were kept are released.
func TestSeveralGiveTheSame(t *testing.T) {
	s := small(t) // 700 examples: three batches
	want := map[Request]any{}
	alone := openSubject(t, testHost(t, t.TempDir()), s)
	for _, r := range engineRequests() {
		want[r] = ask(t, alone, r)
	}
	perturbed := []Perturbation{{Gaussian, 0.01, 1}, {GaussianMagnitude, 0.2, 2}, {Gaussian, 0.3, 3}, {GaussianMagnitude, 0.1, 4}, {Gaussian, 0, 5}}
	evaluated, err := alone.Evaluate(context.Background(), perturbed)
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{2, 3, 16} {
		e := &gathering{Engine: testEngine(t), width: width, kept: map[*float32]int{}}
		h := NewHost(e, t.TempDir())
		p, err := h.Open(s)
		if err != nil {
			t.Fatal(err)
		}
		if e.kept[&s.Data.Train.X[0]] != 1 {
			t.Error("the training inputs are not kept")
		}
		for _, r := range engineRequests() {
			if got := ask(t, p, r); !reflect.DeepEqual(got, want[r]) {
				t.Errorf("%+v differs at width %d", r, width)
			}
		}
		got, err := p.Evaluate(context.Background(), perturbed)
		if err != nil || !reflect.DeepEqual(got, evaluated) {
			t.Errorf("evaluated at width %d: %v, %v; want %v", width, got, err, evaluated)
		}
		if err := errors.Join(p.Close(), p.Close(), h.Close()); err != nil {
			t.Error(err)
		}
		if len(e.kept) > 0 {
			t.Errorf("%d slices are kept when the network is closed", len(e.kept))
		}
		if made := e.made.Load(); made < int64(width) && width <= draws {
			t.Errorf("%d sessions at width %d", made, width)
		}
		if e.most.Load() < 2 {
			t.Error("no two calls came together")
		}
	}
}

// TestSeveral: the first part's error, in whatever order they ran; a panic reaches the one who asked.
func TestSeveral(t *testing.T) {
	for _, workers := range []int{1, 4} {
		err := several(workers, 20, func(_, part int) error {
			if part%5 == 3 {
				return fmt.Errorf("part %d", part)
			}
			return nil
		})
		if err == nil || err.Error() != "part 3" {
			t.Errorf("%d workers: %v, want the error of part 3", workers, err)
		}
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "on purpose") {
					t.Errorf("%d workers: recovered %v", workers, v)
				}
			}()
			err := several(workers, 3, func(_, part int) error { panic("on purpose") })
			t.Errorf("%d workers: no panic, but %v", workers, err)
		}()
		var order []int
		err = ordered(workers, 11, func(_, part int) error { return nil }, func(_, part int) { order = append(order, part) })
		if err != nil || len(order) != 11 {
			t.Errorf("%d workers: %v, %v", workers, order, err)
		}
		for i, part := range order {
			if i != part {
				t.Errorf("%d workers took results in the order %v", workers, order)
			}
		}
	}
}

// closing counts its end.
type closing struct {
	models.Session
	closed *int
}

func (c closing) Close() error { *c.closed++; return nil }

// TestIdle: sessions are kept up to a number, of an engine that computes several together a larger one, and of eight architectures at most: each holds its programs.
func TestIdle(t *testing.T) {
	for _, c := range []struct {
		engine        models.Engine
		architectures int
		each          int
		closed, kept  int
	}{
		{testEngine(t), 1, 20, 12, 8},
		{testEngine(t), 20, 1, 12, 8},
		{&gathering{Engine: testEngine(t)}, 1, 70, 6, 64},
		{&gathering{Engine: testEngine(t)}, 20, 1, 12, 8},
		{&gathering{Engine: testEngine(t)}, 10, 6, 12, 48},
	} {
		p, closed := sessions{engine: c.engine}, 0
		for arch := range c.architectures {
			for range c.each {
				if err := p.give(fmt.Sprint(arch), closing{closed: &closed}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if closed != c.closed || len(p.idle) != c.kept {
			t.Errorf("%T, %d architectures, %d sessions each: %d closed, %d kept, want %d and %d", c.engine, c.architectures, c.each, closed, len(p.idle), c.closed, c.kept)
		}
		if err := p.close(); err != nil || closed != c.closed+c.kept {
			t.Errorf("%d closed at the end, want all; error %v", closed, err)
		}
	}
}

// broken is an engine whose sessions panic.
type broken struct{ models.Engine }

func (b broken) NewSession(a models.Architecture, maxBatch int) (models.Session, error) {
	s, err := b.Engine.NewSession(a, maxBatch)
	return panicking{s}, err
}

type panicking struct{ models.Session }

func (panicking) Logits(dst, x []float32) error { panic("on purpose") }

// TestPanic: everyone who asks for what panics is told what did, however often it is asked for.
func TestPanic(t *testing.T) {
	h := NewHost(broken{testEngine(t)}, t.TempDir())
	p := openSubject(t, h, small(t))
	for i := range 2 {
		func() {
			defer func() {
				if v := recover(); v != "on purpose" {
					t.Errorf("asked %d times: recovered %v", i+1, v)
				}
			}()
			b, err := p.Get(context.Background(), "train-logits", nil)
			t.Errorf("no panic, but %v, %v", b, err)
		}()
	}
}
