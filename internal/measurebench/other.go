package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	harness "github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
)

// comparison is seconds of both sides, a value a network: the median of the repeats.
type comparison struct {
	theirs, ours, compat []float64
	version              string
	measures             int // of RGM
	same                 int // of genbench, of the same names
}

// sameAsRGM are the built-ins that have a name in RGM's enumeration, which is in capitals.
func sameAsRGM() []harness.Measure {
	var out []harness.Measure
	for _, m := range measures.All() {
		i := m.Info()
		if slices.ContainsFunc(i.Aliases, func(a string) bool { return a == strings.ToUpper(a) }) && strings.Contains(i.Citation, "2019, arXiv:1912.02178") || strings.Contains(i.Citation, "arXiv:2010.11924") {
			out = append(out, m)
		}
	}
	return out
}

// exactly are the options with which genbench computes what RGM's code does.
func exactly(i harness.Info) map[string]string {
	given := map[string]string{}
	for _, o := range i.Options {
		switch {
		case o.Name == "rgm_compat":
			given[o.Name] = "true"
		case o.Name == "margin" && slices.Contains(o.Values, "rgm"):
			given[o.Name] = "rgm"
		}
	}
	return given
}

// against times both sides on every network, in turns.
func against(ctx context.Context, o options, e models.Engine, subjects []subject) (*comparison, error) {
	w, err := newWorkspace(e)
	if err != nil {
		return nil, err
	}
	defer w.close()
	p, err := startPython(ctx, o)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	c := &comparison{}
	ms := sameAsRGM()
	c.same = len(ms)
	if _, _, err := c.ask(p, subjects[0].id); err != nil { // warm
		return nil, err
	}
	for _, s := range subjects {
		var theirs, ours, compat []float64
		for range o.repeats {
			for _, side := range []struct {
				to      *[]float64
				options func(harness.Info) map[string]string
			}{{&ours, nil}, {&compat, exactly}} {
				h := w.host()
				answers, err := compute(ctx, h, s, ms, side.options)
				h.Close()
				if err != nil {
					return nil, err
				}
				*side.to = append(*side.to, total(answers))
			}
			seconds, _, err := c.ask(p, s.id)
			if err != nil {
				return nil, err
			}
			theirs = append(theirs, seconds)
		}
		c.theirs, c.ours, c.compat = append(c.theirs, median(theirs)), append(c.ours, median(ours)), append(c.compat, median(compat))
	}
	return c, nil
}

// ask has RGM measure a network.
func (c *comparison) ask(p *python, id string) (seconds float64, count int, err error) {
	var a struct {
		Seconds  float64
		Measures int
		Version  string
	}
	if _, err := fmt.Fprintln(p.in, id); err != nil {
		return 0, 0, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return 0, 0, fmt.Errorf("rgm.py: %w", err)
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return 0, 0, fmt.Errorf("rgm.py answers %q: %w", line, err)
	}
	c.version, c.measures = a.Version, a.Measures
	return a.Seconds, a.Measures, nil
}

func (c *comparison) print(w io.Writer) {
	fmt.Fprintf(w, "\nAgainst get_all_measures of robust-generalization-measures (PyTorch %s, one thread, %d measures), on the same networks in turns;\n"+
		"genbench's %d measures of the same names, each network on a host that has computed nothing; milliseconds.\n\n"+
		"| | median | mean |\n|---|---|---|\n| get_all_measures | %s | %s |\n| genbench | %s | %s |\n| genbench, with options that make the values RGM's | %s | %s |\n| ratio, a network | %.1f | %.1f |\n| ratio, RGM's values | %.1f | %.1f |\n",
		c.version, c.measures, c.same, ms(median(c.theirs)), ms(mean(c.theirs)), ms(median(c.ours)), ms(mean(c.ours)), ms(median(c.compat)), ms(mean(c.compat)),
		median(ratios(c.theirs, c.ours)), mean(ratios(c.theirs, c.ours)), median(ratios(c.theirs, c.compat)), mean(ratios(c.theirs, c.compat)))
}

func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

// python is rgm.py.
type python struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startPython(ctx context.Context, o options) (*python, error) {
	p := &python{cmd: exec.CommandContext(ctx, o.python, o.script, o.store, o.rgm)}
	p.cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1", "PYTHONDONTWRITEBYTECODE=1")
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out = in, bufio.NewReader(out)
	return p, p.cmd.Start()
}

func (p *python) stop() {
	p.in.Close()
	p.cmd.Wait()
}
