// Package measurecheck holds no code of genbench: its tests hold the measures of four networks that genbench trained,
// testdata/networks (two MLPs) and testdata/convolutions (a NiN and a VGG), against values that other people's code computed of the same networks:
// testdata/rgm.json and rgm-convolutions.json by rgm.py, testdata/weightwatcher.json and weightwatcher-convolutions.json by ww.py. The networks were made by
//
//	genbench run internal/measurecheck/networks.yaml --store STORE
//	genbench run internal/measurecheck/convolutions.yaml --store STORE
//
// and are kept, since training them on another processor gives others.
package measurecheck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/harness"
	"github.com/genbench/genbench/harness/measure"
	"github.com/genbench/genbench/harness/quantity"
	"github.com/genbench/genbench/measures"
	"github.com/genbench/genbench/models"
	"github.com/genbench/genbench/models/cpu"
)

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func readTensors(t *testing.T, file string) models.State {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := models.ReadTensors(f, info.Size())
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

// mlps and convolutions are the folders of networks.
const (
	mlps         = "networks"
	convolutions = "convolutions"
)

// valuesOf is the file of a program's values of a folder's networks.
func valuesOf(program, folder string) string {
	if folder == mlps {
		return "testdata/" + program + ".json"
	}
	return "testdata/" + program + "-" + folder + ".json"
}

// whose ends the name of a source.
func whose(folder string) string {
	if folder == mlps {
		return ""
	}
	return ", of a NiN and a VGG"
}

// kept answers the networks of a folder by their ids.
func kept(t *testing.T, folder string) map[string]*quantity.Subject {
	t.Helper()
	records, err := filepath.Glob("testdata/" + folder + "/*/record.json")
	if err != nil || len(records) != 2 {
		t.Fatalf("%d networks kept, %v; want 2", len(records), err)
	}
	out := map[string]*quantity.Subject{}
	for _, file := range records {
		var rec corpora.Record
		readJSON(t, file, &rec)
		set, err := dataset.Open(rec.DataSet, "")
		if err != nil {
			t.Fatal(err)
		}
		data, err := dataset.Build(set, rec.Transform)
		if err != nil {
			t.Fatal(err)
		}
		if data.Hash != rec.DataHash {
			t.Fatalf("%s was trained on other examples: %s, now %s", rec.ID, rec.DataHash, data.Hash)
		}
		s := &quantity.Subject{Key: rec.ID, Arch: rec.Architecture, Data: data, Seed: 1}
		if s.Final, err = readTensors(t, filepath.Join(filepath.Dir(file), "final.safetensors")).Arrange(s.Arch); err != nil {
			t.Fatal(err)
		}
		if s.Init, err = readTensors(t, filepath.Join(filepath.Dir(file), "init.safetensors")).Arrange(s.Arch); err != nil {
			t.Fatal(err)
		}
		out[rec.ID] = s
	}
	return out
}

// scorer computes built-in measures of one network in this process.
type scorer struct {
	t       *testing.T
	subject *quantity.Subject
	p       *quantity.Provider
}

func newScorer(t *testing.T, s *quantity.Subject) *scorer {
	t.Helper()
	e, err := cpu.New("")
	if err != nil {
		t.Fatal(err)
	}
	h := quantity.NewHost(e, t.TempDir())
	p, err := h.Open(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); h.Close() })
	return &scorer{t, s, p}
}

// value of NAME or NAME[OPTION=VALUE,...].
func (s *scorer) value(name string) (float64, error) {
	s.t.Helper()
	base, rest, _ := strings.Cut(name, "[")
	given := map[string]string{}
	if rest = strings.TrimSuffix(rest, "]"); rest != "" {
		for _, kv := range strings.Split(rest, ",") {
			k, v, _ := strings.Cut(kv, "=")
			given[k] = v
		}
	}
	all := measures.All()
	i := slices.IndexFunc(all, func(m measure.Measure) bool { return m.Info().Name == base })
	if i < 0 {
		s.t.Fatalf("no measure %q", base)
	}
	info := all[i].Info()
	options, err := info.Resolve(given)
	if err != nil {
		s.t.Fatal(err)
	}
	net := measure.NewNetwork(measure.Meta{Classes: s.subject.Arch.Classes, TrainSize: s.subject.Data.Train.Len(), Layers: harness.LayersOf(s.subject), Options: options}, s)
	defer net.Release()
	return all[i].Compute(context.Background(), net)
}

// Quantity is the host's without the wire.
func (s *scorer) Quantity(ctx context.Context, name string, args map[string]string) ([]measure.Array, error) {
	b, err := s.p.Get(ctx, name, args)
	var u *quantity.Undefined
	if errors.As(err, &u) {
		return nil, &measure.UndefinedError{Reason: u.Reason}
	}
	if err != nil {
		return nil, err
	}
	var out []measure.Array
	for _, a := range b.Arrays {
		out = append(out, measure.Array{Name: a.Name, DType: a.DType, Shape: a.Shape, Path: a.Path, Offset: a.Offset})
	}
	return out, nil
}

// Evaluate is asked for by no measure here.
func (s *scorer) Evaluate(context.Context, []measure.Perturbation) ([]measure.Evaluated, error) {
	return nil, fmt.Errorf("not served")
}

// sorted keys, so that failures come in one order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
