package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// torch is the PyTorch side at work.
type torch struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startTorch starts it; nil where none was asked for.
func (s settings) startTorch(r *found) (*torch, error) {
	if s.python == "" {
		return nil, nil
	}
	t := &torch{cmd: exec.Command(s.python, s.script)}
	in, err := t.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.in, t.out = in, bufio.NewReader(out)
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("PyTorch: %w", err)
	}
	var hello struct{ Version, Device string }
	if err := t.read(&hello); err != nil {
		t.stop()
		return nil, fmt.Errorf("PyTorch: %s %s answers nothing: %w", s.python, s.script, err)
	}
	r.Torch = hello.Version + " on " + hello.Device
	return t, nil
}

func (t *torch) read(v any) error {
	line, err := t.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

func (t *torch) stop() {
	t.in.Close()
	_ = t.cmd.Wait() // its answers are read
}

// rates asks for one network's; nil without PyTorch.
func (t *torch) rates(s settings, e models.Engine, a models.Architecture, batch int, precision string) (map[string]*float64, map[string]string) {
	if t == nil {
		return nil, nil
	}
	device := cmp.Or(s.device, "cuda:0")
	if !strings.HasPrefix(e.Name(), "xla/cuda") {
		device = "cpu"
	}
	failed := func(err error) (map[string]*float64, map[string]string) {
		return nil, map[string]string{"PyTorch": err.Error()}
	}
	request := map[string]any{"architecture": a, "batch": batch, "seconds": s.seconds, "device": device, "tf32": precision == xla.TF32}
	if err := json.NewEncoder(t.in).Encode(request); err != nil {
		return failed(err)
	}
	var answer map[string]json.RawMessage
	if err := t.read(&answer); err != nil {
		return failed(err)
	}
	notes := map[string]string{}
	rates := map[string]*float64{}
	for name, raw := range answer {
		var err error
		if name == "notes" {
			err = json.Unmarshal(raw, &notes)
		} else {
			var v *float64
			err = json.Unmarshal(raw, &v)
			rates[name] = v
		}
		if err != nil {
			return failed(err)
		}
	}
	return rates, notes
}
