//go:build unix

package measure

import (
	"fmt"
	"os"
	"syscall"
)

// readable reports whether the host's file can be opened here; in a container
// it may not be.
func readable(path string) bool {
	fd, err := open(path)
	if err != nil {
		return false
	}
	syscall.Close(fd)
	return true
}

// open opens a file without asking whether it can be waited for, which [os.Open] does with four calls.
func open(path string) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		switch err {
		case nil:
			return fd, nil
		case syscall.EINTR:
			continue
		}
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
}

// mapFile maps a file, read-only. A mapping starts at a page, so what lies at a
// multiple of 64 in the file does so in memory.
func mapFile(path string) ([]byte, func(), error) {
	fd, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	defer syscall.Close(fd)
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return nil, nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	if info.Size == 0 || int64(int(info.Size)) != info.Size {
		return nil, nil, fmt.Errorf("mapping %s: it has %d bytes", path, info.Size)
	}
	b, err := syscall.Mmap(fd, 0, int(info.Size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("mapping %s: %w", path, err)
	}
	return b, func() { _ = syscall.Munmap(b) }, nil
}
