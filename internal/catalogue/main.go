// Command catalogue writes docs/catalogue.md: every built-in measure with its
// formula, its source, what its values were held against and how far they were
// off, and its cost.
//
//	go run ./internal/catalogue --output docs/catalogue.md
//
// The evidence is what the tests wrote (package evidence), the costs what the host
// declares and its tests count.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", ".", "the source tree")
	output := flag.String("output", "", "file to write; none: standard output")
	flag.Parse()
	c, err := collect(context.Background(), *root)
	if err == nil {
		var b bytes.Buffer
		c.write(&b)
		if *output == "" {
			_, err = os.Stdout.Write(b.Bytes())
		} else {
			err = os.WriteFile(*output, b.Bytes(), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "catalogue:", err)
		os.Exit(1)
	}
}
