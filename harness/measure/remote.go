package measure

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/genbench/genbench/harness/internal/pb"
)

// remote is the Source on the host's side of the wire.
type remote struct {
	client  pb.ModelHostClient
	compute uint64
	given   map[string]*pb.Given // sent ahead, by cacheKey

	mu   sync.Mutex
	read []reuse // of given
}

func newRemote(conn *grpc.ClientConn, q *pb.ComputeRequest) *remote {
	r := &remote{client: pb.NewModelHostClient(conn), compute: q.Compute, given: map[string]*pb.Given{}}
	for _, g := range q.Given {
		r.given[cacheKey(g.Name, g.Args)] = g
	}
	return r
}

// taken is what was read of what was given. A measure may have left goroutines behind that still read.
func (r *remote) taken() []reuse {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.read)
}

// hostError is a call to the host that failed.
type hostError struct {
	doing string
	err   error
}

func (e *hostError) Error() string { return e.doing + ": " + status.Convert(e.err).Message() }
func (e *hostError) Unwrap() error { return e.err }

// ended reports whether the call's time was over: the host may see a deadline that both
// share a little before the measure's context does.
func (e *hostError) ended() bool {
	code := status.Code(e.err)
	return code == codes.Canceled || code == codes.DeadlineExceeded
}

// Quantity asks the host for what it has not sent ahead.
func (r *remote) Quantity(ctx context.Context, name string, args map[string]string) ([]Array, error) {
	if g := r.given[cacheKey(name, args)]; g != nil {
		r.mu.Lock()
		r.read = append(r.read, reuse{name, args})
		r.mu.Unlock()
		return r.arrays(ctx, name, args, g.Arrays)
	}
	a, err := r.client.GetQuantity(ctx, &pb.QuantityRequest{Compute: r.compute, Name: name, Args: args})
	if err != nil {
		return nil, &hostError{"asking the host for " + name, err}
	}
	if m := a.GetMissing(); m != nil {
		return nil, &MissingError{Need: Need(m.Quantity), Reason: m.Why}
	}
	if u := a.GetUndefined(); u != nil {
		return nil, &UndefinedError{Reason: u.Why}
	}
	return r.arrays(ctx, name, args, a.GetArrays())
}

// arrays are a quantity's, by files where they can be opened here.
func (r *remote) arrays(ctx context.Context, name string, args map[string]string, as *pb.Arrays) ([]Array, error) {
	arrays := make([]Array, len(as.GetArrays()))
	opens := map[string]bool{} // by path: most often one
	for i, w := range as.GetArrays() {
		shape := make([]int, len(w.Shape))
		for k, d := range w.Shape {
			shape[k] = int(d)
		}
		arrays[i] = Array{Name: w.Name, DType: w.Dtype, Shape: shape, Path: w.Path, Offset: w.Offset}
		if _, tried := opens[w.Path]; !tried {
			opens[w.Path] = readable(w.Path)
		}
		if opens[w.Path] {
			continue
		}
		data, err := r.stream(ctx, name, args, w.Name)
		if err != nil {
			return nil, &hostError{"streaming " + name, err}
		}
		arrays[i].Data = data
	}
	return arrays, nil
}

func (r *remote) stream(ctx context.Context, name string, args map[string]string, array string) ([]byte, error) {
	s, err := r.client.StreamQuantity(ctx, &pb.StreamRequest{Compute: r.compute, Name: name, Args: args, Array: array})
	if err != nil {
		return nil, err
	}
	data := []byte{}
	for {
		c, err := s.Recv()
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
		data = append(data, c.Data...)
	}
}

// Evaluate asks the host.
func (r *remote) Evaluate(ctx context.Context, ps []Perturbation) ([]Evaluated, error) {
	q := &pb.EvaluateRequest{Compute: r.compute, Perturbations: make([]*pb.Perturbation, len(ps))}
	for i, p := range ps {
		q.Perturbations[i] = &pb.Perturbation{Kind: p.Kind, Scale: p.Scale, Seed: p.Seed}
	}
	a, err := r.client.Evaluate(ctx, q)
	if err != nil {
		return nil, &hostError{fmt.Sprintf("asking the host to evaluate %d perturbations", len(ps)), err}
	}
	out := make([]Evaluated, len(a.Evaluated))
	for i, e := range a.Evaluated {
		out[i] = Evaluated{Loss: e.Loss, Accuracy: e.Accuracy}
	}
	return out, nil
}
