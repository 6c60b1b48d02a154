package rank

import (
	"fmt"
	"math"
)

// FGMScore is the score of Jiang et al. 2019, "Fantastic Generalization Measures
// and Where to Find Them" (arXiv:1912.02178, section 3): Ψ and the overall τ,
// both by τ-a, in which a tied pair counts 0 and a measure that does not vary
// has τ = 0. Where an axis moves nothing but itself, as for the number of
// parameters along the learning rate, its ψ is 0 and Ψ counts it.
//
// The paper trains several networks a configuration and does not say what they
// count as; the sample's repeats decide. Cells with fewer than two networks,
// which their complete grid lacks, are left out.
type FGMScore struct {
	Psi, Tau       float64 // in [-1, 1]
	PsiErr, TauErr error   // an [ErrUndefined] where there is no pair to compare
	ByAxis         []Axis  // [A]
}

// FGM computes the score. The error is not nil when neither number is defined.
func (s *Sample) FGM() (FGMScore, error) {
	g := s.Granulated(A)
	out := FGMScore{Psi: g.Psi, PsiErr: g.Err, ByAxis: g.Axes}
	out.Tau, out.TauErr = s.TauA()
	if out.PsiErr != nil && out.TauErr != nil {
		return out, out.TauErr
	}
	return out, nil
}

// RGM computes the sign errors of Dziugaite et al. 2020, "In Search of Robust
// Measures of Generalization" (arXiv:2010.11924), as the authors' code does:
// over single networks, an environment being the pairs of two configurations
// that differ in one axis, weighed by (w − 1/2)₊ with Hoeffding's w, kept where
// the effective sample size is above 12 or numpy's isclose takes it for 12, and
// counted twice, once from each end. Environments counts each once, so the
// authors' figure is twice that. A measure or gap that ties has the error 1/2.
//
// The authors drop a network for all measures where one of them has no value;
// here it is dropped for that measure alone.
func (s *Sample) RGM(testSize int) SignErrors {
	return s.SignErrorsOf(SignErrorOptions{TestSize: testSize, Environment: ConfigurationPair, LeastESS: LeastESS, Doubled: true, isclose: true})
}

// AbsolutePearson is |r|, in [0, 1]: the score of the work on CNA, which is
// blind to the sign.
func AbsolutePearson(x, y []float64) (float64, error) {
	r, err := Pearson(x, y)
	return math.Abs(r), err
}

// PGDLScore is the score of one task of the NeurIPS 2020 competition
// "Predicting Generalization in Deep Learning" (Jiang et al., arXiv:2012.07976).
type PGDLScore struct {
	Score float64 // ×100; 0 to about 100, where 100 is hardly more than reached
	Set   [2]int  // the axes of the set that gave it, ascending; of equals the first
}

// PGDL computes the score as the competition's scoring program does
// (mutual_information.py), with all in which that differs from [Information]:
//
//   - Only sets S of exactly two axes count.
//   - Pairs of a network with itself count; they are "not greater" twice.
//   - The cells u weigh alike: the mean information over cells is divided by
//     the mean entropy over cells, in bits, and the entropy has log2(p + 1e-12).
//   - A cell's name is str(v1)+str(v2) of the first axis and then of the second,
//     without a separator. Where two cells have one name the other is empty and
//     the set's value is 0/0. The program takes the minimum over ordered pairs of
//     axes with Python's min(value, least), which a NaN value wins and a NaN least
//     loses: a NaN erases what came before and is itself erased by what comes next.
//
// The program refuses a grid that is not complete, and one with two networks at
// one place; here the former is undefined, and with repeats the configurations'
// means take the place of the networks ([Mean]), which is our choice.
//
// names, [A][level as NewGrid was given it], is how Python's str prints a level,
// and says how many levels the grid has; nil means no two names collide. The
// order of the axes is that in which the program reads them and matters to
// collisions alone. The error is an [ErrUndefined] unless names does not fit.
func (s *Sample) PGDL(names [][]string) (PGDLScore, error) {
	if err := s.completeFor(names); err != nil {
		return PGDLScore{}, err
	}
	f := s.newInformer()
	f.order(s.points, -1)
	return f.pgdl(s.collisions(names))
}

// completeFor says why the scoring program would refuse the grid.
func (s *Sample) completeFor(names [][]string) error {
	g := s.grid
	if names != nil && len(names) != g.Axes() {
		return fmt.Errorf("PGDL: names of %d axes for a grid of %d", len(names), g.Axes())
	}
	places := 1
	for a, given := range g.given {
		levels := len(given)
		if names != nil {
			if last := given[len(given)-1]; last >= len(names[a]) {
				return fmt.Errorf("PGDL: axis %d has the level %d, but %d names", a, last, len(names[a]))
			}
			levels = len(names[a])
		}
		places = min(places*levels, math.MaxInt/(levels+1)) // more than any sample holds
	}
	if g.Axes() < 2 {
		return undefined(Other, "the PGDL score conditions on two axes: the grid has %d", g.Axes())
	}
	if len(s.points) != s.occupied() {
		return undefined(Other, "the PGDL score needs one network a configuration: average the repeats")
	}
	if len(s.points) != places {
		return undefined(Other, "the PGDL score needs a complete grid: %d of %d configurations are there", len(s.points), places)
	}
	return nil
}

// pgdl is the score of the points taken in, one at each place of the grid.
func (f *informer) pgdl(collide [][]bool) (PGDLScore, error) {
	values := make([][]float64, len(collide))
	for a := range values {
		values[a] = make([]float64, len(collide))
	}
	for k, c := range f.sets {
		if len(c.axes) == 2 {
			a, b := c.axes[0], c.axes[1]
			values[a][b] = f.pgdlValue(k)
			values[b][a] = values[a][b]
		}
	}
	least, set, isNaN := math.Inf(1), [2]int{}, false
	for a := range values {
		for b, v := range values[a] {
			switch {
			case a == b:
			case collide[a][b]:
				set, isNaN = [2]int{a, b}, true
			case isNaN || v < least:
				least, set, isNaN = v, [2]int{min(a, b), max(a, b)}, false
			}
		}
	}
	if isNaN {
		return PGDLScore{}, undefined(Other, "the PGDL scoring program answers NaN: two cells of axes %d and %d have one name, the names of their levels written one after another", set[0], set[1])
	}
	return PGDLScore{Score: 100*least + 0, Set: set}, nil // + 0 makes -0 a 0
}

// collisions tells of each ordered pair of axes, [A][A], whether two cells have
// one name.
func (s *Sample) collisions(names [][]string) [][]bool {
	out := make([][]bool, s.grid.Axes())
	for a := range out {
		out[a] = make([]bool, len(out))
		for b := range out {
			out[a][b] = names != nil && a != b && collide(names[a], names[b])
		}
	}
	return out
}

// collide tells whether v+w+v'+w' is the same for two choices of v and w among
// the first names and v' and w' among the second: v+w or v'+w' is, or one v+w is
// another and a rest, with which a v'+w' begins that ends in another v'+w'.
func collide(first, second []string) bool {
	a, b := twos(first), twos(second)
	if len(a) < len(first)*len(first) || len(b) < len(second)*len(second) {
		return true
	}
	rests := map[string]bool{}
	for name := range b {
		for i := 1; i <= len(name); i++ {
			if b[name[i:]] {
				rests[name[:i]] = true
			}
		}
	}
	for name := range a {
		for i := range len(name) {
			if a[name[:i]] && rests[name[i:]] {
				return true
			}
		}
	}
	return false
}

// twos is the set of all v+w.
func twos(names []string) map[string]bool {
	out := make(map[string]bool, len(names)*len(names))
	for _, v := range names {
		for _, w := range names {
			out[v+w] = true
		}
	}
	return out
}

// pgdlValue is the ratio of the mean information to the mean entropy of set k.
func (f *informer) pgdlValue(k int) float64 {
	const epsilon = 1e-12
	var information, entropy float64
	groups := len(f.sets[k].levels)
	f.tally(k, func(g int, row []tally) {
		for h := range row {
			c := row[h].table()
			if g == h {
				c[0] += len(f.x) / groups // networks with themselves; the grid is complete
			}
			n := float64(c[0] + c[1] + c[2] + c[3])
			for y := range 2 {
				p := float64(c[2*y]+c[2*y+1]) / n
				entropy -= p * math.Log2(p+epsilon)
				for x := range 2 {
					if both := float64(c[2*y+x]) / n; both != 0 {
						information += both * math.Log2(both/(p*(float64(c[x]+c[x+2])/n)))
					}
				}
			}
		}
	})
	cells := float64(groups * groups)
	return information / cells / (entropy / cells)
}
