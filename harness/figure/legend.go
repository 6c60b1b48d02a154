package figure

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// entry is a line of the legend: a sample and a name.
type entry struct {
	name   string
	sample func(c draw.Canvas)
}

// legend lists what has a name.
func (p *Panel) legend() []entry {
	var all []entry
	add := func(name string, sample func(draw.Canvas)) {
		if name != "" {
			all = append(all, entry{name, sample})
		}
	}
	for i := range p.Lines {
		l := &p.Lines[i]
		add(l.Name, func(c draw.Canvas) {
			c.StrokeLine2(l.style(), c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
			if l.Marked {
				c.DrawGlyph(draw.GlyphStyle{Color: l.style().Color, Radius: 2.2, Shape: draw.CircleGlyph{}}, c.Center())
			}
		})
	}
	for i := range p.Bands {
		b := &p.Bands[i]
		add(b.Name, func(c draw.Canvas) { fill(c, light(colour(b.Colour), 0.2)) })
	}
	for i := range p.Points {
		s := &p.Points[i]
		add(s.Name, func(c draw.Canvas) { c.DrawGlyph(s.glyph(), c.Center()) })
	}
	if p.Bars != nil {
		for i, name := range p.Bars.Series {
			add(name, func(c draw.Canvas) { fill(c, colour(i)) })
		}
		if p.Bars.anyPublished() {
			add("published", func(c draw.Canvas) { hollow(c, c.Rectangle) })
		}
		if p.Bars.anyInterval() {
			add("95 % interval", func(c draw.Canvas) { whisker(c, c.Center().X, c.Min.Y, c.Max.Y) })
		}
	}
	return all
}

// drawLegend writes the entries in rows at the top and answers how high they are.
func drawLegend(c draw.Canvas, all []entry) vg.Length {
	const sample, gap, between = 18, 4, 14
	s := style(legendSize, false)
	row := vg.Length(legendSize * 1.45)
	x, y := c.Min.X, c.Max.Y
	for _, e := range all {
		width := sample + gap + s.Width(e.name)
		if x > c.Min.X && x+width > c.Max.X {
			x, y = c.Min.X, y-row
		}
		e.sample(draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{Min: vg.Point{X: x, Y: y - row + 3.5}, Max: vg.Point{X: x + sample, Y: y - 1.5}}})
		c.FillText(s, vg.Point{X: x + sample + gap, Y: y - 1}, e.name)
		x += width + between
	}
	if len(all) == 0 {
		return 0
	}
	return c.Max.Y - y + row
}
