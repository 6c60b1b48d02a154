package values

import (
	"strings"
	"testing"
)

// TestSizes: the column train_size, else an axis that says it.
func TestSizes(t *testing.T) {
	for header, c := range map[string]struct {
		size int
		axes int
	}{
		"train_size":            {500, 0},
		"Train_Size":            {500, 0},
		"hp.train_size":         {500, 1},
		"hp.train_dataset_size": {500, 1},
		"hp.width":              {0, 1},
		"m":                     {0, 0}, // a measure
	} {
		in, _, err := Read(strings.NewReader("gap,log_norm,"+header+"\n0.1,2,500\n0.2,3,1000\n"), Options{})
		if err != nil {
			t.Errorf("%s: %v", header, err)
			continue
		}
		if got := in.Networks[0].TrainSize; got != c.size || len(in.Axes) != c.axes {
			t.Errorf("%s: %d examples, axes %v; want %d and %d", header, got, in.Axes, c.size, c.axes)
		}
		if in.Measures[0].Scale != "log" {
			t.Errorf("log_norm is on scale %s", in.Measures[0].Scale)
		}
		if in.Adjusted != "" {
			t.Errorf("%s: %q", header, in.Adjusted)
		}
	}
	for _, bad := range []string{"0", "-5", "1.5", "many", ""} {
		_, _, err := Read(strings.NewReader("gap,norm,train_size\n0.1,2,500\n0.2,3,"+bad+"\n"), Options{})
		if err == nil || !strings.Contains(err.Error(), "row 3") || !strings.Contains(err.Error(), "train_size") {
			t.Errorf("train_size %q: %v", bad, err)
		}
	}
	in, _, err := Read(strings.NewReader("gen.gap,complexity.norm,train_dataset_size\n0.1,2,500\n0.2,3,1000\n"), Options{})
	if err != nil || in.Adjusted == "" {
		t.Errorf("the released layout: %q, %v; its values are adjusted", in.Adjusted, err)
	}
}
