package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far a stage of many pieces is: a bar with an ETA on a
// terminal, a line now and then elsewhere.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	label string
	total int // pieces
	done  int
	work  float64 // done, in [0, 1]: pieces weighed by their cost
	start time.Time
	last  time.Time // of the last plain line
	quiet bool

	pool *mpb.Progress
	bar  *mpb.Bar
}

// plainEvery is how often a stage speaks where there is no terminal.
const plainEvery = 10 * time.Second

// barUnits is how fine a bar is.
const barUnits = 1000

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func newProgress(w io.Writer, quiet bool, label string, total int) *progress {
	now := time.Now()
	p := &progress{out: w, label: label, total: total, start: now, last: now, quiet: quiet || total == 0}
	if p.quiet || !isTerminal(w) {
		return p
	}
	p.pool = mpb.New(mpb.WithOutput(w), mpb.WithWidth(60), mpb.WithRefreshRate(200*time.Millisecond))
	p.bar = p.pool.New(barUnits, mpb.BarStyle(),
		mpb.PrependDecorators(decor.Name(label), decor.Any(func(decor.Statistics) string { return " " + p.count() })),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return p.left() })))
	return p
}

func (p *progress) count() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprintf("%d/%d", p.done, p.total)
}

// left is the time that the rest will take, if it goes on as it went.
func (p *progress) left() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.estimate()
}

func (p *progress) estimate() string {
	elapsed := time.Since(p.start)
	if p.work <= 0.002 {
		return "estimating"
	}
	rest := time.Duration(float64(elapsed) * (1 - p.work) / p.work)
	return "about " + rest.Round(time.Second).String() + " left"
}

// advance says what share of the work is done.
func (p *progress) advance(work float64) { p.update(work, 0) }

// step says that one more piece is done, and what share of the work that makes.
func (p *progress) step(work float64) { p.update(work, 1) }

func (p *progress) update(work float64, pieces int) {
	p.mu.Lock()
	p.work = max(p.work, min(work, 1))
	p.done += pieces
	finished := p.done == p.total && pieces > 0
	if p.bar == nil && !p.quiet && (finished || time.Since(p.last) >= plainEvery) {
		p.last = time.Now()
		if finished {
			fmt.Fprintf(p.out, "%s: %d/%d in %s\n", p.label, p.done, p.total, time.Since(p.start).Round(100*time.Millisecond))
		} else {
			fmt.Fprintf(p.out, "%s: %d/%d, %s\n", p.label, p.done, p.total, p.estimate())
		}
	}
	at := int64(p.work * barUnits)
	p.mu.Unlock()
	if p.bar != nil {
		p.bar.SetCurrent(at)
	}
}

// printf writes a line without tearing the bar.
func (p *progress) printf(format string, args ...any) {
	if p.pool != nil {
		fmt.Fprintf(p.pool, format+"\n", args...)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// finish takes the bar down, also when the stage was cut short.
func (p *progress) finish() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(false)
	p.pool.Wait()
}
