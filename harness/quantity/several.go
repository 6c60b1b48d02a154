package quantity

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/genbench/genbench/models"
)

// Independent parts of a quantity (draws of noise, starts of an ascent, batches) are computed at the same time where the engine computes such calls together; on any other engine
// one after another on one session. Sums are taken in the parts' order afterwards, so that no value depends on how many ran at once.

// width is how many of so many parts to compute at once.
func (p *sessions) width(a models.Architecture, parts int) int {
	if g, ok := p.engine.(models.Gathering); ok {
		return max(1, min(parts, g.Together(a, Batch(a))))
	}
	return 1
}

// withSome calls f with sessions that hold the state, as many as [sessions.width] says for so many parts.
func (p *sessions) withSome(a models.Architecture, s models.State, parts int, f func([]models.Session) error) error {
	var some []models.Session
	var next func(left int) error
	next = func(left int) error {
		if left == 0 {
			return f(some)
		}
		return p.with(a, s, func(session models.Session) error {
			some = append(some, session)
			return next(left - 1)
		})
	}
	return next(p.width(a, parts))
}

// batches calls work for each batch of n examples, those from lo to hi, with the number of the worker that does it and a session of its own that holds the state.
func (p *sessions) batches(ctx context.Context, a models.Architecture, s models.State, n int, work func(worker int, session models.Session, lo, hi int) error) error {
	batch := Batch(a)
	parts := batchCount(n, batch)
	return p.withSome(a, s, parts, func(some []models.Session) error {
		return several(len(some), parts, func(worker, part int) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return work(worker, some[worker], part*batch, min((part+1)*batch, n))
		})
	})
}

// several calls work for each of so many parts, with the number of the worker that does it: one after another for one worker. The error is that of the
// first part that failed; parts behind it may be left out.
func several(workers, parts int, work func(worker, part int) error) error {
	if workers = min(workers, parts); workers <= 1 {
		for part := range parts {
			if err := work(0, part); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, parts)
	var next atomic.Int64
	var failed atomic.Bool
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			for !failed.Load() {
				part := int(next.Add(1)) - 1
				if part >= parts {
					return
				}
				if errs[part] = guarded(worker, part, work); errs[part] != nil {
					failed.Store(true)
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		var p *panicked
		if errors.As(err, &p) {
			panic(p.Error()) // in the goroutine of the one who asked, as without workers
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// panicked is a panic of a worker.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }

func guarded(worker, part int, work func(worker, part int) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return work(worker, part)
}

// ordered is several whose parts' results are taken one after another, in the parts' order: work leaves a part's result with its worker, take takes it from there.
func ordered(workers, parts int, work func(worker, part int) error, take func(worker, part int)) error {
	workers = max(1, workers)
	for first := 0; first < parts; first += workers {
		count := min(workers, parts-first)
		if err := several(count, count, func(_, i int) error { return work(i, first+i) }); err != nil {
			return err
		}
		for i := range count {
			take(i, first+i)
		}
	}
	return nil
}

// keep promises the engine that inputs do not change until release.
func (h *Host) keep(x []float32) (release func()) {
	if k, ok := h.engine.(models.Keeping); ok {
		return k.Keep(x)
	}
	return func() {}
}
