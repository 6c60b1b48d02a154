// Package representation holds measures of what a hidden layer makes of the classes.
//
//	davies-bouldin   DB = 1/K Σ_i max_{j≠i} (S_i + S_j)/‖c_i - c_j‖
//	mixup-accuracy   label-wise mixup accuracy: how often the mean of two examples of a class is given that class
//	dbi-mixup        DB · (1 - mixup accuracy): winner of the competition PGDL
//	kv-margin        -median(margins) / Σ_c w_c · kV_c · Lip_c
//	kv-gn-margin     -median(margins over their gradients' norms) / Σ_c w_c · kV_c
//
// c_i is the mean of class i's representations and S_i their mean Euclidean distance from it. kV_c, the
// k-variance of class c, is the 1-Wasserstein distance between two random halves of its representations; Lip_c is the
// largest ‖∇_{x^l}(f_y - f_j)‖₂ of its examples, w_c its share of the training set.
//
// Representations x^l are what the layers with weights read, each once, counted from the input: x^1 is the output of the
// first hidden block after batch norm and ReLU. Labels are those trained on. Everything is in
// evaluation mode.
//
// Sources: Davies and Bouldin 1979, doi:10.1109/TPAMI.1979.4766909; Natekar and Sharma, "Representation based
// complexity measures for predicting generalization in deep learning", 2020, arXiv:2012.02775, and parthnatekar/pgdl
// (complexityDB, complexityMixup); Chuang, Mroueh, Greenewald, Torralba and Jegelka, "Measuring generalization with
// optimal transport", 2021, arXiv:2106.03314, and chingyaoc/kV-Margin. The definitions are those of the code; equation
// numbers of the papers are not known here.
package representation

import (
	"context"
	"fmt"

	"github.com/genbench/genbench/harness/measure"
)

// All lists the folder's measures.
func All() []measure.Measure {
	return []measure.Measure{DaviesBouldin{}, MixupAccuracy{}, DBIMixup{}, KVMargin(), KVGNMargin()}
}

const natekar = "Natekar and Sharma, Representation based complexity measures for predicting generalization in deep learning, 2020, arXiv:2012.02775"

func layerOption(standard string) measure.Option {
	return measure.Option{Name: "layer", Default: standard, Doc: "whose representations: x^l with l counted from the input, 0; or last"}
}

func roundsOption() measure.Option {
	return measure.Option{Name: "rounds", Default: "10", Doc: "rounds of sampled training examples, averaged"}
}

// sample reads the options rounds and the size of a round.
func sample(net *measure.Network, examples int) (measure.SampleOptions, error) {
	rounds, err := net.IntOption("rounds")
	if err != nil {
		return measure.SampleOptions{}, err
	}
	if rounds < 1 || examples < 0 {
		return measure.SampleOptions{}, fmt.Errorf("%d rounds of %d examples: at least 1 round is needed, and no negative size", rounds, examples)
	}
	return measure.SampleOptions{Rounds: rounds, Examples: examples}, nil
}

// DBIMixup is the product of the two.
type DBIMixup struct{}

// Info describes the measure.
func (DBIMixup) Info() measure.Info {
	db, mixup := DaviesBouldin{}.Info(), MixupAccuracy{}.Info()
	return measure.Info{
		Name: "dbi-mixup", Version: "1", Family: "representation",
		Doc:        "Davies-Bouldin index times one minus the label-wise mixup accuracy; winner of the competition PGDL",
		Citation:   natekar + "; parthnatekar/pgdl, complexity",
		Formula:    "DB · (1 - A); DB = davies-bouldin, A = mixup-accuracy",
		Deviations: "those of davies-bouldin and mixup-accuracy",
		Needs:      measure.Needs{measure.LayerFeatures, measure.TrainLabels, measure.MixupPredictions},
		Larger:     measure.PredictsLargerGap,
		Stochastic: true,
		Options:    append(db.Options, mixup.Options[1:]...), // rounds once
	}
}

// Compute answers the product; undefined where a factor is.
func (DBIMixup) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	db, err := DaviesBouldin{}.Compute(ctx, net)
	if err != nil {
		return 0, err
	}
	accuracy, err := MixupAccuracy{}.Compute(ctx, net)
	if err != nil {
		return 0, err
	}
	net.Diagnose("davies-bouldin", db)
	net.Diagnose("mixup-accuracy", accuracy)
	return db * (1 - accuracy), nil
}
