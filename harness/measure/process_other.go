//go:build !unix

package measure

// gone is left to the broker's stream, which ends with the host.
func gone(int) bool { return false }
