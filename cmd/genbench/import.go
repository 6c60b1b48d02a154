package main

import (
	"errors"
	"fmt"
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
			abs, err := filepath.Abs(f.store)
			if err != nil {
				return err
			}
			store, err := corpora.OpenForImport(f.store, filepath.Base(abs))
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
