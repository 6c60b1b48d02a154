package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/genbench/genbench/corpora"
	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// maxRecordBytes bounds record.json; a million indices fit.
const maxRecordBytes = 64 << 20

// maxSeed is the last integer up to which float64 holds them all.
const maxSeed int64 = 1 << 53

// claim is record.json as it comes: every field of corpora.Record, and family;
// nil is a field that is not there.
type claim struct {
	Schema          *int                 `json:"schema"`
	ID              *string              `json:"id"`
	Source          string               `json:"source"`
	Engine          *string              `json:"engine"`
	GroupSize       int                  `json:"group_size"` // of the engine that trained it, as its name is
	GenbenchVersion *string              `json:"genbench_version"`
	TrainerVersion  *int                 `json:"trainer_version"`
	Config          *[]corpora.Setting   `json:"config"`
	Seed            *int64               `json:"seed"`
	Family          string               `json:"family"`
	Stem            string               `json:"stem"`
	Architecture    *models.Architecture `json:"architecture"`
	Training        models.Training      `json:"training"`
	Seeds           models.Seeds         `json:"seeds"`
	DataSet         string               `json:"data_set"`
	DataChecksum    string               `json:"data_checksum"`
	Transform       *dataset.Transform   `json:"transform"`
	DataHash        string               `json:"data_hash"`
	ChangedFraction *float64             `json:"changed_fraction"`
	ChangedIndices  []int                `json:"changed_indices"`
	TrainLabels     []int32              `json:"train_labels"`
	InputMean       []float64            `json:"input_mean"` // it follows from the transform
	InputStd        []float64            `json:"input_std"`
	SplitIndices    []int                `json:"split_indices"`

	Train      claimedMetrics `json:"train"`
	TrainClean claimedMetrics `json:"train_clean"`
	Test       claimedMetrics `json:"test"`

	Stop               string              `json:"stop"`
	Converged          *bool               `json:"converged"`
	Epochs             *int                `json:"epochs"`
	Steps              *int                `json:"steps"`
	StepsTo01          *int                `json:"steps_to_0.1"`
	StepsTo001         *int                `json:"steps_to_0.01"`
	GradientNoise1     *float64            `json:"gradient_noise_1"`
	GradientNoiseFinal *float64            `json:"gradient_noise_final"`
	Tensors            corpora.TensorFiles `json:"tensors"`
	Seconds            *float64            `json:"seconds"`
	Checksum           string              `json:"checksum"`
}

type claimedMetrics struct {
	N        *int     `json:"n"`
	Loss     *float64 `json:"loss"`
	Accuracy *float64 `json:"accuracy"`
}

// readClaim reads a folder's record.json. Errors name file, line and field.
func readClaim(folder string) (*claim, error) {
	path := filepath.Join(folder, recordName)
	b, err := readFile(path, maxRecordBytes)
	if err != nil {
		return nil, err
	}
	var c claim
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return nil, locate(path, b, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:%d: more text follows the record; remove it", path, lineAt(b, d.InputOffset()))
	}
	if err := c.complete(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &c, nil
}

// complete reports the first needed field that is missing or cannot be.
func (c *claim) complete() error {
	missing := func(field, remedy string) error { return fmt.Errorf("%s is missing; %s", field, remedy) }
	switch {
	case c.Schema != nil && *c.Schema > corpora.RecordSchemaVersion:
		return &corpora.NewerError{What: "the record", Schema: *c.Schema, Known: corpora.RecordSchemaVersion}
	case c.DataSet == "":
		return missing("data_set", "name the data set that the network was trained on")
	case c.Transform == nil:
		return missing("transform", `say how the examples were made; {"pool": 1} is all of the set as it is`)
	case c.Config == nil:
		return missing("config", `list the settings, as [{"axis": "width", "value": 64}]`)
	case c.Seed == nil:
		return missing("seed", "give networks that differ in chance alone different numbers")
	case *c.Seed > maxSeed || *c.Seed < -maxSeed:
		return fmt.Errorf("seed is %d; give an integer in [%d, %d], which every reader of JSON keeps exactly", *c.Seed, -maxSeed, maxSeed)
	case c.Train.Accuracy == nil:
		return missing("train.accuracy", "give the fraction of the training examples that the network gets right")
	case c.Test.Accuracy == nil:
		return missing("test.accuracy", "give the fraction of the test examples that the network gets right")
	case c.Architecture == nil && !slices.Contains(families, c.Family):
		return missing("architecture", `list its layers, or say "family": "mlp" and name the tensors in order, or another family (`+strings.Join(families[1:], ", ")+`)`)
	case c.Stem != "" && c.Architecture != nil:
		return errors.New("stem stands beside architecture, which says it; remove it")
	case c.Stem != "" && !slices.Contains(models.Stems(), c.Stem):
		return fmt.Errorf("stem is %q; give %s", c.Stem, strings.Join(models.Stems(), " or "))
	case c.Architecture != nil && c.Family != "" && c.Family != c.Architecture.Family:
		return fmt.Errorf("family is %q, and %q in the architecture; remove one", c.Family, c.Architecture.Family)
	}
	for _, m := range []struct {
		name string
		v    *float64
	}{{"train.accuracy", c.Train.Accuracy}, {"test.accuracy", c.Test.Accuracy}, {"train_clean.accuracy", c.TrainClean.Accuracy}} {
		if m.v != nil && !(*m.v >= 0 && *m.v <= 1) {
			return fmt.Errorf("%s is %v; give a fraction in [0, 1], not per cent", m.name, *m.v)
		}
	}
	for _, n := range []struct {
		name string
		v    *int
	}{{"epochs", c.Epochs}, {"steps", c.Steps}, {"steps_to_0.1", c.StepsTo01}, {"steps_to_0.01", c.StepsTo001}} {
		if n.v != nil && *n.v < -1 {
			return fmt.Errorf("%s is %d; give a number of them, or leave it out if it is not known", n.name, *n.v)
		}
	}
	if err := c.Transform.Validate(); err != nil {
		return fmt.Errorf("transform.%w", err)
	}
	if c.Architecture != nil {
		if err := c.Architecture.Validate(); err != nil {
			return fmt.Errorf("architecture: %w", err)
		}
	}
	return nil
}

// locate adds file and line to an error of encoding/json.
func locate(path string, b []byte, err error) error {
	offset := int64(-1)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	what := strings.TrimPrefix(err.Error(), "json: ")
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
		what = fmt.Sprintf("%s is %s; see the schema for what it must be", kind.Field, kind.Value)
	case err == io.EOF:
		return fmt.Errorf("%s is empty; write the record into it", path)
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset = int64(len(b))
		what = "the file ends in the middle of the record"
	default:
		if name, ok := strings.CutPrefix(what, "unknown field "); ok {
			offset = int64(bytes.Index(b, []byte(name)))
			what += "; remove it, or see the schema for its right name"
		}
	}
	if offset < 0 {
		return fmt.Errorf("%s: %s", path, what)
	}
	return fmt.Errorf("%s:%d: %s", path, lineAt(b, offset), what)
}

func lineAt(b []byte, offset int64) int {
	return 1 + bytes.Count(b[:min(max(offset, 0), int64(len(b)))], []byte{'\n'})
}
