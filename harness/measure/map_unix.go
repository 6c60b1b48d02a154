//go:build unix

package measure

import (
	"fmt"
	"os"
	"syscall"
)

// mapFile maps a file, read-only. A mapping starts at a page, so what lies at a
// multiple of 64 in the file does so in memory.
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
	if info.Size() == 0 || int64(int(info.Size())) != info.Size() {
		return nil, nil, fmt.Errorf("mapping %s: it has %d bytes", path, info.Size())
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	return b, func() { _ = syscall.Munmap(b) }, nil
}
