//go:build !unix

package quantity

import "os"

// lockShared does nothing here: a file that is open cannot be removed on these
// systems, which is all that the lock is for.
func lockShared(*os.File) {}

func lockAlone(*os.File) bool { return true }
