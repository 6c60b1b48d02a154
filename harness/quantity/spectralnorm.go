package quantity

import (
	"context"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/gonum"
)

const (
	directSize    = 32    // smaller side up to which all singular values are found at once
	maxSteps      = 400   // of the bidiagonalization
	checkEvery    = 4     // steps
	normTolerance = 1e-10 // residual over norm at which it ends
)

// spectralNorm is the largest singular value of v, [rows, cols], which may be overwritten.
//
// It is found by Golub-Kahan-Lanczos bidiagonalization with full reorthogonalization (Golub and Kahan 1965,
// SIAM J. Numer. Anal. 2(2); Golub and Van Loan, Matrix Computations, 4th ed., 10.4) from a fixed random
// vector. After k steps A V = U B with B bidiagonal, [k, k]. For the largest singular value θ of B, with left
// vector p, ‖Aᵀ(Up) - θ Vq‖ = β_k |p_k|, so a singular value of A lies within that of θ. It ends when
// that is at most 1e-10 θ; the error of θ is then about that squared over the relative distance to the next value:
// 1e-15 in practice, 2e-14 where several values are next to equal. That it is the largest one rests on the
// start not being orthogonal to its vector.
//
// Where 400 steps do not do, and for small matrices, all singular values are computed.
func spectralNorm(ctx context.Context, v []float64, rows, cols int) (float64, error) {
	if min(rows, cols) > directSize {
		n, ok, err := bidiagonalize(ctx, matrix{blas64.General{Rows: rows, Cols: cols, Stride: cols, Data: v}}, 0)
		if ok || err != nil {
			return n, err
		}
	}
	s, err := singularValues(v, rows, cols)
	if err != nil {
		return 0, err
	}
	return s[0], nil
}

// linear is a linear map of vectors [cols] to vectors [rows].
type linear interface {
	size() (rows, cols int)
	apply(dst, x blas64.Vector)  // A x
	adjoin(dst, x blas64.Vector) // Aᵀ x
}

// matrix is a linear map by its values.
type matrix struct{ blas64.General }

func (a matrix) size() (rows, cols int)      { return a.Rows, a.Cols }
func (a matrix) apply(dst, x blas64.Vector)  { blas64.Gemv(blas.NoTrans, 1, a.General, x, 0, dst) }
func (a matrix) adjoin(dst, x blas64.Vector) { blas64.Gemv(blas.Trans, 1, a.General, x, 0, dst) }

// Where a norm at most floor is of no interest, the iteration ends early: once it has taken so many steps, the largest
// value seen has converged to such a share, and lies, with the residual and a margin of the same share, below floor.
const (
	leastSteps = 16
	sloppy     = 0.01
)

// bidiagonalize answers spectralNorm, or not ok. A norm of at most floor may come out as any smaller value.
func bidiagonalize(ctx context.Context, a linear, floor float64) (norm float64, ok bool, err error) {
	rows, cols := a.size()
	var left, right []blas64.Vector // U and V
	var alpha, beta []float64       // B's diagonal and what is above it
	next := vectorOf(cols)
	r := rand.New(rand.NewPCG(0x9e3779b97f4a7c15, 1))
	for i := range next.Data {
		next.Data[i] = r.NormFloat64()
	}
	blas64.Scal(1/blas64.Nrm2(next), next)
	for len(right) < min(maxSteps, rows, cols) {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		right = append(right, next)
		u := vectorOf(rows)
		a.apply(u, next)
		length := orthogonalize(u, left)
		alpha = append(alpha, length)
		left = append(left, u)
		next = vectorOf(cols)
		a.adjoin(next, u)
		length = orthogonalize(next, right)
		beta = append(beta, length)
		k := len(alpha)
		if k%checkEvery != 0 && length > normTolerance*alpha[0] {
			continue
		}
		theta, last, good := largestOfBidiagonal(alpha, beta[:k-1])
		if !good {
			return 0, false, nil
		}
		residual := length * last
		if residual <= normTolerance*theta || k >= leastSteps && residual <= sloppy*theta && (1+sloppy)*theta+residual <= floor {
			return theta, true, nil
		}
	}
	return 0, false, nil
}

func vectorOf(n int) blas64.Vector { return blas64.Vector{N: n, Inc: 1, Data: make([]float64, n)} }

// orthogonalize takes the components along the basis out of v and scales it to length 1; it answers its length
// before that. What is only rounding becomes 0.
func orthogonalize(v blas64.Vector, basis []blas64.Vector) float64 {
	whole := blas64.Nrm2(v)
	for _, b := range basis {
		blas64.Axpy(-blas64.Dot(v, b), b, v)
	}
	length := blas64.Nrm2(v)
	if length <= 1e-15*whole || length == 0 {
		clear(v.Data)
		return 0
	}
	blas64.Scal(1/length, v)
	return length
}

// largestOfBidiagonal is the largest singular value of the upper bidiagonal matrix and the size of the last entry of its left vector.
func largestOfBidiagonal(diagonal, above []float64) (theta, last float64, ok bool) {
	k := len(diagonal)
	d := append([]float64(nil), diagonal...)
	e := append([]float64(nil), above...)
	row := make([]float64, k) // the last row of the left vectors
	row[k-1] = 1
	ok = gonum.Implementation{}.Dbdsqr(blas.Upper, k, 0, 1, 0, d, e, nil, 1, row, k, nil, 1, make([]float64, 4*k))
	return d[0], math.Abs(row[0]), ok
}
