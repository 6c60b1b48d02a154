package enginetest

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/genbench/genbench/models"
)

// testHessianVector compares with differences of the float64 network's gradient, which TestOwnGradient
// holds against differences of its loss, and checks that the Hessian is symmetric.
func testHessianVector(t *testing.T, e models.Engine, c network) {
	s := c.session(t, e, c.rows+2)
	second, ok := s.(models.SecondOrder)
	if !ok {
		t.Skip("the engine has no second derivatives")
	}
	n, x := newNetwork64(c.arch, c.state), widen(c.x)
	rng := rand.New(rand.NewPCG(uint64(c.rows), 43))
	u, v := c.direction(rng), c.direction(rng)
	hu, hv := nanState(c.arch), nanState(c.arch)
	must(t, second.HessianVector(hu, u, c.x, c.y))
	must(t, second.HessianVector(hv, v, c.x, c.y))
	want, err := n.gradientAlong(n.trainable(wide(v)), x, c.y)
	if err != "" {
		t.Fatal(err)
	}
	closeStates(t, "Hessian times vector", hv, want)
	for i, spec := range c.arch.Tensors() {
		if !spec.Trainable && slices.ContainsFunc(hv[i].Data, func(v float32) bool { return v != 0 }) {
			t.Errorf("the product has %v for %s, want 0", hv[i].Data, spec.Name)
		}
	}
	var uhv, vhu, size float64
	for i, spec := range c.arch.Tensors() {
		for j := range hv[i].Data {
			if spec.Trainable {
				uhv += float64(u[i].Data[j]) * float64(hv[i].Data[j])
				vhu += float64(v[i].Data[j]) * float64(hu[i].Data[j])
				size += abs(float64(u[i].Data[j]) * float64(hv[i].Data[j]))
			}
		}
	}
	if !(abs(uhv-vhu) <= tolerance*size) {
		t.Errorf("u·Hv = %v and v·Hu = %v differ by %.2g, allowed %.2g", uhv, vhu, abs(uhv-vhu), tolerance*size)
	}
	must(t, second.HessianVector(v, v, c.x, c.y))
	sameBits(t, "product over its vector", v, hv)
	after := models.NewState(c.arch)
	must(t, s.State(after))
	sameBits(t, "state after HessianVector", after, c.state)
}

// direction draws a vector. Its values for running statistics, which nobody may read, are no numbers.
func (c network) direction(rng *rand.Rand) models.State {
	v := models.NewState(c.arch)
	for i, spec := range c.arch.Tensors() {
		if spec.Trainable {
			copy(v[i].Data, normals(rng, len(v[i].Data)))
		} else {
			nan(v[i].Data)
		}
	}
	return v
}

// trainable is v with 0 for tensors that are not.
func (n *network64) trainable(v [][]float64) [][]float64 {
	w := make([][]float64, len(v))
	for i, spec := range n.arch.Tensors() {
		w[i] = make([]float64, len(v[i]))
		if spec.Trainable {
			copy(w[i], v[i])
		}
	}
	return w
}

// shifted is the network h v further.
func (n *network64) shifted(v [][]float64, h float64) *network64 {
	m := *n
	m.tensors = make([][]float64, len(n.tensors))
	for i, t := range n.tensors {
		m.tensors[i] = slices.Clone(t)
		for j := range t {
			m.tensors[i][j] += h * v[i][j]
		}
	}
	return &m
}

// stepAlong is a step along v that no ReLU's input crosses 0 in and no max pool changes its value, neither way: there
// the second derivative does not exist and differences measure the jump. 0: none above 1e-9.
func (n *network64) stepAlong(v [][]float64, x []float64, rows int, h float64) float64 {
	for ; h > 1e-9; h /= 2 {
		here := n.forward(x, rows, models.Eval, models.Draw{})
		up := n.shifted(v, h).forward(x, rows, models.Eval, models.Draw{})
		down := n.shifted(v, -h).forward(x, rows, models.Eval, models.Draw{})
		if n.samePieces(here, up) && n.samePieces(here, down) {
			return h
		}
	}
	return 0
}

// gradientAlong is the derivative of the evaluation gradient along v: central differences at h and h/2 without their common
// error in h² (Richardson). Rounding leaves 1e-16/h of the gradient.
func (n *network64) gradientAlong(v [][]float64, x []float64, y []int32) (d [][]float64, err string) {
	var top float64
	for i := range v {
		top = math.Max(top, largest(n.tensors[i]))
	}
	h := n.stepAlong(v, x, len(y), 2e-5/math.Max(1, top))
	if h == 0 {
		return nil, "a kink is too near for a difference of gradients"
	}
	at := func(h float64) [][]float64 {
		m := n.shifted(v, h)
		return m.backward(m.forward(x, len(y), models.Eval, models.Draw{}), y, models.Eval)
	}
	a, b, c, e := at(h), at(-h), at(h/2), at(-h/2)
	d = make([][]float64, len(v))
	for i := range d {
		d[i] = make([]float64, len(v[i]))
		for j := range d[i] {
			d[i][j] = (4*(c[i][j]-e[i][j])/h - (a[i][j]-b[i][j])/(2*h)) / 3
		}
	}
	return d, ""
}

// testConfidentCurvature has a closed form: of one dense layer on the input 1, H v by the bias is p_k Σ_j p_j (m_k - m_j),
// p the softmax and m = weight + bias of v. A logit far above the others leaves terms of 1e-17 and less, which
// must not drown in the rounding of p near 1.
func testConfidentCurvature(t *testing.T, e models.Engine) {
	a := models.Architecture{Family: "mlp", Input: models.Shape{C: 1, H: 1, W: 1}, Classes: 3,
		Layers: []models.Layer{{Name: "fc", Kind: models.Dense, In: 1, Out: 3}}}
	for _, logits := range [][]float32{{0, 40, 3}, {40, 0, 3}, {-35, -30, 30}, {0.5, 0.25, 0}} {
		c := network{name: "confident", arch: a, state: models.NewState(a), x: []float32{1}, y: []int32{2}, rows: 1}
		copy(c.state[1].Data, logits)
		second, ok := c.session(t, e, 1).(models.SecondOrder)
		if !ok {
			t.Skip("the engine has no second derivatives")
		}
		v, product := models.NewState(a), nanState(a)
		copy(v[0].Data, []float32{1, -2, 0.5})
		copy(v[1].Data, []float32{0.25, 3, -1})
		must(t, second.HessianVector(product, v, c.x, c.y))
		z := widen(logits)
		for k := range z {
			var want float64
			for j := range z {
				mk, mj := v[0].Data[k]+v[1].Data[k], v[0].Data[j]+v[1].Data[j] // sums of eighths: exact
				want += math.Exp(z[k]-logSumExp(z)) * math.Exp(z[j]-logSumExp(z)) * float64(mk-mj)
			}
			closeScalar(t, "Hessian times vector by a bias", float64(product[1].Data[k]), want, 0)
			closeScalar(t, "Hessian times vector by a weight", float64(product[0].Data[k]), want, 0)
		}
	}
}
