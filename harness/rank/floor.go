package rank

import (
	"fmt"
	"slices"
)

// Floor is what a measure that knows nothing scores: the mean and the 95th
// percentile over random orders of the networks. K and the score of PGDL are
// never negative, so that chance alone lifts them, by the more the smaller the
// cells are.
type Floor struct {
	Mean, P95 float64 // in the statistic's units
	Draws     int
	Err       error // an [ErrUndefined]
}

// Floors computes the floors of K and of the PGDL score with the gaps and the
// repeats of a sample, in which every network should be defined; its x is not
// looked at. names are as in [Sample.PGDL]. The order is random over what is
// ranked: configurations under [Mean], networks elsewhere.
func (s *Sample) Floors(names [][]string, draws int, seed uint64) (k, pgdl Floor) {
	if draws < 1 {
		err := undefined(Other, "%d draws: at least 1 is needed", draws)
		return Floor{Err: err}, Floor{Err: err}
	}
	f := s.newInformer()
	points := slices.Clone(s.points)
	order := make([]int, len(points))
	collide, errPGDL := [][]bool(nil), s.completeFor(names)
	if errPGDL == nil {
		collide = s.collisions(names)
	}
	var ofK, ofPGDL []float64
	for b := range draws {
		shuffle(order, seed, forFloor, b)
		for p, x := range order {
			points[p].x = float64(x)
		}
		if v, ok := f.minimum(points); ok {
			ofK = append(ofK, v)
		}
		if errPGDL != nil {
			continue
		}
		score, err := f.pgdl(collide)
		if err != nil {
			errPGDL = err
			continue
		}
		ofPGDL = append(ofPGDL, score.Score)
	}
	k, pgdl = floorOf(ofK, s.Information().Err), floorOf(ofPGDL, errPGDL)
	return k, pgdl
}

func floorOf(draws []float64, err error) Floor {
	if len(draws) == 0 {
		if err == nil {
			err = fmt.Errorf("%w: no random order has one", ErrUndefined)
		}
		return Floor{Err: err}
	}
	slices.Sort(draws)
	out := Floor{P95: quantile(draws, 0.95), Draws: len(draws)}
	for _, v := range draws {
		out.Mean += v / float64(len(draws))
	}
	return out
}
