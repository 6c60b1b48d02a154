package losssharpness

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/measure/measuretest"
)

// TestOptionsReachTheHost: what a user sets, or the default, is what the host is asked for.
func TestOptionsReachTheHost(t *testing.T) {
	var step measure.StepOptions
	var worst measure.WorstOptions
	var noise measure.NoiseOptions
	n := measuretest.Net{
		StepLoss: func(o measure.StepOptions) (measure.PerturbedLoss, error) {
			step = o
			return measure.PerturbedLoss{Loss: 1, Perturbed: 3}, nil
		},
		WorstLoss: func(o measure.WorstOptions) (measure.PerturbedLoss, error) {
			worst = o
			return measure.PerturbedLoss{Loss: 1, Perturbed: 1.5}, nil
		},
		NoiseLoss: func(o measure.NoiseOptions) (float64, []float64) { noise = o; return 1, []float64{1, 2, 0.5, 2.5} },
	}
	for _, c := range []struct {
		m         measure.Measure
		options   map[string]string
		value     float64
		got, want any
	}{
		{Step{}, nil, 2, &step, &measure.StepOptions{Rho: 0.05}},
		{Step{adaptive: true}, nil, 2, &step, &measure.StepOptions{Adaptive: true, Rho: 0.5, Eta: 0.01}},
		{Step{adaptive: true}, map[string]string{"eta": "0", "m": "32", "rho": "2"}, 2, &step, &measure.StepOptions{Adaptive: true, Rho: 2, Batch: 32}},
		{Worst{}, nil, 0.5, &worst, &measure.WorstOptions{Norm: "linf", Adaptive: true, Rho: 0.002, Batch: 128, Iterations: 20, Examples: 1024}},
		{Worst{}, map[string]string{"norm": "l2", "adaptive": "false", "normalize_logits": "true", "rho": "0.5", "m": "16", "iterations": "3", "examples": "0"}, 0.5,
			&worst, &measure.WorstOptions{Norm: "l2", Normalize: true, Rho: 0.5, Batch: 16, Iterations: 3}},
		{Average{}, nil, 0.5, &noise, &measure.NoiseOptions{Norm: "l2", Adaptive: true, Rho: 0.1, Draws: 20}},
		{Average{}, map[string]string{"norm": "linf", "adaptive": "false", "normalize_logits": "true", "draws": "4"}, 0.5, &noise, &measure.NoiseOptions{Norm: "linf", Normalize: true, Rho: 0.1, Draws: 4}},
	} {
		v, err := n.Compute(t.Context(), c.m, c.options)
		if err != nil || v != c.value || !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s%v = %v, %v, asked for %+v; want %v of %+v", c.m.Info().Name, c.options, v, err, c.got, c.value, c.want)
		}
	}
	net := n.Network(map[string]string{"rho": "0.1", "draws": "4", "norm": "l2"})
	if _, err := (Average{}).Compute(t.Context(), net); err != nil || math.Abs(net.Diagnostics()["error"]-math.Sqrt(2.5/3/4)) > 1e-15 { // rises 0, 1, -.5, 1.5
		t.Errorf("standard error %v, %v", net.Diagnostics()["error"], err)
	}
}

// TestBadOptions: a radius of 0, a count below 1 and words are failures that name the option, not undefined values.
func TestBadOptions(t *testing.T) {
	n := measuretest.Net{}
	for _, m := range All() {
		for _, o := range m.Info().Options {
			if len(o.Values) > 0 {
				continue
			}
			for _, bad := range []string{"-1", "x", "NaN"} {
				_, err := n.Compute(t.Context(), m, map[string]string{o.Name: bad})
				var missing *measure.MissingError
				if _, undefined := measure.IsUndefined(err); err == nil || undefined || errors.As(err, &missing) {
					t.Errorf("%s[%s=%s]: %v", m.Info().Name, o.Name, bad, err)
				}
			}
		}
	}
}
