package report

// legend is the short key under a board.
func (b *Board) legend() string {
	s := "τ: Kendall's τ-b with the gap, [95 % interval]. "
	if len(b.axes) > 0 {
		s = "Ψ: mean over axes of ψ, Kendall's τ-b among networks that differ in that axis alone (*: undefined on some axes, the mean of the others); τ: the same over all networks; [95 % interval]. "
	}
	s += "Both are positive where the measure predicts as it claims. p: permutation, two-sided. K: information about the order of gaps beyond the hyperparameters (blind to sign). ρ, r: Spearman, Pearson. sign err, p90: mean and 90th percentile over environments, 0.5 is chance. "
	return s + "#: rank within the class, equal where noise does not tell measures apart; controls have none. " + none + ": undefined."
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
            that a paired comparison does not tell from the first of their group
            share its rank: the order inside a group is noise. Controls are not ranked.
class       train: uses the trained network and its training data. transductive:
            also looks at test inputs without labels; ranked apart. control:
            what any measure should be held against.
Ψ           The mean of the ψ of all axes (granulated Kendall coefficient, Jiang
            et al. 2019, arXiv:1912.02178). In [-1, 1]. It cannot be won by guessing
            one hyperparameter, as τ can.
ψ AXIS      Kendall's τ-b among networks that differ in AXIS alone, averaged over the
            settings of all other axes. Undefined where the measure does not change
            with the axis; Ψ is then the mean of the others and marked *: compare such rows with care.
τ           Kendall's τ-b over all points: concordant minus discordant pairs, ties
            accounted for. In [-1, 1].
[95 %]      For Ψ: what to expect on this grid with new seeds and, where per-example
            correctness is known, a new test set: the wider of a bootstrap of seeds
            (and test examples, jointly) and a jackknife over configurations. For τ:
            a bootstrap of configurations. It says nothing about other data sets,
            architectures or grids.
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
                 measure that does not beat it may only be reading the settings.
`
