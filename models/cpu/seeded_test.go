package cpu

import (
	"math"
	"testing"

	"github.com/genbench/genbench/models"
)

// TestGradientFrom: with softmax less one-hot over N as seed it is the cross-entropy's gradient; of the last
// layer it is Σ_n seed_n h_nᵀ and Σ_n seed_n for any seed; and what does not fit is an error.
func TestGradientFrom(t *testing.T) {
	for _, e := range engines(t) {
		t.Run(e.Name(), func(t *testing.T) {
			a := everything()
			const n = 45 // a full panel and a part of one
			state, x, y := drawn(t, a, n)
			s := open(t, e, a, state, n)
			k := a.Classes
			seed := make([]float32, n*k)
			if err := s.Logits(seed, x); err != nil {
				t.Fatal(err)
			}
			for i, label := range y {
				var sum float64
				for _, v := range seed[i*k : (i+1)*k] {
					sum += math.Exp(float64(v))
				}
				for j, v := range seed[i*k : (i+1)*k] {
					p := math.Exp(float64(v)) / sum
					if j == int(label) {
						p--
					}
					seed[i*k+j] = float32(p / n)
				}
			}
			want, got := models.NewState(a), models.NewState(a)
			if _, err := s.Gradient(want, x, y, models.Eval, models.Draw{}); err != nil {
				t.Fatal(err)
			}
			from := s.(models.Seeded)
			if err := from.GradientFrom(got, x, seed); err != nil {
				t.Fatal(err)
			}
			near(t, got, want, 2e-6)

			for i := range seed {
				seed[i] = float32(i%7) - 3
			}
			if err := from.GradientFrom(got, x, seed); err != nil {
				t.Fatal(err)
			}
			last := len(a.Layers) - 1
			expected := models.State{want[len(want)-2], want[len(want)-1]}
			for _, tensor := range expected {
				clear(tensor.Data)
			}
			err := s.Outputs(x, func(layer int, out []float32) {
				if layer != last-1 {
					return
				}
				in := a.Layers[last].In
				for i := range n {
					for j := range k {
						g := seed[i*k+j]
						expected[1].Data[j] += g
						for c := range in {
							expected[0].Data[j*in+c] += g * out[i*in+c]
						}
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			near(t, got[len(got)-2:], expected, 1e-5)

			for name, err := range map[string]error{
				"a seed too short":  from.GradientFrom(got, x, seed[1:]),
				"a state too short": from.GradientFrom(got[1:], x, seed),
				"inputs too short":  from.GradientFrom(got, x[1:], seed),
			} {
				if err == nil {
					t.Errorf("%s is no error", name)
				}
			}
		})
	}
}

// near wants every tensor within tol of its largest value.
func near(t *testing.T, got, want models.State, tol float64) {
	t.Helper()
	for i := range want {
		var largest, worst float64
		for j, v := range want[i].Data {
			largest = math.Max(largest, math.Abs(float64(v)))
			worst = math.Max(worst, math.Abs(float64(got[i].Data[j])-float64(v)))
		}
		if !(worst <= tol*largest) {
			t.Errorf("%s is off by %g, values up to %g", want[i].Name, worst, largest)
		}
	}
}
