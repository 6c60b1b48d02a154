package corpora

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/genbench/genbench/models"
)

// Plan is what training a corpus would cost, before it is trained.
type Plan struct {
	Networks   int   `json:"networks"`
	Missing    int   `json:"missing"`    // not in the store
	Parameters int64 `json:"parameters"` // trainable values of all networks together

	// Core-seconds to train the missing ones: expected, and if every one runs to its last epoch.
	Seconds    float64 `json:"seconds"`
	SecondsMax float64 `json:"seconds_max"`
	Epochs     float64 `json:"epochs"` // expected of a network, in the mean
	Bytes      int64   `json:"bytes"`  // disk that the missing ones will take at the most
	Basis      string  `json:"basis"`  // what the expectation rests on

	SnapshotBytes int64 `json:"snapshot_bytes"` // of those, for snapshots

	// Floating-point operations of the expected training, counted and not timed: 2 for each multiply-add with a weight, forward once and backward twice.
	Operations float64 `json:"operations"`
}

// MakePlan counts what is missing in the store (nil: everything) and estimates
// its cost by training up to three networks for at most a few seconds, on one core, and the multiply-adds of the
// others. The number of epochs is unknown before training: it is taken from the networks that the store has, else from
// probes that reached their target, and is a guess of half the cap where there are neither. Without a target all epochs are run.
func MakePlan(ctx context.Context, s *Store, nets []Network, e models.Engine, dataDir string) (Plan, error) {
	p := Plan{Networks: len(nets)}
	there, err := s.present()
	if err != nil {
		return p, err
	}
	sizes := archSizes{}
	var missing []Network
	var epochs []float64
	for i := range nets {
		if ctx.Err() != nil {
			return p, context.Cause(ctx)
		}
		n := &nets[i]
		size := sizes.of(n.Arch)
		p.Parameters += size.parameters
		if there[n.ID] {
			r, err := s.Record(n.ID)
			switch {
			case err == nil && !lacks(r, n):
				if !r.Imported() {
					epochs = append(epochs, float64(r.Epochs))
				}
				continue
			case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*ErrDamaged)):
				return p, err
			}
		}
		if !n.Imported {
			missing = append(missing, *n)
			p.Bytes += n.bytes(size)
			p.SnapshotBytes += n.snapshotBytes(size)
		}
	}
	p.Missing = len(missing)
	if p.Missing == 0 {
		p.Basis = "nothing is missing"
		return p, nil
	}
	perEpoch := make([]float64, len(missing)) // in units of Network.cost
	for i := range missing {
		perEpoch[i] = float64(sizes.of(missing[i].Arch).multiplyAdds) * float64(missing[i].TrainSize())
	}
	rates, reached, err := probe(ctx, missing, perEpoch, e, NewDataCache(dataDir))
	if err != nil {
		return p, fmt.Errorf("estimating the cost: %w", err)
	}
	epochs = p.rests(missing, epochs, reached)
	p.expect(missing, perEpoch, rates, epochs)
	return p, nil
}

// rests notes what the number of epochs rests on, those of the networks in the store or of the probes, and answers them.
func (p *Plan) rests(missing []Network, stored, reached []float64) []float64 {
	epochs := stored
	p.Basis = fmt.Sprintf("epochs of the %d networks in the store", len(stored))
	if len(stored) == 0 {
		epochs = reached
		p.Basis = fmt.Sprintf("epochs of %d networks trained to their target", len(reached))
	}
	switch {
	case !slices.ContainsFunc(missing, func(n Network) bool { return n.Training.TargetLoss > 0 }):
		p.Basis = "no target loss: all of max_epochs"
	case len(epochs) == 0:
		p.Basis = "a guess: half of max_epochs"
	}
	return epochs
}

// expect adds up the missing networks.
func (p *Plan) expect(missing []Network, sizes []float64, rates []rate, epochs []float64) {
	usual := math.Inf(1)
	if len(epochs) > 0 {
		usual = mean(epochs)
	}
	for i := range missing {
		last := float64(missing[i].Training.MaxEpochs)
		perEpoch := nearestRate(rates, missing[i].Arch.Family, sizes[i]) * sizes[i]
		expected := min(usual, last)
		switch {
		case missing[i].Training.TargetLoss == 0:
			expected = last
		case len(epochs) == 0:
			expected = last / 2
		}
		p.Operations += 6 * sizes[i] * expected
		p.Epochs += expected / float64(len(missing))
		p.Seconds += perEpoch * expected
		p.SecondsMax += perEpoch * last
	}
}

// archSize is the values of an architecture's tensors, those that are trained and all, and the multiply-adds of an example.
type archSize struct{ parameters, values, multiplyAdds int64 }

// archSizes remembers sizes: the networks of a grid share their layers.
type archSizes map[*models.Layer]archSize

func (m archSizes) of(a models.Architecture) archSize {
	if len(a.Layers) == 0 {
		return archSize{}
	}
	if known, ok := m[&a.Layers[0]]; ok {
		return known
	}
	var s archSize
	for _, t := range a.Tensors() {
		s.values += int64(t.Size())
		if t.Trainable {
			s.parameters += int64(t.Size())
		}
	}
	s.multiplyAdds = a.MultiplyAdds()
	m[&a.Layers[0]] = s
	return s
}

// bytes is about what the store will take for the network.
func (n *Network) bytes(size archSize) int64 {
	copies := int64(1)
	if n.KeepInit {
		copies++
	}
	b := copies*tensorBytes(size) + n.snapshotBytes(size) + int64(n.TestSize()/8) // bits
	b += 4096 + 150*int64(n.Training.MaxEpochs)/2                                 // record, history
	if n.Transform.Train > 0 {
		b += 10 * int64(n.Transform.Train) // indices in the record
	}
	return b + 10*int64(n.Transform.LabelShuffle*float64(n.TrainSize()))
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
