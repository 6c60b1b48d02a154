package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
)

// once asks the process once.
func (p *Process) once(ctx context.Context, r Request, info measure.Info) (Outcome, ending) {
	s := p.session
	s.stderr.forget()
	if s.network != r.Network {
		s.view.clear() // what it keeps of the last network, it has mapped
		s.network, s.kept = r.Network, nil
	}
	defer s.work()()
	p.next++
	// The measure's own context ends at the deadline, the call a grace later: a
	// measure that listens can still answer, and its process lives on.
	call, cancel := context.WithTimeout(ctx, p.options.ComputeTimeout+p.options.Grace)
	a := newAsking(call, p.next, info.Needs, r.Provider)
	s.host.begin(a)
	defer func() {
		cancel() // before end waits for calls that it ends
		s.host.end(a)
	}()
	q := p.request(call, r, a)
	start := time.Now()
	result, err := receive(call, s.plugin, q, s.host.log)
	wall := time.Since(start).Seconds()
	p.options.Trace(p.program.Name, hclog.Debug, fmt.Sprintf("%s of network %s took %.3f s", r.Measure, r.Network, wall))
	if err == nil && result.Compute != 0 && result.Compute != a.id {
		return failed("plugin %s answered for another network than it was asked about", p.program.Name), answered
	}
	if err != nil {
		out, end := p.unanswered(ctx, s, call, err)
		out.Seconds = wall
		return out, end
	}
	out := outcome(result)
	out.Seconds = result.Seconds
	if !(out.Seconds >= 0 && out.Seconds <= wall) {
		out.Seconds = wall // a plugin that says what cannot be
	}
	out.PeakRSS = statusBytes(s.pid(), "VmHWM:")
	out.Diagnostics, out.Warnings = extras(result)
	if err := a.reused(call, result.Reused); err != nil {
		return failed("%s: %v", r.Measure, err), answered
	}
	p.habits[r.habit()] = s.taken(a, result.Reused)
	cost, missing := a.tally()
	out.HostSeconds = cost
	switch code := result.GetFailure().GetCode(); {
	case over(ctx) && out.Status != OK:
		return failed("interrupted"), interrupted
	case code == pb.Failure_CODE_CANCELLED:
		out.Reason = p.late()
		out.Detail = cmp.Or(out.Detail, s.stderr.text())
		return out, overdue
	case out.Status == Failed && missing != nil:
		out.Status, out.Reason = Skipped, missing.Error()
	}
	if out.Status == Failed {
		out.Reason = fmt.Sprintf("%s: %s%s", r.Measure, out.Reason, confinedBy(s.held, out.Reason))
		out.Detail = cmp.Or(out.Detail, s.stderr.text())
	}
	return out, answered
}

// confinedBy says that what was refused to a plugin may have been by its confinement.
func confinedBy(c Confinement, reason string) string {
	refused := strings.Contains(reason, "ermission denied") || strings.Contains(reason, "PermissionError") || strings.Contains(reason, "peration not permitted")
	if !refused || !c.Files && !c.Network && !c.TCP {
		return ""
	}
	return " (confined: see --plugin-read and --sandbox)"
}

// over reports whether ctx has ended, or about to be: the plugin's clock may reach
// a deadline that both share a little before the host's.
func over(ctx context.Context) bool {
	const skew = 50 * time.Millisecond
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && time.Until(deadline) < skew
}

func wide(shape [3]int) []int64 {
	return []int64{int64(shape[0]), int64(shape[1]), int64(shape[2])}
}

// request says what to compute. What is given takes of the time that the measure has, as what it asks for would.
func (p *Process) request(call context.Context, r Request, a *asking) *pb.ComputeRequest {
	begun := time.Now()
	given := p.session.give(call, a, p.habits[r.habit()])
	left := max(p.options.ComputeTimeout-time.Since(begun), time.Millisecond)
	info := &pb.NetworkInfo{Classes: int64(r.Meta.Classes), TrainSize: int64(r.Meta.TrainSize)}
	for _, l := range r.Meta.Layers {
		info.Layers = append(info.Layers, &pb.Layer{
			Name: l.Name, Kind: l.Kind, In: int64(l.In), Out: int64(l.Out), From: l.From, With: l.With,
			Channels: int64(l.Channels), Kernel: int64(l.Kernel), Stride: int64(l.Stride), Padding: int64(l.Padding), Epsilon: l.Epsilon,
			InShape: wide(l.InShape), OutShape: wide(l.OutShape),
		})
	}
	for _, d := range r.Meta.InputShape {
		info.InputShape = append(info.InputShape, int64(d))
	}
	return &pb.ComputeRequest{
		Compute: a.id, Measure: r.Measure, Network: r.Network, Seed: r.Seed, Options: r.Options, BrokerId: p.session.broker, HostTarget: p.session.target,
		Info: info, Threads: 1, TimeoutSeconds: left.Seconds(), Given: given,
	}
}

func receive(ctx context.Context, c pb.MeasureClient, q *pb.ComputeRequest, log func(string)) (*pb.Result, error) {
	stream, err := c.Compute(ctx, q)
	if err != nil {
		return nil, err
	}
	for {
		event, err := stream.Recv()
		if err == io.EOF {
			return nil, errors.New("it ended its answer without a result")
		}
		if err != nil {
			return nil, err
		}
		if r := event.GetResult(); r != nil {
			return r, nil
		}
		if note := event.GetProgress().GetNote(); note != "" {
			log(note)
		}
	}
}

// late is the reason of a Compute that passed its deadline.
func (p *Process) late() string {
	return fmt.Sprintf("plugin %s had no answer after %v; raise --plugin-timeout if it needs longer", p.program.Name, p.options.ComputeTimeout)
}

// unanswered says why a call brought no result.
func (p *Process) unanswered(ctx context.Context, s *session, call context.Context, err error) (Outcome, ending) {
	name := p.program.Name
	if over(ctx) {
		return failed("interrupted"), interrupted
	}
	quoted := func(out Outcome) Outcome {
		out.Detail = s.stderr.text()
		return out
	}
	if isDue(call) {
		out := failed("%s", p.late())
		if halted(s.pid()) {
			out = failed("plugin %s had no answer after %v: its process is stopped, as by SIGSTOP", name, p.options.ComputeTimeout)
		}
		return quoted(out), overdue
	}
	switch code := status.Code(err); code {
	case codes.Unavailable, codes.Canceled, codes.Internal: // the connection broke; Internal when in mid-frame
		s.settle()
		switch why, how := s.excessive(), s.how(); {
		case why != "":
			return quoted(failed("plugin %s %s", name, why)), excessive
		case how != "":
			return quoted(failed("plugin %s died%s%s", name, how, s.said())), died
		case code != codes.Internal:
			return quoted(failed("plugin %s closed its connection to genbench, though its process runs on%s", name, s.said())), died
		}
	}
	return quoted(failed("plugin %s: %s", name, status.Convert(err).Message())), answered
}

// outcome reads a result, trusting nothing.
func outcome(r *pb.Result) Outcome {
	switch o := r.Outcome.(type) {
	case *pb.Result_Value:
		if math.IsNaN(o.Value) || math.IsInf(o.Value, 0) {
			return failed("the plugin answered %v as a value; it has to answer undefined", o.Value)
		}
		return Outcome{Status: OK, Value: o.Value}
	case *pb.Result_Undefined:
		why := o.Undefined.Why
		if why == "" {
			why = "the plugin gave no reason"
		}
		return Outcome{Status: Undefined, Reason: clip(why, 500), NotFinite: o.Undefined.Kind != pb.Undefined_KIND_NOT_APPLICABLE}
	case *pb.Result_Missing:
		m := measure.MissingError{Need: measure.Need(o.Missing.Quantity), Reason: o.Missing.Why}
		return Outcome{Status: Skipped, Reason: clip(m.Error(), 500)}
	case *pb.Result_Failure:
		return Outcome{Status: Failed, Reason: clip(o.Failure.Message, 500), Detail: clip(o.Failure.Detail, tailBytes)}
	}
	return failed("the plugin answered neither a value nor a reason")
}

// most bounds the warnings and diagnostics of one result.
const most = 100

// extras are a result's diagnostics and warnings, less what a result file cannot
// carry.
func extras(r *pb.Result) (map[string]float64, []string) {
	warnings := make([]string, 0, len(r.Warnings))
	for _, w := range r.Warnings[:min(len(r.Warnings), most)] {
		warnings = append(warnings, clip(w, 500))
	}
	diagnostics := map[string]float64{}
	for _, name := range slices.Sorted(maps.Keys(r.Diagnostics)) {
		v := r.Diagnostics[name]
		switch {
		case len(diagnostics) >= most:
		case math.IsNaN(v) || math.IsInf(v, 0):
			warnings = append(warnings, fmt.Sprintf("diagnostic %s is %v", clip(name, 100), v))
		default:
			diagnostics[clip(name, 100)] = v
		}
	}
	return diagnostics, warnings
}
