package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/internal/conformance"
	"github.com/spf13/cobra"
)

func measuresCheck(env environment) *cobra.Command {
	f := &flags{env: env}
	c := &cobra.Command{
		Use: "check PROGRAM", Short: "Hold a plugin to the protocol and its measures to their contract", Args: cobra.ExactArgs(1),
		Long: "check starts a plugin as a run does and asks it about small networks that it trains itself, about\n" +
			"broken ones and about some of which something is missing. It needs no corpus and leaves nothing behind.\n" +
			"Exit status: 0, or 1 where a check failed; notes and warnings do not fail.",
		RunE: func(c *cobra.Command, args []string) error { return f.checkPlugin(c.Context(), args[0]) },
	}
	c.Flags().DurationVar(&f.start, "plugin-start-timeout", 15*time.Second, "time that the plugin has to start and describe itself")
	c.Flags().DurationVar(&f.deadline, "plugin-timeout", time.Minute, "time that the plugin has for one network")
	c.Flags().StringVar(&f.sandbox, "sandbox", string(plugin.SandboxBestEffort), "off, best-effort or require: as of genbench run")
	c.Flags().StringArrayVar(&f.read, "plugin-read", nil, "a file or folder that the plugin may read too; may be repeated")
	c.Flags().Int64Var(&f.memory, "plugin-memory", 8<<10, "MiB of memory that the plugin may use")
	c.Flags().StringVar(&f.format, "format", "text", "text or json")
	c.Flags().IntVar(&f.columns, "width", 0, "width of the text in characters (default: the terminal's, 100 at the most)")
	return c
}

// errNonconforming says that a plugin does not keep the contract.
var errNonconforming = errors.New("the plugin breaks its contract")

func (f *flags) checkPlugin(ctx context.Context, path string) error {
	if f.format != "text" && f.format != "json" {
		return usagef("--format %q: known are text and json", f.format)
	}
	format := f.format
	f.format = "" // json is none of the leaderboard's
	if err := f.check(); err != nil {
		return err
	}
	program, err := plugin.External(programName(path), path)
	if err != nil {
		return errUsage{err}
	}
	engine, err := f.newEngine()
	if err != nil {
		return err
	}
	dir, remove, err := conformance.Folder()
	if err != nil {
		return err
	}
	defer remove()
	memory := f.memory << 20
	if memory == 0 {
		memory = -1 // no limit
	}
	var tell func(conformance.Check)
	if format == "text" {
		tell = f.checkWriter()
	}
	checks, err := conformance.Run(ctx, conformance.Options{
		Program: program, Engine: engine, Dir: dir, Tell: tell,
		Plugin: plugin.Options{
			StartTimeout: f.start, ComputeTimeout: f.deadline, MemoryLimit: memory, RunDir: socketBase(), Getenv: f.env.getenv, Sandbox: plugin.Sandbox(f.sandbox), Read: f.read,
		},
	})
	if err != nil {
		return err
	}
	if format == "json" {
		e := json.NewEncoder(f.env.stdout)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(checks)
	}
	if n := conformance.Failed(checks); err == nil && n > 0 {
		return fmt.Errorf("%w: %d of %d checks failed", errNonconforming, n, len(checks))
	}
	return err
}

// programName is what the plugin is called in messages: its file's name, as far as a name may have it.
func programName(path string) string {
	name := strings.TrimPrefix(filepath.Base(path), "genbench-measure-")
	name = strings.TrimSuffix(strings.ToLower(name), filepath.Ext(name))
	name = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(name, "-"), "-0123456789")
	if name == "" {
		return "plugin"
	}
	return name[:min(len(name), 40)]
}

// checkWriter prints checks, each as it is there, under the measure that it is of, and below it the remedy.
func (f *flags) checkWriter() func(conformance.Check) {
	const indent = "                              "
	width := f.page("").width
	heading := ""
	return func(c conformance.Check) {
		var b strings.Builder
		if of := cmp.Or(c.Measure, "program"); of != heading {
			if heading != "" {
				b.WriteString("\n")
			}
			b.WriteString(of + "\n")
			heading = of
		}
		b.WriteString(wrapped(fmt.Sprintf("  %-18s%-10s", c.Name, c.Outcome)+c.Found, indent, width))
		if c.Remedy != "" {
			b.WriteString(wrapped(indent+"→ "+c.Remedy, indent+"  ", width))
		}
		fmt.Fprint(f.env.stdout, b.String())
	}
}
