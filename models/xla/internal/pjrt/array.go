//go:build linux && (amd64 || arm64) && xla

package pjrt

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// Number is what an array can hold.
type Number interface {
	~int32 | ~uint64 | ~float32 | ~float64
}

// kindOf is PJRT_Buffer_Type.
func kindOf[T Number]() int32 {
	var v T
	switch any(v).(type) {
	case int32:
		return 4
	case uint64:
		return 9
	case float32:
		return 11
	}
	return 12
}

// Array is an array on a device, row-major. It is freed by Free, or by the collector.
type Array struct {
	device Device
	handle uintptr
}

// Put copies data, of the shape dims, to the device; data may be changed when it returns. A scalar has no dims.
func Put[T Number](d Device, data []T, dims ...int) (*Array, error) {
	n := 1
	shape := make([]int64, len(dims))
	for i, size := range dims {
		n *= size
		shape[i] = int64(size)
	}
	if n != len(data) || n == 0 {
		return nil, fmt.Errorf("copying to the device: %d values for the shape %v", len(data), dims)
	}
	a := &bufferFromHostArgs{client: d.client.handle, data: unsafe.Pointer(&data[0]), kind: kindOf[T](), device: d.handle}
	a.size = unsafe.Sizeof(*a)
	if len(shape) > 0 {
		a.dims, a.dimCount = unsafe.Pointer(&shape[0]), uintptr(len(shape))
	}
	// semantics 0, kImmutableOnlyDuringCall: the plugin copies before it returns.
	if err := call(d.client.plugin, slotBufferFromHostBuffer, a); err != nil {
		return nil, fmt.Errorf("copying to the device: %w", err)
	}
	array := newArray(d, a.buffer)
	if err := d.client.plugin.await(a.done); err != nil {
		return nil, fmt.Errorf("copying to the device: %w", err)
	}
	return array, nil
}

func newArray(d Device, handle uintptr) *Array {
	a := &Array{device: d, handle: handle}
	runtime.SetFinalizer(a, (*Array).Free)
	return a
}

// Get copies the array into dst, which must have its type and length. It waits for what computes it.
func Get[T Number](a *Array, dst []T) error {
	if a == nil || a.handle == 0 {
		return errors.New("copying from the device: the array was freed")
	}
	g := &bufferToHostArgs{buffer: a.handle, dst: unsafe.Pointer(&dst[0]), length: uintptr(len(dst)) * unsafe.Sizeof(dst[0])}
	g.size = unsafe.Sizeof(*g)
	var pinned runtime.Pinner // the copy goes on behind the call
	defer pinned.Unpin()
	pinned.Pin(&dst[0])
	err := call(a.device.client.plugin, slotBufferToHost, g)
	if err == nil {
		err = a.device.client.plugin.await(g.event)
	}
	runtime.KeepAlive(a)
	if err != nil {
		return fmt.Errorf("copying from the device: %w", err)
	}
	return nil
}

// Free gives the memory back; what still computes with the array keeps it. A second call does nothing.
func (a *Array) Free() {
	if a == nil || a.handle == 0 {
		return
	}
	d := &bufferArgs{buffer: a.handle}
	d.size = unsafe.Sizeof(*d)
	a.handle = 0
	runtime.SetFinalizer(a, nil)
	_ = call(a.device.client.plugin, slotBufferDestroy, d) // nothing is to be done about it
}
