package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// maxTensorBytes bounds a tensor file.
const maxTensorBytes = 16 << 30

// read reads a network's folder, rebuilds its examples, evaluates it, and
// holds the claims against what came out.
func (im *importing) read(folder string) (*corpora.Contents, error) {
	c, err := readClaim(folder)
	if err != nil {
		return nil, err
	}
	set, data, err := im.examples(c)
	if err != nil {
		return nil, err
	}
	final, err := readTensors(filepath.Join(folder, finalName), c.Tensors.FinalFileSHA256)
	if err != nil {
		return nil, err
	}
	arch, rename, err := c.architecture(final, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(folder, finalName), err)
	}
	if final, err = fit(final, rename, arch); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(folder, finalName), err)
	}
	initial, err := readInit(filepath.Join(folder, initName), c, rename, arch)
	if err != nil {
		return nil, err
	}
	config, err := im.store.ArrangeConfig(*c.Config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(folder, recordName), err)
	}
	r := c.record(im.engine.Name(), config, arch)
	r.DataChecksum, r.TrainLabels = set.Checksum, c.TrainLabels
	r.SetData(data)
	if r.ID, err = corpora.ImportedID(r, final.Hash()); err != nil {
		return nil, err
	}
	correct, err := corpora.Measure(im.engine, r, final, data)
	if err != nil {
		return nil, err
	}
	if err := c.hold(r); err != nil {
		return nil, err
	}
	r.Converged = c.converged(r)
	return &corpora.Contents{Record: r, Final: final, Init: initial, TestCorrect: correct}, nil
}

// examples rebuilds what the network was trained and tested on.
func (im *importing) examples(c *claim) (*dataset.Set, *dataset.Data, error) {
	set, err := im.data.Set(c.DataSet)
	if err != nil {
		return nil, nil, err
	}
	if c.DataChecksum != "" && c.DataChecksum != set.Checksum {
		return nil, nil, &corpora.DataError{Set: c.DataSet, Has: c.DataChecksum, Found: set.Checksum}
	}
	data, err := im.data.Labelled(c.DataSet, *c.Transform, c.TrainLabels)
	if err != nil {
		return nil, nil, err
	}
	if c.DataHash != "" && c.DataHash != data.Hash {
		return nil, nil, fmt.Errorf("data_hash: the examples rebuilt have %.12s, the record says %.12s; they were made by another version of genbench", data.Hash, c.DataHash)
	}
	return set, data, nil
}

// record is the part of the store's record that the claim gives. What is not
// known is -1.
func (c *claim) record(engine string, config []corpora.Setting, arch models.Architecture) *corpora.Record {
	known := func(n *int) int {
		if n == nil {
			return -1
		}
		return *n
	}
	source := "import"
	if c.Source != "" {
		source += ": " + c.Source
	}
	r := &corpora.Record{
		Source: source, Engine: engine, Config: config, Seed: *c.Seed, Architecture: arch,
		Training: c.Training, Seeds: c.Seeds, DataSet: c.DataSet, Transform: c.Transform.Canonical(),
		Stop: c.Stop, Epochs: known(c.Epochs), Steps: known(c.Steps),
		StepsTo01: known(c.StepsTo01), StepsTo001: known(c.StepsTo001),
		GradientNoise1: c.GradientNoise1, GradientNoiseFinal: c.GradientNoiseFinal,
	}
	if c.Seconds != nil {
		r.Seconds = *c.Seconds
	}
	return r
}

// converged is what the record says; else whether the train loss is at most
// the target that it names; else true, for whoever trained it was content.
func (c *claim) converged(r *corpora.Record) bool {
	switch {
	case c.Converged != nil:
		return *c.Converged
	case c.Training.TargetLoss > 0:
		return r.Train.Loss <= c.Training.TargetLoss
	}
	return true
}

// How far the claims may be from what the engine finds. One example can sit on
// a tie that rounding decides; a claimed accuracy may be rounded to six digits; losses of
// float32 networks agree to about four digits across libraries.
const (
	accuracySlack = 1e-6
	lossRelative  = 1e-3
	lossAbsolute  = 1e-4
)

// hold reports the first claim that does not hold.
func (c *claim) hold(r *corpora.Record) error {
	for _, m := range []struct {
		name    string
		claimed claimedMetrics
		found   corpora.SplitMetrics
	}{{"train", c.Train, r.Train}, {"train_clean", c.TrainClean, r.TrainClean}, {"test", c.Test, r.Test}} {
		if n := m.claimed.N; n != nil && *n != m.found.N {
			return fmt.Errorf("%s.n: the record says %d examples, the transform gives %d", m.name, *n, m.found.N)
		}
		a := m.claimed.Accuracy
		if a != nil && math.Abs(*a-m.found.Accuracy) > 1/float64(m.found.N)+accuracySlack {
			return fmt.Errorf("%s.accuracy: the record says %v, the network has %v on these %d examples (allowed is a difference of one example); "+
				"check data_set, transform (normalisation, subset) and the architecture", m.name, *a, m.found.Accuracy, m.found.N)
		}
		l := m.claimed.Loss
		if l != nil && !(math.Abs(*l-m.found.Loss) <= lossRelative*math.Abs(*l)+lossAbsolute) {
			return fmt.Errorf("%s.loss: the record says %v nats, the network has %v on these %d examples; "+
				"give the mean cross-entropy per example, in nats, in evaluation mode", m.name, *l, m.found.Loss, m.found.N)
		}
	}
	return nil
}

// readTensors reads a tensor file; sum "" is not checked.
func readTensors(path, sum string) (models.State, error) {
	b, err := readFile(path, maxTensorBytes)
	if err != nil {
		return nil, err
	}
	if found := sha256.Sum256(b); sum != "" && hex.EncodeToString(found[:]) != sum {
		return nil, fmt.Errorf("%s: its SHA-256 is not the one in the record; copy it again", path)
	}
	s, _, err := models.ReadTensors(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// readInit reads the initial tensors, nil where there are none.
func readInit(path string, c *claim, rename map[string]string, arch models.Architecture) (models.State, error) {
	s, err := readTensors(path, c.Tensors.InitFileSHA256)
	if errors.Is(err, fs.ErrNotExist) && c.Tensors.InitSHA256 == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if s, err = fit(s, rename, arch); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// fit names and orders the tensors as the architecture does, and refuses what
// does not fit it and what is not finite.
func fit(s models.State, rename map[string]string, arch models.Architecture) (models.State, error) {
	arranged, err := renamed(s, rename).Arrange(arch)
	if err != nil {
		return nil, fmt.Errorf("the tensors do not fit the architecture: %w", err)
	}
	if err := arranged.Finite(); err != nil {
		return nil, fmt.Errorf("%w; a network that diverged cannot be scored", err)
	}
	return arranged, nil
}

func fits(s models.State, rename map[string]string, arch models.Architecture) error {
	if _, err := renamed(s, rename).Arrange(arch); err != nil {
		return fmt.Errorf("the tensors do not fit an mlp: %w; give the architecture", err)
	}
	return nil
}

func renamed(s models.State, rename map[string]string) models.State {
	r := make(models.State, len(s))
	for i, t := range s {
		if to, ok := rename[t.Name]; ok {
			t.Name = to
		}
		r[i] = t
	}
	return r
}
