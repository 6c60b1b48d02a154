package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// modelHost answers the plugin's questions about the network in hand and no
// other: a Compute that was given up cannot read the next network.
type modelHost struct {
	pb.UnimplementedModelHostServer
	log  func(line string)
	view *view // nil: the plugin sees the files of the cache themselves

	mu      sync.Mutex
	current *asking
}

// asking is one Compute as the host sees it.
type asking struct {
	id     uint64
	needs  measure.Needs
	source Quantities
	ctx    context.Context // ends with the Compute, whatever the plugin's calls say
	calls  sync.WaitGroup  // calls of the plugin under way

	mu      sync.Mutex
	read    []asked // what the plugin asked for and was answered,
	noted   map[string]bool
	took    map[string]time.Duration // how long the longest look at a quantity took
	charged map[string]bool
	cost    float64           // seconds
	missing *quantity.Missing // the first; the measure may have lost it in an error of its own
}

func newAsking(ctx context.Context, id uint64, needs measure.Needs, source Quantities) *asking {
	return &asking{id: id, needs: needs, source: source, ctx: ctx, noted: map[string]bool{}, took: map[string]time.Duration{}, charged: map[string]bool{}}
}

func (h *modelHost) begin(a *asking) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = a
}

// end refuses further calls and waits for those under way: the network may be closed
// once it returns. The Compute's context has to be over, or its calls answered.
func (h *modelHost) end(a *asking) {
	h.mu.Lock()
	h.current = nil
	h.mu.Unlock()
	a.calls.Wait()
}

// enter begins a call about the Compute in hand; leave must be called at its end.
func (h *modelHost) enter(ctx context.Context, id uint64) (_ *asking, _ context.Context, leave func(), _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.current
	if a == nil || a.id != id {
		return nil, nil, nil, status.Error(codes.NotFound, "this Compute has ended")
	}
	if a.source == nil {
		return nil, nil, nil, status.Error(codes.Unavailable, "the host has no quantities of this network")
	}
	ctx, cancel := context.WithCancel(ctx)
	unhook := context.AfterFunc(a.ctx, cancel)
	a.calls.Add(1)
	return a, ctx, func() { unhook(); cancel(); a.calls.Done() }, nil
}

// get looks a quantity up, if the measure declared it, and charges it.
func (a *asking) get(ctx context.Context, name string, args map[string]string) (*quantity.Bundle, error) {
	b, err := a.look(ctx, name, args)
	if err != nil {
		return nil, err
	}
	a.charge(fmt.Sprint(name, args), b.Seconds) // fmt prints a map in the order of its keys
	return b, nil
}

// look looks a quantity up, if the measure declared it.
func (a *asking) look(ctx context.Context, name string, args map[string]string) (*quantity.Bundle, error) {
	if err := a.needs.Permit(name, args); err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	need, err := quantity.Inputs(name, args)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if need.TestInputs && !a.needs.Transductive() {
		return nil, status.Errorf(codes.FailedPrecondition, "%s reads test inputs; declare the need %q", name, measure.TestInputs)
	}
	start := time.Now()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		key := asked{name, args}.key()
		a.took[key] = max(a.took[key], time.Since(start))
	}()
	return a.source.Get(ctx, name, args)
}

// reused charges the quantities that the plugin was given or kept from another measure's
// reading, and refuses those that this measure did not declare.
func (a *asking) reused(ctx context.Context, rs []*pb.QuantityRequest) (err error) {
	defer recoverTo(&err) // a plugin may name what has to be computed
	for _, r := range rs {
		if a.source == nil {
			return errors.New("the host has no quantities of this network")
		}
		if _, err := a.get(ctx, r.Name, r.Args); err != nil {
			return fmt.Errorf("reusing %s: %s", r.Name, status.Convert(err).Message())
		}
	}
	return nil
}

// charge notes what a quantity cost when it was computed, once.
func (a *asking) charge(key string, seconds float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.charged[key] {
		return
	}
	a.charged[key] = true
	a.cost += seconds
}

func (a *asking) spend(seconds float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cost += seconds
}

func (a *asking) miss(m *quantity.Missing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.missing == nil {
		a.missing = m
	}
}

func (a *asking) tally() (seconds float64, missing *quantity.Missing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cost, a.missing
}

// GetQuantity says where a quantity's arrays lie.
func (h *modelHost) GetQuantity(ctx context.Context, q *pb.QuantityRequest) (*pb.QuantityResponse, error) {
	a, ctx, leave, err := h.enter(ctx, q.Compute)
	if err != nil {
		return nil, err
	}
	defer leave()
	b, err := a.get(ctx, q.Name, q.Args)
	var undefined *quantity.Undefined
	var missing *quantity.Missing
	switch {
	case errors.As(err, &undefined):
		return &pb.QuantityResponse{Outcome: &pb.QuantityResponse_Undefined{Undefined: &pb.Undefined{Why: undefined.Reason}}}, nil
	case errors.As(err, &missing):
		a.miss(missing)
		return &pb.QuantityResponse{Outcome: &pb.QuantityResponse_Missing{Missing: &pb.Missing{Quantity: missing.Need, Why: missing.Reason}}}, nil
	case err != nil:
		return nil, err
	}
	a.note(q)
	return &pb.QuantityResponse{Outcome: &pb.QuantityResponse_Arrays{Arrays: h.arrays(b)}}, nil
}

// arrays says where a quantity's arrays lie.
func (h *modelHost) arrays(b *quantity.Bundle) *pb.Arrays {
	arrays := &pb.Arrays{CostSeconds: b.Seconds}
	for _, a := range b.Arrays {
		w := &pb.Array{Name: a.Name, Dtype: a.DType, Path: h.shown(a.Path), Offset: a.Offset}
		for _, d := range a.Shape {
			w.Shape = append(w.Shape, int64(d))
		}
		arrays.Arrays = append(arrays.Arrays, w)
	}
	return arrays
}

// shown is the path under which the plugin finds a file of the cache.
func (h *modelHost) shown(path string) string {
	if h.view == nil {
		return path
	}
	return h.view.show(path)
}

// chunkBytes is below every default limit of a gRPC message, and as fast as any.
const chunkBytes = 1 << 20

// StreamQuantity sends the bytes of one array.
func (h *modelHost) StreamQuantity(q *pb.StreamRequest, stream grpc.ServerStreamingServer[pb.Chunk]) error {
	a, ctx, leave, err := h.enter(stream.Context(), q.Compute)
	if err != nil {
		return err
	}
	defer leave()
	b, err := a.get(ctx, q.Name, q.Args)
	if err != nil {
		return err
	}
	for _, array := range b.Arrays {
		if array.Name == q.Array {
			return send(stream, array)
		}
	}
	return status.Errorf(codes.NotFound, "%s has no array %q", q.Name, q.Array)
}

func send(stream grpc.ServerStreamingServer[pb.Chunk], a quantity.Array) error {
	f, err := os.Open(a.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	n := width(a.DType)
	for _, d := range a.Shape {
		n *= int64(d)
	}
	r := io.NewSectionReader(f, a.Offset, n)
	buf := make([]byte, min(n, chunkBytes))
	for n > 0 {
		k, err := io.ReadFull(r, buf[:min(n, chunkBytes)])
		if err != nil {
			return fmt.Errorf("reading array %q of %s: %w", a.Name, a.Path, err)
		}
		if err := stream.Send(&pb.Chunk{Data: buf[:k]}); err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

// width is the size of one value in bytes.
func width(dtype string) int64 {
	switch dtype {
	case "f64":
		return 8
	case "u8":
		return 1
	}
	return 4
}

// Evaluate measures the training set at perturbed weights.
func (h *modelHost) Evaluate(ctx context.Context, q *pb.EvaluateRequest) (*pb.EvaluateResponse, error) {
	a, ctx, leave, err := h.enter(ctx, q.Compute)
	if err != nil {
		return nil, err
	}
	defer leave()
	if !a.needs.Has(measure.PerturbedLosses) {
		return nil, status.Errorf(codes.FailedPrecondition, "Evaluate needs %q, which is not declared in the measure's needs %v", measure.PerturbedLosses, a.needs)
	}
	ps := make([]quantity.Perturbation, len(q.Perturbations))
	for i, p := range q.Perturbations {
		ps[i] = quantity.Perturbation{Kind: p.Kind, Scale: p.Scale, Seed: p.Seed}
	}
	start := time.Now()
	es, err := a.source.Evaluate(ctx, ps)
	if err != nil {
		return nil, err
	}
	a.spend(time.Since(start).Seconds())
	r := &pb.EvaluateResponse{Evaluated: make([]*pb.Evaluated, len(es))}
	for i, e := range es {
		r.Evaluated[i] = &pb.Evaluated{Loss: e.Loss, Accuracy: e.Accuracy}
	}
	return r, nil
}

// Log takes a plugin's line.
func (h *modelHost) Log(_ context.Context, q *pb.LogRequest) (*pb.LogResponse, error) {
	h.log(q.Message)
	return &pb.LogResponse{}, nil
}

// recoverUnary and recoverStream turn a panic of the host's own code into an
// error of the cell in hand: gRPC would let it end genbench.
func recoverUnary(ctx context.Context, q any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (_ any, err error) {
	defer recoverTo(&err)
	return next(ctx, q)
}

func recoverStream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer recoverTo(&err)
	return next(server, stream)
}

func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = status.Errorf(codes.Internal, "genbench itself panicked: %v; please report it with this stack\n%s", p, debug.Stack())
	}
}
