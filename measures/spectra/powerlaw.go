package spectra

import "math"

const (
	threshold = 1e-5 // eigenvalues up to it are left out of fits
	fingers   = 10   // WeightWatcher's max_fingers
	drop      = 1.0  // its finger_thresh
	steepest  = 2.0  // its min_alpha
)

// fit is a power law p(x) ~ x^-alpha for x >= xmin.
type fit struct{ alpha, distance, xmin float64 }

// exponent fits the eigenvalues, rising, and answers alpha; not ok with fewer than 2 above the threshold.
func exponent(λ []float64, clip bool) (float64, bool) {
	for len(λ) > 0 && !(λ[0] > threshold) {
		λ = λ[1:]
	}
	f, ok := fitTail(λ)
	if !ok || !clip {
		return f.alpha, ok
	}
	return clipped(λ, f), true
}

// fitTail tries every value but the largest as xmin.
func fitTail(x []float64) (best fit, ok bool) {
	n := len(x)
	if n < 2 {
		return fit{}, false
	}
	logs, above := make([]float64, n), make([]float64, n) // above[i] = Σ_{k >= i} ln x_k
	for i := n - 1; i >= 0; i-- {
		logs[i] = math.Log(x[i])
		above[i] = logs[i]
		if i < n-1 {
			above[i] += above[i+1]
		}
	}
	best.distance = math.Inf(1)
	for i := range n - 1 {
		count := float64(n - i)
		a := likeliest(above[i], logs[i], count)
		d := 1.0
		if a > 1 {
			d = distance(logs[i:], a, best.distance)
		}
		if d < best.distance {
			best = fit{a, d, x[i]}
		}
	}
	return best, true
}

// likeliest is the maximum-likelihood exponent of count values from x_min on, by the sum of their logarithms and x_min's.
func likeliest(logs, logMin, count float64) float64 { return 1 + count/(logs-count*logMin) }

// distance is the largest difference between the law's distribution function and the values', given by their
// logarithms, the first of them x_min's; where it exceeds enough any larger number will do.
func distance(logs []float64, alpha, enough float64) float64 {
	n := float64(len(logs))
	largest := 0.0
	for k, l := range logs {
		model := 0.0 // of x_min itself, whatever the exponent
		if l > logs[0] {
			model = 1 - math.Exp((1-alpha)*(l-logs[0]))
		}
		largest = math.Max(largest, math.Abs(model-float64(k)/n))
		if largest > enough {
			break
		}
	}
	return largest
}

// clipped leaves out the 2, 3, ... 9 largest values until alpha is more than 1 below that of all, and answers that alpha;
// where it reaches 2 before, or never falls so far, it answers first's (WeightWatcher's fit_clipped_powerlaw).
func clipped(x []float64, first fit) float64 {
	for cut := 2; cut < fingers && len(x)-cut >= 2; cut++ {
		f, _ := fitTail(x[:len(x)-cut])
		if f.alpha+drop < first.alpha {
			return f.alpha
		}
		if f.alpha <= steepest {
			break
		}
	}
	return first.alpha
}
