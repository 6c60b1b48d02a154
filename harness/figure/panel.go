package figure

import (
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	panelTitleSize = 10.5
	legendSize     = 8.5
	labelSize      = 9.5
	tickSize       = 8.5
)

// draw draws a panel: title and legend above, the scale of colours at the right, the axes in the rest.
func (p *Panel) draw(c draw.Canvas) {
	if p.Title != "" {
		c.FillText(style(panelTitleSize, true), vg.Point{X: c.Min.X, Y: c.Max.Y}, p.Title)
		c.Max.Y -= panelTitleSize * lineSpacing
	}
	c.Max.Y -= drawLegend(c, p.legend()) + 4
	if p.Field != nil {
		const wide = 62
		p.Field.drawScale(draw.Crop(c, c.Max.X-c.Min.X-wide+14, 0, 30, 0))
		c.Max.X -= wide
	}
	p.plot().Draw(c)
}

// plot makes the axes and what they hold.
func (p *Panel) plot() *plot.Plot {
	out := plot.New()
	for _, a := range []*plot.Axis{&out.X, &out.Y} {
		a.Label.TextStyle.Font = style(labelSize, false).Font
		a.Tick.Label.Font = style(tickSize, false).Font
		a.Tick.Marker = ticks{}
		a.Label.TextStyle.Color, a.Tick.Label.Color = ink, ink
		a.LineStyle.Width, a.Tick.LineStyle.Width = 0.6, 0.6
	}
	out.X.Label.Text, out.Y.Label.Text = p.X.Label, p.Y.Label
	if p.Field != nil {
		out.Add(p.Field)
	} else {
		out.Add(gridLines{vertical: p.Bars == nil})
	}
	for i := range p.Bands {
		out.Add(&p.Bands[i])
	}
	for i := range p.Lines {
		out.Add(&p.Lines[i])
	}
	for i := range p.Points {
		out.Add(&p.Points[i])
	}
	if p.Bars != nil {
		out.Add(p.Bars)
		out.X.Tick.Marker = p.Bars.ticks()
		out.X.Tick.LineStyle.Width = 0
	}
	pad(&out.X, p.X, p.Field == nil && p.Bars == nil)
	pad(&out.Y, p.Y, p.Field == nil)
	return out
}

// pad leaves room at the ends of an axis, and pins those that are given.
func pad(a *plot.Axis, given Axis, room bool) {
	if math.IsInf(a.Min, 0) || math.IsInf(a.Max, 0) || a.Min > a.Max { // nothing is drawn
		a.Min, a.Max = 0, 1
	}
	if room {
		by := 0.04 * (a.Max - a.Min)
		if by == 0 {
			by = max(1e-3, 0.1*math.Abs(a.Max))
		}
		a.Min, a.Max = a.Min-by, a.Max+by
	}
	if given.Min != nil {
		a.Min = *given.Min
	}
	if given.Max != nil {
		a.Max = *given.Max
	}
}

// gridLines are faint lines at the major ticks.
type gridLines struct{ vertical bool }

// Plot implements plot.Plotter.
func (g gridLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	line := func(a *plot.Axis, draw func(v float64)) {
		for _, t := range a.Tick.Marker.Ticks(a.Min, a.Max) {
			if !t.IsMinor() && t.Value >= a.Min && t.Value <= a.Max {
				draw(t.Value)
			}
		}
	}
	line(&p.Y, func(v float64) { c.StrokeLine2(stroke(faint, 0.5), c.Min.X, y(v), c.Max.X, y(v)) })
	if g.vertical {
		line(&p.X, func(v float64) { c.StrokeLine2(stroke(faint, 0.5), x(v), c.Min.Y, x(v), c.Max.Y) })
	}
}

// ranged widens a range by the finite points of x and y.
type ranged struct{ x0, x1, y0, y1 float64 }

func newRange() ranged {
	return ranged{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
}

func (r *ranged) add(x, y float64) {
	if finite(x) && finite(y) {
		r.x0, r.x1, r.y0, r.y1 = min(r.x0, x), max(r.x1, x), min(r.y0, y), max(r.y1, y)
	}
}

func rangeOf(x Values, ys ...Values) (xmin, xmax, ymin, ymax float64) {
	r := newRange()
	for _, y := range ys {
		for i := range x {
			r.add(x[i], y[i])
		}
	}
	return r.x0, r.x1, r.y0, r.y1
}

// DataRange implements plot.DataRanger.
func (l *Line) DataRange() (xmin, xmax, ymin, ymax float64) { return rangeOf(l.X, l.Y) }

// Plot implements plot.Plotter.
func (l *Line) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, run := range runs(l.X, l.Y) {
		var pts []vg.Point
		for i := run[0]; i < run[1]; i++ {
			pts = append(pts, vg.Point{X: x(l.X[i]), Y: y(l.Y[i])})
		}
		c.StrokeLines(l.style(), c.ClipLinesXY(pts)...)
		if l.Marked || len(pts) == 1 {
			for _, pt := range pts {
				c.DrawGlyph(draw.GlyphStyle{Color: l.style().Color, Radius: 2.2, Shape: draw.CircleGlyph{}}, pt)
			}
		}
	}
}

// runs are the stretches [from, to) without a missing value.
func runs(vs ...Values) [][2]int {
	var out [][2]int
	from := -1
	for i := range len(vs[0]) + 1 {
		ok := i < len(vs[0])
		for _, v := range vs {
			ok = ok && finite(v[i])
		}
		switch {
		case ok && from < 0:
			from = i
		case !ok && from >= 0:
			out, from = append(out, [2]int{from, i}), -1
		}
	}
	return out
}

// DataRange implements plot.DataRanger.
func (s *Points) DataRange() (xmin, xmax, ymin, ymax float64) { return rangeOf(s.X, s.Y) }

// Plot implements plot.Plotter.
func (s *Points) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for i := range s.X {
		if !finite(s.X[i]) || !finite(s.Y[i]) {
			continue
		}
		pt := vg.Point{X: x(s.X[i]), Y: y(s.Y[i])}
		if p.X.Min == p.X.Max || !c.Contains(pt) {
			continue
		}
		c.DrawGlyph(s.glyph(), pt)
		if s.Labels != nil && s.Labels[i] != "" {
			writeBeside(c, pt, s.Labels[i])
		}
	}
}

// writeBeside writes a label at the right of a mark, at its left where there is no room, on a white ground.
func writeBeside(c draw.Canvas, pt vg.Point, text string) {
	const size, away = 7.5, 6
	s := style(size, false)
	s.YAlign = draw.YCenter
	width := s.Width(text)
	x := pt.X + away
	if x+width > c.Max.X {
		x = pt.X - away - width
	}
	c.FillPolygon(color.NRGBA{R: 0xff, G: 0xff, B: 0xff, A: 0xc8}, []vg.Point{
		{X: x - 1.5, Y: pt.Y - size*0.65}, {X: x + width + 1.5, Y: pt.Y - size*0.65}, {X: x + width + 1.5, Y: pt.Y + size*0.65}, {X: x - 1.5, Y: pt.Y + size*0.65},
	})
	c.FillText(s, vg.Point{X: x, Y: pt.Y}, text)
}

// DataRange implements plot.DataRanger.
func (b *Band) DataRange() (xmin, xmax, ymin, ymax float64) { return rangeOf(b.X, b.Low, b.High) }

// Plot implements plot.Plotter.
func (b *Band) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, run := range runs(b.X, b.Low, b.High) {
		var pts []vg.Point
		for i := run[0]; i < run[1]; i++ {
			pts = append(pts, vg.Point{X: x(b.X[i]), Y: y(b.High[i])})
		}
		for i := run[1] - 1; i >= run[0]; i-- {
			pts = append(pts, vg.Point{X: x(b.X[i]), Y: y(b.Low[i])})
		}
		c.FillPolygon(light(colour(b.Colour), 0.2), c.ClipPolygonXY(pts))
	}
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
