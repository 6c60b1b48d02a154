//go:build linux && (amd64 || arm64) && xla

package xla

import (
	"slices"
	"sync"
	"unsafe"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla/internal/pjrt"
)

var _ models.Keeping = (*engine)(nil)

// How much of inputs is kept on a device at most.
const (
	keptShare = 8         // one part in so many of the memory that the device says it has,
	keptBytes = 256 << 20 // or so much where it says nothing
)

// Keep remembers that x stays as it is. A batch of it is copied to the device when it is first read, filled up as any batch is, and found by its address from then on: programs and
// their arguments are the same as without. Batches that would go beyond the memory for it are copied at every call.
func (e *engine) Keep(x []float32) (release func()) {
	if len(x) == 0 {
		return func() {}
	}
	set := e.kept.keep(x)
	var once sync.Once
	return func() { once.Do(func() { e.kept.release(set) }) }
}

// kept is the inputs that do not change, and what of them is on the device.
type kept struct {
	mu    sync.Mutex
	limit int64
	used  int64
	sets  []*keptSet
}

// keptSet is one slice.
type keptSet struct {
	x       []float32
	users   int
	batches map[keptPart]*keptBatch
}

// keptPart is a part of a set as a program takes it.
type keptPart struct{ from, values, rows, width int }

// keptBatch is such a part on the device; once put there, array is nil where that failed.
type keptBatch struct {
	once  sync.Once
	array *pjrt.Array

	// Under the lock.
	users   int  // calls that read it
	dropped bool // the last of them frees it
}

func newKept(d pjrt.Device) *kept {
	if m := d.Memory(); m.Limit > 0 {
		return &kept{limit: m.Limit / keptShare}
	}
	return &kept{limit: keptBytes}
}

func (k *kept) keep(x []float32) *keptSet {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.sets {
		if len(s.x) == len(x) && &s.x[0] == &x[0] {
			s.users++
			return s
		}
	}
	s := &keptSet{x: x, users: 1, batches: map[keptPart]*keptBatch{}}
	k.sets = append(k.sets, s)
	return s
}

func (k *kept) release(s *keptSet) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	k.sets = slices.DeleteFunc(k.sets, func(other *keptSet) bool { return other == s })
	for part, b := range s.batches {
		k.used -= part.bytes()
		if b.dropped = true; b.users == 0 {
			b.array.Free()
		}
	}
}

func (p keptPart) bytes() int64 { return 4 * int64(p.rows) * int64(p.width) }

// batch answers x, the inputs of n examples, as an array of so many rows, and what to call when it has been read; nil where x is not kept.
func (k *kept) batch(d pjrt.Device, x []float32, rows, n int) (array *pjrt.Array, read func()) {
	b := k.find(x, rows, n)
	if b == nil {
		return nil, nil
	}
	b.once.Do(func() { b.array, _ = pjrt.Put(d, filled(x, rows, n), rows, len(x)/n) }) // what fails is tried again, and told, as for any batch
	if b.array == nil {
		k.leave(b)
		return nil, nil
	}
	return b.array, func() { k.leave(b) }
}

func (k *kept) find(x []float32, rows, n int) *keptBatch {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.sets {
		from := s.index(x)
		if from < 0 {
			continue
		}
		part := keptPart{from, len(x), rows, len(x) / n}
		b := s.batches[part]
		if b == nil {
			if k.used+part.bytes() > k.limit {
				return nil
			}
			k.used += part.bytes()
			b = &keptBatch{}
			s.batches[part] = b
		}
		b.users++
		return b
	}
	return nil
}

// index is where x begins in the set, or -1 where it is no part of it.
func (s *keptSet) index(x []float32) int {
	const size = unsafe.Sizeof(x[0])
	base, at := uintptr(unsafe.Pointer(&s.x[0])), uintptr(unsafe.Pointer(&x[0]))
	if at < base || (at-base)%size != 0 || at+uintptr(len(x))*size > base+uintptr(len(s.x))*size {
		return -1
	}
	return int((at - base) / size)
}

func (k *kept) leave(b *keptBatch) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if b.users--; b.users == 0 && b.dropped {
		b.array.Free()
	}
}
