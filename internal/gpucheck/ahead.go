package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/internal/benchnets"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/xla"
)

// aheadRow is one network's training compiled for a GPU that is not there.
type aheadRow struct {
	Net          string         `json:"net"`
	Batch        int            `json:"batch"`
	Convolutions string         `json:"convolutions"`
	Programs     []xla.Compiled `json:"programs"`
}

// compileAhead compiles the epoch of every benchmark, alone and in a group as large as a run's would be, and the calls that measures make.
func (s settings) compileAhead(r *found) error {
	var failed error
	for _, net := range slices.Concat(benchnets.MLPs(), benchnets.Convolutional()) {
		if !strings.Contains(net.Name, s.only) {
			continue
		}
		a, err := net.Build()
		if err != nil {
			return err
		}
		for _, way := range []string{xla.Patches, xla.Native} {
			if way == xla.Native && !a.Has(models.Conv2D) {
				continue
			}
			ahead, err := xla.NewAhead(s.ahead, xla.Options{Getenv: os.Getenv, Convolutions: way})
			if err != nil {
				return err
			}
			row := aheadRow{Net: net.Name, Batch: net.Batch, Convolutions: way}
			shape := models.GroupShape{Arch: a, Optimizer: sgd, BatchSize: net.Batch, Examples: 16 * net.Batch}
			for _, k := range []int{1, xla.GroupSizeOn("cuda", a, net.Batch)} {
				if len(row.Programs) > 0 && k == 1 {
					continue
				}
				programs, err := ahead.Group(shape, k, false)
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s, %d together: %w", net.Name, k, err))
				}
				row.Programs = append(row.Programs, programs...)
			}
			programs, err := ahead.Session(a, quantity.Batch(a))
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s, calls of measures: %w", net.Name, err))
			}
			row.Programs = append(row.Programs, programs...)
			if err := ahead.Close(); err != nil {
				return err
			}
			log.Printf("%s %s: %+v", row.Net, row.Convolutions, row.Programs)
			r.Ahead = append(r.Ahead, row)
			if err := s.write(r, nil); err != nil {
				return err
			}
		}
	}
	return failed
}
