package quantity

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/genbench/genbench/models"
)

// computeWeights serves every tensor as it is stored.
func computeWeights(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	return statePayloads(p.subject.Final), nil
}

func computeInitWeights(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	return statePayloads(p.subject.Init), nil
}

// computeFusedWeights serves the dense tensors with batch norm folded in, see [models.Fuse].
func computeFusedWeights(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	return fusedPayloads(p.subject.Arch, p.subject.Final)
}

func computeFusedInitWeights(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	return fusedPayloads(p.subject.Arch, p.subject.Init)
}

func fusedPayloads(a models.Architecture, s models.State) ([]payload, error) {
	_, fused, err := models.Fuse(a, s)
	if err != nil {
		return nil, undefined("%s", err)
	}
	return statePayloads(fused), nil
}

func computeTrainInputs(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	x, n := p.subject.inputs("train")
	return []payload{{name: "x", shape: []int{n, p.subject.Arch.Input.Size()}, f32: x}}, nil
}

func computeTestInputs(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	x, n := p.subject.inputs("test")
	if n == 0 {
		return nil, undefined("the data has no test examples")
	}
	return []payload{{name: "x", shape: []int{n, p.subject.Arch.Input.Size()}, f32: x}}, nil
}

// computeTrainLabels serves the labels trained on, never the clean ones.
func computeTrainLabels(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	y := p.subject.Data.Train.Y
	return []payload{{name: "y", shape: []int{len(y)}, i32: y}}, nil
}

// computeHistory serves the recorded facts. Steps that were never reached are
// -1; what was not recorded is left out.
func computeHistory(_ context.Context, p *Provider, _ arguments) ([]payload, error) {
	f := p.subject.Facts
	ps := []payload{
		scalar("epochs", float64(f.Epochs)), scalar("steps", float64(f.Steps)),
		scalar("steps_to_0.1", float64(f.StepsTo01)), scalar("steps_to_0.01", float64(f.StepsTo001)),
	}
	for _, g := range []struct {
		name  string
		value *float64
	}{{"gradient_noise_1", f.GradientNoise1}, {"gradient_noise_final", f.GradientNoiseFinal}} {
		if g.value != nil && !math.IsNaN(*g.value) && !math.IsInf(*g.value, 0) {
			ps = append(ps, scalar(g.name, *g.value))
		}
	}
	return append(ps, payload{name: "mean_losses", shape: []int{len(f.MeanLosses)}, f64: append([]float64{}, f.MeanLosses...)}), nil
}

// Streams of the run's seed, one a purpose.
const (
	streamExamplesTrain uint64 = 1 + iota
	streamExamplesTest
	streamCoarse  // examples of a search's rough stage
	streamBatches // order of the examples in sharpness's ascent
	streamLosses  // batches of the losses at worst perturbations
)

// examples answers which n examples of a split are looked at, in order: all in
// their order when n is 0 or not less than all, else the first n of a
// permutation (Fisher-Yates, PCG) that depends on the run's seed, the split and its size.
func (s *Subject) examples(split string, n int) []int32 {
	_, total := s.inputs(split)
	stream := streamExamplesTrain
	if split == "test" {
		stream = streamExamplesTest
	}
	if n == 0 || n >= total {
		all := make([]int32, total)
		for i := range all {
			all[i] = int32(i)
		}
		return all
	}
	return permutation(total, s.Seed, stream)[:n]
}

func permutation(n int, seed, stream uint64) []int32 {
	p := make([]int32, n)
	for i := range p {
		p[i] = int32(i)
	}
	r := rand.New(rand.NewPCG(seed, stream))
	r.Shuffle(n, func(i, j int) { p[i], p[j] = p[j], p[i] })
	return p
}

// gather copies rows of x, [N, D], into dst.
func gather(dst, x []float32, rows []int32, d int) []float32 {
	dst = dst[:0]
	for _, i := range rows {
		dst = append(dst, x[int(i)*d:(int(i)+1)*d]...)
	}
	return dst
}
