package slides

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/inprocess"
	"github.com/genbench/genbench/models"
)

// Corpus is the store that figures are drawn from. [NewCorpus] makes it.
type Corpus struct {
	spec    *corpora.Spec
	store   *corpora.Store
	nets    []corpora.Network
	records []*corpora.Record // of the networks that are trained, in the order of the grid
	data    *corpora.DataCache
	engine  models.Engine
	host    *quantity.Host
	seed    uint64
	jobs    int
}

// Source is what a [Corpus] is made from.
type Source struct {
	Store    *corpora.Store
	Networks []corpora.Network // of the corpus, trained or not
	Data     *corpora.DataCache
	Engine   models.Engine // that evaluates them
	CacheDir string        // of quantities
	Seed     uint64        // of the stochastic measures, and of the intervals
	Jobs     int           // networks evaluated at a time; nothing depends on it
}

// NewCorpus reads the records of a store. [Corpus.Close] frees what it holds.
func NewCorpus(s Source) (*Corpus, error) {
	c := &Corpus{
		spec: s.Store.Spec(), store: s.Store, nets: s.Networks, data: s.Data, engine: s.Engine,
		host: quantity.NewHost(s.Engine, s.CacheDir), seed: s.Seed, jobs: max(s.Jobs, 1),
	}
	for i := range s.Networks {
		r, err := s.Store.Record(s.Networks[i].ID)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		default:
			c.records = append(c.records, r)
		}
	}
	if len(c.records) == 0 {
		return nil, fmt.Errorf("the store %s holds no network; `genbench train` trains them", s.Store.Dir())
	}
	return c, nil
}

// Close frees the sessions.
func (c *Corpus) Close() error { return c.host.Close() }

// find is the network of that ID or of the only one that begins so.
func (c *Corpus) find(id string) (*corpora.Record, error) {
	var found []*corpora.Record
	for _, r := range c.records {
		if strings.HasPrefix(r.ID, id) {
			found = append(found, r)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("network %q: %d networks of the store begin so; give more of the ID", id, len(found))
	}
	return nil, fmt.Errorf("network %q is not among the %d networks of the corpus that the store %s holds; `ls %s/models` names them", id, len(c.records), c.store.Dir(), c.store.Dir())
}

// one is the network that figures of one network are of: the one asked for, else the first that fits, of
// those with clean labels and inputs first, and MLPs first of these; nil where none fits.
func (c *Corpus) one(asked string, fits func(*corpora.Record) bool) (*corpora.Record, error) {
	if asked != "" {
		return c.find(asked)
	}
	var best *corpora.Record
	cost := func(r *corpora.Record) (n int) {
		if r.Transform.LabelShuffle > 0 || r.Transform.InputNoise > 0 || r.DataSet == noiseSet {
			n += 2
		}
		if r.Architecture.Family != "mlp" {
			n++
		}
		return n
	}
	for _, r := range c.records {
		if fits(r) && (best == nil || cost(r) < cost(best)) {
			best = r
		}
	}
	return best, nil
}

// moment is a network as it was at some time of its training.
type moment struct {
	record *corpora.Record
	epoch  int
	final  bool
	state  func() (models.State, error)
}

// moments are the snapshots of epochs and the end, by rising epoch; a snapshot of the last epoch is the end.
func (c *Corpus) moments(r *corpora.Record) []moment {
	var out []moment
	for _, f := range r.Tensors.Snapshots {
		if f.Step == 0 && f.Epoch < r.Epochs {
			out = append(out, moment{r, f.Epoch, false, func() (models.State, error) { return c.store.LoadSnapshot(r, f.Epoch) }})
		}
	}
	slices.SortFunc(out, func(a, b moment) int { return a.epoch - b.epoch })
	return append(out, c.end(r))
}

func (c *Corpus) end(r *corpora.Record) moment {
	return moment{r, r.Epochs, true, func() (models.State, error) {
		final, _, err := c.store.LoadNetwork(r)
		return final, err
	}}
}

// metrics of a moment: those of the record for the end, else evaluated.
func (c *Corpus) metrics(m moment) (train, test corpora.SplitMetrics, err error) {
	if m.final {
		return m.record.Train, m.record.Test, nil
	}
	state, err := m.state()
	if err != nil {
		return train, test, err
	}
	data, err := c.data.For(m.record)
	if err != nil {
		return train, test, err
	}
	r := *m.record
	_, err = corpora.Measure(c.engine, &r, state, data)
	return r.Train, r.Test, err
}

// open serves a moment to measures.
func (c *Corpus) open(m moment, use func(*inprocess.Network) error) error {
	state, err := m.state()
	if err != nil {
		return err
	}
	data, err := c.data.For(m.record)
	if err != nil {
		return err
	}
	_, initial, err := c.store.LoadNetwork(m.record)
	if err != nil {
		return err
	}
	return c.openState(m, state, initial, data, use)
}

// openState is open with tensors and examples given; initial is nil where no measure reads it.
func (c *Corpus) openState(m moment, state, initial models.State, data *dataset.Data, use func(*inprocess.Network) error) error {
	key := "moment|" + state.Hash() + "|" + data.Hash
	if m.final { // the key of a run's own, so that what it computed is found
		key = m.record.Tensors.FinalSHA256 + "|" + m.record.Tensors.InitSHA256 + "|" + m.record.DataHash
	}
	net, err := inprocess.Open(c.host, &quantity.Subject{
		Key: key, Arch: m.record.Architecture, Final: state, Init: initial, Data: data, Seed: c.seed,
	})
	if err != nil {
		return fmt.Errorf("network %s: %w", m.record.ID, err)
	}
	defer net.Close()
	return use(net)
}

// value computes a measure of tensors that have that hash, as a run would; where it is undefined the reason stands for it.
func (c *Corpus) value(ctx context.Context, net *inprocess.Network, m measure.Measure, options map[string]string, tensors string) (inprocess.Answer, string, error) {
	info := m.Info()
	all, err := info.Resolve(options)
	if err != nil {
		return inprocess.Answer{}, "", err
	}
	a := net.Compute(ctx, m, options, harness.ComputeSeed(c.seed, tensors, info, all))
	var missing *measure.MissingError
	if u, ok := measure.IsUndefined(a.Err); ok {
		return a, u, nil
	}
	if errors.As(a.Err, &missing) {
		return a, missing.Error(), nil
	}
	return a, "", a.Err
}

// probe is a measure for its side effect: it sees the quantities that of declares.
type probe struct {
	measure.Measure
	see func(ctx context.Context, net *measure.Network) error
}

// Compute implements measure.Measure.
func (p probe) Compute(ctx context.Context, net *measure.Network) (float64, error) {
	return 0, p.see(ctx, net)
}

// each calls work for 0..n-1 on the workers and answers the first error.
func (c *Corpus) each(ctx context.Context, n int, work func(i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(c.jobs, n) {
		wg.Go(func() {
			for i := range next {
				if err := work(i); err != nil {
					stop(err)
				}
			}
		})
	}
feed:
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}
