package corpora

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/genbench/genbench/corpora/dataset"
	"github.com/genbench/genbench/models"
)

// RecordSchemaVersion is raised when a record could be misread by an older program.
const RecordSchemaVersion = 1

// SourceTrained is the source of networks that [Train] made.
const SourceTrained = "trained"

// Record is models/ID/record.json: what a network is, how it was made and how
// well it does. The published schema is [RecordSchema].
type Record struct {
	Schema          int    `json:"schema"`
	ID              string `json:"id"`
	Source          string `json:"source"`               // [SourceTrained], or "import" and who made it
	Engine          string `json:"engine"`               // what trained it; of an imported network, what evaluated it
	GroupSize       int    `json:"group_size,omitempty"` // networks that the engine trained together, empty places included; 0: this one alone
	GenbenchVersion string `json:"genbench_version"`
	TrainerVersion  int    `json:"trainer_version"` // 0: not trained here

	Config       []Setting           `json:"config"` // every axis but "seed"
	Seed         int64               `json:"seed"`
	Architecture models.Architecture `json:"architecture"`
	Training     models.Training     `json:"training"`
	Seeds        models.Seeds        `json:"seeds"`

	DataSet         string            `json:"data_set"`
	DataChecksum    string            `json:"data_checksum"` // of the set
	Transform       dataset.Transform `json:"transform"`
	DataHash        string            `json:"data_hash"`                 // of the examples: set and transform
	ChangedFraction float64           `json:"changed_fraction"`          // of the training labels, in [0, 1]
	ChangedIndices  []int             `json:"changed_indices,omitempty"` // into the training examples
	TrainLabels     []int32           `json:"train_labels,omitempty"`    // of an imported network: the labels trained on, in place of the set's
	InputMean       []float64         `json:"input_mean,omitempty"`      // [C], what inputs were normalised with, in units of the pixel range
	InputStd        []float64         `json:"input_std,omitempty"`       // [C]; both of the clean training examples, after pooling; none: not normalised
	SplitIndices    []int             `json:"split_indices,omitempty"`   // training examples' positions in the set; none: all of it

	Train      SplitMetrics `json:"train"`       // against the labels trained on
	TrainClean SplitMetrics `json:"train_clean"` // the same inputs against the clean labels
	Test       SplitMetrics `json:"test"`        // clean inputs, clean labels

	Stop       string `json:"stop"` // models.StopTarget, ...; "" when an importer does not know
	Converged  bool   `json:"converged"`
	Epochs     int    `json:"epochs"`
	Steps      int    `json:"steps"`         // optimizer steps
	StepsTo01  int    `json:"steps_to_0.1"`  // until the train cross-entropy was first <= 0.1; -1: never, or not known
	StepsTo001 int    `json:"steps_to_0.01"` // <= 0.01

	// Trace of the covariance of the per-example gradients: models.Trained.
	GradientNoise1     *float64 `json:"gradient_noise_1,omitempty"`
	GradientNoiseFinal *float64 `json:"gradient_noise_final,omitempty"`

	Tensors TensorFiles `json:"tensors"`
	Seconds float64     `json:"seconds"` // wall-clock time of training and evaluating

	// Checksum is the SHA-256, in hex, of this record's compact JSON with an
	// empty checksum: a digit that rots on disk is noticed.
	Checksum string `json:"checksum"`
}

// SplitMetrics are true per-example means in evaluation mode. JSON holds a
// loss that is not finite (training diverged) as null; it reads back as NaN.
type SplitMetrics struct {
	N        int     `json:"n"`
	Loss     float64 `json:"loss"`     // mean cross-entropy, nats
	Accuracy float64 `json:"accuracy"` // fraction in [0, 1]
}

// TensorFiles holds SHA-256 sums, in hex; "" where something is not kept.
type TensorFiles struct {
	FinalSHA256       string `json:"final_sha256"` // models.State.Hash
	InitSHA256        string `json:"init_sha256,omitempty"`
	FinalFileSHA256   string `json:"final_file_sha256"` // of the file
	InitFileSHA256    string `json:"init_file_sha256,omitempty"`
	TestCorrectSHA256 string `json:"test_correct_sha256"`
	HistorySHA256     string `json:"history_sha256,omitempty"`

	Snapshots []SnapshotFile `json:"snapshots,omitempty"`
}

// SnapshotFile is snapshots/EPOCH.safetensors, or snapshots/step-STEP.safetensors.
type SnapshotFile struct {
	Epoch      int    `json:"epoch"`          // of no meaning where Step is not 0
	Step       int    `json:"step,omitempty"` // optimizer steps done; 0: the snapshot is an epoch's
	FileSHA256 string `json:"file_sha256"`
}

// Gap is the generalization gap: train accuracy on the labels trained on minus
// test accuracy, as fractions; larger is worse.
func (r *Record) Gap() float64 { return r.Train.Accuracy - r.Test.Accuracy }

// LossGap is test loss minus train loss, in nats; larger is worse.
func (r *Record) LossGap() float64 { return r.Test.Loss - r.Train.Loss }

// Diverged says that training ended at a loss that was NaN or infinite; the network then is not Converged either.
func (r *Record) Diverged() bool { return !r.Converged && r.Stop == models.StopDiverged }

// Imported says that the network was not trained by genbench.
func (r *Record) Imported() bool { return r.Source != SourceTrained }

// Network is the network that the record is of.
func (r *Record) Network() Network {
	return Network{
		ID: r.ID, Config: r.Config, Seed: r.Seed, Arch: r.Architecture, Training: r.Training, Seeds: r.Seeds,
		Set: r.DataSet, Transform: r.Transform, KeepInit: r.Tensors.InitSHA256 != "", Imported: r.Imported(),
	}
}

type metricsJSON struct {
	N        int      `json:"n"`
	Loss     *float64 `json:"loss"`
	Accuracy float64  `json:"accuracy"`
}

// MarshalJSON writes a loss that is not finite as null.
func (m SplitMetrics) MarshalJSON() ([]byte, error) {
	j := metricsJSON{N: m.N, Accuracy: m.Accuracy}
	if !math.IsNaN(m.Loss) && !math.IsInf(m.Loss, 0) {
		j.Loss = &m.Loss
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads a null loss as NaN.
func (m *SplitMetrics) UnmarshalJSON(b []byte) error {
	var j metricsJSON
	if err := decodeStrict(b, &j); err != nil {
		return err
	}
	*m = SplitMetrics{N: j.N, Loss: math.NaN(), Accuracy: j.Accuracy}
	if j.Loss != nil {
		m.Loss = *j.Loss
	}
	return nil
}

// encode is the file's content: indented JSON with the checksum in it.
func (r *Record) encode() ([]byte, error) {
	sum, err := r.sum()
	if err != nil {
		return nil, err
	}
	sealed := *r
	sealed.Checksum = sum
	b, err := json.MarshalIndent(sealed, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encoding the record: %w", err)
	}
	return append(b, '\n'), nil
}

func (r *Record) sum() (string, error) {
	open := *r
	open.Checksum = ""
	b, err := json.Marshal(open)
	if err != nil {
		return "", fmt.Errorf("encoding the record: %w", err)
	}
	return fileSum(b), nil
}

// decodeRecord reads a record and checks its checksum, its ID, its values.
func decodeRecord(b []byte, id string) (*Record, error) {
	if err := checkSchema(b, "record of network "+id, RecordSchemaVersion); err != nil {
		return nil, err
	}
	var r Record
	if err := decodeStrict(b, &r); err != nil {
		return nil, fmt.Errorf("is not a record: %w", err)
	}
	sum, err := r.sum()
	switch {
	case err != nil:
		return nil, err
	case sum != r.Checksum:
		return nil, errors.New("its checksum does not match its content")
	case r.ID != id:
		return nil, fmt.Errorf("is of network %q", clip(r.ID))
	}
	if err := r.Architecture.Validate(); err != nil {
		return nil, fmt.Errorf("architecture: %w", err)
	}
	return &r, nil
}

func fileSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
