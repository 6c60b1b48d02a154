package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/spf13/cobra"
)

func measuresLock(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "lock" + corpusUse, Short: "Write down which programs serve which measures", Args: cobra.MaximumNArgs(1),
		Long: "lock writes " + plugin.LockName + ": of every plugin that a run with the same flags would use its path, the SHA-256 of its\n" +
			"program (of a script: of its folder), its version, and its measures with versions, needs and options; of the built-ins\n" +
			"the measures alone. `genbench run --locked` then refuses another program and another description. Programs that the\n" +
			"file has and these flags do not name stay in it. " + corpusHelp,
		Example: "  genbench measures lock quick --plugin mine=./genbench-measure-mine\n  genbench run quick --plugin mine=./genbench-measure-mine --locked",
		RunE:    func(c *cobra.Command, args []string) error { return f.writeLock(c.Context(), corpusName(args)) },
	}
	f.addMeasures(c)
	for _, other := range []string{"measures", "seed", "plugin-timeout", "locked"} {
		_ = c.Flags().MarkHidden(other) // says nothing here
	}
	return c
}

func (f *flags) writeLock(ctx context.Context, corpus string) error {
	if err := f.check(); err != nil {
		return err
	}
	spec, err := corpora.Find(corpus)
	if err != nil {
		return errUsage{err}
	}
	s := &stages{flags: f, spec: spec}
	programs, err := s.programs()
	if err != nil {
		return err
	}
	lock, err := plugin.ReadLock(f.lockFile)
	if errors.Is(err, fs.ErrNotExist) {
		lock, err = &plugin.Lock{}, nil
	}
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(filepath.Dir(f.lockFile))
	if err != nil {
		return err
	}
	for _, p := range programs {
		process, err := plugin.Start(ctx, p, s.unboundOptions())
		if err != nil {
			return err
		}
		differs := lock.CheckFile(p)
		if differs == nil {
			differs = lock.CheckProcess(p, process)
		}
		if differs != nil && lock.Has(p.Name) { // what is new differs from nothing
			fmt.Fprintf(f.env.stderr, "%s: %v\n", f.lockFile, differs)
		}
		lock.Put(plugin.LockOf(p, process, dir))
		process.Stop()
	}
	if err := lock.Write(f.lockFile); err != nil {
		return err
	}
	fmt.Fprintf(f.env.stderr, "%s: %d plugins written\n", f.lockFile, len(lock.Plugins))
	return nil
}
