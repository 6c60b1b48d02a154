//go:build !amd64

package cpu

// assemblerKernels is empty: kernels are written for amd64 only.
func assemblerKernels() []*kernels { return nil }
