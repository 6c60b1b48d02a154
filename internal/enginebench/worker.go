package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

// worker does a row's task with the cpu engine.
type worker struct {
	row
	arch    models.Architecture
	session models.Session
	state   models.State
	x       []float32
	y       []int32
	logits  []float32
	step    uint64
}

func newWorker(kernels string, r row) (*worker, error) {
	e, err := cpu.New(kernels)
	if err != nil {
		return nil, err
	}
	a, err := r.architecture()
	if err != nil {
		return nil, err
	}
	w := &worker{row: r, arch: a, x: make([]float32, r.Batch*a.Input.Size()), y: make([]int32, r.Batch), logits: make([]float32, r.Batch*a.Classes)}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range w.x {
		w.x[i] = float32(rng.NormFloat64())
	}
	for i := range w.y {
		w.y[i] = int32(rng.IntN(a.Classes))
	}
	if w.state, err = models.InitialState(a, "pytorch", 1); err != nil {
		return nil, err
	}
	if w.session, err = e.NewSession(a, r.Batch); err != nil {
		return nil, err
	}
	if err := w.session.SetState(w.state); err != nil {
		return nil, err
	}
	o := models.Optimizer{Name: "sgd", LearningRate: 0.01, Momentum: 0.9}
	if r.Optimizer == "adam" {
		o = models.Optimizer{Name: "adam", LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8}
	}
	if err := w.session.Begin(o); err != nil {
		return nil, err
	}
	_, err = w.rate(100 * time.Millisecond)
	return w, err
}

func (w *worker) once() error {
	if w.Task == "step" {
		w.step++
		_, err := w.session.Step(w.x, w.y, models.Draw{Step: w.step})
		return err
	}
	if err := w.session.SetState(w.state); err != nil {
		return err
	}
	return w.session.Logits(w.logits, w.x)
}

// rate repeats the task for d and answers examples per second.
func (w *worker) rate(d time.Duration) (float64, error) {
	repeat := 5
	if w.Net != "" {
		repeat = 1
	}
	start := w.now()
	for n := 0; ; {
		for range repeat {
			if err := w.once(); err != nil {
				return 0, err
			}
		}
		n += repeat
		if spent := w.now() - start; spent >= d {
			return float64(n*w.Batch) / spent.Seconds(), nil
		}
	}
}

// begun is where the clock starts.
var begun = time.Now()

// now reads the row's clock.
func (w *worker) now() time.Duration {
	if w.Clock != "cpu" {
		return time.Since(begun)
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // it has no way to fail
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// torch is the PyTorch side.
type torch struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	version string
	threads int
}

func startTorch(python, script string) (*torch, error) {
	cmd := exec.Command(python, script)
	cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t := &torch{cmd: cmd, in: in, out: bufio.NewReader(out)}
	var hello struct {
		Version string
		Threads int
	}
	if err := t.read(&hello); err != nil {
		t.stop()
		return nil, fmt.Errorf("starting PyTorch with %s: %w", python, err)
	}
	t.version, t.threads = hello.Version, hello.Threads
	return t, nil
}

func (t *torch) read(v any) error {
	line, err := t.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

func (t *torch) rate(r row, d time.Duration) (float64, error) {
	request, err := json.Marshal(struct {
		row
		Seconds float64 `json:"seconds"`
	}{r, d.Seconds()})
	if err != nil {
		return 0, err
	}
	if _, err := t.in.Write(append(request, '\n')); err != nil {
		return 0, err
	}
	var answer struct {
		Rate float64 `json:"examples_per_second"`
	}
	if err := t.read(&answer); err != nil {
		return 0, fmt.Errorf("PyTorch, %v: %w", r, err)
	}
	return answer.Rate, nil
}

// stop ends the Python process, which leaves its loop when its input closes.
func (t *torch) stop() {
	t.in.Close()
	_ = t.cmd.Wait()
}
