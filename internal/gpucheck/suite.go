package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
	"github.com/genbench/genbench/models/enginetest"
	"github.com/genbench/genbench/models/xla"
)

// suiteReport is the engines' conformance suite with one way to convolve, each network held against the cpu engine, too.
type suiteReport struct {
	Convolutions string   `json:"convolutions"`
	Parts        int      `json:"parts"`
	Passed       []string `json:"passed"`
	Failed       []string `json:"failed,omitempty"`
	Seconds      float64  `json:"seconds"`
}

// left are the parts that have not passed, of those whose name contains only.
func (r *suiteReport) left(parts []enginetest.Part, only string) []enginetest.Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p enginetest.Part) bool {
		return slices.Contains(r.Passed, p.Name) || !strings.Contains(p.Name, only)
	})
}

// suiteParts are the suite's parts for a way to convolve: networks without a convolution have the same programs both ways.
func suiteParts(way string) ([]enginetest.Part, error) {
	parts, err := enginetest.Parts()
	if way == xla.Native {
		parts = slices.DeleteFunc(parts, func(p enginetest.Part) bool { return !p.Convolves })
	}
	return parts, err
}

// conformance runs what has not passed of the engines' suite, in a program of its own for each way to convolve: a crash costs no more. Its log goes to conformance-WAY.txt.
func (s settings) conformance(ctx context.Context, _ models.Engine, r *found) error {
	var failed error
	for _, way := range []string{xla.Patches, xla.Native} {
		parts, err := suiteParts(way)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(r.Suite, func(old *suiteReport) bool { return old.Convolutions == way })
		if at < 0 {
			r.Suite = append(r.Suite, &suiteReport{Convolutions: way})
			at = len(r.Suite) - 1
		}
		suite := r.Suite[at]
		suite.Parts = len(parts)
		if len(suite.left(parts, s.only)) == 0 {
			continue
		}
		suite.Failed = nil
		if err := s.suiteProgram(ctx, suite, func() error { return s.write(r, nil) }); err != nil {
			failed = errors.Join(failed, fmt.Errorf("convolutions %s: %w", way, err))
		}
		if left := suite.left(parts, s.only); len(left) > 0 && len(suite.Failed) == 0 {
			failed = errors.Join(failed, fmt.Errorf("convolutions %s: %w: %d of %d parts passed, none failed", way, errTime, len(suite.Passed), suite.Parts))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return failed
}

// suiteProgram starts this program for the suite and reads its answers, a line of JSON each.
func (s settings) suiteProgram(ctx context.Context, suite *suiteReport, save func() error) error {
	path := filepath.Join(s.out, "conformance-"+suite.Convolutions+".txt")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"-suite", suite.Convolutions, "-device", s.device, "-only", s.only, "-passed", strings.Join(suite.Passed, ",")}
	if s.quick {
		args = append(args, "-quick")
	}
	if until, ok := ctx.Deadline(); ok {
		args = append(args, "-limit", time.Until(until).String())
	}
	cmd := exec.Command(self, args...)
	cmd.Stdout = file
	told, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	start, before := time.Now(), suite.Seconds
	if err := cmd.Start(); err != nil {
		return err
	}
	err = outcomes(told, file, func(o enginetest.Outcome) error {
		suite.Seconds = before + time.Since(start).Seconds()
		state, list := "ok", &suite.Passed
		if !o.OK {
			state, list = "FAILED", &suite.Failed
		}
		*list = append(*list, o.Part)
		log.Printf("conformance, %s: %s %s (%.1f s)", suite.Convolutions, o.Part, state, o.Seconds)
		return save()
	})
	if err != nil {
		return errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%d parts failed, %w; see %s", len(suite.Failed), err, path)
	}
	return nil
}

// outcomes reads the suite's answers, a line each, and writes the other lines, XLA's own of any length, to a log.
func outcomes(told io.Reader, log io.Writer, each func(enginetest.Outcome) error) error {
	for lines := bufio.NewReader(told); ; {
		line, err := lines.ReadBytes('\n')
		var o enginetest.Outcome
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &o) != nil || o.Part == "":
			if _, err := log.Write(line); err != nil {
				return err
			}
		default:
			if err := each(o); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// runSuite is the whole program when it is started by suiteProgram. It does not return.
func (s settings) runSuite(passed string) error {
	parts, err := suiteParts(s.suite)
	if err != nil {
		return err
	}
	parts = (&suiteReport{Passed: strings.Split(passed, ",")}).left(parts, s.only)
	alone, err := cpu.New("")
	if err != nil {
		return err
	}
	o := s.options()
	o.Convolutions = s.suite
	e, err := xla.New(o)
	if err != nil {
		return err
	}
	with := enginetest.Options{Other: alone, Done: func(o enginetest.Outcome) {
		line, err := json.Marshal(o)
		if err == nil {
			fmt.Fprintf(os.Stderr, "%s\n", line) // one write: several parts end at once
		}
	}}
	if s.limit > 0 {
		with.Until = time.Now().Add(s.limit)
	}
	if err := flag.Set("test.v", "true"); err != nil {
		return err
	}
	// [testing.RunTests] would run nothing: it is Main that counts processors.
	testing.Main(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{
		{Name: "Conformance/" + s.suite, F: func(t *testing.T) { enginetest.RunParts(t, e, parts, with) }},
	}, nil, nil)
	return nil
}
