package quantity

import (
	"context"
	"math"

	"github.com/genbench/genbench/models"
)

// computeTransformedMargins is layer-margins of changed training examples at one view:
//
//	transform=mixup    each example of a round averaged with the one that a random permutation of the round's
//	                   examples of its class assigns to it, maybe itself
//	transform=augment  images only: mirrored (probability 1/2); hue turned by up to 0.05, saturation times 0.6 to 1.2,
//	                   brightness plus up to 0.05, contrast times 0.7 to 1; the central 0.85 to 1.00, in steps
//	                   of 0.01, enlarged (probability 1/2)
//
// Arrays: difference [R·S], norms [R·S], variances [units] (of each unit of the representation, divisor R·S) and index
// [R·S], the examples. The random numbers depend on the run's seed and the place in the round alone.
//
// Source: Natekar and Sharma 2020, arXiv:2012.02775; parthnatekar/pgdl, computeMargins, batchMixupLabelwiseLinear and
// augment.py.
func computeTransformedMargins(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	l, _, err := s.view(a)
	if err != nil {
		return nil, err
	}
	rs := s.rounds(a.number("rounds"), a.number("examples"))
	var index []int32
	var x []float32
	if a["transform"] == "mixup" {
		var partners []int32
		index, partners = s.partners(rs)
		x = s.averages(index, partners)
	} else {
		index = flat(rs)
		if x, err = s.augmented(index); err != nil {
			return nil, err
		}
	}
	y := make([]int32, len(index))
	for i, e := range index {
		y[i] = s.Data.Train.Y[e]
	}
	m, err := p.layerMargins(ctx, x, y)
	if err != nil {
		return nil, err
	}
	norms := make([]float64, len(index))
	for i := range norms {
		norms[i] = m.norms[i*len(m.views)+l]
	}
	variances := m.moments[l].variances()
	return m.checked([]payload{
		{name: "difference", shape: []int{len(index)}, f64: m.difference}, {name: "norms", shape: []int{len(index)}, f64: norms},
		{name: "variances", shape: []int{len(variances)}, f64: variances}, {name: "index", shape: []int{len(index)}, i32: index},
	})
}

// partners sorts each round by class and gives every example a partner of its class and round.
func (s *Subject) partners(rounds [][]int32) (index, partner []int32) {
	for r, round := range rounds {
		for c, members := range byClass(round, s.Data.Train.Y, s.Arch.Classes) {
			index = append(index, members...)
			for _, i := range permutation(len(members), s.Seed, streamPartner+uint64(r)<<32+uint64(c)<<8) {
				partner = append(partner, members[i])
			}
		}
	}
	return index, partner
}

func (s *Subject) averages(index, partners []int32) []float32 {
	train, _ := s.inputs("train")
	d := s.Arch.Input.Size()
	x := make([]float32, len(index)*d)
	for i := range index {
		average(x[i*d:(i+1)*d], train, index[i], partners[i])
	}
	return x
}

// augmentation is what happens to one image; zoom 0 is none.
type augmentation struct {
	flip                                        bool
	hue, saturation, brightness, contrast, zoom float64
}

// augmentations draws one for each of n images.
func (s *Subject) augmentations(n int) []augmentation {
	const numbers = 7 // drawn for each image
	c := newChance(s.Seed, streamAugment)
	out := make([]augmentation, n)
	for i := range out {
		at := numbers * i
		out[i] = augmentation{
			flip: c.unit(at) < 0.5, hue: c.between(at+1, -0.05, 0.05), saturation: c.between(at+2, 0.6, 1.2),
			brightness: c.between(at+3, -0.05, 0.05), contrast: c.between(at+4, 0.7, 1),
		}
		if c.unit(at+5) >= 0.5 {
			out[i].zoom = float64(85+c.below(at+6, 16)) / 100
		}
	}
	return out
}

// augmented are the images of those examples, [N, D], each changed in its own way.
func (s *Subject) augmented(index []int32) ([]float32, error) {
	q, err := pictureOf(s.Arch.Input)
	if err != nil {
		return nil, err
	}
	train, _ := s.inputs("train")
	d := s.Arch.Input.Size()
	x, spare := make([]float32, len(index)*d), make([]float32, d)
	for i, g := range s.augmentations(len(index)) {
		e := int(index[i])
		q.augment(x[i*d:(i+1)*d], spare, train[e*d:(e+1)*d], g)
	}
	return x, nil
}

// augment changes src into dst; spare is room for one image.
func (q picture) augment(dst, spare, src []float32, g augmentation) {
	copy(dst, src)
	step := func(f func(dst, src []float32)) {
		copy(spare, dst)
		f(dst, spare)
	}
	if g.flip {
		step(q.flip)
	}
	step(func(dst, src []float32) { q.hue(dst, src, g.hue) })
	step(func(dst, src []float32) { q.saturate(dst, src, g.saturation) })
	step(func(dst, src []float32) { q.brighten(dst, src, g.brightness) })
	step(func(dst, src []float32) { q.contrast(dst, src, g.contrast) })
	if g.zoom != 0 {
		step(func(dst, src []float32) { q.zoom(dst, src, g.zoom) })
	}
}

// computeTransformedPredictions serves what the network answers to training images and to seven disturbances of
// each: predicted [8, N] (the first index of the largest logit), confidence [8, N] (its softmax probability) and
// index [N], the examples. Row 0 is the image as it is, the others in order
//
//	1 mirrored left and right     2 saturation times a factor in [0.6, 1.6)   3 the central 0.9 enlarged
//	4 horizontal Sobel /4 + 1/2   5 plus 0.5                                  6 mirrored, then as 2
//	7 a rectangle of 0
//
// One factor of the saturation is drawn for 64 images of row 2, another for those of row 6. The
// rectangle's sides are drawn from √(0.02·0.3·HW) up to √(0.4·HW/0.3), at most the image's, then its place. Images
// are changed as the network reads them, after any normalisation. Inputs that are no images make it undefined.
//
// Source: sumukhaithal6/pgdl, runner_up_solution/complexity.py ("Always Generalize").
func computeTransformedPredictions(ctx context.Context, p *Provider, a arguments) ([]payload, error) {
	s := p.subject
	q, err := pictureOf(s.Arch.Input)
	if err != nil {
		return nil, err
	}
	index := s.examples("train", a.number("examples"))
	plan, err := s.disturbances(q, len(index))
	if err != nil {
		return nil, err
	}
	x, _ := s.inputs("train")
	d, k, n, batch := s.Arch.Input.Size(), s.Arch.Classes, len(index), Batch(s.Arch)
	predicted, confidence := make([]int32, (disturbed+1)*n), make([]float64, (disturbed+1)*n)
	rows, spare, logits := make([]float32, batch*d), make([]float32, d), make([]float32, batch*k)
	err = p.host.sessions.with(s.Arch, s.Final, func(session models.Session) error {
		for kind := range disturbed + 1 {
			for lo := 0; lo < n; lo += batch {
				if err := ctx.Err(); err != nil {
					return err
				}
				hi := min(lo+batch, n)
				for i := lo; i < hi; i++ {
					e := int(index[i])
					q.disturb(rows[(i-lo)*d:(i-lo+1)*d], spare, x[e*d:(e+1)*d], kind, plan[i])
				}
				if err := session.Logits(logits[:(hi-lo)*k], rows[:(hi-lo)*d]); err != nil {
					return err
				}
				for i := lo; i < hi; i++ {
					at := kind*n + i
					label, sure := answer(logits[(i-lo)*k : (i-lo+1)*k])
					if notFinite(sure) {
						return undefined("the logits of training example %d under disturbance %d are not finite", index[i], kind)
					}
					predicted[at], confidence[at] = int32(label), sure
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []payload{
		{name: "predicted", shape: []int{disturbed + 1, n}, i32: predicted},
		{name: "confidence", shape: []int{disturbed + 1, n}, f64: confidence},
		{name: "index", shape: []int{n}, i32: index},
	}, nil
}

// answer is the first index of the largest logit and its softmax probability, NaN where a logit is not finite.
func answer(row []float32) (label int, sure float64) {
	label = largest(row)
	var sum float64
	for j, v := range exponentials(row) {
		sum += v + 0*float64(row[j]) // 0 times an infinity is NaN
	}
	return label, 1 / sum
}

// exponentials are e^(f - max f) of one row of logits.
func exponentials(row []float32) []float64 {
	top := float64(row[largest(row)])
	powers := make([]float64, len(row))
	for j, v := range row {
		powers[j] = math.Exp(float64(v) - top)
	}
	return powers
}

// disturbed is the number of ways to disturb an image.
const disturbed = 7

// disturbance is what is random in disturbing one image.
type disturbance struct {
	saturation [2]float64 // of rows 2 and 6
	erased     box
}

func (s *Subject) disturbances(q picture, n int) ([]disturbance, error) {
	const together = 64 // images that share a saturation
	area := float64(q.h * q.w)
	low := int(math.RoundToEven(math.Sqrt(0.02 * area * 0.3)))
	high := int(math.RoundToEven(math.Sqrt(0.4 * area / 0.3)))
	h, w := min(high, q.h), min(high, q.w)
	if low >= min(h, w) {
		return nil, undefined("images of %d x %d pixels have no room for a rectangle of %d x %d to erase", q.h, q.w, low, low)
	}
	c := newChance(s.Seed, streamDisturb)
	out := make([]disturbance, n)
	for i := range out {
		at := 6 * i
		first := 6 * (i / together * together)
		out[i].saturation = [2]float64{c.between(first, 0.6, 1.6), c.between(first+1, 0.6, 1.6)}
		b := box{h: low + c.below(at+2, h-low), w: low + c.below(at+3, w-low)}
		b.y, b.x = c.below(at+4, q.h-b.h), c.below(at+5, q.w-b.w)
		out[i].erased = b
	}
	return out, nil
}

// disturb changes src into dst in the way of that row; spare is room for one image.
func (q picture) disturb(dst, spare, src []float32, row int, g disturbance) {
	switch row {
	case 1:
		q.flip(dst, src)
	case 2:
		q.saturate(dst, src, g.saturation[0])
	case 3:
		q.crop(dst, src, 0.9)
	case 4:
		q.sobel(dst, src)
	case 5:
		q.brighten(dst, src, 0.5)
	case 6:
		q.flip(spare, src)
		q.saturate(dst, spare, g.saturation[1])
	case 7:
		q.erase(dst, src, g.erased)
	default:
		copy(dst, src)
	}
}
