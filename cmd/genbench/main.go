// Command genbench tells which generalization measures of trained networks
// predict generalization.
//
// It trains or loads a corpus of networks, has every measure computed in a
// process of its own, and prints a leaderboard of rank correlations with the
// generalization gap:
//
//	genbench run
//
// Every stage can be run alone: train, measure, score, report. A rerun finishes
// what is missing and repeats nothing. Results go to standard output, all else to standard error.
// Exit status: 0 complete, 1 error, 2 usage, 3 finished with gaps.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/genbench/genbench/harness"
	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	exitGaps  = 3
)

func main() {
	// Before all else: as a plugin this program must not print, parse or log anything.
	if len(os.Args) > 1 && os.Args[1] == "plugin" {
		os.Exit(servePlugin(os.Args[2:], os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	env := environment{getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	status := execute(ctx, env, os.Args[1:])
	stop()
	os.Exit(status)
}

// environment is the world that a command may touch.
type environment struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// errUsage marks an error that the command line caused.
type errUsage struct{ err error }

func (e errUsage) Error() string { return e.err.Error() }
func (e errUsage) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return errUsage{fmt.Errorf(format, args...)} }

// errGaps says that the command did what it could and gaps remain.
var errGaps = errors.New("finished with gaps")

func execute(ctx context.Context, env environment, args []string) int {
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage errUsage
	var pattern *harness.PatternError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errGaps):
		fmt.Fprintf(env.stderr, "genbench: %v\n", err)
		return exitGaps
	case errors.As(err, &usage), errors.As(err, &pattern):
		fmt.Fprintf(env.stderr, "genbench: %v\n", err)
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintln(env.stderr, "genbench: interrupted; what is finished is kept, run again to go on")
		return exitError
	default:
		fmt.Fprintf(env.stderr, "genbench: %v\n", err)
		return exitError
	}
}

func newRoot(env environment) *cobra.Command {
	root := &cobra.Command{
		Use:           "genbench",
		Short:         "Which generalization measures predict generalization?",
		Long:          "genbench trains or loads a corpus of networks, computes generalization measures in\nplugin processes, and reports their rank correlation with the generalization gap.\n\nStart with: genbench run",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
	}
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%v; see `%s --help`", err, c.CommandPath())
	})
	root.AddCommand(
		runCommand(env), planCommand(env), trainCommand(env), measureCommand(env), scoreCommand(env),
		reportCommand(env), auditCommand(env), compareCommand(env), figuresCommand(env), statusCommand(env), corpusCommand(env), measuresCommand(env), doctorCommand(env),
	)
	for _, c := range allCommands(root) {
		if c.HasSubCommands() {
			c.Args, c.RunE = noSuchCommand, func(c *cobra.Command, _ []string) error { return c.Help() }
		}
		if c.Args != nil {
			check := c.Args
			c.Args = func(c *cobra.Command, args []string) error {
				if err := check(c, args); err != nil {
					return usagef("%s: %v; see `%s --help`", c.CommandPath(), err, c.CommandPath())
				}
				return nil
			}
		}
	}
	return root
}

// noSuchCommand refuses words that are no subcommand.
func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		return fmt.Errorf("there is no command %q; did you mean %q?", args[0], near[0])
	}
	return fmt.Errorf("there is no command %q", args[0])
}

func allCommands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, allCommands(sub)...)
	}
	return all
}
