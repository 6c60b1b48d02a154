package quantity

import (
	"context"
	"slices"

	"github.com/genbench/genbench/models"
)

// compat evaluates the network under noise as nitarshan/robust-generalization-measures, measures.py, _pacbayes_sigma and
// _perturbed_model do:
//
//   - the standard deviation is σ², with magnitude σ² w² + ε²: a function that takes a deviation is given a variance;
//   - noise goes on in one stream: the e-th evaluation has the draws 10e to 10e+9;
//   - a batch norm that was folded into a layer stays behind as y ↦ g y + h with g = 1 and h = 0 for every output, and g and h
//     are perturbed as weights of that size are. A perturbed g and h are folded into the perturbed layer again: W ← g W,
//     b ← g b + h.
//
// Differs from it: the factor 1/√(1+ε_bn) that its neutral batch norm leaves in every layer, 5e-6, and the generator of the noise.
type compat struct {
	*perturber
	seed      uint64
	magnitude bool
	normed    []int // indices of the weights that a batch norm followed; each weight's bias is the tensor after it
}

func newCompat(w *perturber, s *Subject, magnitude bool) *compat {
	c := &compat{perturber: w, seed: s.Seed, magnitude: magnitude}
	from := s.Arch.Sources()
	for l, layer := range s.Arch.Layers {
		if layer.Kind == models.BatchNorm { // folded into what it reads: the network is fused
			name := s.Arch.Layers[from[l]].Name + ".weight"
			c.normed = append(c.normed, slices.IndexFunc(w.weights, func(t models.Tensor) bool { return t.Name == name }))
		}
	}
	return c
}

// deviation of the noise on a weight of value v.
func (c *compat) deviation(sigma, v float64) float64 {
	if c.magnitude {
		return sigma*sigma*v*v + epsilon*epsilon
	}
	return sigma * sigma
}

// drop is the unperturbed accuracy less the mean accuracy over the next 10 draws.
func (c *compat) drop(ctx context.Context, some []models.Session) evaluate {
	next := 0
	return func(sigma float64) (float64, error) {
		for t, tensor := range c.weights {
			for i, v := range tensor.Data {
				c.radius[t][i] = float32(c.deviation(sigma, float64(v)))
			}
		}
		first := next
		next += draws
		drop, err := c.dropOf(draws, c.all, some, func(own *perturber, session models.Session, draw int) (float64, error) {
			draw += first
			z := make([][]float32, len(c.weights)) // not kept: it is used once
			for t, tensor := range c.weights {
				z[t] = direction{normal, c.seed, draw, t}.generate(len(tensor.Data))
			}
			own.move(z)
			c.moveNorms(own.state, sigma, draw)
			return own.accuracy(ctx, session, c.all)
		})
		if err != nil {
			return 0, whatFailed("sigma", sigma, err)
		}
		return drop, nil
	}
}

// moveNorms folds the perturbed neutral batch norms into a state.
func (c *compat) moveNorms(state models.State, sigma float64, draw int) {
	gain, shift := c.deviation(sigma, 1), c.deviation(sigma, 0)
	for j, t := range c.normed {
		weight, bias := state[t].Data, state[t+1].Data
		in := len(weight) / len(bias)
		g := direction{normal, c.seed, draw, len(c.weights) + 2*j}.generate(len(bias))
		h := direction{normal, c.seed, draw, len(c.weights) + 2*j + 1}.generate(len(bias))
		for o := range bias {
			scale := float32(1 + gain*float64(g[o]))
			for i := range weight[o*in : (o+1)*in] {
				weight[o*in+i] *= scale
			}
			bias[o] = scale*bias[o] + float32(shift*float64(h[o]))
		}
	}
}
