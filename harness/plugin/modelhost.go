package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
)

// Quantities is what a plugin may ask of one network. *quantity.Provider is one.
type Quantities interface {
	Get(ctx context.Context, name string, args map[string]string) (*quantity.Bundle, error)
	Evaluate(ctx context.Context, ps []quantity.Perturbation) ([]quantity.Evaluated, error)
}

// modelHost answers the plugin's questions about the network in hand, and about no other.
type modelHost struct {
	pb.UnimplementedModelHostServer

	mu      sync.Mutex
	current *asking
}

// asking is one Compute, as the host sees it.
type asking struct {
	id     uint64
	needs  measure.Needs
	source Quantities

	mu   sync.Mutex
	cost float64 // seconds of all quantities that were asked for, whoever paid
	seen map[string]bool
}

func (h *modelHost) begin(a *asking) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = a
}

func (h *modelHost) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.current = nil
}

func (h *modelHost) find(id uint64) (*asking, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current == nil || h.current.id != id {
		return nil, status.Error(codes.NotFound, "this Compute has ended")
	}
	return h.current, nil
}

// get looks a quantity up, if the measure declared it.
func (h *modelHost) get(ctx context.Context, id uint64, name string, args map[string]string) (*quantity.Bundle, error) {
	a, err := h.find(id)
	if err != nil {
		return nil, err
	}
	if err := a.needs.Permit(name, args); err != nil {
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	}
	b, err := a.source.Get(ctx, name, args)
	if err != nil {
		return nil, err
	}
	a.charge(name, args, b.Seconds)
	return b, nil
}

// charge notes what a quantity cost when it was computed, once.
func (a *asking) charge(name string, args map[string]string, seconds float64) {
	key := fmt.Sprint(name, args) // fmt prints maps in the order of keys
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[string]bool{}
	}
	if !a.seen[key] {
		a.seen[key] = true
		a.cost += seconds
	}
}

func (a *asking) seconds() float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cost
}

// GetQuantity says where a quantity's arrays lie.
func (h *modelHost) GetQuantity(ctx context.Context, q *pb.QuantityRequest) (*pb.QuantityResponse, error) {
	b, err := h.get(ctx, q.Compute, q.Name, q.Args)
	var undefined *quantity.Undefined
	var missing *quantity.Missing
	switch {
	case errors.As(err, &undefined):
		return &pb.QuantityResponse{Outcome: &pb.QuantityResponse_Undefined{Undefined: &pb.Undefined{Why: undefined.Reason}}}, nil
	case errors.As(err, &missing):
		return &pb.QuantityResponse{Outcome: &pb.QuantityResponse_Missing{Missing: &pb.Missing{Quantity: missing.Need, Why: missing.Reason}}}, nil
	case err != nil:
		return nil, err
	}
	arrays := &pb.Arrays{CostSeconds: b.Seconds}
	for _, a := range b.Arrays {
		w := &pb.Array{Name: a.Name, Dtype: a.DType, Path: a.Path, Offset: a.Offset}
		for _, d := range a.Shape {
			w.Shape = append(w.Shape, int64(d))
		}
		arrays.Arrays = append(arrays.Arrays, w)
	}
	return &pb.QuantityResponse{Outcome: &pb.QuantityResponse_Arrays{Arrays: arrays}}, nil
}

// chunkBytes is well below every default limit of a gRPC message.
const chunkBytes = 1 << 20

var sizes = map[string]int64{"f32": 4, "f64": 8, "i32": 4, "u8": 1}

// StreamQuantity sends the bytes of one array.
func (h *modelHost) StreamQuantity(q *pb.StreamRequest, stream grpc.ServerStreamingServer[pb.Chunk]) error {
	b, err := h.get(stream.Context(), q.Compute, q.Name, q.Args)
	if err != nil {
		return err
	}
	for _, a := range b.Arrays {
		if a.Name == q.Array {
			return send(stream, a)
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
	n := sizes[a.DType]
	for _, d := range a.Shape {
		n *= int64(d)
	}
	r := io.NewSectionReader(f, a.Offset, n)
	buf := make([]byte, min(n, chunkBytes))
	for n > 0 {
		k, err := io.ReadFull(r, buf[:min(n, chunkBytes)])
		if err != nil {
			return err
		}
		if err := stream.Send(&pb.Chunk{Data: buf[:k]}); err != nil {
			return err
		}
		n -= int64(k)
	}
	return nil
}

// Evaluate measures the training set at perturbed weights.
func (h *modelHost) Evaluate(ctx context.Context, q *pb.EvaluateRequest) (*pb.EvaluateResponse, error) {
	a, err := h.find(q.Compute)
	if err != nil {
		return nil, err
	}
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
	a.charge("evaluate", map[string]string{"at": start.String()}, time.Since(start).Seconds())
	r := &pb.EvaluateResponse{}
	for _, e := range es {
		r.Evaluated = append(r.Evaluated, &pb.Evaluated{Loss: e.Loss, Accuracy: e.Accuracy})
	}
	return r, nil
}

// Log takes a plugin's line. What matters of it reaches the user with a failure; see session.stderr.
func (h *modelHost) Log(context.Context, *pb.LogRequest) (*pb.LogResponse, error) {
	return &pb.LogResponse{}, nil
}
