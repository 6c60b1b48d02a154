package report

import "fmt"

// legend is the short key under a board.
func (b *Board) legend() string {
	s := fmt.Sprintf("τ: Kendall's τ-b with the gap over %s, [95 %% interval]. ", b.over())
	if len(b.Axes) > 0 {
		s = fmt.Sprintf("Ψ: mean over axes of ψ, Kendall's τ-b with the gap among networks that differ in that axis alone. %sτ: the same over %s. [95 %% interval]; a value without one rests on too little for it. ", b.star(), b.over())
	}
	s += "Both are positive where the measure predicts as it claims. p: permutation, two-sided. K: information about the order of gaps beyond the hyperparameters (blind to sign). ρ, r: Spearman, Pearson. sign err, p90: mean and 90th percentile over environments, 0.5 is chance. "
	return s + "#: rank within the class (interval); a measure shares the rank of the first of its group unless a paired comparison, at a level for all comparisons together, resolves the two, however far apart their values are; controls have none. " + none + ": undefined."
}

// star tells what a starred Ψ is, where there is one.
func (b *Board) star() string {
	starred := 0
	for i := range b.Rows {
		if b.Rows[i].partial() != "" {
			starred++
		}
	}
	if starred == 0 {
		return ""
	}
	return fmt.Sprintf("*: partial, %s: ψ is undefined on some axes and Ψ the mean of the others, another quantity than a Ψ of all axes: do not compare the two, wherever the row stands. ", plural(starred, "row"))
}

// over says what the overall correlations are over.
func (b *Board) over() string {
	switch {
	case len(b.Axes) == 0:
		return "all networks"
	case b.Repeats == "pooled":
		return "all networks (seeds pooled)"
	case b.Repeats == "per-seed":
		return "the configurations of each seed (averaged over seeds)"
	case b.Seeds[1] == 1:
		return "all configurations"
	}
	return "all configurations (seeds averaged)"
}

// Explain tells how to read each column of a board, as paragraphs of text.
func Explain() string {
	return explanation
}

const explanation = `How to read the leaderboard

A measure gives each trained network a number. The gap is train accuracy on the
labels trained on minus test accuracy on clean images, as fractions (or test
loss minus train loss). The board asks whether the order of the numbers is the
order of the gaps. Every correlation is computed on the measure oriented by its
declared direction: positive means that it predicts as it claims. A measure of
unknown direction counts as one that grows with the gap.

Repeats of a configuration (other seeds) are averaged first, measure and gap
alike, unless asked otherwise; a configuration is then one point.

#           The rank within the class, and its 95 % interval in parentheses. Measures
            share the rank of the first of their group as long as a paired comparison
            does not resolve them from that first, at a level that holds for all
            comparisons of a row together. Where errors are wide a group spans a wide
            range of values: an equal rank says that the data do not order two measures,
            not that they are equal. Where nothing is resolved all rank 1. Controls
            are not ranked.
class       train: uses the trained network and its training data. transductive:
            also looks at test inputs without labels; ranked apart. control:
            what any measure should be held against.
Ψ           The mean of the ψ of all axes (granulated Kendall coefficient, Jiang
            et al. 2019, arXiv:1912.02178). In [-1, 1]. It cannot be won by guessing
            one hyperparameter, as τ can.
ψ AXIS      Kendall's τ-b among networks that differ in AXIS alone, averaged over the
            settings of all other axes. Undefined where the measure does not change
            with the axis.
*           A partial Ψ: ψ is undefined on some axes, and Ψ is the mean of the others. That
            is another quantity than the Ψ of all axes: a measure that sees one axis
            alone is spared the axes that it knows nothing of. Rows are sorted by Ψ
            with and without the star; compare a starred row with rows that lack
            the same ψ, and the others by their ψ AXIS columns.
τ           Kendall's τ-b over all configurations, seeds averaged (the title says how many there
            are): concordant minus discordant pairs, ties accounted for. In [-1, 1].
[95 %]      For Ψ: what to expect on this grid with new seeds and, where per-example
            correctness is known, a new test set: the wider of a bootstrap of seeds
            (and test examples, jointly) and a jackknife over configurations. For τ:
            a bootstrap of configurations. It says nothing about other data sets,
            architectures or grids. There is none, and a note says why, with fewer
            than 8 configurations; where no resample changes the value (that is no proof
            that it has no error); and for a Ψ whose cells all agree where fewer
            than half of the configurations have a second seed.
p           How often a measure that knows nothing of the gap would have a Ψ (without axes: a τ) as
            far from 0: the measure is permuted over configurations. Two-sided. It is
            not corrected for the number of measures on the board.
K           Conditional mutual information between the order of the measure and the
            order of the gap, given up to two hyperparameters, at its least, divided by
            what there is to know. In [0, 1], blind to the sign. The smallest cell
            (cmi_min_cell) tells how few pairs it may rest upon; it has no interval here.
ρ, r        Spearman and Pearson correlation. Pearson depends on the measure's
            scale; one outlier can decide it.
sign err    Two networks that differ in one hyperparameter: how often the measure orders
            them wrongly (0.5 is chance), weighted by how surely the test set
            orders them; the mean over environments (Dziugaite et al. 2020, arXiv:2010.11924).
            Their environment is a pair of configurations. Where no such pair has
            data enough (effective sample size 12) a note says so, and an environment
            is a pair of levels of one axis, over all settings of the others.
p90         The 90th percentile over environments: a measure is as good as its bad cases.
cover       Networks where the measure is defined. A measure that is undefined on hard
            networks can look better than it is.
n           That number.
s/net       Seconds per network, the cost of what the host computed for it included.

Controls
num-params       the number of parameters
train-loss       the training cross-entropy
random           a number drawn for each network
oracle-0.02      the gap itself plus normal noise of standard deviation 0.02; 0.05 likewise:
oracle-0.05      what a measure with that much noise would score here
hyperparameters  the gap predicted from the hyperparameters alone: ridge regression (penalty 1)
                 on one-hot main effects of the axes, fitted without the configuration
                 that is predicted and without those that differ from it in one axis only. A
                 measure that does not beat it may only be reading the settings. Undefined
                 where that leaves no more configurations than the regression has coefficients, or
                 none with one of the levels: on every grid of two axes, and on 2 x 2 x 2.
`
