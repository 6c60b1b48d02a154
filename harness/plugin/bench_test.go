package plugin

import (
	"context"
	"testing"
)

// BenchmarkStart is the time from exec to a description, and to a clean end.
func BenchmarkStart(b *testing.B) {
	p := program(b, "well")
	for b.Loop() {
		process, err := Start(context.Background(), p, Options{})
		if err != nil {
			b.Fatal(err)
		}
		process.Stop()
	}
}

// BenchmarkCompute is one round trip, with one quantity asked back and mapped.
func BenchmarkCompute(b *testing.B) {
	p := begin(b, program(b, "well"), Options{})
	r := Request{Measure: "margin-sum", Network: "n", Provider: newFake(b)}
	for b.Loop() {
		if out := p.Compute(context.Background(), r); out.Status != OK {
			b.Fatalf("%+v", out)
		}
	}
}

// BenchmarkComputeNothing is one round trip of a measure that asks for nothing.
func BenchmarkComputeNothing(b *testing.B) {
	p := begin(b, program(b, "well"), Options{})
	r := Request{Measure: "pid", Network: "n", Provider: newFake(b)}
	for b.Loop() {
		if out := p.Compute(context.Background(), r); out.Status != OK {
			b.Fatalf("%+v", out)
		}
	}
}
