package main

import (
	"fmt"
	"strings"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// devices are what NVIDIA's data sheets say: dense products in float32 and TF32 (the sheets' TF32 is with sparsity, twice as much), FLOP/s, and memory, bytes/s. By a part of
// the device's name; the first that fits. Sources: "NVIDIA H100 Tensor Core GPU Datasheet" (SXM: 67, 989, 3.35 TB/s; PCIe: 51, 756, 2 TB/s), "NVIDIA H200 Tensor Core GPU
// Datasheet" (67, 989, 4.8 TB/s), "NVIDIA A100 Tensor Core GPU Datasheet" (19.5, 312; 40 GB: 1,555 GB/s, 80 GB SXM: 2,039 GB/s).
var devices = []struct {
	name                     string
	float32, tf32, bandwidth float64
}{
	{"H100 PCIe", 51e12, 378e12, 2e12},
	{"H100", 67e12, 494.5e12, 3.35e12},
	{"H200", 67e12, 494.5e12, 4.8e12},
	{"A100-SXM4-80GB", 19.5e12, 156e12, 2.039e12},
	{"A100", 19.5e12, 156e12, 1.555e12},
}

// limits are the device's: those of the flags, else of its data sheet; 0 where unknown.
func (s settings) limits(r *found, precision string) (peak, bandwidth float64) {
	peak, bandwidth = s.peak, s.bandwidth
	for _, d := range r.Plugins {
		for _, known := range devices {
			if !strings.Contains(strings.Join(d.Devices, " "), known.name) {
				continue
			}
			if peak == 0 && precision == xla.TF32 {
				peak = known.tf32
			} else if peak == 0 {
				peak = known.float32
			}
			if bandwidth == 0 {
				bandwidth = known.bandwidth
			}
			return peak, bandwidth
		}
	}
	return peak, bandwidth
}

// stepWork is one network's training step: its floating-point operations (two a multiply-add, for the way forward and two ways back), and the bytes that it has to move
// if nothing but a layer's own arithmetic is fused: each layer's output written and read on the way forward and its gradient on the way back, and every weight read twice, its gradient
// written and read, and the weight written.
func stepWork(a models.Architecture, batch int) (flop, bytes float64) {
	values := float64(a.Input.Size())
	for _, l := range a.Layers {
		if l.Kind == models.Dense || l.Kind == models.Conv2D {
			values += 4 * float64(l.Out)
		}
	}
	return 6 * float64(a.MultiplyAdds()) * float64(batch), 4 * (values*float64(batch) + 5*float64(a.NumParameters()))
}

// bound is the throughput, networks x examples/s, that the device's products and its memory would each allow.
func (b benchmark) bound() (compute, memory float64) {
	return b.Peak / b.StepFLOP * float64(b.Batch), b.Bandwidth / b.StepBytes * float64(b.Batch)
}

// What a throughput is called limited by launches from: four times the networks give so many times the throughput.
const grows = 2

// limitedBy says in words what limits the best group: the nearer of the two bounds and how much of it is reached; and launches and other work whose time does not depend on the
// number of networks, where more networks at once still bring much.
func (b benchmark) limitedBy() string {
	if len(b.Groups) == 0 {
		return "-"
	}
	best, last := b.best(), b.Groups[len(b.Groups)-1]
	var alone string
	if one := b.Groups[0]; one.K == 1 && len(b.Groups) > 1 && b.Groups[1].Rate > grows*one.Rate {
		alone = "; alone: launches"
	}
	for i, g := range b.Groups {
		if g.K == best.K && best.K == last.K && i > 0 && g.Rate > grows*b.Groups[i-1].Rate {
			return fmt.Sprintf("launches: still %.1fx with %dx the networks", g.Rate/b.Groups[i-1].Rate, g.K/b.Groups[i-1].K)
		}
	}
	if b.Peak == 0 || b.Bandwidth == 0 {
		return "no more from more networks; the device's bounds are not known" + alone
	}
	compute, memory := b.bound()
	what, bound := "compute", compute
	if memory < compute {
		what, bound = "memory", memory
	}
	share := best.Rate / bound
	if share < 0.1 {
		what = "kernels, far from " + what
	}
	return fmt.Sprintf("%s (%.0f %% of its bound)%s", what, 100*share, alone)
}
