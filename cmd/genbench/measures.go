package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models/cpu"
	"github.com/spf13/cobra"
)

// servePlugin is the whole program when it runs as the plugin of the built-in
// measures: NAME[,NAME...].
func servePlugin(args []string, stderr io.Writer) int {
	if len(args) != 1 {
		fmt.Fprintln(stderr, "genbench plugin: for genbench itself, which starts it with the names of measures")
		return exitUsage
	}
	byName := map[string]measure.Measure{}
	for _, m := range measures.All() {
		byName[m.Info().Name] = m
	}
	var serve []measure.Measure
	for _, name := range strings.Split(args[0], ",") {
		m, ok := byName[name]
		if !ok {
			fmt.Fprintf(stderr, "genbench plugin: no built-in measure %q\n", name)
			return exitUsage
		}
		serve = append(serve, m)
	}
	measure.Serve(serve...)
	return exitOK
}

func measuresCommand(env environment) *cobra.Command {
	c := &cobra.Command{Use: "measures", Short: "List, show, make, check and lock measures"}
	c.AddCommand(measuresLs(env), measuresShow(env), measuresNew(env), measuresCheck(env), measuresLock(env))
	return c
}

// class is how a measure is ranked: transductive ones read test inputs.
func class(info measure.Info) string {
	if info.Needs.Transductive() {
		return "transductive"
	}
	return "train"
}

// costSize is what costs are stated for: corpus quick.
var costSize = quantity.Size{Train: 1000, Test: 2000, Classes: 10}

// askBuiltins says what the built-ins ask for with their default options.
func askBuiltins(ctx context.Context, env environment) ([]inprocess.Asked, error) {
	engine, err := cpu.New(env.getenv(envKernels))
	if err != nil {
		return nil, usagef("$%s: %v", envKernels, err)
	}
	var choices []inprocess.Choice
	for _, m := range measures.All() {
		choices = append(choices, inprocess.Choice{Measure: m})
	}
	return inprocess.Ask(ctx, engine, choices, inprocess.Sizes{Train: costSize.Train, Test: costSize.Test})
}
