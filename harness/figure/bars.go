package figure

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// barShare is how much of a group's width its bars take.
const barShare = 0.82

// ticks names the groups.
func (b *Bars) ticks() plot.ConstantTicks {
	var t plot.ConstantTicks
	for g, name := range b.Groups {
		t = append(t, plot.Tick{Value: float64(g), Label: name})
	}
	return t
}

func (b *Bars) each(visit func(g, s int, bar *Bar)) {
	for g := range b.Bar {
		for s := range b.Bar[g] {
			visit(g, s, &b.Bar[g][s])
		}
	}
}

func (b *Bars) anyPublished() (any bool) {
	b.each(func(_, _ int, bar *Bar) { any = any || bar.Published != nil })
	return any
}

func (b *Bars) anyInterval() (any bool) {
	b.each(func(_, _ int, bar *Bar) { any = any || bar.Interval != nil })
	return any
}

// DataRange implements plot.DataRanger: bars stand on 0, and there is room for the numbers of observations below.
func (b *Bars) DataRange() (xmin, xmax, ymin, ymax float64) {
	low, high := 0.0, 0.0
	b.each(func(_, _ int, bar *Bar) {
		for _, v := range []*float64{bar.Value, bar.Published} {
			if v != nil && finite(*v) {
				low, high = min(low, *v), max(high, *v)
			}
		}
		if i := bar.Interval; i != nil {
			low, high = min(low, i[0]), max(high, i[1])
		}
	})
	return -0.5, float64(len(b.Groups)) - 0.5, low - 0.1*max(high-low, 0.1), high
}

// Plot implements plot.Plotter.
func (b *Bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	width := barShare / float64(len(b.Series))
	b.each(func(g, s int, bar *Bar) {
		left := float64(g) - barShare/2 + float64(s)*width
		x0, x1 := x(left+0.06*width), x(left+0.94*width)
		middle := (x0 + x1) / 2
		if bar.Published != nil {
			hollow(c, vg.Rectangle{Min: vg.Point{X: x0 - 1, Y: y(0)}, Max: vg.Point{X: x1 + 1, Y: y(*bar.Published)}})
		}
		label := style(7, false)
		label.XAlign = draw.XCenter
		if bar.Value == nil {
			label.YAlign = draw.YBottom
			c.FillText(label, vg.Point{X: middle, Y: y(0) + 2}, "none")
		} else {
			inset := (x1 - x0) * 0.12
			c.FillPolygon(colour(s), []vg.Point{{X: x0 + inset, Y: y(0)}, {X: x0 + inset, Y: y(*bar.Value)}, {X: x1 - inset, Y: y(*bar.Value)}, {X: x1 - inset, Y: y(0)}})
		}
		if bar.Interval != nil {
			whisker(c, middle, y(bar.Interval[0]), y(bar.Interval[1]))
		}
		label.YAlign = draw.YBottom
		text := strconv.Itoa(bar.N)
		if s == 0 {
			text = "n " + text
		}
		c.FillText(label, vg.Point{X: middle, Y: c.Min.Y + 2}, text)
	})
	c.StrokeLine2(stroke(ink, 0.6), c.Min.X, y(0), c.Max.X, y(0))
}

// hollow is an outline, dashed.
func hollow(c draw.Canvas, r vg.Rectangle) {
	s := dashed(published, 0.9)
	s.Dashes = []vg.Length{2.5, 1.5}
	c.StrokeLines(s, []vg.Point{r.Min, {X: r.Min.X, Y: r.Max.Y}, r.Max, {X: r.Max.X, Y: r.Min.Y}, r.Min})
}

// whisker is an interval.
func whisker(c draw.Canvas, x, low, high vg.Length) {
	const cap = 2.2
	s := stroke(ink, 0.8)
	c.StrokeLine2(s, x, low, x, high)
	for _, y := range []vg.Length{low, high} {
		c.StrokeLine2(s, x-cap, y, x+cap, y)
	}
}

// drawScale draws the colours of a field with their values.
func (f *Field) drawScale(c draw.Canvas) {
	const steps, width = 64, 10
	height := float64(c.Max.Y - c.Min.Y)
	at := func(t float64) vg.Length { return c.Min.Y + vg.Length(t*height) }
	for i := range steps {
		c.FillPolygon(scale((float64(i)+0.5)/steps), []vg.Point{
			{X: c.Min.X, Y: at(float64(i) / steps)}, {X: c.Min.X + width, Y: at(float64(i) / steps)},
			{X: c.Min.X + width, Y: at(float64(i+1)/steps) + 0.3}, {X: c.Min.X, Y: at(float64(i+1)/steps) + 0.3},
		})
	}
	s := style(tickSize, false)
	s.YAlign = draw.YCenter
	for i := range 5 {
		t := float64(i) / 4
		v := f.Min + t*(f.Max-f.Min)
		c.FillText(s, vg.Point{X: c.Min.X + width + 4, Y: at(t)}, short(math.Round(v*1000)/1000))
	}
	s.XAlign, s.YAlign = draw.XLeft, draw.YTop
	c.FillText(s, vg.Point{X: c.Min.X - 2, Y: c.Min.Y - 8}, f.Name)
}
