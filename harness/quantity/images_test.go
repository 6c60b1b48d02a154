package quantity

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/genbench/genbench/models"
)

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// TestImages: every change of an image is what tf.image makes of it (testdata/images_tf.py).
func TestImages(t *testing.T) {
	// tf.image computes in float32, with values up to 3 and interpolation weights of 1/30.
	const tol = 2e-6
	var e struct {
		Cases []struct {
			Op      string
			Number  float64
			Shape   []int
			In, Out []float32
		}
	}
	readJSON(t, "testdata/images.json", &e)
	seen := map[string]float64{}
	for _, c := range e.Cases {
		q, err := pictureOf(models.Shape{C: c.Shape[0], H: c.Shape[1], W: c.Shape[2]})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, len(c.In))
		switch c.Op {
		case "flip":
			q.flip(got, c.In)
		case "brighten":
			q.brighten(got, c.In, c.Number)
		case "contrast":
			q.contrast(got, c.In, c.Number)
		case "saturate":
			q.saturate(got, c.In, c.Number)
		case "hue":
			q.hue(got, c.In, c.Number)
		case "sobel":
			q.sobel(got, c.In)
		case "crop":
			q.crop(got, c.In, 0.9)
		case "zoom":
			q.zoom(got, c.In, c.Number)
		default:
			t.Fatalf("no change %q", c.Op)
		}
		for i, v := range got {
			off := math.Abs(float64(v) - float64(c.Out[i]))
			if !(off <= tol) {
				t.Errorf("%s %v of %v: value %d is %v, tf.image %v", c.Op, c.Number, c.Shape, i, v, c.Out[i])
				break
			}
			seen[c.Op] = max(seen[c.Op], off)
		}
	}
	if len(seen) != 8 {
		t.Errorf("changes seen: %v", seen)
	}
	t.Logf("largest differences: %v", seen)
}

// TestErase by hand: one row and two columns of both channels' 3 x 3 images.
func TestErase(t *testing.T) {
	q := picture{c: 2, h: 3, w: 3}
	src, got := make([]float32, 18), make([]float32, 18)
	for i := range src {
		src[i] = 1
	}
	q.erase(got, src, box{y: 1, x: 0, h: 1, w: 2})
	for i, v := range got {
		want := float32(1)
		if i%9 == 3 || i%9 == 4 {
			want = 0
		}
		if v != want {
			t.Errorf("value %d is %v, want %v", i, v, want)
		}
	}
}

func TestNoImages(t *testing.T) {
	for _, s := range []models.Shape{{C: 1, H: 1, W: 196}, {C: 2, H: 8, W: 8}, {C: 3, H: 8, W: 1}} {
		if _, err := pictureOf(s); err == nil {
			t.Errorf("%v is taken for an image", s)
		}
	}
	for _, s := range []models.Shape{{C: 1, H: 14, W: 14}, {C: 3, H: 2, W: 2}} {
		if _, err := pictureOf(s); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
}
