// Package pluginbench holds no code of genbench: its tests and benchmarks say what
// starting a plugin in Go and in Python takes, and how a large tensor reaches a measure.
//
//	go test ./internal/pluginbench -bench . -benchtime 20x
package pluginbench
