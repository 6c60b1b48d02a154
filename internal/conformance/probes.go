package conformance

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/internal/rewrite"
)

// still is the change below which a value counts as unmoved: what rounding in float32 does to sums over a network.
const still = 1e-4

// rewritten asks about the network with batch norm, written down in other ways. Nothing is asserted: a value that a
// rescaling moves is one of a parametrisation and not of a function alone, which its author may want.
func (c *checker) rewritten(ctx context.Context, info measure.Info) error {
	s := c.nets.ordinary[1].subject
	own, err := c.ask(ctx, c.first, s, question{measure: info.Name})
	if err != nil {
		return err
	}
	if own.Status != plugin.OK {
		c.add("invariance", info.Name, Skipped, "no value on the network with batch norm", "")
		return nil
	}
	var moved, unmoved []string
	for _, t := range rewrite.All() {
		changed, _, ok := t.Apply(s)
		if !ok {
			continue
		}
		out, err := c.ask(ctx, c.first, changed, question{measure: info.Name})
		if err != nil {
			return err
		}
		switch d := change(info.Scale, own.Value, out.Value); {
		case out.Status != plugin.OK:
			moved = append(moved, t.Name+": "+out.Status)
		case d > still:
			moved = append(moved, fmt.Sprintf("%s: %.2g", t.Name, d))
		default:
			unmoved = append(unmoved, t.Name)
		}
	}
	if len(moved) == 0 {
		c.add("invariance", info.Name, Pass, "unmoved: "+strings.Join(unmoved, ", "), "")
		return nil
	}
	found := "moved (relative change): " + strings.Join(moved, ", ")
	if len(unmoved) > 0 {
		found += "; unmoved: " + strings.Join(unmoved, ", ")
	}
	c.add("invariance", info.Name, Note, found, "docs/invariance.md says what each is: a value moved by permuted units or classes depends on an order that has no meaning, unless it draws; one moved by a rescaling depends on the parametrisation")
	return nil
}

// change is the relative change of a value; of a logarithm's, the difference.
func change(scale measure.Scale, a, b float64) float64 {
	d := math.Abs(b - a)
	if scale == measure.Log || d == 0 {
		return d
	}
	return d / math.Abs(a)
}

// limits of what is worth a warning on the largest of the networks.
const (
	slowSeconds = 10.0
	muchMemory  = 1 << 30
)

// sizes asks about three networks of growing size.
func (c *checker) sizes(ctx context.Context, info measure.Info) error {
	var found []string
	outcome := Pass
	for _, n := range c.nets.sizes {
		out, err := c.ask(ctx, c.second, n.subject, question{measure: info.Name})
		if err != nil {
			return err
		}
		if out.Status != plugin.OK && out.Status != plugin.Undefined {
			c.add("speed and memory", info.Name, Fail, tidy(n.what+": "+out.Reason), "raise the limits with --plugin-timeout and --plugin-memory, if it needs more")
			return nil
		}
		if out.Seconds > slowSeconds || out.PeakRSS > muchMemory {
			outcome = Warn
		}
		found = append(found, fmt.Sprintf("%s: %s and %s of genbench's, peak %d MiB", n.what, duration(out.Seconds), duration(out.HostSeconds), out.PeakRSS>>20))
	}
	c.add("speed and memory", info.Name, outcome, strings.Join(found, "; "), "a corpus has hundreds of networks: let genbench compute what is expensive, or sample")
	return nil
}

func duration(seconds float64) string {
	if seconds < 1 {
		return fmt.Sprintf("%.1f ms", seconds*1000)
	}
	return fmt.Sprintf("%.1f s", seconds)
}
