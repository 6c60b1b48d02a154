//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package corpora

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the file's flock, which ends with the process.
func lockFile(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		}
		return err
	}
}
