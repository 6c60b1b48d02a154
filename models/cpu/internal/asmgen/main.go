// Command asmgen writes the assembler kernels of models/cpu and their Go
// declarations. It is run by go generate in models/cpu; its output is checked in,
// so building genbench needs neither avo nor a C toolchain.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

func main() {
	dir := flag.String("dir", ".", "folder of the generated files")
	flag.Parse()
	if err := generateAll(*dir); err != nil {
		log.Fatalf("asmgen: %v", err)
	}
}

// generateAll writes all files to the folder.
func generateAll(dir string) error {
	files := []struct {
		name  string
		write func(c *build.Context)
	}{
		{"gemm_avx512", func(c *build.Context) {
			for rows := 1; rows <= 14; rows++ {
				tile(c, avx512, rows, 2)
			}
		}},
		{"gemm_avx2", func(c *build.Context) {
			for rows := 1; rows <= 6; rows++ {
				tile(c, avx2, rows, 2)
			}
			for rows := 1; rows <= 12; rows++ {
				tile(c, avx2, rows, 1)
			}
		}},
		{"rows_avx2", rowKernels},
		{"softmax_avx2", softmaxKernel},
		{"optimizers_avx2", optimizerKernels},
	}
	for _, f := range files {
		if err := generate(filepath.Join(dir, f.name+"_amd64"), f.write); err != nil {
			return fmt.Errorf("writing %s: %w", f.name, err)
		}
	}
	return nil
}

// generate writes NAME.s and NAME.go.
func generate(name string, write func(c *build.Context)) error {
	c := build.NewContext()
	c.ConstraintExpr("amd64")
	write(c)
	file, err := c.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	config := printer.Config{Name: "models/cpu/internal/asmgen", Pkg: "cpu"}
	for ext, p := range map[string]printer.Printer{".s": printer.NewGoAsm(config), ".go": printer.NewStubs(config)} {
		text, err := p.Print(file)
		if err != nil {
			return fmt.Errorf("printing %s: %w", ext, err)
		}
		text = append(bytes.TrimRight(text, "\n"), '\n')
		if err := os.WriteFile(name+ext, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
