package figure

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// everything is a figure with one of each.
func everything() *Figure {
	v := func(x float64) *float64 { return &x }
	nan := math.NaN()
	field := &Field{Name: "CNA", Min: -1, Max: 1, Levels: []float64{0, 0.5}}
	for i := range 12 {
		field.X, field.Y = append(field.X, float64(i)), append(field.Y, float64(i)/2)
	}
	for j := range 12 {
		var row Values
		for i := range 12 {
			row = append(row, math.Sin(float64(i)/3)*math.Cos(float64(j)/4))
		}
		field.Z = append(field.Z, row)
	}
	return &Figure{
		Name: "everything", Title: "One of each: α, β and ρ", Caption: []string{strings.Repeat("A caption that is longer than the picture is wide. ", 8), "And a second paragraph."},
		Panels: []Panel{
			{
				Title: "lines", X: Axis{Label: "epoch"}, Y: Axis{Label: "loss, nats", Min: v(0)},
				Bands:  []Band{{Name: "± sd", X: Values{0, 1, 2}, Low: Values{1, 0.5, 0.2}, High: Values{2, 1, 0.8}}},
				Lines:  []Line{{Name: "ours", X: Values{0, 1, 2}, Y: Values{1.5, 0.8, 0.4}, Marked: true}, {Name: "gap", X: Values{0, 1, 2, 3}, Y: Values{1, nan, 0.2, 0.1}, Colour: 1}, {Name: "published", X: Values{0, 2}, Y: Values{2, 1}, Published: true}},
				Points: []Points{{Name: "at", X: Values{1, nan}, Y: Values{1, 1}, Labels: []string{"here", ""}, Colour: 2}, {Name: "read off", X: Values{0.5}, Y: Values{1.8}, Published: true}},
			},
			{Title: "field", X: Axis{Label: "PC 1"}, Y: Axis{Label: "PC 2"}, Field: field, Lines: []Line{{Name: "path", X: Values{1, 5, 9}, Y: Values{1, 2, 5}, Colour: 4, Marked: true}}},
			{Title: "bars", Y: Axis{Label: "r"}, Bars: &Bars{
				Groups: []string{"all", "mlp"}, Series: []string{"CNA-Margin", "L2"},
				Bar: [][]Bar{{{Value: v(0.5), Interval: &[2]float64{0.1, 0.8}, N: 20, Published: v(0.878)}, {Value: v(-0.3), N: 19}}, {{Note: "constant", N: 4}, {Value: v(0.1), N: 10}}},
			}},
		},
	}
}

// TestDraw: both formats of it parse, name what the data name, and are the same bytes twice. FIGURE_OUT names a
// folder to look at the pictures in.
func TestDraw(t *testing.T) {
	for _, stacked := range []bool{false, true} {
		f := everything()
		f.Stacked = stacked
		var got [2]bytes.Buffer
		for i := range got {
			if err := f.Draw(&got[i], "svg"); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got[0].Bytes(), got[1].Bytes()) {
			t.Error("two drawings differ")
		}
		text := readXML(t, got[0].Bytes())
		for _, want := range []string{"One of each: α, β and ρ", "epoch", "loss, nats", "read off", "PC 2", "CNA-Margin", "mlp", "n 20", "none", "95 % interval", "here", "And a second paragraph."} {
			if !strings.Contains(text, want) {
				t.Errorf("the SVG lacks the text %q", want)
			}
		}
		var picture bytes.Buffer
		if err := f.Draw(&picture, "png"); err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("FIGURE_OUT"); dir != "" {
			name := map[bool]string{false: "beside.png", true: "stacked.png"}[stacked]
			if err := os.WriteFile(filepath.Join(dir, name), picture.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		img, err := png.Decode(&picture)
		if err != nil {
			t.Fatal(err)
		}
		colours := map[any]bool{}
		for x := 0; x < img.Bounds().Dx(); x += 3 {
			for y := 0; y < img.Bounds().Dy(); y += 3 {
				colours[img.At(x, y)] = true
			}
		}
		if len(colours) < 50 {
			t.Errorf("the PNG has %d colours: nothing is drawn", len(colours))
		}
	}
}

// readXML is the text of a document, which must be well formed.
func readXML(t *testing.T, b []byte) string {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	var text strings.Builder
	root := ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the SVG is no XML: %v", err)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if root == "" {
				root = x.Name.Local
			}
		case xml.CharData:
			text.Write(x)
			text.WriteByte('\n')
		}
	}
	if root != "svg" {
		t.Fatalf("the root is %q", root)
	}
	return text.String()
}

// TestJSON: data with missing values survive, and are null.
func TestJSON(t *testing.T) {
	f := everything()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"y":[1,null,0.2,0.1]`) {
		t.Error("a missing value is not null")
	}
	var back Figure
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if y := back.Panels[0].Lines[1].Y; len(y) != 4 || !math.IsNaN(y[1]) || y[2] != 0.2 {
		t.Errorf("read back %v", y)
	}
	back.Panels[0], f.Panels[0] = Panel{}, Panel{}
	if !reflect.DeepEqual(&back, f) {
		t.Error("what is read back differs")
	}
}

// TestRefused: what does not line up is an error that names it; data without anything to draw are drawn empty.
func TestRefused(t *testing.T) {
	for want, f := range map[string]*Figure{
		"no panels":         {Name: "x"},
		"line \"l\": 2 x":   {Panels: []Panel{{Lines: []Line{{Name: "l", X: Values{1, 2}, Y: Values{1}}}}}},
		"points \"p\": 1 x": {Panels: []Panel{{Points: []Points{{Name: "p", X: Values{1}, Y: Values{1}, Labels: []string{"a", "b"}}}}}},
		"band \"b\": 1 x":   {Panels: []Panel{{Bands: []Band{{Name: "b", X: Values{1}}}}}},
		"field \"f\"":       {Panels: []Panel{{Field: &Field{Name: "f", X: Values{1, 2}, Y: Values{1, 2}, Max: 1}}}},
		"1 groups of bars":  {Panels: []Panel{{Bars: &Bars{Groups: []string{"a", "b"}, Bar: [][]Bar{{}}}}}},
		"a group of 1 bars": {Panels: []Panel{{Bars: &Bars{Groups: []string{"a"}, Series: []string{"s", "t"}, Bar: [][]Bar{{{}}}}}}},
	} {
		if err := f.Draw(io.Discard, "svg"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := everything().Draw(io.Discard, "pdf"); err == nil {
		t.Error("pdf is drawn")
	}
	empty := &Figure{Name: "empty", Panels: []Panel{{Lines: []Line{{X: Values{math.NaN()}, Y: Values{1}}}}, {Points: []Points{{X: Values{1}, Y: Values{1}}}}}}
	for _, format := range Formats() {
		if err := empty.Draw(io.Discard, format); err != nil {
			t.Errorf("nothing to draw: %v", err)
		}
	}
}

// TestContour: the line where x² + y² has the value 1 is the unit circle, once around.
func TestContour(t *testing.T) {
	f := &Field{}
	for i := range 61 {
		v := -1.5 + float64(i)/20
		f.X, f.Y = append(f.X, v), append(f.Y, v)
	}
	for _, y := range f.Y {
		var row Values
		for _, x := range f.X {
			row = append(row, x*x+y*y)
		}
		f.Z = append(f.Z, row)
	}
	var length float64
	f.contour(1, func(x0, y0, x1, y1 float64) {
		length += math.Hypot(x1-x0, y1-y0)
		for _, r := range []float64{math.Hypot(x0, y0), math.Hypot(x1, y1)} {
			if math.Abs(r-1) > 1e-3 { // half a cell's second-order error, 0.05²/2
				t.Errorf("a point of the contour at radius %v", r)
			}
		}
	})
	if math.Abs(length-2*math.Pi) > 0.02 {
		t.Errorf("the contour is %v long, a circle 2π", length)
	}
}
