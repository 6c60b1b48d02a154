package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/genbench/genbench/harness/measure"
)

// faults are plugins that do what plugins should not; testdata/plugins.txtar runs them.
var faults = map[string]func(){
	"panics": func() { measure.Serve(faulty{"panics", func(context.Context) float64 { panic("index out of hand") }}) },
	"hangs":  func() { measure.Serve(faulty{"hangs", func(context.Context) float64 { select {} }}) },
	"nan":    func() { measure.Serve(faulty{"nan", func(context.Context) float64 { return math.NaN() }}) },
	"exits":  func() { measure.Serve(faulty{"exits", func(context.Context) float64 { os.Exit(7); return 0 }}) },
	"eats":   func() { measure.Serve(faulty{"eats", eat}) },
	"early":  func() { os.Exit(1) },
	"chatty": func() { fmt.Println("loading weights"); measure.Serve(faulty{"chatty", one}) },
	"talks": func() {
		measure.Serve(faulty{"talks", func(ctx context.Context) float64 { fmt.Println("computing"); return one(ctx) }})
	},
	"shifts": func() { measure.Serve(shifts{faulty{"shifts", one}}) },
	"claims": func() { measure.Serve(claims{faulty{"claims", one}}) },
	"crashes": func() {
		measure.Serve(faulty{"crashes", func(context.Context) float64 { go panic("elsewhere"); select {} }})
	},
}

type faulty struct {
	name    string
	compute func(context.Context) float64
}

func (f faulty) Info() measure.Info { return measure.Info{Name: f.name, Version: "1"} }

// claims calls itself what a built-in is called.
type claims struct{ faulty }

func (c claims) Info() measure.Info {
	return measure.Info{Name: "claims", Version: "1", Aliases: []string{"CNA-M"}}
}

// shifts has another version in another time zone.
type shifts struct{ faulty }

func (s shifts) Info() measure.Info { return measure.Info{Name: "shifts", Version: os.Getenv("TZ")} }

func (f faulty) Compute(ctx context.Context, _ *measure.Network) (float64, error) {
	return f.compute(ctx), nil
}

func one(context.Context) float64 { return 1 }

// eat takes memory and touches it, up to a bound that no test should reach.
func eat(context.Context) float64 {
	var held [][]byte
	for range 4096 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		held = append(held, b)
	}
	return float64(len(held))
}
