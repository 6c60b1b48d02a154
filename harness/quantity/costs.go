package quantity

// costs answers what a quantity takes usually, on networks of the corpus quick, and at
// the most.
type costs func(a arguments, size Size) (usual, most Cost)

// fixed costs the same whatever the network.
func fixed(c Cost) costs {
	return func(arguments, Size) (usual, most Cost) { return c, c }
}

// free is the cost of what is read, copied, or made of quantities that it rests on.
var free = fixed(Cost{})

// oneForward is a pass over the split that the arguments name.
func oneForward(a arguments, _ Size) (usual, most Cost) {
	c := Cost{Forwards: 1}
	if a["split"] == "test" {
		c = Cost{TestForwards: 1}
	}
	return c, c
}

// Evaluations of a search on the networks of corpus quick: of its rough stage, exact ones of
// each search, and halvings of the reference code's.
const (
	usualRough    = 5
	usualPACBayes = 2
	usualAscents  = 3
	usualHalvings = 7
)

// roughSize is how much of a training set a search's rough stage looks at.
func roughSize(n int) float64 {
	if n <= 2*roughExamples {
		return 1
	}
	return roughExamples / float64(n)
}

// costPACBayes counts an evaluation as a pass and a move a draw, and the unperturbed network.
func costPACBayes(a arguments, size Size) (usual, most Cost) {
	rough := roughSize(size.Train)
	of := func(roughEvaluations, evaluations float64) Cost {
		return Cost{Forwards: 1 + rough + roughEvaluations*roughDraws*rough + evaluations*draws, Moves: 2 + roughEvaluations*roughDraws + evaluations*draws}
	}
	if a.flag("rgm_compat") {
		return of(0, usualHalvings), of(0, maxHalvings)
	}
	return of(usualRough, usualPACBayes), of(0, maxEvaluations)
}

// costSharpness counts an evaluation as an ascent on mini-batches and a pass a start.
func costSharpness(_ arguments, size Size) (usual, most Cost) {
	rough, step := roughSize(size.Train), float64(min(ascentBatch, size.Train))/float64(size.Train)
	of := func(roughEvaluations, evaluations float64) Cost {
		return Cost{
			Forwards:  1 + rough + roughEvaluations*rough + evaluations*restarts,
			Gradients: (roughEvaluations*roughSteps + evaluations*restarts*ascentSteps) * step,
			Moves:     2 + roughEvaluations*(roughSteps+1) + evaluations*restarts*(ascentSteps+1),
		}
	}
	return of(usualRough, usualAscents), of(0, maxEvaluations)
}

// oneGradient is a backward pass, whatever is made of the gradients.
var oneGradient = fixed(Cost{Gradients: 1})

// exactly is a cost that depends on no search.
func exactly(c Cost) (usual, most Cost) { return c, c }

// costGradientNorms is a pass, or one a class.
func costGradientNorms(a arguments, size Size) (usual, most Cost) {
	if a["labels"] == "expected" {
		return exactly(Cost{Gradients: float64(size.Classes)})
	}
	return exactly(Cost{Gradients: 1})
}

// usualProducts is of the Hessian's largest eigenvalue, on the networks of corpus quick.
const usualProducts = 12

// share is the part of the training set that the argument examples names.
func share(a arguments, size Size) float64 {
	n := a.number("examples")
	if n == 0 || n >= size.Train {
		return 1
	}
	return float64(n) / float64(size.Train)
}

func costHessianTop(a arguments, size Size) (usual, most Cost) {
	return Cost{Products: usualProducts * share(a, size)}, Cost{Products: topMost * share(a, size)}
}

func costHessianTrace(a arguments, size Size) (usual, most Cost) {
	return exactly(Cost{Products: traceVectors * share(a, size)})
}

// costStepLoss is a gradient, which gives the loss before the step, and a pass after it.
func costStepLoss(a arguments, size Size) (usual, most Cost) {
	return exactly(Cost{Forwards: 1, Gradients: 1, Moves: 2 * batches(a, size.Train)})
}

// batches is the number of batches of m examples in n; 1 for m = 0.
func batches(a arguments, n int) float64 {
	m := a.number("m")
	if m == 0 || m >= n {
		return 1
	}
	return float64((n + m - 1) / m)
}

func costNoiseLoss(a arguments, _ Size) (usual, most Cost) {
	n := float64(a.number("draws") + 1)
	return exactly(Cost{Forwards: n, Moves: n})
}

// costWorstLoss is a gradient a step, and a pass at its end; normalized logits take a pass
// before each gradient, to make its seed.
func costWorstLoss(a arguments, size Size) (usual, most Cost) {
	s, steps := share(a, size), float64(a.number("iterations"))
	c := Cost{Forwards: s, Gradients: s * steps, Moves: (steps + 1) * batches(a, int(s*float64(size.Train)))}
	if a.flag("normalize_logits") {
		c.Forwards = s * (steps + 1)
	}
	return exactly(c)
}

// oneTestForward is a pass over the test inputs, oneSVD a decomposition of every weight.
var (
	oneTestForward = fixed(Cost{TestForwards: 1})
	oneSVD         = fixed(Cost{SVDs: 1})
)

// costLayerNorms is that of the largest singular values alone, about an eighth of a decomposition.
func costLayerNorms(a arguments, _ Size) (usual, most Cost) {
	if a["conv"] == "fft" {
		return exactly(Cost{SVDs: 0.125, Circular: 1})
	}
	return exactly(Cost{SVDs: 0.125})
}

// looked is how many training examples the arguments rounds and examples look at, and in a round.
func looked(a arguments, size Size) (all, round float64) {
	n := a.number("examples")
	if n == 0 || n > size.Train {
		n = size.Train
	}
	return float64(a.number("rounds") * n), float64(n)
}

func costLayerFeatures(a arguments, size Size) (usual, most Cost) {
	all, _ := looked(a, size)
	return exactly(Cost{Forwards: all / float64(size.Train)})
}

func costLayerMargins(_ arguments, _ Size) (usual, most Cost) {
	return exactly(Cost{Forwards: 1, Gradients: 1})
}

// costMixup is a pass of every pair of a class in a round: usually classes are equally large, at the most all are one.
func costMixup(a arguments, size Size) (usual, most Cost) {
	all, round := looked(a, size)
	pairs := func(class float64) float64 { return all * max(0, class-1) / 2 / float64(size.Train) }
	return Cost{Forwards: pairs(round / float64(size.Classes))}, Cost{Forwards: pairs(round)}
}

func costTransformedMargins(a arguments, size Size) (usual, most Cost) {
	all, _ := looked(a, size)
	return exactly(Cost{Forwards: all / float64(size.Train), Gradients: all / float64(size.Train)})
}

func costTransformedPredictions(a arguments, size Size) (usual, most Cost) {
	return exactly(Cost{Forwards: (disturbed + 1) * share(a, size)})
}

// costJacobian is a backward pass a class.
func costJacobian(a arguments, size Size) (usual, most Cost) {
	c := Cost{Gradients: float64(size.Classes) * share(a, size)}
	if a["of"] == "probabilities" {
		c.Forwards = share(a, size)
	}
	return exactly(c)
}
