package rank

import (
	"errors"
	"math"
	"testing"
)

// Among the 24 orders of four values, two have |τ| = 1: p is 1/12, and
// Phipson and Smyth's (b+1)/(B+1) tends to it. Four standard errors at B = 20,000.
func TestTauPValue(t *testing.T) {
	s := sample(t, nil, []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, Mean)
	const b = 20000
	p := must(s.PValues(B, b, 1))
	near(t, "p", p.Tau, 1.0/12, 4*math.Sqrt(1.0/12*11.0/12/b))
	if !errors.Is(p.PsiErr, ErrUndefined) {
		t.Errorf("Ψ without axes: %+v", p)
	}
	if p := must(s.PValues(B, 1, 1)).Tau; p != .5 && p != 1 {
		t.Errorf("p of one permutation = %v", p)
	}
	if _, err := s.PValues(B, 0, 1); err == nil {
		t.Error("no permutations were accepted")
	}
}

// On a 2 x 2 grid with gaps 1, 2, 3, 4 (rows, then columns) a permutation has
// Ψ = ±1 only where all four pairs agree: x must keep both orders or reverse
// both. Of 24 orders, 1234, 1324 and their reverses do: p is 4/24.
func TestPsiPValue(t *testing.T) {
	s := sample(t, [][]int{{0, 0, 1, 1}, {0, 1, 0, 1}}, []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, Mean)
	const b = 20000
	near(t, "p", must(s.PValues(B, b, 1)).Psi, 4.0/24, 4*math.Sqrt(4.0/24*20.0/24/b))
}

// x is constant along the first axis and agrees with the gap in one cell of
// the second, disagrees in the other: Ψ = 0, and no permutation has a smaller
// |Ψ|, so p is exactly 1. In 8 of 24 orders x is constant along the second
// axis: those say nothing, and may not count as less extreme.
func TestPsiPValueUndefinedPermutations(t *testing.T) {
	s := sample(t, [][]int{{0, 0, 1, 1}, {0, 1, 0, 1}}, []float64{1, 2, 1, 2}, []float64{1, 2, 4, 3}, Mean)
	near(t, "p", must(s.PValues(B, 200, 1)).Psi, 1, 0)
}

// Two pairs of neighbours that share no level: only inside a pair may the
// measure be exchanged, in 2·2 ways. |Ψ| = 1 in two of them, where both pairs
// agree; and τ of 1234 is 1, of 2143 1/3, of the others 2/3: one of four.
func TestPValuesOfAGridInPieces(t *testing.T) {
	s := sample(t, [][]int{{0, 0, 1, 1}, {0, 1, 2, 3}}, []float64{1, 2, 3, 4}, []float64{1, 2, 3, 4}, Mean)
	const b = 20000
	p := must(s.PValues(B, b, 1))
	near(t, "p of Ψ", p.Psi, 2.0/4, 4*math.Sqrt(.25/b))
	near(t, "p of τ", p.Tau, 1.0/4, 4*math.Sqrt(.25*.75/b))
}

// Three configurations of one axis, the first of two networks: it cannot change
// places with the others, so that of the six orders of x two remain, and one of
// them is as extreme as the observed one.
func TestPValuesOfUnevenRepeats(t *testing.T) {
	x := []float64{1, 1, 2, 3}
	s := sample(t, [][]int{{0, 0, 1, 2}}, x, x, Mean)
	const b = 20000
	p := must(s.PValues(B, b, 1))
	near(t, "p of Ψ", p.Psi, 1.0/2, 4*math.Sqrt(.25/b))
	near(t, "p of τ", p.Tau, 1.0/2, 4*math.Sqrt(.25/b))
	alone := sample(t, [][]int{{0, 0, 1}}, []float64{1, 1, 2}, []float64{1, 1, 2}, Mean)
	if p := must(alone.PValues(B, 10, 1)); !errors.Is(p.PsiErr, ErrUndefined) || !errors.Is(p.TauErr, ErrUndefined) {
		t.Errorf("nothing can be exchanged: %+v", p)
	}
}
