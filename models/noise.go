package models

// noiseMeter measures the gradient noise of a network over a training set (see
// [Trained]). It keeps its memory between calls.
type noiseMeter struct {
	norms []float64   // [batch]
	grad  State       // of one batch
	sum   [][]float64 // of all examples, per tensor: the mean gradient times N
}

func newNoiseMeter(a Architecture, batch int) *noiseMeter {
	m := &noiseMeter{norms: make([]float64, batch), grad: NewState(a)}
	for _, t := range m.grad {
		m.sum = append(m.sum, make([]float64, len(t.Data)))
	}
	return m
}

// measure answers mean ‖g_i‖² - ‖mean g_i‖², or nil when it is not finite.
func (m *noiseMeter) measure(s Session, ex Examples) (*float64, error) {
	for _, t := range m.sum {
		clear(t)
	}
	n := ex.Len()
	d := len(ex.X) / n
	var squares float64
	for lo := 0; lo < n; lo += len(m.norms) {
		hi := min(lo+len(m.norms), n)
		x, y := ex.X[lo*d:hi*d], ex.Y[lo:hi]
		norms := m.norms[:hi-lo]
		if err := s.GradientNorms(norms, x, y); err != nil {
			return nil, err
		}
		for _, v := range norms {
			squares += v
		}
		if _, err := s.Gradient(m.grad, x, y, Eval, Draw{}); err != nil {
			return nil, err
		}
		for i, t := range m.grad {
			for j, v := range t.Data {
				m.sum[i][j] += float64(hi-lo) * float64(v)
			}
		}
	}
	var mean float64 // ‖mean g‖²
	for _, t := range m.sum {
		for _, v := range t {
			g := v / float64(n)
			mean += g * g
		}
	}
	noise := squares/float64(n) - mean
	if !finite(noise) {
		return nil, nil
	}
	noise = max(noise, 0)
	return &noise, nil
}
