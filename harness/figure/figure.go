// Package figure draws figures: data in, SVG and PNG out.
//
// A [Figure] is panels and a caption, all of it plain data that can be written as JSON; [Figure.Draw] makes
// the picture with gonum.org/v1/plot. The package knows no networks, measures or corpora: what is drawn is
// computed elsewhere, and tests look at the data. The same figure gives the same bytes.
//
// What was published is drawn beside our own in grey, dashed or hollow, and is marked as such in the data
// ([Line.Published], [Points.Published], [Bar.Published]).
package figure

import (
	"encoding/json"
	"fmt"
	"math"
)

// Figure is a picture of one panel or several.
type Figure struct {
	Name    string   `json:"name"` // of the files
	Title   string   `json:"title"`
	Panels  []Panel  `json:"panels"`
	Stacked bool     `json:"stacked,omitempty"` // panels below one another, not side by side
	Caption []string `json:"caption"`           // paragraphs: what is shown, and in what it differs from what was published
}

// Panel is one pair of axes and what is drawn in it. Field comes first, then bands, lines, points; or it has bars and no more.
type Panel struct {
	Title  string   `json:"title,omitempty"`
	X      Axis     `json:"x"`
	Y      Axis     `json:"y"`
	Field  *Field   `json:"field,omitempty"`
	Bands  []Band   `json:"bands,omitempty"`
	Lines  []Line   `json:"lines,omitempty"`
	Points []Points `json:"points,omitempty"`
	Bars   *Bars    `json:"bars,omitempty"`
}

// Axis is a label and, where they are not the data's, the ends.
type Axis struct {
	Label string   `json:"label"`
	Min   *float64 `json:"min,omitempty"`
	Max   *float64 `json:"max,omitempty"`
}

// Values are numbers of which some may be missing: NaN, null in JSON. Nothing is drawn for them.
type Values []float64

// MarshalJSON writes what is not finite as null.
func (v Values) MarshalJSON() ([]byte, error) {
	out := make([]*float64, len(v))
	for i := range v {
		if finite(v[i]) {
			out[i] = &v[i]
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads null as NaN.
func (v *Values) UnmarshalJSON(b []byte) error {
	var in []*float64
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*v = make(Values, len(in))
	for i, p := range in {
		if (*v)[i] = math.NaN(); p != nil {
			(*v)[i] = *p
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// Line joins points, [N] each, in their order; a missing value breaks it.
type Line struct {
	Name      string `json:"name,omitempty"` // in the legend; "": not there
	X         Values `json:"x"`
	Y         Values `json:"y"`
	Colour    int    `json:"colour"` // of the package's palette, from 0
	Thin      bool   `json:"thin,omitempty"`
	Marked    bool   `json:"marked,omitempty"` // a dot at every point
	Published bool   `json:"published,omitempty"`
}

// Points are marks, [N].
type Points struct {
	Name      string   `json:"name,omitempty"`
	X         Values   `json:"x"`
	Y         Values   `json:"y"`
	Labels    []string `json:"labels,omitempty"` // [N] beside the marks, or none
	Colour    int      `json:"colour"`
	Small     bool     `json:"small,omitempty"`
	Published bool     `json:"published,omitempty"`
}

// Band is the area between two lines over the same x, [N] each.
type Band struct {
	Name   string `json:"name,omitempty"`
	X      Values `json:"x"`
	Low    Values `json:"low"`
	High   Values `json:"high"`
	Colour int    `json:"colour"`
}

// Field is a function on a grid, drawn as colours with contours.
type Field struct {
	Name   string    `json:"name"`   // beside the colours' scale
	X      Values    `json:"x"`      // [W] ascending
	Y      Values    `json:"y"`      // [H] ascending
	Z      []Values  `json:"z"`      // [H][W]
	Min    float64   `json:"min"`    // of the scale of colours
	Max    float64   `json:"max"`    //
	Levels []float64 `json:"levels"` // of the contours, ascending
}

// Bars are groups of bars, one bar a series in each.
type Bars struct {
	Groups []string `json:"groups"` // [G]
	Series []string `json:"series"` // [S]
	Bar    [][]Bar  `json:"bar"`    // [G][S]
}

// Bar is a value with what is known beside it; what does not exist is nil.
type Bar struct {
	Value     *float64    `json:"value"`
	Interval  *[2]float64 `json:"interval,omitempty"`
	N         int         `json:"n"`                   // observations
	Note      string      `json:"note,omitempty"`      // why there is no value or no interval
	Published *float64    `json:"published,omitempty"` // the height of the published bar
}

// check reports what cannot be drawn.
func (f *Figure) check() error {
	if len(f.Panels) == 0 {
		return fmt.Errorf("figure %s: it has no panels", f.Name)
	}
	for i := range f.Panels {
		if err := f.Panels[i].check(); err != nil {
			return fmt.Errorf("figure %s: panel %d: %w", f.Name, i, err)
		}
	}
	return nil
}

func (p *Panel) check() error {
	for _, l := range p.Lines {
		if len(l.X) != len(l.Y) {
			return fmt.Errorf("line %q: %d x for %d y", l.Name, len(l.X), len(l.Y))
		}
	}
	for _, s := range p.Points {
		if len(s.X) != len(s.Y) || s.Labels != nil && len(s.Labels) != len(s.X) {
			return fmt.Errorf("points %q: %d x for %d y and %d labels", s.Name, len(s.X), len(s.Y), len(s.Labels))
		}
	}
	for _, b := range p.Bands {
		if len(b.X) != len(b.Low) || len(b.X) != len(b.High) {
			return fmt.Errorf("band %q: %d x for %d low and %d high", b.Name, len(b.X), len(b.Low), len(b.High))
		}
	}
	if f := p.Field; f != nil {
		if len(f.X) < 2 || len(f.Y) < 2 || len(f.Z) != len(f.Y) || !(f.Max > f.Min) {
			return fmt.Errorf("field %q: %d rows of values for a grid of %d x %d from %v to %v", f.Name, len(f.Z), len(f.X), len(f.Y), f.Min, f.Max)
		}
		for _, row := range f.Z {
			if len(row) != len(f.X) {
				return fmt.Errorf("field %q: a row of %d values for %d columns", f.Name, len(row), len(f.X))
			}
		}
	}
	if b := p.Bars; b != nil {
		if len(b.Bar) != len(b.Groups) || len(b.Groups) == 0 {
			return fmt.Errorf("%d groups of bars for %d names", len(b.Bar), len(b.Groups))
		}
		for _, g := range b.Bar {
			if len(g) != len(b.Series) {
				return fmt.Errorf("a group of %d bars for %d series", len(g), len(b.Series))
			}
		}
	}
	return nil
}
