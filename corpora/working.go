package corpora

import (
	"context"
	"time"

	"github.com/genbench/genbench/models"
)

// working is a network under way.
type working struct {
	t     *training
	n     *Network
	start time.Time
	done  float64 // of this network's work, a fraction
}

func (t *training) begin(n *Network) *working {
	t.event(TrainEvent{Kind: EventStarted, Network: n})
	return &working{t: t, n: n, start: time.Now()}
}

// epoch counts an epoch's work and passes it on.
func (w *working) epoch(e models.Epoch) {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	now := float64(e.Epoch) / float64(w.n.Training.MaxEpochs)
	w.t.done += (now - w.done) * w.n.cost()
	w.done = now
	w.t.passOn(TrainEvent{Kind: EventEpoch, Network: w.n, Epoch: &e})
}

// end stores the network, or reports why it could not be trained; the error is the run's.
func (w *working) end(ctx context.Context, c *Contents, err error) error {
	t := w.t
	if ctx.Err() != nil {
		return nil // run reports why
	}
	if err != nil {
		t.finish(w.n, w.done)
		t.fail(w.n, err)
		return nil
	}
	if err := t.store.Put(*c); err != nil {
		return err
	}
	t.finish(w.n, w.done)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Trained++
	t.noteConverged(c.Record)
	t.passOn(TrainEvent{Kind: EventFinished, Network: w.n, Record: c.Record})
	return nil
}
