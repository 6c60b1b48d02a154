package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/genbench/genbench/harness/internal/pb"
)

// server answers the host.
type server struct {
	pb.UnimplementedMeasureServer
	measures []Measure
	broker   *plugin.GRPCBroker // nil: attached

	stdio *stdio
	first sync.Once
	floor []byte // see heapFloor
	mu    sync.Mutex
	kept  *shared // of the network in hand
	hosts map[hostKey]*grpc.ClientConn
}

type hostKey struct {
	id     uint32
	target string
}

func newServer(ms []Measure, b *plugin.GRPCBroker, std *stdio) *server {
	return &server{measures: ms, broker: b, stdio: std, hosts: map[hostKey]*grpc.ClientConn{}}
}

// Describe answers what Info of each measure says.
func (s *server) Describe(_ context.Context, q *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	if s.stdio != nil {
		s.stdio.direct()
	}
	if q.BrokerId != 0 {
		if _, err := s.dial(hostKey{id: q.BrokerId}); err != nil {
			return nil, fmt.Errorf("connecting to the host: %w", err)
		}
	}
	r := &pb.DescribeResponse{Sdk: "go 1", Minor: pb.Minor, MaxConcurrency: 1, Version: programVersion()}
	for _, m := range s.measures {
		r.Measures = append(r.Measures, describe(m.Info()))
	}
	return r, nil
}

// programVersion is what the go command recorded of the program: the version of its module, or the revision that it was
// built from; "" where it knows neither.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

func describe(i Info) *pb.MeasureInfo {
	m := &pb.MeasureInfo{
		Name: i.Name, Version: i.Version, Doc: i.Doc, Family: i.Family, Citation: i.Citation, Needs: stringsOf(i.Needs),
		Direction: pb.Direction(i.Larger), Scale: pb.Scale(i.Scale), Stochastic: i.Stochastic,
		Aliases: i.Aliases, Formula: i.Formula, Deviations: i.Deviations,
	}
	for _, o := range i.Options {
		m.Options = append(m.Options, &pb.Option{Name: o.Name, Default: o.Default, Doc: o.Doc, Values: o.Values})
	}
	return m
}

// Compute answers exactly one Result, whatever the measure does.
func (s *server) Compute(q *pb.ComputeRequest, stream grpc.ServerStreamingServer[pb.ComputeEvent]) error {
	ctx := stream.Context()
	if q.TimeoutSeconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.TimeoutSeconds*float64(time.Second)))
		defer cancel()
	}
	r := s.compute(ctx, q)
	r.Compute = q.Compute
	return stream.Send(&pb.ComputeEvent{Event: &pb.ComputeEvent_Result{Result: r}})
}

func (s *server) compute(ctx context.Context, q *pb.ComputeRequest) *pb.Result {
	s.first.Do(func() { s.floor = make([]byte, heapFloor) })
	m := s.find(q.Measure)
	if m == nil {
		return failure(pb.Failure_CODE_UNKNOWN_MEASURE, fmt.Sprintf("this plugin has no measure %q", q.Measure), "")
	}
	options, err := m.Info().Resolve(q.Options)
	if err != nil {
		return failure(pb.Failure_CODE_INVALID_OPTION, err.Error(), "")
	}
	conn, err := s.dial(hostKey{id: q.BrokerId, target: q.HostTarget})
	if err != nil {
		return failure(pb.Failure_CODE_HOST, "connecting to the host: "+err.Error(), "")
	}
	host := newRemote(conn, q)
	net := NewNetwork(metaOf(q, options), host)
	net.needs, net.shared = m.Info().Needs, s.sharedOf(q.Network)
	defer net.shared.leave()
	defer net.Release()

	start := time.Now()
	r := run(ctx, m, net)
	total := time.Since(start).Seconds()
	r.HostSeconds = net.hostSeconds()
	r.Seconds = max(0, total-r.HostSeconds)
	r.Diagnostics = net.Diagnostics()
	r.Warnings = net.Warnings()
	for _, u := range append(net.taken(), host.taken()...) {
		r.Reused = append(r.Reused, &pb.QuantityRequest{Compute: q.Compute, Name: u.name, Args: u.args})
	}
	return r
}

// run calls the measure and turns every way in which it can end into a Result.
func run(ctx context.Context, m Measure, net *Network) (r *pb.Result) {
	// A write to a mapped array is a memory fault: with this it is a panic of the
	// measure, not the end of the process.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			stack := string(debug.Stack())
			fmt.Fprintf(os.Stderr, "panic in Compute: %v\n%s", p, stack)
			r = failure(pb.Failure_CODE_PANIC, fmt.Sprintf("panic: %v", p), stack)
		}
	}()
	v, err := m.Compute(ctx, net)
	if err != nil {
		return errorResult(ctx, err)
	}
	switch {
	case math.IsNaN(v):
		return undefined(pb.Undefined_KIND_NAN, "the value is NaN")
	case math.IsInf(v, 1):
		return undefined(pb.Undefined_KIND_POSITIVE_INFINITY, "the value is +Inf")
	case math.IsInf(v, -1):
		return undefined(pb.Undefined_KIND_NEGATIVE_INFINITY, "the value is -Inf")
	}
	return &pb.Result{Outcome: &pb.Result_Value{Value: v}}
}

func errorResult(ctx context.Context, err error) *pb.Result {
	var missing *MissingError
	var host *hostError
	reason, isUndefined := IsUndefined(err)
	switch {
	case isUndefined:
		return undefined(pb.Undefined_KIND_NOT_APPLICABLE, reason)
	case errors.As(err, &missing):
		return &pb.Result{Outcome: &pb.Result_Missing{Missing: &pb.Missing{Quantity: string(missing.Need), Why: missing.Reason}}}
	case ctx.Err() != nil || errors.As(err, &host) && host.ended():
		return failure(pb.Failure_CODE_CANCELLED, err.Error(), "")
	case errors.As(err, &host):
		return failure(pb.Failure_CODE_HOST, err.Error(), "")
	}
	return failure(pb.Failure_CODE_INTERNAL, err.Error(), "")
}

func undefined(kind pb.Undefined_Kind, why string) *pb.Result {
	return &pb.Result{Outcome: &pb.Result_Undefined{Undefined: &pb.Undefined{Kind: kind, Why: why}}}
}

func failure(code pb.Failure_Code, message, detail string) *pb.Result {
	return &pb.Result{Outcome: &pb.Result_Failure{Failure: &pb.Failure{Code: code, Message: message, Detail: detail}}}
}

// shapeOf is [C, H, W]; zeros where a host says nothing.
func shapeOf(v []int64) (s [3]int) {
	for i := range min(len(v), len(s)) {
		s[i] = int(v[i])
	}
	return s
}

func metaOf(q *pb.ComputeRequest, options map[string]string) Meta {
	m := Meta{ID: q.Network, Seed: q.Seed, Options: options, Classes: int(q.Info.GetClasses()), TrainSize: int(q.Info.GetTrainSize())}
	for _, l := range q.Info.GetLayers() {
		m.Layers = append(m.Layers, Layer{
			Name: l.Name, Kind: l.Kind, In: int(l.In), Out: int(l.Out), From: l.From, With: l.With,
			Channels: int(l.Channels), Kernel: int(l.Kernel), Stride: int(l.Stride), Padding: int(l.Padding), Epsilon: l.Epsilon,
			InShape: shapeOf(l.InShape), OutShape: shapeOf(l.OutShape),
		})
	}
	for _, d := range q.Info.GetInputShape() {
		m.InputShape = append(m.InputShape, int(d))
	}
	return m
}

func (s *server) find(name string) Measure {
	for _, m := range s.measures {
		if m.Info().Name == name {
			return m
		}
	}
	return nil
}

// dial connects to the host's ModelHost, once.
func (s *server) dial(key hostKey) (*grpc.ClientConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.hosts[key]; c != nil {
		return c, nil
	}
	options := append(pb.DialOptions(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(pb.MaxMessage)),
		grpc.WithIdleTimeout(0), // the corpus may train for an hour between two Computes
	)
	var c *grpc.ClientConn
	var err error
	if key.target != "" {
		c, err = grpc.NewClient(key.target, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	} else {
		c, err = s.broker.DialWithOptions(key.id, options...)
	}
	if err != nil {
		return nil, err
	}
	s.hosts[key] = c
	return c, nil
}
