package measure

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Network is one trained network as a measure sees it. Its methods may be called
// from several goroutines of one Compute.
type Network struct {
	meta   Meta
	src    Source
	needs  Needs   // of the measure; with them:
	shared *shared // what other measures of the program have read; nil: nothing

	mu          sync.Mutex
	reused      []reuse
	quantities  map[string]*quantity
	release     []func()
	released    bool
	diagnostics map[string]float64
	warnings    []string
	waiting     int // calls to src under way
	since       time.Time
	waited      time.Duration
}

type quantity struct {
	once   sync.Once
	arrays []array
	err    error
}

// reuse names a quantity that came from another measure's reading.
type reuse struct {
	name string
	args map[string]string
}

// NewNetwork makes a network of which src holds the quantities. Measures get
// theirs ready made; this is for running one in process.
func NewNetwork(meta Meta, src Source) *Network {
	return &Network{meta: meta, src: src, quantities: map[string]*quantity{}, diagnostics: map[string]float64{}}
}

// ID is opaque and differs between runs.
func (n *Network) ID() string { return n.meta.ID }

// Layers returns the layers from the input to the logits.
func (n *Network) Layers() []Layer { return slices.Clone(n.meta.Layers) }

// Classes is K.
func (n *Network) Classes() int { return n.meta.Classes }

// TrainSize is the number of training examples.
func (n *Network) TrainSize() int { return n.meta.TrainSize }

// InputShape is [C, H, W].
func (n *Network) InputShape() []int { return slices.Clone(n.meta.InputShape) }

// Seed is the only source of randomness of a measure. It depends on the run's
// seed, the network and the measure, not on order or worker.
func (n *Network) Seed() uint64 { return n.meta.Seed }

// Option returns the value of an option that [Info] declares: the user's, or the
// default.
func (n *Network) Option(name string) string { return n.meta.Options[name] }

// IntOption is Option for a whole number.
func (n *Network) IntOption(name string) (int, error) {
	v, err := strconv.Atoi(n.Option(name))
	if err != nil {
		return 0, fmt.Errorf("option %s=%q is not a whole number", name, n.Option(name))
	}
	return v, nil
}

// FloatOption is Option for a finite number.
func (n *Network) FloatOption(name string) (float64, error) {
	v, err := strconv.ParseFloat(n.Option(name), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("option %s=%q is not a finite number", name, n.Option(name))
	}
	return v, nil
}

// Diagnose attaches a figure to the result: it is kept beside the value, and
// not ranked. NaN and infinities are left out with a warning.
func (n *Network) Diagnose(name string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		n.Warn("diagnostic %s is %v", name, v)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.diagnostics[name] = v
}

// Warn attaches a doubt to the result, shown beside the value.
func (n *Network) Warn(format string, a ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.warnings = append(n.warnings, fmt.Sprintf(format, a...))
}

// Diagnostics returns what Diagnose attached.
func (n *Network) Diagnostics() map[string]float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.diagnostics)
}

// Warnings returns what Warn attached.
func (n *Network) Warnings() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.warnings)
}

// taken is what came from other measures' reading.
func (n *Network) taken() []reuse {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.reused)
}

// Release unmaps all that the network's methods returned. The plugin does it
// when Compute returns; who calls Compute in process does it then too.
func (n *Network) Release() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.released = true
	for _, f := range n.release {
		f()
	}
	n.release = nil
}

// hostSeconds is the time during which at least one call to the source was
// under way.
func (n *Network) hostSeconds() float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.waited.Seconds()
}

// wait runs f, a call to the source, on the host's clock.
func (n *Network) wait(f func() error) error {
	n.mu.Lock()
	if n.waiting == 0 {
		n.since = time.Now()
	}
	n.waiting++
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.waiting--; n.waiting == 0 {
			n.waited += time.Since(n.since)
		}
	}()
	return f()
}

// get returns the arrays of a quantity, asking for each (name, args) once.
func (n *Network) get(ctx context.Context, name string, args map[string]string) ([]array, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n.mu.Lock()
	if n.released {
		n.mu.Unlock()
		return nil, fmt.Errorf("reading %s: the network is used after Compute returned", name)
	}
	key := cacheKey(name, args)
	q := n.quantities[key]
	if q == nil {
		q = &quantity{}
		n.quantities[key] = q
	}
	n.mu.Unlock()
	q.once.Do(func() { q.arrays, q.err = n.fetch(ctx, key, name, args) })
	return q.arrays, q.err
}

func (n *Network) fetch(ctx context.Context, key, name string, args map[string]string) ([]array, error) {
	if kept, ok := n.shared.find(key); ok && n.needs.Permit(name, args) == nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.reused = append(n.reused, reuse{name, args})
		return kept, nil
	}
	var raw []Array
	err := n.wait(func() (err error) {
		raw, err = n.src.Quantity(ctx, name, args)
		return err
	})
	if err != nil {
		return nil, err
	}
	var mapped files
	arrays := make([]array, len(raw))
	readOnly := true
	for i, a := range raw {
		readOnly = readOnly && a.Data == nil
		if arrays[i], err = mapped.open(a); err != nil {
			mapped.close()
			return nil, fmt.Errorf("reading %s: array %q: %w", name, a.Name, err)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.released {
		mapped.close()
		return nil, fmt.Errorf("reading %s: the network is used after Compute returned", name)
	}
	if !readOnly || !n.shared.keep(key, arrays, mapped.close) {
		n.release = append(n.release, mapped.close)
	}
	return arrays, nil
}

func cacheKey(name string, args map[string]string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, k := range slices.Sorted(maps.Keys(args)) {
		fmt.Fprintf(&b, "\x00%s\x00%s", k, args[k])
	}
	return b.String()
}
