// Command overhead says what plugin processes cost a run: measures of a corpus, spread over several
// programs as third parties' would be, against the same measures within one process.
//
//	go run ./internal/overhead
//	go run ./internal/overhead --store genbench-store/quick
//
// Both sides load every network from the store, compute on caches of their own that are empty at first, and write
// their results; they take turns, and the median of the rounds counts. The plugins' side hashes, starts, confines and stops the
// programs besides, for every worker. The values of both have to agree, bit for bit.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/measures"
)

// options are the command line's.
type options struct {
	store, corpus                         string
	networks, measures, plugins, jobs, by int
	sandbox                               string
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == "plugin" {
		serve(strings.Split(os.Args[2], ","))
	}
	var o options
	flag.StringVar(&o.corpus, "corpus", "quick", "corpus of the networks")
	flag.StringVar(&o.store, "store", "", "its store; none: a temporary one, trained anew")
	flag.IntVar(&o.networks, "networks", 64, "networks to measure, the first of the corpus")
	flag.IntVar(&o.measures, "measures", 50, "built-in measures, the first of the list that need no second network")
	flag.IntVar(&o.plugins, "plugins", 10, "programs that serve them")
	flag.IntVar(&o.jobs, "jobs", 2, "workers")
	flag.IntVar(&o.by, "rounds", 3, "times that each side measures")
	flag.StringVar(&o.sandbox, "sandbox", string(plugin.SandboxBestEffort), "off, best-effort or require")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "overhead:", err)
		os.Exit(1)
	}
}

// serve makes this program a plugin of the built-ins of these names.
func serve(names []string) {
	var ms []measure.Measure
	for _, m := range measures.All() {
		for _, name := range names {
			if m.Info().Name == name {
				ms = append(ms, m)
			}
		}
	}
	measure.Serve(ms...)
}
