package report

import (
	"fmt"
	"strings"
)

// legend is the short key under a board.
func (b *Board) legend() string {
	if len(b.Compat) > 0 {
		return b.compatLegend()
	}
	s := fmt.Sprintf("τ: Kendall's τ-b with the gap over %s, [95 %% interval]. ", b.over())
	if len(b.Axes) > 0 {
		s = fmt.Sprintf("Ψ: mean over axes of ψ, Kendall's τ-b with the gap among networks that differ in that axis alone. %sτ: the same over %s. [95 %% interval]; a value without one rests on too little for it. ", b.star(), b.over())
	}
	s += "Both are positive where the measure predicts as it claims. p: permutation, two-sided; Holm: for all measures of the class together. K: information about the order of gaps beyond the hyperparameters (blind to sign). ρ, r: Spearman, Pearson. sign err, p90, max err: mean, 90th percentile and largest over environments (and where that is), 0.5 is chance. "
	return s + rankLegend + none + ": undefined."
}

const rankLegend = "#: rank within the class; ~: shared with the rows of its group, which the data do not divide into better and worse, and the places that paired comparisons leave the row, at a level for all of them together; controls have none. "

// compatLegend explains the columns of the papers asked for.
func (b *Board) compatLegend() string {
	var s strings.Builder
	for _, name := range b.Compat {
		if p, ok := paper(name); ok {
			s.WriteString(p.legend + " ")
		}
	}
	return s.String() + "Rows are ordered by the first of these columns; # is the board's own rank. " + rankLegend + none + ": undefined."
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

#           The rank within the class. Two measures are resolved where a paired
            comparison of the two tells them apart, at a level of 5 % for all pairs of the
            class together (Holm). A new group begins where every measure above is
            resolved from every measure below, and the measures of a group share
            its rank; so measures of different ranks are always resolved. A rank
            that is shared is printed as ~ and the places that remain for the row
            when the measures resolved as better stand above it and those resolved as
            worse below: two of a group whose places do not overlap are resolved,
            though others between them are not. Controls are not ranked.
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
[95 %]      Where seeds repeat: what to expect of the number on this very grid with new seeds
            and, where per-example correctness is known, a new test set, from one joint
            resample of a fitted model for all numbers and measures. Where seeds do
            not repeat (or there are no axes): what to expect of other configurations drawn
            like these; the line "estimand" below the tables says which. It
            says nothing about other data sets, architectures or axes. There is none,
            and a note says why, where too little repeats, and where no resample
            changes the value (that is no proof that it has no error).
p           How often a measure that knows nothing of the gap would have a Ψ (without axes: a τ) as
            far from 0: the measure is permuted over configurations. Two-sided. It is
            not corrected for the number of measures on the board.
p Holm      The same p, corrected for all measures of the class (Holm 1979).
K           Conditional mutual information between the order of the measure and the
            order of the gap, given up to two hyperparameters, at its least, divided by
            what there is to know. In [0, 1], blind to the sign. It is never negative, so
            that a measure that knows nothing does not score 0: a line below the
            tables says what it scores. The JSON and CSV forms have the smallest cell that
            the value rests upon (cmi_min_cell, cmi_min_at).
ρ, r        Spearman and Pearson correlation. Pearson depends on the measure's
            scale; one outlier can decide it.
sign err    Two networks that differ in one hyperparameter: how often the measure orders
            them wrongly (0.5 is chance), weighted by how surely the test set
            orders them; the mean over environments (Dziugaite et al. 2020, arXiv:2010.11924).
            Their environment is a pair of configurations. Where no such pair has
            data enough (effective sample size 12) a note says so, and an environment
            is a pair of levels of one axis, over all settings of the others. The
            weights need the number of test examples; where it is not known it is taken
            to be 10,000, as in the paper, and a note says so.
p90         The 90th percentile over environments: a measure is as good as its bad cases.
max err at  The largest over environments, and where that is: "width 64|128", say, or
            "width 64|128 at depth 2".
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
canonical-ordering  what is believed of the hyperparameters before any network is trained (the
                 canonical ordering of Jiang et al. 2019): smaller batches, deeper and wider networks,
                 more dropout and weight decay, larger learning rates and more training data
                 narrow the gap, shuffled labels and input noise widen it. The sum over
                 axes of the level's place; axes without a belief are left out.
hyperparameters  the gap predicted from the hyperparameters alone: ridge regression (penalty 1)
                 on one-hot main effects of the axes, fitted without the configuration
                 that is predicted and without those that differ from it in one axis only. A
                 measure that does not beat it may only be reading the settings. Undefined
                 where that leaves no more configurations than the regression has coefficients, or
                 none with one of the levels: on every grid of two axes, and on 2 x 2 x 2.

Published scores
fgm              Ψ, ψ and τ of Kendall's τ-a, which counts ties as 0 (Jiang et al. 2019)
pgdl             the score of one task of the competition "Predicting Generalization in Deep
                 Learning" (2020), as its scoring program computes it: K over pairs of hyperparameters
                 alone, with each network paired with itself too and all cells alike, x 100
rgm              sign errors over pairs of configurations with an effective sample size of 12
                 (Dziugaite et al. 2020), environments counted once from either side
cna              the absolute Pearson correlation with the loss gap, as in the work on CNA
They are in the JSON and CSV forms of every board. Where they are asked for they are
printed in place of the other columns, and the rows are in the order of the first.
`
