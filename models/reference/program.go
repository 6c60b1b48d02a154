package reference

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/genbench/genbench/models"
)

// program is a network's forward run, loss and gradient as one gorgonia graph
// for a fixed number of rows. The gradient's nodes come from gorgonia's
// symbolic differentiation of the loss; no derivative is written here.
//
// Everything in the graph but the loss and the inside of a convolution is a matrix, [rows, C·H·W]
// or a view of it, and sums over rows, broadcasts and pooling are products with constant matrices: gorgonia's handling of
// vectors and of axes of size 1 has too many cases to trust as a reference. See windows.go for what is not used of its layers.
// Its LogSoftMax is not used either: tensor v0.9.23 starts every row's maximum
// at the first row's first value, and rows far below it become -Inf.
//
// The nodes are run here, one by one, and not by gorgonia's machines: those
// run on a goroutine of their own, where a panic cannot be caught, and write
// results over earlier ones to save memory.
type program struct {
	rows int
	mode models.Mode

	// Inputs, written by the session before a run.
	x, target, shift []float64         // [rows, D], [rows, K], [rows, K]
	seed             []float64         // [rows, K]
	keep             map[int][]float64 // of dropout layer l, [rows, Out]
	params           [][]float64       // of each tensor; a dense weight is transposed, [In, Out]; a conv2d weight is [Channels, C·Kernel²]

	nodes    []step
	values   []G.Value
	logits   int         // index of the logits in values
	forward  int         // nodes[:forward] are what the logits need
	outs     []int       // of each layer
	loss     int         // -1: forward only
	grads    []int       // of each tensor; -1: none. In a program for Backward: of what each layer reads
	mean     map[int]int // of batch norm layer l in Learn mode, [1, C]
	variance map[int]int // biased
}

// step computes one value from earlier ones.
type step struct {
	op     G.Op
	leaf   G.Value
	inputs []int
}

// builder collects nodes while a program's graph is made; the first error stays.
type builder struct {
	g     *G.ExprGraph
	rows  int
	arch  models.Architecture
	p     *program
	use   purpose
	err   error
	count int

	values G.Nodes // what readers read: the network's input, then what each layer wrote

	// Zeros added to what each layer reads in a program for Backward: gorgonia
	// differentiates with regard to inputs of a graph only.
	probes G.Nodes

	means, variances map[int]*G.Node // of batch norm layers in Learn mode, [1, C]
}

// purpose is what a program computes beyond the logits.
type purpose int

const (
	evaluation purpose = iota // nothing
	gradient                  // the cross-entropy, its derivatives by the tensors
	backward                  // Σ seed ⊙ logits, its derivatives by what each layer reads
)

// build makes a program.
func build(a models.Architecture, rows int, mode models.Mode, use purpose) (*program, error) {
	p := &program{rows: rows, mode: mode, keep: map[int][]float64{}, mean: map[int]int{}, variance: map[int]int{}, loss: -1}
	b := &builder{g: G.NewGraph(), rows: rows, arch: a, p: p, use: use, means: map[int]*G.Node{}, variances: map[int]*G.Node{}}
	var params G.Nodes
	for _, t := range a.Tensors() {
		r, c := 1, t.Shape[0]
		switch len(t.Shape) {
		case 2:
			r, c = t.Shape[1], t.Shape[0]
		case 4:
			r, c = t.Shape[0], t.Shape[1]*t.Shape[2]*t.Shape[3]
		}
		node, backing := b.input(r, c)
		params = append(params, node)
		p.params = append(p.params, backing)
	}
	x, backing := b.input(rows, a.Input.Size())
	p.x = backing
	outs := b.layers(x, params)
	var loss *G.Node
	var grads G.Nodes
	switch {
	case b.err != nil:
	case use == gradient:
		loss = b.crossEntropy(outs[len(outs)-1])
		grads = make(G.Nodes, len(params))
		b.differentiate(loss, params, grads)
	case use == backward:
		loss = b.seeded(outs[len(outs)-1])
		grads = b.inputGradients(loss)
	}
	if b.err != nil {
		return nil, fmt.Errorf("building the graph: %w", b.err)
	}
	return p, p.schedule(b.g, outs, loss, grads, b.means, b.variances)
}

// input is a matrix whose values the session writes.
func (b *builder) input(r, c int) (*G.Node, []float64) {
	backing := make([]float64, r*c)
	b.count++
	value := tensor.New(tensor.WithShape(r, c), tensor.WithBacking(backing))
	return G.NewMatrix(b.g, tensor.Float64, G.WithShape(r, c), G.WithName(fmt.Sprintf("in%d", b.count)), G.WithValue(value)), backing
}

// filled is a matrix of one constant.
func (b *builder) filled(r, c int, v float64) *G.Node {
	node, backing := b.input(r, c)
	for i := range backing {
		backing[i] = v
	}
	return node
}

func (b *builder) binary(op func(x, y *G.Node) (*G.Node, error), x, y *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	n, err := op(x, y)
	b.err = err
	return n
}

func (b *builder) unary(op func(x *G.Node) (*G.Node, error), x *G.Node) *G.Node {
	if b.err != nil {
		return nil
	}
	n, err := op(x)
	b.err = err
	return n
}

// crossEntropy is the sum over target ⊙ (log Σ_k exp(f_k - s) - (f - s)). The
// target holds 1/N at an example's label; rows that fill up the batch hold 0.
// The shift s, one number a row, is set to the row's largest logit in the
// middle of a run. It drops out of the value, so it is a constant to the
// derivative.
func (b *builder) crossEntropy(logits *G.Node) *G.Node {
	k := b.arch.Classes
	target, backing := b.input(b.rows, k)
	b.p.target = backing
	shift, backing := b.input(b.rows, k)
	b.p.shift = backing
	f := b.binary(G.Sub, logits, shift)
	sums := b.binary(G.Mul, b.unary(G.Exp, f), b.filled(k, k, 1)) // [rows, K], all columns equal
	nll := b.binary(G.Sub, b.unary(G.Log, sums), f)
	return b.unary(func(x *G.Node) (*G.Node, error) { return G.Sum(x) }, b.binary(G.HadamardProd, target, nll))
}

// seeded is the sum over seed ⊙ logits.
func (b *builder) seeded(logits *G.Node) *G.Node {
	seed, backing := b.input(b.rows, b.arch.Classes)
	b.p.seed = backing
	return b.unary(func(x *G.Node) (*G.Node, error) { return G.Sum(x) }, b.binary(G.HadamardProd, seed, logits))
}

// inputGradients are the derivatives by what each layer reads: those by the zeros that layers added to it.
func (b *builder) inputGradients(sum *G.Node) G.Nodes {
	if b.err != nil {
		return nil
	}
	ds, err := G.Grad(sum, b.probes...)
	if err == nil && len(ds) != len(b.probes) {
		err = fmt.Errorf("gorgonia answers %d gradients for %d inputs of layers", len(ds), len(b.probes))
	}
	b.err = err
	return ds
}

// differentiate fills grads for the trainable tensors.
func (b *builder) differentiate(loss *G.Node, params, grads G.Nodes) {
	if b.err != nil {
		return
	}
	var trainable G.Nodes
	var at []int
	for i, t := range b.arch.Tensors() {
		if t.Trainable {
			trainable = append(trainable, params[i])
			at = append(at, i)
		}
	}
	ds, err := G.Grad(loss, trainable...)
	if err != nil {
		b.err = err
		return
	}
	if len(ds) != len(trainable) {
		b.err = fmt.Errorf("gorgonia answers %d gradients for %d tensors", len(ds), len(trainable))
		return
	}
	for i, d := range ds {
		grads[at[i]] = d
	}
}

// schedule lists the nodes so that each follows its inputs, those of the logits first.
func (p *program) schedule(g *G.ExprGraph, outs G.Nodes, loss *G.Node, grads G.Nodes, means, variances map[int]*G.Node) error {
	index := map[*G.Node]int{}
	var err error
	var visit func(n *G.Node) int
	visit = func(n *G.Node) int {
		if i, done := index[n]; done {
			return i
		}
		s := step{op: n.Op()}
		if from := g.From(n.ID()); from != nil {
			for from.Next() { // in the order of the operator's arguments
				s.inputs = append(s.inputs, visit(from.Node().(*G.Node)))
			}
		}
		if len(s.inputs) == 0 {
			if s.leaf = n.Value(); s.leaf == nil && err == nil {
				err = fmt.Errorf("node %v has neither inputs nor a value", n)
			}
		}
		p.nodes = append(p.nodes, s)
		index[n] = len(p.nodes) - 1
		return len(p.nodes) - 1
	}
	for l, out := range outs {
		p.outs = append(p.outs, visit(out))
		if means[l] != nil {
			p.mean[l], p.variance[l] = visit(means[l]), visit(variances[l])
		}
	}
	p.logits, p.forward = p.outs[len(p.outs)-1], len(p.nodes)
	if loss != nil {
		p.loss = visit(loss)
		for _, d := range grads {
			if d == nil {
				p.grads = append(p.grads, -1)
			} else {
				p.grads = append(p.grads, visit(d))
			}
		}
	}
	p.values = make([]G.Value, len(p.nodes))
	return err
}

// run computes the logits and, where the program has one, the loss and its gradients.
func (p *program) run() error {
	if err := p.compute(0, p.forward); err != nil {
		return err
	}
	if p.loss < 0 {
		return nil
	}
	logits, err := p.matrix(p.logits)
	if err != nil {
		return err
	}
	k := len(logits) / p.rows
	if len(p.shift) == 0 { // no softmax follows
		return p.compute(p.forward, len(p.nodes))
	}
	for i := range p.rows {
		top := math.Inf(-1)
		for _, v := range logits[i*k:][:k] {
			top = math.Max(top, v)
		}
		for c := range k {
			p.shift[i*k+c] = top
		}
	}
	return p.compute(p.forward, len(p.nodes))
}

func (p *program) compute(from, to int) error {
	inputs := make([]G.Value, 0, 4)
	for i := from; i < to; i++ {
		s := p.nodes[i]
		if len(s.inputs) == 0 {
			p.values[i] = s.leaf
			continue
		}
		inputs = inputs[:0]
		for _, j := range s.inputs {
			inputs = append(inputs, p.values[j])
		}
		v, err := s.op.Do(inputs...)
		if err != nil {
			return fmt.Errorf("gorgonia: computing %v: %w", s.op, err)
		}
		p.values[i] = v
	}
	return nil
}

// matrix is a computed value as a row-major slice.
func (p *program) matrix(i int) ([]float64, error) {
	d, ok := p.values[i].(*tensor.Dense)
	if !ok {
		return nil, fmt.Errorf("gorgonia answers a %T where a matrix should be", p.values[i])
	}
	if d.RequiresIterator() || !d.DataOrder().IsRowMajor() {
		m, ok := d.Materialize().(*tensor.Dense)
		if !ok {
			return nil, errors.New("gorgonia answers a view that does not become a matrix")
		}
		d = m
	}
	switch v := d.Data().(type) {
	case []float64:
		return v, nil
	case float64: // a matrix of one value
		return []float64{v}, nil
	}
	return nil, fmt.Errorf("gorgonia answers %v where float64 should be", d.Dtype())
}

// scalar is a computed scalar.
func (p *program) scalar(i int) (float64, error) {
	switch v := p.values[i].Data().(type) {
	case float64:
		return v, nil
	case []float64:
		if len(v) == 1 {
			return v[0], nil
		}
	}
	return 0, fmt.Errorf("gorgonia answers %v where a number should be", p.values[i])
}
