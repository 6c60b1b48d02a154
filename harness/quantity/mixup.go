package quantity

import (
	"context"

	"github.com/genbench/genbench/models"
)

// computeMixupPredictions serves what the network answers to label-wise mixup: in each round of sampled training
// examples, every unordered pair of examples of one class (labels trained on) is averaged,
//
//	x = (x_a + x_b)/2
//
// and run through the network in evaluation mode. Arrays, one entry a pair: pairs [P, 2] (the examples), round [P],
// class [P] (of the pair), predicted [P] (the first index of the largest logit). Arguments are rounds and
// examples, of a round, 0 for all.
//
// Source: Natekar and Sharma 2020, arXiv:2012.02775; parthnatekar/pgdl, complexityMixup.
func computeMixupPredictions(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	x, _ := s.inputs("train")
	d, k, batch := s.Arch.Input.Size(), s.Arch.Classes, Batch(s.Arch)
	m := pairUp(s.rounds(a.number("rounds"), a.number("examples")), s.Data.Train.Y, k)
	n := len(m.class)
	predicted := make([]int32, n)
	rows, logits := make([]float32, batch*d), make([]float32, batch*k)
	err := p.host.sessions.with(s.Arch, s.Final, func(session models.Session) error {
		for lo := 0; lo < n; lo += batch {
			if err := ctx.Err(); err != nil {
				return err
			}
			hi := min(lo+batch, n)
			for i := lo; i < hi; i++ {
				average(rows[(i-lo)*d:(i-lo+1)*d], x, m.pairs[2*i], m.pairs[2*i+1])
			}
			if err := session.Logits(logits[:(hi-lo)*k], rows[:(hi-lo)*d]); err != nil {
				return err
			}
			for i := lo; i < hi; i++ {
				row := logits[(i-lo)*k : (i-lo+1)*k]
				for _, v := range row {
					if notFinite(float64(v)) {
						return undefined("a logit of the mean of training examples %d and %d is %v", m.pairs[2*i], m.pairs[2*i+1], v)
					}
				}
				predicted[i] = int32(largest(row))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []payload{
		{name: "pairs", shape: []int{n, 2}, i32: m.pairs}, {name: "round", shape: []int{n}, i32: m.round},
		{name: "class", shape: []int{n}, i32: m.class}, {name: "predicted", shape: []int{n}, i32: predicted},
	}, nil
}

// pairing is pairs of examples of one class.
type pairing struct{ pairs, round, class []int32 }

// pairUp lists the pairs round by round, class by class, in the order of the round.
func pairUp(rounds [][]int32, y []int32, classes int) pairing {
	m := pairing{pairs: []int32{}, round: []int32{}, class: []int32{}} // none is not nil: an array of no values
	for r, round := range rounds {
		for c, members := range byClass(round, y, classes) {
			for i, a := range members {
				for _, b := range members[i+1:] {
					m.pairs = append(m.pairs, a, b)
					m.round, m.class = append(m.round, int32(r)), append(m.class, int32(c))
				}
			}
		}
	}
	return m
}

// byClass sorts examples into classes and keeps their order.
func byClass(examples, y []int32, classes int) [][]int32 {
	members := make([][]int32, classes)
	for _, e := range examples {
		members[y[e]] = append(members[y[e]], e)
	}
	return members
}

// average writes the mean of rows a and b of x, [N, D], into dst, [D].
func average(dst, x []float32, a, b int32) {
	d := len(dst)
	xa, xb := x[int(a)*d:(int(a)+1)*d], x[int(b)*d:(int(b)+1)*d]
	for i := range dst {
		dst[i] = 0.5*xa[i] + 0.5*xb[i]
	}
}

// largest is the first index of the largest value.
func largest(row []float32) int {
	best := 0
	for j, v := range row {
		if v > row[best] {
			best = j
		}
	}
	return best
}
