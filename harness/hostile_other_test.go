//go:build unix && !linux

package harness_test

// asHostile has nobody to be hostile to: plugins are confined on Linux alone.
func asHostile([]string) {}
