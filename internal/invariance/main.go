// Command invariance shows which measures move when a network is written down in
// another way, and when its function changes by a scale: docs/invariance.md.
//
//	go run ./internal/invariance --output docs/invariance.md
//
// It trains three small networks by itself, on kernels in plain Go, so that its
// output is the same on every machine of one architecture.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/genbench/genbench/internal/rewrite"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models/cpu"
)

func main() {
	output := flag.String("output", "", "file to write; none: standard output")
	flag.Parse()
	text, err := table(context.Background())
	switch {
	case err != nil:
	case *output == "":
		_, err = os.Stdout.Write(text)
	default:
		err = os.WriteFile(*output, text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "invariance:", err)
		os.Exit(1)
	}
}

// table probes the networks.
func table(ctx context.Context) ([]byte, error) {
	engine, err := cpu.New("go")
	if err != nil {
		return nil, err
	}
	var probes []*probed
	for _, n := range rewrite.Networks() {
		p, err := probe(ctx, engine, n, measures.All())
		if err != nil {
			return nil, err
		}
		probes = append(probes, p)
	}
	var b bytes.Buffer
	err = write(&b, engine.Name(), measures.All(), probes)
	return b.Bytes(), err
}
