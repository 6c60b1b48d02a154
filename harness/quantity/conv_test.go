package quantity

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/genbench/genbench/models"
)

// convCase is one network of testdata/conv.json, made by make_conv.py.
type convCase struct {
	Family  string `json:"family"`
	Shape   [3]int `json:"shape"`
	Classes int    `json:"classes"`
	Batch   int    `json:"batch"`
	Options struct {
		Layers, Depth, Width, Dense int
		BatchNorm                   bool
	} `json:"options"`
	Sums        map[string][][]float64 `json:"sums"` // layers/reduce: [N][L]
	LogPathNorm float64                `json:"log_path_norm"`
	Squares     [][]float64            `json:"squares"` // [N][places]
	Units       []float64              `json:"units"`
}

func (c *convCase) subject(t *testing.T) *Subject {
	t.Helper()
	input, o := models.Shape{C: c.Shape[0], H: c.Shape[1], W: c.Shape[2]}, c.Options
	var a models.Architecture
	var err error
	switch c.Family {
	case "nin":
		a, err = models.NiN(input, c.Classes, models.NiNOptions{Width: o.Width, Depth: o.Depth, BatchNorm: o.BatchNorm})
	case "vgg":
		a, err = models.VGG(input, c.Classes, models.VGGOptions{Width: o.Width, Depth: o.Depth, Dense: o.Dense, BatchNorm: o.BatchNorm})
	case "resnet":
		a, err = models.ResNet(input, c.Classes, models.ResNetOptions{Layers: o.Layers, Width: o.Width})
	}
	if err != nil {
		t.Fatal(err)
	}
	s := models.NewState(a)
	for i := range s {
		role := s[i].Name[strings.LastIndexByte(s[i].Name, '.')+1:]
		for j := range s[i].Data {
			switch {
			case role == "weight" && len(s[i].Shape) > 1:
				s[i].Data[j] = stream(i, j, math.Sqrt(6/float64(len(s[i].Data)/s[i].Shape[0])))
			case strings.HasPrefix(s[i].Name, "layer") && strings.HasSuffix(s[i].Name, "bn3.weight"):
				s[i].Data[j] = 0.2 + stream(i, j, 0.05)
			case role == "weight":
				s[i].Data[j] = 0.75 + stream(i, j, 0.25)
			case role == "running_var":
				s[i].Data[j] = 1 + stream(i, j, 0.5)
			default:
				s[i].Data[j] = stream(i, j, 0.125)
			}
		}
	}
	x := make([]float32, c.Batch*input.Size())
	for i := range x {
		x[i] = stream(10_000, i, 1.7)
	}
	return subjectOf(a, s, x, make([]int32, c.Batch))
}

// stream is value i of a stream of internal/archcheck/check.py, in (-bound, bound).
func stream(seed, i int, bound float64) float32 {
	z := uint64(seed)*0xD1342543DE82EF95 + uint64(i+1)*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	return float32((2*float64(z>>40)/(1<<24) - 1) * bound)
}

// TestConvolutionalNetworks holds the sums of layers, the path norm and the Jacobian at every place of residual and plain convolutional networks against PyTorch.
func TestConvolutionalNetworks(t *testing.T) {
	b, err := os.ReadFile("testdata/conv.json")
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		Cases []convCase `json:"cases"`
	}
	if err := json.Unmarshal(b, &made); err != nil || len(made.Cases) != 5 {
		t.Fatalf("%d cases, error %v", len(made.Cases), err)
	}
	const tol = 1e-5 // the engine computes in float32
	for _, c := range made.Cases {
		p := openSubject(t, testHost(t, t.TempDir()), c.subject(t))
		compare := func(what string, got []float64, want [][]float64) {
			t.Helper()
			var flat []float64
			top := 0.0
			for _, row := range want {
				for _, v := range row {
					flat, top = append(flat, v), math.Max(top, math.Abs(v))
				}
			}
			if len(got) != len(flat) {
				t.Fatalf("%s %+v: %s has %d values, want %d", c.Family, c.Options, what, len(got), len(flat))
			}
			for i, w := range flat {
				if math.Abs(got[i]-w) > tol*top {
					t.Fatalf("%s %+v: %s[%d] = %v, want %v", c.Family, c.Options, what, i, got[i], w)
				}
			}
		}
		if len(c.Sums) != 12 {
			t.Fatalf("%d sums", len(c.Sums))
		}
		for name, want := range c.Sums {
			layers, reduce, _ := strings.Cut(name, "/")
			logits := map[bool]string{true: "true", false: "false"}[layers == "paper"]
			compare(name, request(t, p, "layer-sums", map[string]string{"layers": layers, "reduce": reduce, "include_logits": logits})["sums"], want)
		}
		jacobian := request(t, p, "jacobian-norms", map[string]string{"of": "logits"})
		compare("squares", jacobian["squares"], c.Squares)
		compare("units", jacobian["units"], [][]float64{c.Units})
		if got := request(t, p, "path-norm", nil)["log_path_norm"][0]; math.Abs(got-c.LogPathNorm) > 1e-6 { // fused weights are rounded to float32
			t.Errorf("%s %+v: log path norm %v, want %v", c.Family, c.Options, got, c.LogPathNorm)
		}
	}
}
