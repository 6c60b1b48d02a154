//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package corpora

import (
	"errors"
	"os"
)

// lockFile refuses: without flock two runs could damage each other's store.
func lockFile(*os.File) error {
	return errors.New("locking a store is not supported on this system")
}
