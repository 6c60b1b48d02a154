package harness

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/result"
)

// Options says what to measure, with what, and where.
type Options struct {
	Store    *corpora.Store
	Data     *corpora.DataCache
	Networks []corpora.Network // of the corpus, stored or not: they say which network is which one's sibling
	Programs []plugin.Program
	Plugin   plugin.Options
	Patterns []string              // of measures; none: all
	Added    []string              // programs whose measures are chosen even where no pattern matches them
	Reserved []string              // names that no measure may have
	Engine   string                // name of the engine behind NewHost
	NewHost  func() *quantity.Host // one a worker
	Jobs     int                   // workers
	Seed     uint64                // of stochastic measures and searches
	Warn     func(error)
}

// Harness holds the plugins that a run asked for.
type Harness struct {
	o       Options
	started []started
	columns []Column
	offered int // measures of all programs
}

// started is a program of the first worker; the other workers start their own.
type started struct {
	program plugin.Program
	process *plugin.Process
	err     error // it did not start; not tried again
}

// Open starts and describes every program once. A program that does not start
// costs its own cells, no more: it stands for one column of its own name, all
// of whose cells fail. Close must be called.
func Open(ctx context.Context, o Options) (*Harness, error) {
	h := &Harness{o: o, started: make([]started, len(o.Programs))}
	var wg sync.WaitGroup
	for i, p := range o.Programs {
		wg.Go(func() {
			process, err := plugin.Start(ctx, p, o.Plugin)
			h.started[i] = started{program: p, process: process, err: err}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		h.Close()
		return nil, err
	}
	on, err := h.offer()
	h.offered = len(on)
	if err == nil {
		h.columns, err = h.choose(on)
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// choose fixes the columns: what the patterns say, then what is added to that.
func (h *Harness) choose(on []offered) ([]Column, error) {
	columns, err := choose(on, h.o.Patterns)
	if err != nil {
		return nil, err
	}
	for i, s := range h.started {
		chosen := slices.ContainsFunc(columns, func(c Column) bool { return c.Program == i })
		if chosen || s.program.Builtin {
			continue
		}
		var names []string
		for _, o := range on {
			if o.program != i {
				continue
			}
			names = append(names, o.info.Name)
			if slices.Contains(h.o.Added, s.program.Name) {
				c, err := column(o, nil)
				if err != nil {
					return nil, err
				}
				columns = append(columns, c)
			}
		}
		if !slices.Contains(h.o.Added, s.program.Name) {
			h.o.Warn(fmt.Errorf("plugin %s serves %s, which no measure asked for matches", s.program.Name, strings.Join(names, ", ")))
		}
	}
	return columns, nil
}

// offer lists the measures of all programs.
func (h *Harness) offer() ([]offered, error) {
	var on []offered
	programs := make([]string, len(h.started))
	for i, s := range h.started {
		programs[i] = s.program.Name
		infos := []measure.Info{{Name: s.program.Name, Doc: "did not start"}}
		if s.err != nil {
			h.o.Warn(s.err)
		} else {
			infos = s.process.Measures()
		}
		for _, info := range infos {
			on = append(on, offered{info: info, program: i})
		}
	}
	return on, checkNames(on, programs, h.o.Reserved)
}

// Close stops the plugins.
func (h *Harness) Close() {
	for _, s := range h.started {
		if s.process != nil {
			s.process.Stop()
		}
	}
}

// Started visits the programs with their processes, in their order; a program that did not start has none.
func (h *Harness) Started(visit func(plugin.Program, *plugin.Process)) {
	for _, s := range h.started {
		visit(s.program, s.process)
	}
}

// Columns are the chosen measures, in the order of the programs.
func (h *Harness) Columns() []Column { return slices.Clone(h.columns) }

// Chosen counts the measures on offer that have a column, and all of them.
func (h *Harness) Chosen() (chosen, all int) {
	names := map[string]bool{}
	for _, c := range h.columns {
		names[c.Info.Name] = true
	}
	return len(names), h.offered
}

// Table is the answer of every column for every network, as far as there is one.
type Table struct {
	Records []*corpora.Record
	Columns []Column
	Cells   [][]*result.Result // [network][column]; nil: never measured
}

// Table looks up the cells of the records in a set of results.
func (h *Harness) Table(records []*corpora.Record, set *result.Set) *Table {
	t := &Table{Records: records, Columns: h.columns, Cells: make([][]*result.Result, len(records))}
	siblings := h.siblings(records)
	for i, rec := range records {
		t.Cells[i] = make([]*result.Result, len(h.columns))
		for j, c := range h.columns {
			t.Cells[i][j] = set.Get(h.key(rec, siblings[rec.ID], c))
		}
	}
	return t
}

// key identifies a cell by all that determines its value; the sibling counts where the measure
// needs one. A third-party program counts with its hash, so an edited one never returns yesterday's number.
func (h *Harness) key(rec *corpora.Record, sib sibling, c Column) string {
	p := h.started[c.Program].program
	id := struct {
		Tensors, Init, Data string
		Measure, Version    string
		Options             map[string]string
		Engine              string
		Quantity            int
		Seed                uint64
		Program             string
		Sibling             string `json:",omitempty"`
	}{rec.Tensors.FinalSHA256, rec.Tensors.InitSHA256, rec.DataHash, c.Info.Name, c.Info.Version, c.Options, h.o.Engine, quantity.Version(), h.o.Seed, "", ""}
	if !p.Builtin {
		id.Program = p.SHA256
	}
	if c.Info.Needs.Has(measure.Sibling) {
		id.Sibling = sib.key()
	}
	sum := digest(id)
	return hex.EncodeToString(sum[:])
}

// digest is the SHA-256 of the value's JSON, which writes maps in the order of keys.
// The values are strings, numbers and maps of strings: encoding cannot fail.
func digest(v any) [sha256.Size]byte {
	b, _ := json.Marshal(v)
	return sha256.Sum256(b)
}

func (h *Harness) computeSeed(rec *corpora.Record, c Column) uint64 {
	return ComputeSeed(h.o.Seed, rec.Tensors.FinalSHA256, c.Info, c.Options)
}

// ComputeSeed is the seed of a stochastic measure: it depends on the run's
// seed, the network (the hash of its tensors) and the measure, never on order or worker. options are all of the
// measure's, defaults filled in.
func ComputeSeed(run uint64, tensors string, info measure.Info, options map[string]string) uint64 {
	sum := digest([]any{run, tensors, info.Name, info.Version, options})
	return binary.BigEndian.Uint64(sum[:8])
}

// opaque is the name that plugins know a network by: random, so that nothing can be
// looked up under it.
func opaque() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, crypto/rand
	return hex.EncodeToString(b[:])
}
