package corpora

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// EvaluationBatch is how many examples are evaluated at once. It is fixed
// because an engine's bits may depend on it.
const EvaluationBatch = 256

// TrainOptions say how to train what is missing.
type TrainOptions struct {
	Engine   models.Engine
	Jobs     int              // networks trained at the same time; below 1: 1. No result depends on it
	DataDir  string           // where data sets are ([dataset.Open])
	Data     *DataCache       // used instead of DataDir, if not nil
	Groups   GroupSizes       // of an engine that trains many networks at once
	Progress func(TrainEvent) // called from one goroutine at a time; may be nil
}

// engineName is what records say trained a network.
func (o TrainOptions) engineName() string { return o.Engine.Name() + o.Groups.suffix() }

// TrainEventKind says what happened.
type TrainEventKind string

// What happens while training.
const (
	EventPlan     TrainEventKind = "plan"     // the first event: Reused is known, training begins
	EventDamaged  TrainEventKind = "damaged"  // a damaged network was set aside and will be trained again; Err says what was wrong. An imported one is EventFailed
	EventStarted  TrainEventKind = "started"  // a network begins
	EventEpoch    TrainEventKind = "epoch"    // it finished an epoch
	EventFinished TrainEventKind = "finished" // it is in the store
	EventFailed   TrainEventKind = "failed"   // it cost only itself; Err says why

	EventGroupSize TrainEventKind = "group-size" // that of a shape was measured
)

// TrainEvent is progress.
type TrainEvent struct {
	Kind    TrainEventKind
	Network *Network
	Epoch   *models.Epoch // of EventEpoch
	Record  *Record       // of EventFinished
	Err     error

	GroupSize *GroupSize // of EventGroupSize

	Total, Reused, Trained, Failed int // networks, so far

	// Work done, as a fraction in [0, 1] of the work to do: networks weighed by their size. For a bar and its ETA.
	Work float64
}

// NetworkFailure is a network that could not be trained.
type NetworkFailure struct {
	ID   string
	Name string // its settings
	Err  error
}

// TrainReport says what a run of [Train] did.
type TrainReport struct {
	Trained, Reused, Failed int
	Damaged                 []string // IDs that were set aside, by rising ID; imported ones are failures too
	Unconverged             []string // IDs, of all networks in the store, that missed the target loss
	Diverged                []string // those of Unconverged of which a loss was NaN or infinite
	Failures                []NetworkFailure
}

// Train trains the networks that the store lacks, and those whose files are
// damaged (set aside first) or lack what the spec now asks to keep. It holds
// the store's lock meanwhile. A damaged network that was imported is set aside, too, and is a
// failure: it has to be imported again.
//
// A network that cannot be trained costs only itself and is reported. The run
// ends with an error when the store cannot be written, when the data set is
// not the one that the store's networks saw ([DataError]), when the store's networks were
// trained by another engine and some are missing ([EngineError]), or when ctx is
// cancelled; the report then says what was done, and a further run goes on from there.
func Train(ctx context.Context, s *Store, nets []Network, o TrainOptions) (*TrainReport, error) {
	if err := o.Groups.check(o.Engine); err != nil {
		return nil, err
	}
	release, err := s.Lock()
	if err != nil {
		return nil, err
	}
	defer release()
	if o.Data == nil {
		o.Data = NewDataCache(o.DataDir)
	}
	t := &training{store: s, options: o, report: &TrainReport{}, total: len(nets)}
	found, err := t.examine(ctx, nets)
	if err != nil {
		return t.report, err
	}
	if err := t.mayAdd(found.missing); err != nil {
		return t.report, err
	}
	for i := range found.missing {
		t.work += found.missing[i].cost()
	}
	t.event(TrainEvent{Kind: EventPlan})
	if err = t.mend(found); err == nil {
		err = t.run(ctx, found.missing)
	}
	slices.Sort(t.report.Damaged)
	slices.Sort(t.report.Unconverged)
	slices.Sort(t.report.Diverged)
	slices.SortFunc(t.report.Failures, func(a, b NetworkFailure) int { return cmp.Compare(a.ID, b.ID) })
	return t.report, err
}

// training is one call of Train.
type training struct {
	store   *Store
	options TrainOptions
	total   int

	mu     sync.Mutex
	report *TrainReport
	work   float64 // all of it, in units of Network.cost
	done   float64
}

// event completes an event with the counts and passes it on.
func (t *training) event(e TrainEvent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passOn(e)
}

func (t *training) passOn(e TrainEvent) {
	if t.options.Progress == nil {
		return
	}
	e.Total, e.Reused, e.Trained, e.Failed = t.total, t.report.Reused, t.report.Trained, t.report.Failed
	e.Work = 1
	if t.work > 0 {
		e.Work = min(1, t.done/t.work)
	}
	t.options.Progress(e)
}

// found is what [training.examine] finds.
type found struct {
	missing []Network // to train, damaged ones of the grid included
	damaged []finding // of the grid and imported
	lost    []finding // imported, and not in the store
}

type finding struct {
	network Network
	err     error
}

// examine sorts the networks by what is to be done, and does nothing yet: a run that is refused changes nothing.
func (t *training) examine(ctx context.Context, nets []Network) (*found, error) {
	there, err := t.store.present()
	if err != nil {
		return nil, err
	}
	f := &found{}
	for i := range nets {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		n := &nets[i]
		var r *Record
		err := fmt.Errorf("network %s: %w", n.ID, fs.ErrNotExist)
		if there[n.ID] {
			if r, err = t.store.Record(n.ID); err == nil {
				err = t.store.check(r)
			}
		}
		switch {
		case errors.As(err, new(*ErrDamaged)):
			f.damaged = append(f.damaged, finding{*n, err})
			if !n.Imported {
				f.missing = append(f.missing, *n)
			}
		case errors.Is(err, fs.ErrNotExist) && n.Imported:
			f.lost = append(f.lost, finding{*n, err})
		case errors.Is(err, fs.ErrNotExist):
			f.missing = append(f.missing, *n)
		case err != nil:
			return nil, err
		case lacks(r, n):
			f.missing = append(f.missing, *n)
		default:
			t.report.Reused++
			t.noteConverged(r)
		}
	}
	return f, t.unreadable(f, nets)
}

// unreadable adds the imported networks that are not among nets because nobody could read what they are.
func (t *training) unreadable(f *found, nets []Network) error {
	ids, err := t.store.outside(nets)
	if err != nil {
		return err
	}
	var grid map[string]bool // built once it is needed
	for _, id := range ids {
		_, err := t.store.Record(id)
		if !errors.As(err, new(*ErrDamaged)) || !t.store.Spec().Imported && !t.store.looksImported(id) {
			continue // sound, or of a spec of another day
		}
		if grid == nil {
			all, err := t.store.Spec().Networks()
			if err != nil {
				return err
			}
			grid = make(map[string]bool, len(all))
			for i := range all {
				grid[all[i].ID] = true
			}
		}
		if !grid[id] { // else it is one that this run was not asked for
			f.damaged = append(f.damaged, finding{Network{ID: id, Imported: true}, err})
			t.total++
		}
	}
	return nil
}

// mend sets the damaged networks aside, and reports those that cannot be trained again.
func (t *training) mend(f *found) error {
	for i := range f.damaged {
		n, err := &f.damaged[i].network, f.damaged[i].err
		to, asideErr := t.store.SetAside(n.ID)
		if asideErr != nil {
			return asideErr
		}
		t.report.Damaged = append(t.report.Damaged, n.ID)
		if n.Imported {
			t.fail(n, fmt.Errorf("%w; it was imported and is now in %s: import it again", err, to))
			continue
		}
		t.event(TrainEvent{Kind: EventDamaged, Network: n, Err: err})
	}
	for i := range f.lost {
		t.fail(&f.lost[i].network, fmt.Errorf("%w; it was imported: import it again", f.lost[i].err))
	}
	return nil
}

// lacks reports whether the store's network is without something that the spec asks to keep.
func lacks(r *Record, n *Network) bool {
	if r.Imported() {
		return false
	}
	if n.KeepInit && r.Tensors.InitSHA256 == "" {
		return true
	}
	return lacksSnapshots(r, &n.Training)
}

func (t *training) noteConverged(r *Record) {
	if !r.Converged {
		t.report.Unconverged = append(t.report.Unconverged, r.ID)
	}
	if r.Diverged() {
		t.report.Diverged = append(t.report.Diverged, r.ID)
	}
}

// mayAdd refuses to mix engines, and data of other content, into one store.
func (t *training) mayAdd(missing []Network) error {
	if len(missing) == 0 {
		return nil
	}
	ids, err := t.store.IDs()
	if err != nil {
		return err
	}
	other := &EngineError{Dir: t.store.Dir(), Asked: t.options.engineName()}
	for _, id := range ids {
		r, err := t.store.Record(id)
		if err != nil || r.Imported() || r.Engine == other.Asked {
			continue // a damaged record is another run's business
		}
		other.Has = r.Engine
		other.Count++
	}
	if other.Count > 0 {
		return other
	}
	seen := map[string]bool{}
	for _, n := range missing {
		if seen[n.Set] {
			continue
		}
		seen[n.Set] = true
		set, err := t.options.Data.Set(n.Set)
		if err != nil {
			return err
		}
		if err := t.store.NoteData(n.Set, set.Checksum); err != nil {
			return err
		}
	}
	return nil
}

// run trains the networks on the workers, the longest first so that no worker
// is left with a long one at the end. It stops at the first error that is not
// one network's own.
func (t *training) run(ctx context.Context, missing []Network) error {
	costs := make(map[string]float64, len(missing))
	for i := range missing {
		costs[missing[i].ID] = missing[i].cost()
	}
	slices.SortStableFunc(missing, func(a, b Network) int { return cmp.Compare(costs[b.ID], costs[a.ID]) })
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if g, ok := t.options.Engine.(models.Grouping); ok {
		t.groups(ctx, g, missing, stop)
		return context.Cause(ctx)
	}
	queue := make(chan *Network)
	var workers sync.WaitGroup
	for range min(max(t.options.Jobs, 1), len(missing)) {
		workers.Go(func() {
			for n := range queue {
				if err := t.network(ctx, n); err != nil {
					stop(err)
				}
			}
		})
	}
feed:
	for i := range missing {
		select {
		case queue <- &missing[i]:
		case <-ctx.Done():
			break feed
		}
	}
	close(queue)
	workers.Wait()
	return context.Cause(ctx)
}

// network trains one network and stores it; the error is the run's, not the network's.
func (t *training) network(ctx context.Context, n *Network) error {
	if ctx.Err() != nil {
		return nil
	}
	w := t.begin(n)
	c, err := t.train(ctx, n, w.epoch)
	return w.end(ctx, c, err)
}

// finish counts the rest of a network's work as done.
func (t *training) finish(n *Network, done float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += (1 - done) * n.cost()
}

func (t *training) fail(n *Network, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Failed++
	t.report.Failures = append(t.report.Failures, NetworkFailure{ID: n.ID, Name: n.String(), Err: err})
	t.passOn(TrainEvent{Kind: EventFailed, Network: n, Err: err})
}

// train trains and evaluates one network.
func (t *training) train(ctx context.Context, n *Network, progress func(models.Epoch)) (c *Contents, err error) {
	defer caught(n, &err)
	start := time.Now()
	data, err := t.options.Data.Get(n.Set, n.Transform)
	if err != nil {
		return nil, err
	}
	trained, err := models.Train(ctx, t.options.Engine, n.Arch, n.Training, n.Seeds, examplesOf(data), progress)
	if err != nil {
		return nil, err
	}
	return t.contents(n, trained, data, start)
}

// caught turns a panic into an error: an index out of range in an engine must not end a night's run.
func caught(n *Network, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("training %s: panic: %v\n%s", n.ID, r, debug.Stack())
	}
}

// contents evaluates a trained network.
func (t *training) contents(n *Network, trained *models.Trained, data *dataset.Data, start time.Time) (*Contents, error) {
	set, err := t.options.Data.Set(n.Set)
	if err != nil {
		return nil, err
	}
	r := n.record(t.options.engineName(), set.Checksum, data)
	r.fill(trained)
	correct, err := Measure(t.options.Engine, r, trained.Final, data)
	if err != nil {
		return nil, err
	}
	r.Seconds = time.Since(start).Seconds()
	c := &Contents{Record: r, Final: trained.Final, Snapshots: trained.Snapshots, History: trained.History, TestCorrect: correct}
	if n.KeepInit {
		c.Init = trained.Init
	}
	return c, nil
}

// examplesOf are the examples that a network is trained on.
func examplesOf(d *dataset.Data) models.Examples {
	return models.Examples{X: d.Train.X, Y: d.Train.Y, Padding: d.Black()}
}

// record is the part of the network's record that is known before training.
func (n *Network) record(engine, checksum string, data *dataset.Data) *Record {
	r := &Record{
		ID: n.ID, Source: SourceTrained, Engine: engine, TrainerVersion: models.TrainerVersion,
		Config: n.Config, Seed: n.Seed, Architecture: n.Arch, Training: n.Training, Seeds: n.Seeds,
		DataSet: n.Set, DataChecksum: checksum, Transform: n.Transform,
		StepsTo01: -1, StepsTo001: -1,
	}
	r.SetData(data)
	return r
}

// SetData notes what the record says of its examples.
func (r *Record) SetData(data *dataset.Data) {
	r.DataHash, r.ChangedFraction, r.ChangedIndices = data.Hash, data.ChangedFraction, data.Train.Changed
	r.InputMean, r.InputStd = data.Mean, data.Std
	r.SplitIndices = nil
	if r.Transform.Train > 0 {
		r.SplitIndices = data.Train.Index
	}
}

func (r *Record) fill(t *models.Trained) {
	// Without a target (0 nats, which no loss reaches) the epochs asked for are the aim.
	r.Stop, r.Converged = t.Stop, t.Stop == models.StopTarget || t.Stop == models.StopMaxEpochs && r.Training.TargetLoss == 0
	r.Epochs, r.Steps, r.StepsTo01, r.StepsTo001 = t.Epochs, t.Steps, t.StepsTo01, t.StepsTo001
	r.GroupSize = t.GroupSize
	r.GradientNoise1, r.GradientNoiseFinal = t.GradientNoise1, t.GradientNoiseFinal
}

// Measure evaluates a network on its training and test examples, notes the
// metrics in the record, and answers which test examples it classifies right.
func Measure(e models.Engine, r *Record, final models.State, data *dataset.Data) (testCorrect []bool, err error) {
	s, err := e.NewSession(r.Architecture, EvaluationBatch)
	if err != nil {
		return nil, fmt.Errorf("evaluating network %s: %w", r.ID, err)
	}
	defer s.Close()
	if err := s.SetState(final); err != nil {
		return nil, fmt.Errorf("evaluating network %s: %w", r.ID, err)
	}
	evaluate := func(dst *SplitMetrics, x []float32, y []int32) ([]bool, error) {
		m, err := models.Evaluate(s, models.Examples{X: x, Y: y}, EvaluationBatch)
		if err != nil {
			return nil, fmt.Errorf("evaluating network %s: %w", r.ID, err)
		}
		*dst = SplitMetrics{N: len(y), Loss: m.Loss, Accuracy: m.Accuracy}
		return m.Correct, nil
	}
	if _, err := evaluate(&r.Train, data.Train.X, data.Train.Y); err != nil {
		return nil, err
	}
	if _, err := evaluate(&r.TrainClean, data.Train.X, data.Train.Clean); err != nil {
		return nil, err
	}
	return evaluate(&r.Test, data.Test.X, data.Test.Y)
}
