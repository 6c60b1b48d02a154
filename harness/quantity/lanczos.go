package quantity

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// ritz is what Lanczos' iteration knows of the ends of a symmetric matrix's spectrum.
type ritz struct {
	top, bottom float64 // the largest and smallest Ritz values: top never exceeds the largest eigenvalue, bottom is never below the smallest
	residual    float64 // ‖A x - top x‖ of the top's unit Ritz vector x: an eigenvalue is within it of top
	products    int
}

// lanczos seeks the largest eigenvalue of a symmetric matrix A by products with it from start, which it
// overwrites. It ends when residual <= tolerance·|top| after at least least products, when they span an
// invariant subspace, or after most. The error of top is then of the order of residual² over the gap to the
// next eigenvalue. A small residual alone could be another eigenvalue's, if start has little of the largest
// one's vector: least gives that the time to come up.
//
// Three vectors are kept: without reorthogonalization Ritz values that have converged come again as copies,
// which moves neither end (Paige 1980, Linear Algebra and its Applications 34, section 4). Unlike power
// iteration, which finds the eigenvalue largest in magnitude whatever its sign, it finds the largest, and sees
// the smallest on the way.
//
// Source: Lanczos 1950; Golub and Van Loan 2013, Matrix Computations, algorithm 10.1.1 and theorem 10.1.2.
func lanczos(start []float64, least, most int, tolerance float64, product func(dst, v []float64) error) (ritz, error) {
	v, before, w := start, make([]float64, len(start)), make([]float64, len(start))
	size := norm(v)
	if size == 0 {
		return ritz{}, fmt.Errorf("lanczos: a start of zeros")
	}
	scaleBy(v, 1/size)
	var alpha, beta []float64
	var r ritz
	last := 0.0 // of beta
	for r.products < most {
		if err := product(w, v); err != nil {
			return ritz{}, err
		}
		r.products++
		a := dot(v, w)
		for i := range w {
			w[i] -= a*v[i] + last*before[i]
		}
		last = norm(w)
		alpha, beta = append(alpha, a), append(beta, last)
		if err := r.solve(alpha, beta); err != nil {
			return ritz{}, err
		}
		done := r.residual <= tolerance*math.Abs(r.top) && r.products >= least
		if done || last <= invariant*math.Max(math.Abs(r.top), math.Abs(r.bottom)) {
			break
		}
		v, before, w = w, v, before
		scaleBy(v, 1/last)
	}
	return r, nil
}

// invariant is the share of the spectrum below which what is left of a product outside the subspace is
// float32's rounding.
const invariant = 1e-7

// solve reads the ends from the tridiagonal matrix of the coefficients, [J] and [J]; the last beta is the residual's.
func (r *ritz) solve(alpha, beta []float64) error {
	n := len(alpha)
	t := mat.NewSymDense(n, nil)
	for i, a := range alpha {
		t.SetSym(i, i, a)
		if i > 0 {
			t.SetSym(i-1, i, beta[i-1])
		}
	}
	var e mat.EigenSym
	if !e.Factorize(t, true) {
		return fmt.Errorf("lanczos: the eigenvalues of a tridiagonal matrix of %d rows did not converge", n)
	}
	values := e.Values(nil)
	var vectors mat.Dense
	e.VectorsTo(&vectors)
	r.bottom, r.top = values[0], values[n-1]
	r.residual = beta[n-1] * math.Abs(vectors.At(n-1, n-1))
	return nil
}

func dot(x, y []float64) float64 {
	var s float64
	for i, v := range x {
		s += v * y[i]
	}
	return s
}

func norm(x []float64) float64 { return math.Sqrt(dot(x, x)) }

func scaleBy(x []float64, f float64) {
	for i := range x {
		x[i] *= f
	}
}
