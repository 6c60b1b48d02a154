package xla

import (
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/hlo"
)

// normed is what batch norm's backward pass needs of the forward one.
type normed struct {
	xhat    hlo.Value
	inverse hlo.Value // [K, C], 1/√(variance + ε)
}

// batchNorm is y = weight xhat + bias, xhat = (x - mean) / √(variance + ε), mean and variance the batch's when learning. Statistics are taken in float64.
func (l *lowering) batchNorm(i int, x hlo.Value, mode models.Mode, p *pass) hlo.Value {
	mean, variance := l.Convert(l.tensor(i, 2), hlo.F64), l.Convert(l.tensor(i, 3), hlo.F64)
	if mode == models.Learn {
		mean, variance = l.statistics(i, x, p)
	}
	epsilon := l.Const(hlo.F64, l.a.Layers[i].Epsilon, variance.Dims...)
	one := l.Const(hlo.F64, 1, variance.Dims...)
	norm := normed{inverse: l.narrow(l.Div(one, l.Unary("sqrt", l.Add(variance, epsilon))))}
	centred := l.Sub(x, l.channels(l.narrow(mean), x.Dims))
	norm.xhat = l.Mul(centred, l.channels(norm.inverse, x.Dims))
	p.norm[i] = norm
	return l.Add(l.Mul(norm.xhat, l.channels(l.tensor(i, 0), x.Dims)), l.channels(l.tensor(i, 1), x.Dims))
}

// statistics are the batch's mean and variance, [K, C] in float64, with divisor N; the running ones move towards the mean and the variance with divisor N - 1, as torch's do.
func (l *lowering) statistics(i int, x hlo.Value, p *pass) (mean, variance hlo.Value) {
	count := float64(x.Dims[2] * x.Dims[3] * x.Dims[4])
	wide := l.Convert(x, hlo.F64)
	mean = l.times(l.sum(wide, 2, 3, 4), 1/count)
	centred := l.Sub(wide, l.channels(mean, x.Dims))
	squares := l.sum(l.Mul(centred, centred), 2, 3, 4)
	variance = l.times(squares, 1/count)
	momentum := l.a.Layers[i].Momentum
	move := func(j int, to hlo.Value) {
		kept := l.times(l.Convert(l.tensor(i, j), hlo.F64), 1-momentum)
		p.running[l.first[i]+j] = l.narrow(l.Add(kept, l.times(to, momentum)))
	}
	move(2, mean)
	move(3, l.times(squares, 1/(count-1)))
	return mean, variance
}

// batchNormTensors are the gradients of weight and bias, [K, C] in float64.
func (l *lowering) batchNormTensors(i int, dy hlo.Value, p *pass) (weight, bias hlo.Value) {
	return l.sum(l.Mul(l.Convert(dy, hlo.F64), l.Convert(p.norm[i].xhat, hlo.F64)), 2, 3, 4), l.sum(dy, 2, 3, 4)
}

// batchNormBackward is dx. With the batch's statistics
//
//	dx = weight inverse (dy - mean(dy) - xhat mean(dy xhat))
//
// (Ioffe and Szegedy 2015, arXiv:1502.03167, section 3, simplified); with running ones the means are absent.
func (l *lowering) batchNormBackward(i int, dy hlo.Value, mode models.Mode, p *pass) hlo.Value {
	norm := p.norm[i]
	scale := l.channels(l.Mul(l.tensor(i, 0), norm.inverse), dy.Dims)
	if mode == models.Learn {
		count := float64(dy.Dims[2] * dy.Dims[3] * dy.Dims[4])
		weight, bias := l.batchNormTensors(i, dy, p)
		mean, slope := l.narrow(l.times(bias, 1/count)), l.narrow(l.times(weight, 1/count))
		dy = l.Sub(l.Sub(dy, l.channels(mean, dy.Dims)), l.Mul(norm.xhat, l.channels(slope, dy.Dims)))
	}
	return l.Mul(dy, scale)
}
