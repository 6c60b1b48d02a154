//go:build !linux

package plugin

import "github.com/genbench/genbench/harness/measure"

// What is tested on Linux alone.
func snoops() measure.Measure { return odd{name: "snoops"} }
func leaveStrays() error      { return nil }
