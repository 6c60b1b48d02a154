package cpu

import (
	"fmt"

	"github.com/genbench/genbench/models"
)

// GradientNorms computes |g_n|² of every example a panel at a time. A dense layer
// contributes |dy_n|² (|x_n|² + 1), for its gradient is the outer product of the two (Goodfellow 2015,
// arXiv:1510.01799); a batch norm layer in evaluation mode contributes the sum over features of dy² (xhat² + 1).
func (s *session) GradientNorms(dst []float64, x []float32, y []int32) error {
	n, err := s.labelled(x, y)
	if err == nil && len(dst) != n {
		err = fmt.Errorf("room for %d norms, %d examples", len(dst), n)
	}
	if err != nil {
		return fmt.Errorf("computing gradient norms: %w", err)
	}
	s.pass()
	for first := 0; first < n; first += panel {
		m := min(panel, n-first)
		part, labels := x[first*s.p.input:(first+m)*s.p.input], y[first:first+m]
		if err := s.forward(part, m, models.Eval, models.Draw{}, true); err != nil {
			return fmt.Errorf("computing gradient norms: %w", err)
		}
		s.loss(labels, m, 1)
		s.panelNorms(dst[first : first+m])
	}
	return nil
}

// panelNorms walks one panel backward and writes its examples' squared norms.
func (s *session) panelNorms(dst []float64) {
	n := len(dst)
	at := spanOf(n, 0)
	clear(dst)
	var dy, xx [panel]float64
	masked := false
	for i := len(s.p.layers) - 1; i >= s.p.bottom; i-- {
		l := &s.p.layers[i]
		delta := at.of(s.b.delta[0], l.out)
		switch l.kind {
		case models.Dense:
			squares(dy[:n], delta, l.out, at.w)
			squares(xx[:n], at.of(s.inputOf(i), l.in), l.in, at.w)
			for e := range dst {
				dst[e] += dy[e] * (xx[e] + 1)
			}
			if masked = i > s.p.bottom && s.inputGradient(i, n); i > s.p.bottom {
				s.b.delta[0], s.b.delta[1] = s.b.delta[1], s.b.delta[0]
			}
			continue
		case models.BatchNorm:
			xhat := at.of(s.b.xhat[i], l.out)
			for f := range l.out {
				for e := range dst {
					d, h := float64(delta[f*at.w+e]), float64(xhat[f*at.w+e])
					dst[e] += d * d * (h*h + 1)
				}
			}
			s.normGradient(i, n, models.Eval)
		default:
			if !masked {
				s.elementGradient(i, n, models.Eval)
			}
		}
		masked = false
	}
}

// squares writes the sum of squares of each column of x [rows, w].
func squares(dst []float64, x []float32, rows, w int) {
	clear(dst)
	for r := range rows {
		for e, v := range x[r*w : r*w+len(dst)] {
			dst[e] += float64(v) * float64(v)
		}
	}
}
