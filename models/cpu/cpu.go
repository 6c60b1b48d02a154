// Package cpu computes with networks on the processor: an explicit forward and
// backward pass for each kind of layer, and the derivatives of both along a direction, on vector kernels in
// Go assembler. It needs no C compiler and no library. What one kind of layer does stands in one file
// (operator.go says which and how to add one).
//
// One session uses one core. Work is spread by giving each goroutine a session of
// its own; sessions share nothing that changes.
//
// # Layout
//
// Activations lie feature-major in panels of at most 32 examples, [panel][D][w], so
// that Yᵀ[Out, w] = W[Out, In] Xᵀ[In, w] reads both factors where they lie: W in
// PyTorch's layout, one value spread over a register, and Xᵀ a contiguous panel. The
// gradient of the input reads W with its strides swapped. Only the gradient of the
// weights wants examples as rows, which costs one transposition of each layer's input.
// The last panel is 8, 16 or 32 wide, whichever is the first to hold what is left; its spare
// columns hold zeros, or values that no sum over examples includes.
//
// # Precision
//
// Matrix products accumulate in float32, one fused multiply-add after the other in
// the order of the summation index, as every sgemm does: the error of a sum of k terms is at
// most k 2⁻²⁴ times the sum of their magnitudes (Higham 2002, eq. 3.5). Everything else that is summed
// (the loss, softmax denominators, batch statistics, gradients of biases and of batch
// norm, norms of gradients and their inner products) is accumulated in float64. The moments of gradients are sums of that
// float32 sort within a batch and float64 between batches.
//
// An example's logits do not depend on the batch it comes in, and no result depends
// on maxBatch or on the number of cores. The AVX-512 and AVX2 kernels do the
// same operations in the same order; plain Go has no fused float32 multiply-add and differs from them in rounding.
package cpu

import (
	"fmt"
	"strings"

	"github.com/genbench/genbench/models"
)

//go:generate go run ./internal/asmgen -dir .

// Kernels lists the kernels that this machine can run, best first: "avx512",
// "avx2", "go". The last is always there.
func Kernels() []string {
	var names []string
	for _, k := range available() {
		names = append(names, k.name)
	}
	return names
}

// New makes an engine with the named kernels; "" takes the best that the
// machine has. Kernels that are unknown, or that this processor or its operating system
// does not support, are an error.
func New(name string) (models.Engine, error) {
	sets := available()
	if name == "" {
		return engine{sets[0]}, nil
	}
	for _, k := range sets {
		if k.name == name {
			return engine{k}, nil
		}
	}
	switch name {
	case "avx512", "avx2":
		return nil, fmt.Errorf("starting the cpu engine: this machine cannot run the %s kernels; it has %s", name, strings.Join(Kernels(), ", "))
	}
	return nil, fmt.Errorf("starting the cpu engine: unknown kernels %q (known: avx512, avx2, go)", name)
}

// available returns the sets of kernels that run here, best first.
func available() []*kernels {
	return append(assemblerKernels(), goKernels())
}

type engine struct{ k *kernels }

var _ models.Engine = engine{}

func (e engine) Name() string { return "cpu/" + e.k.name }

func (e engine) NewSession(a models.Architecture, maxBatch int) (models.Session, error) {
	if err := a.Validate(); err != nil {
		return nil, fmt.Errorf("making a session on %s: %w", e.Name(), err)
	}
	for _, l := range a.Layers {
		if operatorOf(l.Kind) == nil {
			return nil, fmt.Errorf("making a session on %s: layer %q is of kind %q, which this engine does not compute", e.Name(), l.Name, l.Kind)
		}
	}
	if maxBatch < 1 {
		return nil, fmt.Errorf("making a session on %s: batches of at most %d examples", e.Name(), maxBatch)
	}
	return newSession(e.k, a, maxBatch), nil
}
