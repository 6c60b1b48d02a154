package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"testing"
)

// vectors are the numbers in testdata/vectors.json, which testdata/vectors.py
// computed with NumPy 1.24.2 and SciPy 1.10.1; it describes each.
type vectors struct {
	Draws struct {
		Key    string
		Values []string
		Below  []int
	}
	Quantile struct{ U, Z []float64 }
	Gaussian struct {
		Checksum, Small string
		Labels          []int32
	}
	Tiny struct {
		Checksum string
		Sums     []string
		Pixels   []int
		Labels   []int32
	}
	Colour struct {
		Pixels                    []int
		Plain, Pooled, Normalized []float32
		Mean, Std                 []float64
	}
	Mini struct {
		Checksum         string
		Index            []int
		PermuteHalf      []int32 `json:"permute_half"`
		PermuteQuarter   []int32 `json:"permute_quarter"`
		ResampleHalf     []int32 `json:"resample_half"`
		FirstKHalf       []int32 `json:"first_k_half"`
		ChosenHalf       []int   `json:"chosen_half"`
		Mean, Std        float64
		NativeMean       float64 `json:"native_mean"`
		NativeStd        float64 `json:"native_std"`
		Rows             []int
		Noisy, Clipped   []float32
		NoisyNormalized  []float32 `json:"noisy_normalized"`
		CleanSHA256      string    `json:"clean_sha256"`
		NoisySHA256      string    `json:"noisy_sha256"`
		NormalizedSHA256 string    `json:"normalized_sha256"`
	}
}

func loadVectors(t *testing.T) vectors {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func mustOpen(t testing.TB, name, dir string) *Set {
	t.Helper()
	s, err := Open(name, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustBuild(t testing.TB, s *Set, tr Transform) *Data {
	t.Helper()
	d, err := Build(s, tr)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// bytesOf are the little-endian bytes of x, as NumPy's '<f4' has them.
func bytesOf(x []float32) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func toBytes(v []int) []uint8 {
	b := make([]uint8, len(v))
	for i, x := range v {
		b[i] = uint8(x)
	}
	return b
}

// fullFashion opens Debian's dataset-fashion-mnist, which is installed on some
// machines only.
func fullFashion(t *testing.T) *Set {
	t.Helper()
	if _, err := os.Stat(debianFashion); err != nil {
		const missing = "Debian's package dataset-fashion-mnist is not installed"
		if os.Getenv("GENBENCH_TEST_ALL") == "1" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return mustOpen(t, "fashion-mnist", "")
}
