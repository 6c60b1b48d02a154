package quantity

import (
	"fmt"
	"math"
)

const (
	targetDrop     = 0.1     // fall of the training accuracy that is searched for, a fraction
	tolerance      = 0.01    // of the fall
	maxEvaluations = 20      // of one search, the rough stage's included
	maxRough       = 9       // of the rough stage
	largestScale   = 1 << 10 // where a search gives up
	narrow         = 1.01    // ratio of a bracket's ends that counts as found
	maxHalvings    = 15      // of the reference code's bisection
)

// found is what a search answers.
type found struct {
	scale        float64 // where the drop is targetDrop, interpolated within the bracket
	drop         float64 // at the evaluated scale nearest to the target
	lower, upper float64 // scales evaluated on either side
	converged    bool
	evaluations  int
}

func (f found) payloads(name string) []payload {
	converged := 0.0
	if f.converged {
		converged = 1
	}
	return []payload{
		scalar(name, f.scale), scalar("drop", f.drop), scalar("lower", f.lower), scalar("upper", f.upper),
		scalar("converged", converged), scalar("evaluations", float64(f.evaluations)),
	}
}

// point is an evaluated scale.
type point struct{ scale, drop float64 }

// bracket holds the largest scale known to cost less than the target and the
// smallest known to cost at least as much. A drop grows with the scale on
// average only: where a draw of noise makes it fall, the bracket closes on one of
// the crossings.
type bracket struct {
	low, high       point
	hasLow, hasHigh bool
	streak          int // evaluations in a row that moved the same end; negative: the low one
}

func (b *bracket) add(p point) {
	if p.drop < targetDrop {
		b.low, b.hasLow = p, true
		b.streak = min(b.streak, 0) - 1
	} else {
		b.high, b.hasHigh = p, true
		b.streak = max(b.streak, 0) + 1
	}
}

func (b *bracket) both() bool { return b.hasLow && b.hasHigh }

// slope is d ln drop / d ln scale across the bracket, kept within what is
// plausible: 3 where nothing is known.
func (b *bracket) slope() float64 {
	if !b.both() || b.low.drop <= 0.005 {
		return 3
	}
	s := math.Log(b.high.drop/b.low.drop) / math.Log(b.high.scale/b.low.scale)
	return min(max(s, 0.5), 10)
}

// cross is the scale where the drop meets the target between the ends: on the line through
// them in log-log coordinates, or with a linear drop where the lower one is
// too small for its logarithm to mean something.
func (b *bracket) cross() float64 {
	l, h := math.Log(b.low.scale), math.Log(b.high.scale)
	var t float64
	if b.low.drop > 0.02 {
		t = math.Log(targetDrop/b.low.drop) / math.Log(b.high.drop/b.low.drop)
	} else {
		t = (targetDrop - b.low.drop) / (b.high.drop - b.low.drop)
	}
	return math.Exp(l + min(max(t, 0), 1)*(h-l))
}

// near is the end whose drop is nearest to the target.
func (b *bracket) near() point {
	if !b.hasHigh || b.hasLow && targetDrop-b.low.drop < b.high.drop-targetDrop {
		return b.low
	}
	return b.high
}

// done reports whether the target is bracketed and met, or the bracket narrow.
func (b *bracket) done() bool {
	return b.both() && (math.Abs(b.near().drop-targetDrop) < tolerance || b.high.scale/b.low.scale < narrow)
}

// evaluate answers the drop at a scale.
type evaluate func(scale float64) (float64, error)

// search finds the scale at which the drop is targetDrop, in two stages: rough,
// on a sample, from start outwards in growing steps until the target is
// bracketed; then exactly, from where the sample says, with a secant in log-log
// coordinates that is kept inside its bracket. It ends when an evaluated drop is
// within the tolerance and the target is bracketed, or the bracket is narrow.
//
// smallest is where it gives up downwards; tooLarge says what that means.
//
// Differs from FGM's reference code, which bisects on [0, 2] and answers the last scale tried: with a
// tolerance of 0.01 on a drop of 0.1 that leaves some per cent of scale to chance, enough to
// reorder networks.
func search(start, smallest float64, tooLarge string, rough, exact evaluate) (found, error) {
	b := bracket{}
	count := 0
	try := func(f evaluate, s float64) error {
		d, err := f(s)
		if err != nil {
			return err
		}
		count++
		b.add(point{s, d})
		return nil
	}
	s, err := bracketRoughly(&b, start, smallest, func(s float64) error { return try(rough, s) })
	if err != nil {
		return found{}, err
	}
	slope := b.slope()
	b = bracket{}
	for count < maxEvaluations {
		if err := try(exact, s); err != nil {
			return found{}, err
		}
		if b.done() {
			break
		}
		switch {
		case b.both():
			slope = b.slope()
			s = b.inside()
		case b.hasLow:
			if b.low.scale >= largestScale {
				return found{}, undefined("the training accuracy falls by less than %g up to scale %d", targetDrop, largestScale)
			}
			s = min(b.low.scale*further(outwards(b.low.drop, slope), -b.streak), largestScale)
		default:
			if b.high.scale <= smallest {
				return found{}, undefined("%s", tooLarge)
			}
			s = max(b.high.scale/further(outwards(b.high.drop, slope), b.streak), smallest)
		}
	}
	return b.answer(count), nil
}

// bracketRoughly walks from start until the target is bracketed, refines once,
// and answers where the exact stage begins.
func bracketRoughly(b *bracket, start, smallest float64, try func(float64) error) (float64, error) {
	s, factor := min(start, largestScale), 2.0
	for i := 0; i < maxRough; i++ {
		if err := try(s); err != nil {
			return 0, err
		}
		switch {
		case b.both():
			if b.high.scale/b.low.scale < 1.5 || i == maxRough-1 {
				return b.cross(), nil
			}
			if err := try(b.inside()); err != nil {
				return 0, err
			}
			return b.cross(), nil
		case b.hasLow && s < largestScale:
			s = min(s*factor, largestScale)
		case b.hasHigh && s > smallest:
			s = max(s/factor, smallest)
		default:
			return s, nil // the exact stage decides
		}
		if i%2 == 1 {
			factor *= 2
		}
	}
	return s, nil
}

// outwards is the factor of a step that should pass the target: half as far
// again as the slope says, within [1.02, 4].
func outwards(drop, slope float64) float64 {
	distance := math.Abs(math.Log(max(drop, 0.01)/targetDrop)) / slope
	return math.Exp(min(max(1.5*distance, 0.02), math.Log(4)))
}

// further is the factor of the n-th step outwards in a row: squared with each,
// up to 1000, since the slope that it rests on has proved wrong. The drop is next to constant where ε
// outweighs the scale.
func further(factor float64, n int) float64 {
	return min(math.Pow(factor, math.Exp2(float64(n-1))), 1000)
}

// inside is the next scale within the bracket: the secant's, kept away from the
// ends; the middle where the secant is of little use, since the drop rises from
// next to nothing or the last two evaluations moved the same end.
func (b *bracket) inside() float64 {
	l, h := math.Log(b.low.scale), math.Log(b.high.scale)
	if b.streak >= 2 || b.streak <= -2 || b.low.drop < 0.02 {
		return math.Exp((l + h) / 2)
	}
	margin := 0.05 * (h - l)
	return math.Exp(min(max(math.Log(b.cross()), l+margin), h-margin))
}

func (b *bracket) answer(count int) found {
	f := found{evaluations: count, lower: b.low.scale, upper: b.high.scale}
	near := b.near()
	f.scale, f.drop = near.scale, near.drop
	f.converged = math.Abs(near.drop-targetDrop) < tolerance
	switch {
	case b.both():
		f.scale = b.cross()
		f.converged = f.converged || b.high.scale/b.low.scale < narrow
	case b.hasLow:
		f.upper = math.MaxFloat64 // none was found; infinity is not for files
	}
	return f
}

// bisect is the search of FGM's reference code: at most 15 halvings of [0, 2],
// ending when the drop, taken without its sign, is within the tolerance; it
// answers the last scale tried.
//
// Source: nitarshan/robust-generalization-measures, measures.py, _pacbayes_sigma.
func bisect(exact evaluate) (found, error) {
	f := found{upper: 2}
	for f.evaluations < maxHalvings {
		f.scale = f.lower + (f.upper-f.lower)/2
		d, err := exact(f.scale)
		if err != nil {
			return found{}, err
		}
		f.evaluations++
		f.drop = math.Abs(d)
		if math.Abs(f.drop-targetDrop) < tolerance {
			f.converged = true
			return f, nil
		}
		if f.drop > targetDrop {
			f.upper = f.scale
		} else {
			f.lower = f.scale
		}
	}
	return f, nil
}

// whatFailed names a scale that could not be evaluated.
func whatFailed(name string, scale float64, err error) error {
	return fmt.Errorf("%s = %g: %w", name, scale, err)
}
