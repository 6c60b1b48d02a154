//go:build !unix

package measure

import (
	"os"
	"unsafe"
)

// mapFile reads size bytes of a file: there is no mapping here.
func mapFile(path string, offset int64, size int) ([]byte, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	words := make([]uint64, (size+7)/8) // aligned for every dtype
	b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)
	if _, err := f.ReadAt(b, offset); err != nil {
		return nil, nil, err
	}
	return b, func() {}, nil
}
