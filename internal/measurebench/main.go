// Command measurebench says what each measure costs, and how much of that is the
// host's quantities.
//
//	go run ./internal/measurebench --store genbench-store/quick
//	go run ./internal/measurebench --store genbench-store/quick --rgm FOLDER
//
// The networks are those of the corpus quick, or of another whose store is given; what is
// missing is trained first. Everything runs on one thread, in this process: a plugin's process adds
// some tenths of a millisecond a measure.
//
// A measure is timed alone, on a host that has computed nothing, and in its turn after the measures before it, as
// in a run, where quantities that another has paid for cost nothing. With --rgm FOLDER, a checkout of
// nitarshan/robust-generalization-measures, its get_all_measures is timed on the same networks in turns with genbench's measures of
// the same names.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// options are the command line's.
type options struct {
	store, corpus       string
	networks, repeats   int
	rgm, python, script string
}

func main() {
	var o options
	flag.StringVar(&o.corpus, "corpus", "quick", "corpus of the networks")
	flag.StringVar(&o.store, "store", "", "its store; none: a temporary one, trained anew")
	flag.IntVar(&o.networks, "networks", 8, "networks to measure, spread over the corpus; 0: all")
	flag.IntVar(&o.repeats, "repeats", 3, "calls of each side against --rgm, of which the median counts")
	flag.StringVar(&o.rgm, "rgm", "", "checkout of nitarshan/robust-generalization-measures")
	flag.StringVar(&o.python, "python", "/usr/bin/python3", "interpreter with PyTorch")
	flag.StringVar(&o.script, "script", "internal/measurebench/rgm.py", "the program that times RGM")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "measurebench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	engine, err := cpu.New("")
	if err != nil {
		return err
	}
	if o.store == "" {
		if o.store, err = os.MkdirTemp("", "measurebench-store-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.store)
	}
	subjects, err := trained(ctx, o, engine)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	b, err := measure(ctx, engine, subjects)
	if err != nil {
		return err
	}
	b.print(os.Stdout, engine.Name())
	if o.rgm == "" {
		return nil
	}
	c, err := against(ctx, o, engine, subjects)
	if err != nil {
		return err
	}
	c.print(os.Stdout)
	return nil
}

// subject is a network of the store.
type subject struct {
	id string
	*quantity.Subject
}

// trained answers some networks of the store, evenly spread, once all of the corpus are there.
func trained(ctx context.Context, o options, e models.Engine) ([]subject, error) {
	spec, err := corpora.Find(o.corpus)
	if err != nil {
		return nil, err
	}
	store, err := corpora.OpenStore(o.store, spec)
	if err != nil {
		return nil, err
	}
	networks, err := store.Networks()
	if err != nil {
		return nil, err
	}
	data := corpora.NewDataCache("")
	if _, err := corpora.Train(ctx, store, networks, corpora.TrainOptions{Engine: e, Jobs: runtime.NumCPU(), Data: data, Progress: func(corpora.TrainEvent) {}}); err != nil {
		return nil, err
	}
	count := o.networks
	if count <= 0 || count > len(networks) {
		count = len(networks)
	}
	var out []subject
	for i := range count {
		s, err := open(store, data, networks[i*len(networks)/count].ID)
		if err != nil {
			return nil, err
		}
		// The sibling: the network beside it, which differs in the seed, or in little else.
		beside, err := open(store, data, networks[(i*len(networks)/count+1)%len(networks)].ID)
		if err != nil {
			return nil, err
		}
		s.Sibling = &quantity.Twin{Hash: beside.Final.Hash(), Arch: beside.Arch, Final: beside.Final}
		out = append(out, s)
	}
	return out, nil
}

func open(store *corpora.Store, data *corpora.DataCache, id string) (subject, error) {
	r, err := store.Record(id)
	if err != nil {
		return subject{}, err
	}
	final, initial, err := store.LoadNetwork(r)
	if err != nil {
		return subject{}, err
	}
	d, err := data.For(r)
	if err != nil {
		return subject{}, err
	}
	history, err := store.History(r)
	if err != nil {
		return subject{}, err
	}
	facts := inprocess.FactsOf(&models.Trained{
		Epochs: r.Epochs, Steps: r.Steps, StepsTo01: r.StepsTo01, StepsTo001: r.StepsTo001,
		GradientNoise1: r.GradientNoise1, GradientNoiseFinal: r.GradientNoiseFinal, History: history,
	})
	return subject{id, &quantity.Subject{Key: id, Arch: r.Architecture, Final: final, Init: initial, Data: d, Facts: facts, Seed: 1}}, nil
}
