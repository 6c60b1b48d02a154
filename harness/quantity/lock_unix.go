//go:build unix

package quantity

import (
	"os"
	"syscall"
)

// lockShared marks the file as used until it is closed. Where the file system
// has no locks the mark is missing, and eviction trusts age alone.
func lockShared(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_SH) }

// lockAlone reports whether nobody else has the file locked.
func lockAlone(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != syscall.EWOULDBLOCK
}
