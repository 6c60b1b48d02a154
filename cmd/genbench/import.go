package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/importer"
	"github.com/spf13/cobra"
)

func corpusImport(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "import DIR", Short: "Import networks trained elsewhere", Args: cobra.ExactArgs(1),
		Long: "import reads DIR/*/record.json and final.safetensors, evaluates every network on its data, and\nrefuses it when the accuracy that it claims does not hold. The store of --store is made where it\nis not there; it then works as one that genbench trained: genbench run STORE.",
		RunE: func(c *cobra.Command, args []string) error {
			if f.store == "" {
				return usagef("corpus import: name the store to import into with --store DIR")
			}
			if err := f.check(); err != nil {
				return err
			}
			engine, err := f.newEngine()
			if err != nil {
				return err
			}
			store, err := storeToImportInto(f.store)
			if err != nil {
				return err
			}
			n, refused, err := importer.Import(c.Context(), args[0], store, engine, f.data)
			for _, r := range refused {
				fmt.Fprintf(env.stderr, "genbench: refused: %v\n", r)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(env.stdout, "%d networks imported into %s, %d refused\n", n, f.store, len(refused))
			if len(refused) > 0 {
				return errors.New("some networks were refused; see above")
			}
			return nil
		},
	}
	f.addStore(c)
	f.addEngine(c)
	return c
}

// storeToImportInto opens the store in dir, or makes one named after dir.
func storeToImportInto(dir string) (*corpora.Store, error) {
	store, err := corpora.LoadStore(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return store, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	spec, err := corpora.ImportedSpec(filepath.Base(abs))
	if err != nil {
		return nil, fmt.Errorf("--store %s: %w", dir, err)
	}
	return corpora.OpenStore(dir, spec)
}
