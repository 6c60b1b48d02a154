package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/plugin"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/harness/report"
	"github.com/genbench/genbench/harness/result"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
)

// stages is one corpus on its way from spec to leaderboard.
type stages struct {
	*flags
	spec     *corpora.Spec
	networks []corpora.Network
	store    *corpora.Store
	engine   models.Engine
	data     *corpora.DataCache

	harness *harness.Harness
	set     *result.Set
	gaps    []string // what is missing at the end, a line each
	writes  bool     // the stage may write to the store
	logs    *pluginLogs
}

// storeState says what a stage wants of the store.
type storeState int

const (
	created  storeState = iota // made where it is missing
	existing                   // it must be there
	readOnly                   // it must be there, and stays as it is
)

// openStages finds the corpus and its store; a stage that makes nothing of its own
// wants the store to be there already.
func (f *flags) openStages(name string, wants storeState) (*stages, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if wants != readOnly {
		if err := f.checkData(); err != nil {
			return nil, errUsage{err}
		}
	}
	spec, err := corpora.Find(name)
	if err != nil {
		return nil, errUsage{err}
	}
	s := &stages{flags: f, spec: spec, data: corpora.NewDataCache(f.data), writes: wants != readOnly}
	if s.engine, err = f.newEngine(); err != nil {
		return nil, err
	}
	if s.store, err = f.openStore(name, spec, wants); err != nil {
		return nil, err
	}
	s.networks, err = s.store.Networks()
	return s, err
}

// openStore opens the corpus' store: that of --store, of the folder that CORPUS names, or
// of the corpus' name.
func (f *flags) openStore(corpus string, spec *corpora.Spec, wants storeState) (*corpora.Store, error) {
	dir := f.storeDir(spec.Name)
	if info, err := os.Stat(corpus); err == nil && info.IsDir() && f.store == "" {
		dir = corpus
	}
	if wants == created {
		return corpora.OpenStore(dir, spec)
	}
	store, err := corpora.OpenExisting(dir, spec)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no store in %s (%w); `genbench train` or `genbench run` makes it, --store names another", dir, err)
	}
	if err != nil || wants == readOnly {
		return store, err
	}
	return corpora.OpenStore(dir, spec)
}

func (s *stages) warn(err error) { fmt.Fprintf(s.env.stderr, "genbench: warning: %v\n", err) }

func (s *stages) gap(format string, args ...any) {
	s.gaps = append(s.gaps, fmt.Sprintf(format, args...))
}

// finish says what is missing, and turns it into the exit status.
func (s *stages) finish() error {
	if len(s.gaps) == 0 {
		return nil
	}
	for _, g := range s.gaps {
		fmt.Fprintf(s.env.stderr, "genbench: gap: %s\n", g)
	}
	return fmt.Errorf("%w: %d listed above; `genbench run` tries them again", errGaps, len(s.gaps))
}

// startPlugins starts and describes every requested plugin, before anything is trained.
func (s *stages) startPlugins(ctx context.Context) (stop func(), err error) {
	programs, err := s.programs()
	if err != nil {
		return nil, err
	}
	patterns, added, err := s.patterns(programs)
	if err != nil {
		return nil, err
	}
	lock, err := s.lock()
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if err := s.holdToLock(lock, p, lock.CheckFile(p)); err != nil {
			return nil, err
		}
	}
	dir := ""
	if s.writes {
		dir = filepath.Join(s.store.Dir(), "logs")
	}
	s.logs = newPluginLogs(dir, s.level, s.env.stderr)
	options, err := s.pluginOptions(s.logs)
	if err == nil {
		s.harness, err = harness.Open(ctx, harness.Options{
			Store: s.store, Data: s.data, Networks: s.networks, Programs: programs, Patterns: patterns, Added: added, Reserved: report.ControlNames(), Engine: s.engine.Name(), Jobs: s.jobs, Seed: s.seed, Warn: s.warn,
			Plugin: options, NewHost: func() *quantity.Host { return quantity.NewHost(s.engine, filepath.Join(s.store.Dir(), "cache")) },
		})
	}
	if err != nil {
		s.logs.close()
		return nil, err
	}
	stop = func() { s.harness.Close(); s.logs.close() }
	s.harness.Started(func(p plugin.Program, process *plugin.Process) {
		if process != nil && err == nil {
			err = s.holdToLock(lock, p, lock.CheckProcess(p, process))
		}
	})
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// patterns are the measures asked for: those of --measures, else those of the spec, which
// choose among the built-ins and the spec's own plugins; the programs that the user brings, by --plugin
// or in a plugin folder, are then added.
func (s *stages) patterns(programs []plugin.Program) (patterns, added []string, err error) {
	for _, list := range s.measures {
		names := harness.SplitList(list)
		if len(names) == 0 {
			return nil, nil, usagef("--measures %q names no measure; leave it out for the corpus' own, or give '*' for all", list)
		}
		patterns = append(patterns, names...)
	}
	if patterns != nil {
		return patterns, nil, nil
	}
	for _, p := range programs {
		_, ofSpec := s.spec.Plugins[p.Name]
		flagged := slices.ContainsFunc(s.plugins, func(f string) bool { return strings.HasPrefix(f, p.Name+"=") })
		if !p.Builtin && (!ofSpec || flagged) {
			added = append(added, p.Name)
		}
	}
	return s.spec.Measures, added, nil
}

// sayChosen tells that the corpus' own list leaves measures out.
func (s *stages) sayChosen() {
	if chosen, all := s.harness.Chosen(); s.measures == nil && chosen < all {
		fmt.Fprintf(s.env.stderr, "measures: %d of %d, as the corpus lists them; --measures '*' takes all\n", chosen, all)
	}
}

// socketBase is where the folders for sockets go: the system's temporary folder, unless
// its path is so long that a socket's (at most 107 bytes) would not fit.
func socketBase() string {
	const longest = 48
	base := os.TempDir()
	if info, err := os.Stat("/tmp"); len(base) > longest && err == nil && info.IsDir() {
		return "/tmp"
	}
	return base
}

// programs lists the built-ins, in one program, and the third-party plugins of the
// flags, the spec and the plugin folders.
func (s *stages) programs() ([]plugin.Program, error) {
	var builtin []string
	for _, m := range measures.All() {
		builtin = append(builtin, m.Info().Name)
	}
	programs := []plugin.Program{plugin.Builtin(builtin)}
	named := map[string]string{}
	for name, path := range s.spec.Plugins {
		named[name] = path
	}
	for _, p := range s.plugins {
		name, path, ok := strings.Cut(p, "=")
		if !ok || name == "" || path == "" {
			return nil, usagef("--plugin %q: write NAME=PATH", p)
		}
		named[name] = path
	}
	dirs := append(filepath.SplitList(s.env.getenv(envPlugins)), filepath.Join(".genbench", "plugins"))
	found, err := plugin.Discover(named, dirs, builtin)
	if err != nil {
		return nil, errUsage{err}
	}
	return s.attachments(append(programs, found...))
}

// train trains or reuses every network of the grid.
func (s *stages) train(ctx context.Context) error {
	bar := newProgress(s.env.stderr, true, "training", 0)
	defer func() { bar.finish() }()
	started := time.Now()
	report, err := corpora.Train(ctx, s.store, s.networks, corpora.TrainOptions{
		Engine: s.engine, Jobs: s.jobs, Data: s.data, Groups: s.groups,
		Progress: func(ev corpora.TrainEvent) {
			switch ev.Kind {
			case corpora.EventPlan:
				bar.finish()
				bar = newProgress(s.env.stderr, s.noProgress, "training", ev.Total-ev.Reused)
			case corpora.EventDamaged:
				s.warn(fmt.Errorf("%w; set aside, it will be trained again", ev.Err))
			case corpora.EventEpoch:
				bar.advance(ev.Work)
			case corpora.EventGroupSize:
				bar.printf("genbench: networks of %d values train in groups of %d: %s", ev.GroupSize.Shape.Arch.NumParameters(), ev.GroupSize.Slots, ev.GroupSize.Stopped)
			case corpora.EventFinished, corpora.EventFailed:
				bar.step(ev.Work)
			}
		},
	})
	if report == nil {
		return err
	}
	for _, f := range report.Failures {
		s.gap("network %s (%s) was not trained: %v", f.ID, f.Name, f.Err)
	}
	if err == nil {
		took := ""
		if report.Trained > 0 {
			took = " in " + time.Since(started).Round(100*time.Millisecond).String()
		}
		fmt.Fprintf(s.env.stderr, "networks: %d trained%s, %d found in %s\n", report.Trained, took, report.Reused, s.store.Dir())
		if len(report.Unconverged) > 0 {
			return s.sayUnconverged()
		}
	}
	return err
}

// sayUnconverged says which networks the statistics will leave out, and what to do.
func (s *stages) sayUnconverged() error {
	before := s.gaps
	records, err := s.records()
	s.gaps = before // the stage that needs the records says what is damaged
	for _, line := range unconverged(records) {
		fmt.Fprintf(s.env.stderr, "networks: %s\n", line)
	}
	return err
}

// records are the networks of the corpus that the store has, in the order of the
// grid; a damaged one is a gap.
func (s *stages) records() ([]*corpora.Record, error) {
	var out []*corpora.Record
	for _, n := range s.networks {
		r, err := s.store.Record(n.ID)
		var damaged *corpora.ErrDamaged
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.As(err, &damaged):
			s.gap("%v; `genbench train` sets it aside and trains it again, or asks for it to be imported again", err)
		case err != nil:
			return nil, err
		default:
			out = append(out, r)
		}
	}
	return out, nil
}

// readResults reads what earlier runs answered.
func (s *stages) readResults() error {
	set, warnings, err := result.ReadDir(filepath.Join(s.store.Dir(), "values"))
	for _, w := range warnings {
		s.warn(w)
	}
	s.set = set
	return err
}

// measure answers the missing cells.
func (s *stages) measure(ctx context.Context) error {
	records, err := s.records()
	if err != nil {
		return err
	}
	if missing := len(s.networks) - len(records); missing > 0 && len(s.gaps) == 0 {
		s.gap("%d of %d networks are not trained; `genbench train` does that", missing, len(s.networks))
	}
	if err := s.readResults(); err != nil {
		return err
	}
	s.sayChosen()
	todo := s.harness.Missing(records, s.set)
	if len(todo) == 0 {
		fmt.Fprintf(s.env.stderr, "measures: all %d answers found\n", len(records)*len(s.harness.Columns()))
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "host"
	}
	name := fmt.Sprintf("%s-%d-%d", host, os.Getpid(), time.Now().UnixNano())
	w, err := result.NewWriter(filepath.Join(s.store.Dir(), "values"), name, s.set.LastSequence())
	if err != nil {
		return err
	}
	defer w.Close()
	bar := newProgress(s.env.stderr, s.noProgress, "measuring", len(todo))
	failures, told := map[string]int{}, map[[2]string]bool{} // by measure; by plugin and reason
	done := 0
	err = s.harness.Measure(ctx, todo, w, func(ev harness.Event) {
		if ev.Err != nil {
			s.gap("%v", ev.Err)
		}
		for _, r := range ev.Results {
			s.set.Add(r)
			if r.Status == result.Failed {
				same := [2]string{r.Plugin.Name, r.Reason}
				if failures[r.Measure]++; failures[r.Measure] == 1 && !told[same] {
					told[same] = true
					more := ""
					if log := s.logs.file(r.Plugin.Name); log != "" && r.Detail != "" {
						more = "; more in " + log
					}
					bar.printf("genbench: %s on network %s failed: %s%s", r.Measure, r.Network, r.Reason, more)
				}
			}
		}
		done++
		bar.step(float64(done) / float64(len(todo)))
	})
	bar.finish()
	for _, c := range s.harness.Columns() {
		if n := failures[c.Name]; n > 0 {
			s.gap("%s failed on %d networks", c.Name, n)
		}
	}
	return err
}
