package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
)

// Builtin is the program of the built-in measures: this one, executed again, which
// main has to recognise by the argument "plugin" before it does anything else.
func Builtin(names []string) Program {
	return Program{Name: "genbench", Path: self(), Args: []string{"plugin", strings.Join(names, ",")}, Builtin: true}
}

// crashes is after how many networks that ended the process a plugin is given up for the run.
const crashes = 3

// Process is a plugin that answers one Compute at a time. It starts its program
// anew where that has ended.
type Process struct {
	program Program
	options Options
	infos   []measure.Info

	mu       sync.Mutex
	session  *session
	next     uint64 // Compute's number
	crashed  map[string]bool
	disabled string
}

// Start starts the program and asks what it measures.
func Start(ctx context.Context, p Program, o Options) (*Process, error) {
	o = o.withDefaults()
	s, infos, err := start(ctx, p, o)
	if err != nil {
		return nil, err
	}
	return &Process{program: p, options: o, infos: infos, session: s, crashed: map[string]bool{}}, nil
}

// Measures is what the program said that it measures.
func (p *Process) Measures() []measure.Info { return p.infos }

// Stop ends the program.
func (p *Process) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session != nil {
		p.session.stop()
		p.session = nil
	}
}

// Request is one network for one measure.
type Request struct {
	Measure  string
	Network  string // opaque
	Options  map[string]string
	Seed     uint64
	Meta     measure.Meta
	Provider Quantities
}

// The ways in which a Compute ends.
const (
	OK        = "ok"
	Undefined = "undefined"
	Skipped   = "skipped"
	Failed    = "failed"
)

// Outcome is what came of a Compute.
type Outcome struct {
	Status      string
	Value       float64 // finite; set when Status is OK
	Reason      string
	Seconds     float64 // in the plugin, without waiting for the host
	HostSeconds float64 // what the quantities cost that it asked for, whoever asked first
	PeakRSS     int64   // bytes, of the process so far: an upper bound
	Diagnostics map[string]float64
	Warnings    []string
}

func failed(format string, args ...any) Outcome {
	return Outcome{Status: Failed, Reason: fmt.Sprintf(format, args...)}
}

// Compute has the measure answer for a network. Whatever the plugin does, it costs this answer only: a
// process that died or passed its deadline is started anew and asked once more; one that does so on three networks is
// given up for the run.
func (p *Process) Compute(ctx context.Context, r Request) Outcome {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, ok := p.info(r.Measure)
	if !ok {
		return failed("plugin %s serves no measure %q", p.program.Name, r.Measure)
	}
	var out Outcome
	for try := range 2 {
		if p.disabled != "" {
			return failed("plugin %s was given up: %s", p.program.Name, p.disabled)
		}
		if p.session == nil {
			s, _, err := start(ctx, p.program, p.options)
			if err != nil {
				return failed("starting again: %v", err)
			}
			p.session = s
		}
		var ended bool
		out, ended = p.once(ctx, r, info)
		if !ended || ctx.Err() != nil {
			return out
		}
		p.session.kill()
		p.session = nil
		if try == 1 {
			p.crashed[r.Network] = true
			if len(p.crashed) >= crashes {
				p.disabled = fmt.Sprintf("it ended or hung on %d networks; the last: %s", crashes, out.Reason)
			}
		}
	}
	return out
}

func (p *Process) info(name string) (measure.Info, bool) {
	for _, i := range p.infos {
		if i.Name == name {
			return i, true
		}
	}
	return measure.Info{}, false
}

// once asks once; ended says that the process is of no more use.
func (p *Process) once(ctx context.Context, r Request, info measure.Info) (out Outcome, ended bool) {
	s := p.session
	p.next++
	a := &asking{id: p.next, needs: info.Needs, source: r.Provider}
	s.host.begin(a)
	defer s.host.end()

	deadline, cancel := context.WithTimeout(ctx, p.options.ComputeTimeout)
	defer cancel()
	start := time.Now()
	type answer struct {
		result *pb.Result
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		res, err := receive(deadline, s.plugin, p.request(r, a))
		got <- answer{res, err}
	}()
	var ans answer
	select {
	case ans = <-got:
	case <-deadline.Done():
		select { // the plugin may still say that it gave up
		case ans = <-got:
		case <-time.After(p.options.Grace):
			ans.err = deadline.Err()
		}
	}
	wall := time.Since(start).Seconds()
	if ans.err != nil || timedOut(deadline, ans.result) {
		out, ended = p.dead(ctx, s, deadline, ans.err)
		out.Seconds = wall
		return out, ended
	}
	out = outcome(ans.result)
	out.Seconds = ans.result.Seconds
	out.HostSeconds = a.seconds()
	out.PeakRSS = peakBytes(s.cmd)
	out.Diagnostics, out.Warnings = finite(ans.result.Diagnostics), ans.result.Warnings
	return out, false
}

func (p *Process) request(r Request, a *asking) *pb.ComputeRequest {
	info := &pb.NetworkInfo{Classes: int64(r.Meta.Classes), TrainSize: int64(r.Meta.TrainSize)}
	for _, l := range r.Meta.Layers {
		info.Layers = append(info.Layers, &pb.Layer{Name: l.Name, Kind: l.Kind, In: int64(l.In), Out: int64(l.Out)})
	}
	for _, d := range r.Meta.InputShape {
		info.InputShape = append(info.InputShape, int64(d))
	}
	return &pb.ComputeRequest{
		Compute: a.id, Measure: r.Measure, Network: r.Network, Seed: r.Seed, Options: r.Options, BrokerId: p.session.broker, Info: info, Threads: 1,
	}
}

func receive(ctx context.Context, c pb.MeasureClient, q *pb.ComputeRequest) (*pb.Result, error) {
	stream, err := c.Compute(ctx, q)
	if err != nil {
		return nil, err
	}
	for {
		ev, err := stream.Recv()
		if err == io.EOF {
			return nil, errors.New("it ended the answer without a result")
		}
		if err != nil {
			return nil, err
		}
		if r := ev.GetResult(); r != nil {
			return r, nil
		}
	}
}

func timedOut(deadline context.Context, r *pb.Result) bool {
	return r.GetFailure().GetCode() == pb.Failure_CODE_CANCELLED && deadline.Err() != nil
}

// dead says why a Compute brought no answer.
func (p *Process) dead(ctx context.Context, s *session, deadline context.Context, err error) (Outcome, bool) {
	name := p.program.Name
	switch {
	case ctx.Err() != nil:
		return failed("interrupted"), true
	case s.over() != "":
		return failed("plugin %s was ended: %s", name, s.over()), true
	case deadline.Err() != nil:
		return failed("plugin %s had no answer after %v; raise --plugin-timeout if it needs longer", name, p.options.ComputeTimeout), true
	}
	st := status.Convert(err)
	if st.Code() == codes.Unavailable || st.Code() == codes.Canceled || errors.Is(err, io.EOF) {
		time.Sleep(50 * time.Millisecond) // the pipe of its last words is read by another goroutine
		why := "plugin " + name + " ended in the middle of its answer"
		if last := s.stderr.String(); last != "" {
			why += "; its last words: " + last
		}
		if over := s.over(); over != "" {
			why = "plugin " + name + " was ended: " + over
		}
		return failed("%s", why), true
	}
	return failed("plugin %s: %s", name, st.Message()), false
}

func outcome(r *pb.Result) Outcome {
	switch o := r.Outcome.(type) {
	case *pb.Result_Value:
		if math.IsNaN(o.Value) || math.IsInf(o.Value, 0) {
			return failed("the plugin answered %v, which is no value; answer undefined instead", o.Value)
		}
		return Outcome{Status: OK, Value: o.Value}
	case *pb.Result_Undefined:
		return Outcome{Status: Undefined, Reason: o.Undefined.Why}
	case *pb.Result_Missing:
		reason := "needs " + o.Missing.Quantity
		if o.Missing.Why != "" {
			reason += ": " + o.Missing.Why
		}
		return Outcome{Status: Skipped, Reason: reason}
	case *pb.Result_Failure:
		return Outcome{Status: Failed, Reason: o.Failure.Message}
	}
	return failed("the plugin answered neither a value nor a reason")
}

func finite(d map[string]float64) map[string]float64 {
	for k, v := range d {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(d, k)
		}
	}
	return d
}
