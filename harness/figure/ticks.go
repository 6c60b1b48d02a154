package figure

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// ticks are about six round numbers: steps of 1, 2 or 5 times a power of ten.
type ticks struct{}

// Ticks implements plot.Ticker.
func (ticks) Ticks(low, high float64) []plot.Tick {
	span := high - low
	if !(span > 0) || math.IsInf(span, 0) {
		return []plot.Tick{{Value: low, Label: short(low)}}
	}
	exponent := math.Floor(math.Log10(span / 6))
	unit := math.Pow(10, exponent)
	step := 10 * unit
	for _, s := range []float64{1, 2, 5} {
		if span/(s*unit) <= 7 {
			step = s * unit
			break
		}
	}
	digits := 0
	if step < 1 {
		digits = int(math.Ceil(-math.Log10(step) - 1e-9))
	}
	var out []plot.Tick
	for k := math.Ceil(low/step - 1e-9); k*step <= high+1e-9*span; k++ {
		v := k*step + 0 // no -0
		out = append(out, plot.Tick{Value: v, Label: label(v, digits)})
	}
	return out
}

func label(v float64, digits int) string {
	if a := math.Abs(v); a >= 1e6 || a > 0 && a < 1e-4 {
		return short(v)
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}
