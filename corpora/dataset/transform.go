package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
)

// Transform is all that determines the examples, besides the set. The zero
// value is the whole set, scaled to [0, 1] and otherwise untouched.
type Transform struct {
	Pool      int  `json:"pool"`      // side of the square that is averaged into one pixel; 0 and 1: no pooling
	Train     int  `json:"train"`     // number of training examples, class-balanced; 0: all
	Test      int  `json:"test"`      // number of test examples, class-balanced; 0: all
	Normalize bool `json:"normalize"` // subtract the mean of the clean training subset and divide by its standard deviation, by channel

	LabelShuffle float64 `json:"label_shuffle"` // fraction of the training labels that are shuffled, in [0, 1]
	ShuffleMode  string  `json:"shuffle_mode"`  // [Permute] (also ""), [Resample] or [FirstK]
	InputNoise   float64 `json:"input_noise"`   // standard deviation of the noise on training pixels, in units of the pixel range [0, 1]
	ClipNoise    bool    `json:"clip_noise"`    // clip noisy pixels to [0, 1]

	SubsetSeed  uint64 `json:"subset_seed"`
	ShuffleSeed uint64 `json:"shuffle_seed"`
	NoiseSeed   uint64 `json:"noise_seed"`
}

// The ways to shuffle a fraction f of N labels. Each touches round(fN)
// examples, of which some keep their label by chance; [Data.ChangedFraction] says what came of it.
const (
	// Permute permutes the labels of a random subset among themselves. Class
	// counts stay. The expected changed fraction is f(1 - Σ_c p_c²) for class
	// frequencies p_c: 0.45 for f = 0.5 and ten balanced classes.
	Permute = "permute"

	// Resample draws the labels of a random subset uniformly from all K classes (Zhang
	// et al. 2017, arXiv:1611.03530, "partially corrupted labels"). The expected changed
	// fraction is f(1 - 1/K).
	Resample = "resample"

	// FirstK permutes the labels of the first round(fN) examples among
	// themselves, as Gain and Siegelmann's code does; always the same images.
	FirstK = "first-k"
)

const (
	maxPool  = 8   // 8-bit pixels are pooled through a table of 255·pool²+1 values
	maxNoise = 1e6 // beyond it float32 training is senseless and squares soon overflow
)

// Validate reports the first value that makes no sense for any set.
func (t Transform) Validate() error {
	switch {
	case t.Pool < 0 || t.Pool > maxPool:
		return fmt.Errorf("pool: %d is not in [1, %d]", t.Pool, maxPool)
	case t.Train < 0:
		return fmt.Errorf("train: %d examples; give a positive number, or 0 for all", t.Train)
	case t.Test < 0:
		return fmt.Errorf("test: %d examples; give a positive number, or 0 for all", t.Test)
	case !(t.LabelShuffle >= 0 && t.LabelShuffle <= 1):
		return fmt.Errorf("label_shuffle: %v is not a fraction in [0, 1]", t.LabelShuffle)
	case !(t.InputNoise >= 0 && t.InputNoise <= maxNoise):
		return fmt.Errorf("input_noise: %v is not a standard deviation in [0, %g]", t.InputNoise, float64(maxNoise))
	}
	switch t.ShuffleMode {
	case "", Permute, Resample, FirstK:
		return nil
	}
	return fmt.Errorf("shuffle_mode: unknown mode %q (known: %s, %s, %s)", t.ShuffleMode, Permute, Resample, FirstK)
}

// Canonical returns the transform with what has no effect set to one value:
// defaults are written out, and seeds and modes of steps that are off are
// zero. Transforms with equal canonical forms give the same data.
func (t Transform) Canonical() Transform {
	t.Pool = max(t.Pool, 1)
	if t.Train == 0 && t.Test == 0 {
		t.SubsetSeed = 0
	}
	switch {
	case t.LabelShuffle == 0:
		t.LabelShuffle, t.ShuffleMode, t.ShuffleSeed = 0, "", 0 // 0 and not -0, which JSON tells apart
	case t.ShuffleMode == "":
		t.ShuffleMode = Permute
	}
	if t.InputNoise == 0 {
		t.InputNoise, t.ClipNoise, t.NoiseSeed = 0, false, 0
	}
	return t
}

// Unshuffled is the transform without label shuffling: the same inputs.
func (t Transform) Unshuffled() Transform {
	t.LabelShuffle, t.ShuffleMode, t.ShuffleSeed = 0, "", 0
	return t
}

// hash is what [Data.Hash] holds. The number is raised when Build would give
// other values for the same set and transform.
func (t Transform) hash(checksum string) (string, error) {
	const buildVersion = 1
	b, err := json.Marshal(struct {
		Build     int       `json:"build"`
		Set       string    `json:"set"` // its checksum
		Transform Transform `json:"transform"`
	}{buildVersion, checksum, t})
	if err != nil {
		return "", fmt.Errorf("hashing the transform: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// fractionOf is round(f·n), halves away from zero.
func fractionOf(f float64, n int) int { return int(math.Round(f * float64(n))) }
