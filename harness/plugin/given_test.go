package plugin

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// scripted is a plugin in process: it answers 1 after having read the margins, or nothing.
type scripted struct {
	pb.MeasureClient
	host  *modelHost
	reads bool
	names []string // what the last Compute was given
	asked int      // how often it asked
	left  float64  // seconds that the last Compute had
}

type oneEvent struct {
	grpc.ServerStreamingClient[pb.ComputeEvent]
	result *pb.Result
}

func (e *oneEvent) Recv() (*pb.ComputeEvent, error) {
	if e.result == nil {
		return nil, io.EOF
	}
	return &pb.ComputeEvent{Event: &pb.ComputeEvent_Result{Result: e.result}}, nil
}

func (c *scripted) Compute(ctx context.Context, q *pb.ComputeRequest, _ ...grpc.CallOption) (grpc.ServerStreamingClient[pb.ComputeEvent], error) {
	r := &pb.Result{Outcome: &pb.Result_Value{Value: 1}}
	c.names, c.left = nil, q.TimeoutSeconds
	given := false
	for _, g := range q.Given {
		c.names = append(c.names, g.Name)
		given = given || g.Name == "train-margins" && len(g.Arrays.Arrays) == 1 && g.Arrays.Arrays[0].Path != ""
	}
	switch {
	case !c.reads:
	case given:
		r.Reused = []*pb.QuantityRequest{{Name: "train-margins"}}
	default:
		c.asked++
		if _, err := c.host.GetQuantity(ctx, &pb.QuantityRequest{Compute: q.Compute, Name: "train-margins"}); err != nil {
			return nil, err
		}
	}
	return &oneEvent{result: r}, nil
}

func scriptedProcess(t *testing.T, minor uint32) (*Process, *scripted) {
	t.Helper()
	v, err := newView(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	host := &modelHost{log: func(string) {}, view: v}
	c := &scripted{host: host}
	o, err := Options{}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{attached: &attached{}, plugin: c, host: host, view: v, minor: minor, stderr: &tail{log: func(string) {}}}
	infos := []measure.Info{{Name: "m", Version: "1", Needs: measure.Needs{measure.TrainMargins}}}
	return &Process{options: o, infos: infos, session: s, crashed: map[string]map[string]bool{}, given: map[string]string{}, habits: map[string][]asked{}}, c
}

// TestGiven: what a measure read of one network it is given of the next, once a network, as long as it reads it; it is
// charged for what it reads.
func TestGiven(t *testing.T) {
	p, c := scriptedProcess(t, 1)
	for i, step := range []struct {
		network string
		reads   bool
		given   []string
		asked   int
		seconds float64
	}{
		{"a", true, nil, 1, 0.25},
		{"b", true, []string{"train-margins"}, 1, 0.25},
		{"b", false, nil, 1, 0}, // it keeps them already
		{"c", true, nil, 2, 0.25},
		{"d", false, []string{"train-margins"}, 2, 0},
		{"e", false, nil, 2, 0},
	} {
		c.reads = step.reads
		out := p.Compute(t.Context(), Request{Measure: "m", Network: step.network, Provider: newFake(t)})
		if out.Status != OK || out.HostSeconds != step.seconds {
			t.Errorf("step %d: %+v, want %v s of the host", i, out, step.seconds)
		}
		if !slices.Equal(c.names, step.given) || c.asked != step.asked {
			t.Errorf("step %d: given %v, asked %d times; want %v, %d", i, c.names, c.asked, step.given, step.asked)
		}
	}
}

// TestGivenToOld: a plugin that does not know what it is given is given nothing.
func TestGivenToOld(t *testing.T) {
	p, c := scriptedProcess(t, 0)
	c.reads = true
	for k, network := range []string{"a", "b"} {
		if out := p.Compute(t.Context(), Request{Measure: "m", Network: network, Provider: newFake(t)}); out.Status != OK {
			t.Fatalf("%+v", out)
		}
		if c.names != nil || c.asked != k+1 {
			t.Errorf("network %s: given %v, asked %d times", network, c.names, c.asked)
		}
	}
}

// panics computes nothing the second time.
type panics struct {
	*fake
	times int
}

func (p *panics) Get(ctx context.Context, name string, args map[string]string) (*quantity.Bundle, error) {
	if p.times++; p.times == 2 {
		panic("a mistake of the host")
	}
	return p.fake.Get(ctx, name, args)
}

// TestGivenPanic: a computation that panics while it is done ahead costs nothing but the way to ask.
func TestGivenPanic(t *testing.T) {
	p, c := scriptedProcess(t, 1)
	c.reads = true
	provider := &panics{fake: newFake(t)}
	for _, network := range []string{"a", "b"} {
		if out := p.Compute(t.Context(), Request{Measure: "m", Network: network, Provider: provider}); out.Status != OK {
			t.Fatalf("%+v", out)
		}
	}
	if c.asked != 2 {
		t.Errorf("asked %d times, want 2", c.asked)
	}
}

// TestReusedPanic: what a plugin says that it reused, and what was never computed, may panic: it costs the answer.
func TestReusedPanic(t *testing.T) {
	a := newAsking(t.Context(), 1, measure.Needs{measure.TrainMargins}, &panics{fake: newFake(t), times: 1})
	err := a.reused(t.Context(), []*pb.QuantityRequest{{Name: "train-margins"}})
	if err == nil || !strings.Contains(err.Error(), "a mistake of the host") {
		t.Errorf("%v, want what panicked", err)
	}
}

// slow takes its time, and counts.
type slow struct {
	*fake
	gets  atomic.Int32
	pause time.Duration
}

func (s *slow) Get(ctx context.Context, name string, args map[string]string) (*quantity.Bundle, error) {
	s.gets.Add(1)
	if s.pause == 0 {
		return s.fake.Get(ctx, name, args)
	}
	select {
	case <-time.After(s.pause):
		return s.fake.Get(ctx, name, args)
	case <-ctx.Done():
		return nil, errors.Join(errors.New("given up"), ctx.Err())
	}
}

// TestSlowIsNotGiven: what takes long is neither computed ahead, in vain perhaps, nor does it take of the measure's time; once it is quick it is given again.
func TestSlowIsNotGiven(t *testing.T) {
	p, c := scriptedProcess(t, 1)
	p.options.ComputeTimeout, p.options.Grace = 2*time.Second, time.Second
	for i, step := range []struct {
		network string
		pause   time.Duration
		reads   bool
		given   []string
		asked   int
		gets    int32
	}{
		{"a", 0, true, nil, 1, 1},
		{"b", time.Minute, false, nil, 1, 1}, // begun and given up
		{"c", 2 * givenWithin, true, nil, 2, 1},
		{"d", time.Minute, false, nil, 2, 0}, // not begun
		{"e", 2 * givenWithin, true, nil, 3, 1},
		{"f", 0, true, nil, 4, 1},
		{"g", 0, true, []string{"train-margins"}, 4, 2},
	} {
		c.reads = step.reads
		provider := &slow{fake: newFake(t), pause: step.pause}
		start := time.Now()
		out := p.Compute(t.Context(), Request{Measure: "m", Network: step.network, Provider: provider})
		if took := time.Since(start); out.Status != OK || took > time.Second || c.left < 1.5 {
			t.Errorf("step %d: %+v after %v, the measure had %v s", i, out, took, c.left)
		}
		if !slices.Equal(c.names, step.given) || c.asked != step.asked || provider.gets.Load() != step.gets {
			t.Errorf("step %d: given %v, asked %d times, looked up %d times; want %+v", i, c.names, c.asked, provider.gets.Load(), step)
		}
	}
}

// TestAskedAgain: a plugin that asks for the same quantity without end makes no list grow.
func TestAskedAgain(t *testing.T) {
	a := newAsking(t.Context(), 1, measure.Needs{measure.TrainMargins}, newFake(t))
	for range 3 {
		a.note(&pb.QuantityRequest{Name: "train-margins", Args: map[string]string{"a": "b"}})
	}
	if len(a.read) != 1 {
		t.Errorf("%d notes of one quantity", len(a.read))
	}
}

// TestGivenByProcess: a Go plugin reads what it is given: the host looks it up to give it, and to charge it.
func TestGivenByProcess(t *testing.T) {
	p := begin(t, program(t, "well"), Options{})
	for k, network := range []string{"a", "b", "c"} {
		provider := &slow{fake: newFake(t)}
		out := p.Compute(t.Context(), Request{Measure: "margin-sum", Network: network, Provider: provider})
		if out.Status != OK || out.Value != 7 || out.HostSeconds != 0.25 {
			t.Errorf("network %s: %+v", network, out)
		}
		if want := int32(min(k, 1) + 1); provider.gets.Load() != want {
			t.Errorf("network %s: looked up %d times, want %d", network, provider.gets.Load(), want)
		}
	}
}

// TestGivenTooLate: a quantity that does not come makes the answer late, though it was looked for ahead.
func TestGivenTooLate(t *testing.T) {
	p := begin(t, program(t, "well"), Options{ComputeTimeout: 300 * time.Millisecond, Grace: 200 * time.Millisecond, Once: true})
	if out := p.Compute(t.Context(), Request{Measure: "margin-sum", Network: "a", Provider: newFake(t)}); out.Status != OK {
		t.Fatalf("%+v", out)
	}
	out := p.Compute(t.Context(), Request{Measure: "margin-sum", Network: "b", Provider: &slow{fake: newFake(t), pause: time.Minute}})
	if out.Status != Failed || !out.Late {
		t.Errorf("%+v, want that it is late", out)
	}
}
