//go:build !unix

package measure

import (
	"io"
	"os"
	"unsafe"
)

// mapFile reads a file: there is no mapping here.
func mapFile(path string) ([]byte, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	words := make([]uint64, info.Size()/8+1) // aligned for every dtype
	b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), info.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, nil, err
	}
	return b, func() {}, nil
}
