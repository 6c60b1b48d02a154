package measures_test

import (
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/models"
)

// facts are what the host keeps of a training.
func facts(tr *models.Trained) quantity.Facts {
	f := quantity.Facts{
		Epochs: tr.Epochs, Steps: tr.Steps, StepsTo01: tr.StepsTo01, StepsTo001: tr.StepsTo001,
		GradientNoise1: tr.GradientNoise1, GradientNoiseFinal: tr.GradientNoiseFinal,
	}
	for _, e := range tr.History {
		f.MeanLosses = append(f.MeanLosses, e.MeanLoss)
	}
	return f
}
