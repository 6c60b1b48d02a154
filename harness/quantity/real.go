package quantity

import (
	"fmt"
	"math"
	"strconv"
)

// interval is what a real-numbered argument may be: (0, max], or [0, max] where zero is true.
type interval struct {
	value float64 // the default
	max   float64
	zero  bool
}

// canonical is the shortest spelling that reads back as the same float64.
func (r interval) canonical(name, v string) (string, error) {
	x := r.value
	if v != "" {
		var err error
		x, err = strconv.ParseFloat(v, 64)
		if err != nil || !(x > 0 || r.zero && x == 0) || x > r.max {
			low := "above 0"
			if r.zero {
				low = "from 0"
			}
			return "", fmt.Errorf("argument %s=%q is not a number %s to %g", name, v, low, r.max)
		}
	}
	return strconv.FormatFloat(math.Abs(x), 'g', -1, 64), nil // -0 is 0
}

func (a arguments) real(name string) float64 {
	x, _ := strconv.ParseFloat(a[name], 64) // canonical has checked it
	return x
}
