package xla

import "github.com/genbench/genbench/models"

// Bounds of a group. Its size is a function of the architecture, the batch and the platform alone, as bits depend on it: products of another number of networks may be summed in another order.
const (
	mostSlots   = 128
	slotsOnCPU  = 8
	stepWork    = 1 << 36 // floating-point operations of one step of all networks: about 2 ms of a data-centre GPU, so that launching kernels is a small part
	groupMemory = 8 << 30 // bytes for activations and patches
)

// LargestGroup is the most networks of a group that can be asked for.
const LargestGroup = 1 << 12

// GroupSizeOn is the number of networks of a group on a platform, "cuda" or "cpu", where nothing else is asked for: a power of two.
func GroupSizeOn(platform string, a models.Architecture, batch int) int {
	most := mostSlots
	if platform == "cpu" {
		most = slotsOnCPU
	}
	work := 6 * a.MultiplyAdds() * int64(batch)
	memory := 4 * 3 * int64(batch) * activations(a) // forward, backward and what fusion leaves
	k := 1
	for 2*k <= most && int64(2*k)*work <= stepWork && int64(2*k)*memory <= groupMemory {
		k *= 2
	}
	return k
}

// activations counts the values of one example that a step stores: outputs, and the patches of convolutions.
func activations(a models.Architecture) int64 {
	n := int64(a.Input.Size())
	for i, l := range a.Layers {
		n += int64(l.Out)
		if l.Kind == models.Conv2D && l.Kernel > 1 {
			n += int64(a.Reads(i).C*l.Kernel*l.Kernel) * int64(l.Out/l.Channels)
		}
	}
	return n
}

// slotsWithin is the number of networks of a group that so many bytes hold, by estimate: what a step stores, tensors, moments and gradients of before and after it, and the order and labels of examples; inputs are taken for shared.
func slotsWithin(bytes int64, s models.GroupShape) int {
	batch := int64(min(s.BatchSize, s.Examples))
	var values int64
	for _, t := range s.Arch.Tensors() {
		values += int64(t.Size())
	}
	n := int64(s.Examples)
	each := 4*3*batch*activations(s.Arch) + 4*values*int64(3+2*ruleOf(s.Optimizer).moments()) + 4*2*n
	inputs := 4 * n * int64(s.Arch.Input.Size())
	most := int64(LargestGroup)
	if s.Augmented {
		most = min(most, int64(mostAugmented(s.Arch, int(batch))))
	}
	return int(max(1, min(most, (bytes-inputs)/each)))
}
