package quantity

import (
	"context"
	"errors"
	"fmt"

	"github.com/genbench/genbench/models"
)

// Twin is the sibling of a [Subject]: the network of the same configuration with another seed.
type Twin struct {
	Hash  string // of its tensors
	Arch  models.Architecture
	Final models.State
}

// check reports why the twin cannot answer the subject's inputs.
func (t *Twin) check(s *Subject) error {
	switch {
	case t.Hash == "":
		return errors.New("the sibling has no hash")
	case t.Arch.Input != s.Arch.Input || t.Arch.Classes != s.Arch.Classes:
		return fmt.Errorf("the sibling reads %v and has %d classes, the network %v and %d", t.Arch.Input, t.Arch.Classes, s.Arch.Input, s.Arch.Classes)
	}
	if err := t.Arch.Validate(); err != nil {
		return fmt.Errorf("the sibling's architecture: %w", err)
	}
	if err := t.Final.Fits(t.Arch); err != nil {
		return fmt.Errorf("the sibling's tensors: %w", err)
	}
	return nil
}

// computeTestPredictions serves the class that the network answers to each unlabelled test
// input: predicted [Nt], the first index of the largest logit in evaluation mode.
func computeTestPredictions(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	return p.testPredictions(ctx, p.subject.Arch, p.subject.Final)
}

// computeSibling serves what the sibling answers to the same inputs.
func computeSibling(ctx context.Context, p *Provider, _ arguments) ([]payload, error) {
	t := p.subject.Sibling
	if err := t.Final.Finite(); err != nil {
		return nil, undefined("the sibling: %s", err)
	}
	return p.testPredictions(ctx, t.Arch, t.Final)
}

func (p *Provider) testPredictions(ctx context.Context, a models.Architecture, state models.State) ([]payload, error) {
	x, n := p.subject.inputs("test")
	if n == 0 {
		return nil, undefined("the data has no test examples")
	}
	k := a.Classes
	logits := make([]float32, n*k)
	if err := p.host.sessions.forward(ctx, a, state, logits, x); err != nil {
		return nil, err
	}
	predicted := make([]int32, n)
	for i := range predicted {
		row := logits[i*k : (i+1)*k]
		for _, v := range row {
			if notFinite(float64(v)) {
				return nil, undefined("a logit of test input %d is %v", i, v)
			}
		}
		predicted[i] = int32(largest(row))
	}
	return []payload{{name: "predicted", shape: []int{n}, i32: predicted}}, nil
}
