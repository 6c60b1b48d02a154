//go:build unix

package measure

import (
	"fmt"
	"os"
	"syscall"
)

// mapFile maps size bytes of a file, read-only.
func mapFile(path string, offset int64, size int) ([]byte, func(), error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	// Reading a mapping beyond the end of its file is a bus error, so check first.
	if info.Size() < offset || info.Size()-offset < int64(size) {
		return nil, nil, fmt.Errorf("%s has %d bytes, %d at %d were announced", path, info.Size(), size, offset)
	}
	lead := int(offset % int64(os.Getpagesize())) // a mapping starts at a page
	b, err := syscall.Mmap(int(f.Fd()), offset-int64(lead), lead+size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	return b[lead : lead+size : lead+size], func() { _ = syscall.Munmap(b) }, nil
}
