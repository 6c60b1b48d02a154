package figure

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	ink       = color.RGBA{R: 0x22, G: 0x22, B: 0x22, A: 0xff}
	published = color.RGBA{R: 0x70, G: 0x70, B: 0x70, A: 0xff}
	faint     = color.RGBA{R: 0xe4, G: 0xe4, B: 0xe4, A: 0xff}
)

// colours that people with any colour vision tell apart (Okabe and Ito 2008, "Color universal design").
var colours = []color.RGBA{
	{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}, // blue
	{R: 0xe6, G: 0x9f, B: 0x00, A: 0xff}, // orange
	{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, // green
	{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, // purple
	{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}, // vermilion
	{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}, // sky
}

func colour(i int) color.RGBA { return colours[i%len(colours)] }

// light is a colour over white.
func light(c color.RGBA, opacity float64) color.RGBA {
	mix := func(v uint8) uint8 { return uint8(255 - opacity*(255-float64(v)) + 0.5) }
	return color.RGBA{R: mix(c.R), G: mix(c.G), B: mix(c.B), A: 0xff}
}

// viridis at nine equal distances (Smith and van der Walt 2015, matplotlib; CC0), blue to yellow.
var viridis = []color.RGBA{
	{R: 0x44, G: 0x01, B: 0x54, A: 0xff}, {R: 0x47, G: 0x2d, B: 0x7b, A: 0xff}, {R: 0x3b, G: 0x52, B: 0x8b, A: 0xff},
	{R: 0x2c, G: 0x72, B: 0x8e, A: 0xff}, {R: 0x21, G: 0x91, B: 0x8c, A: 0xff}, {R: 0x28, G: 0xae, B: 0x80, A: 0xff},
	{R: 0x5e, G: 0xc9, B: 0x62, A: 0xff}, {R: 0xad, G: 0xdc, B: 0x30, A: 0xff}, {R: 0xfd, G: 0xe7, B: 0x25, A: 0xff},
}

// scale is the colour of t in [0, 1].
func scale(t float64) color.RGBA {
	at := min(max(t, 0), 1) * float64(len(viridis)-1)
	i := min(int(at), len(viridis)-2)
	part := at - float64(i)
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + part*(float64(b)-float64(a)) + 0.5) }
	a, b := viridis[i], viridis[i+1]
	return color.RGBA{R: mix(a.R, b.R), G: mix(a.G, b.G), B: mix(a.B, b.B), A: 0xff}
}

func stroke(c color.Color, width float64) draw.LineStyle {
	return draw.LineStyle{Color: c, Width: vg.Length(width)}
}

func dashed(c color.Color, width float64) draw.LineStyle {
	s := stroke(c, width)
	s.Dashes = []vg.Length{4, 3}
	return s
}

// lineStyle of a line.
func (l *Line) style() draw.LineStyle {
	width := 1.6
	if l.Thin {
		width = 0.7
	}
	if l.Published {
		return dashed(published, width)
	}
	return stroke(colour(l.Colour), width)
}

// glyph of points.
func (p *Points) glyph() draw.GlyphStyle {
	g := draw.GlyphStyle{Color: colour(p.Colour), Radius: 3, Shape: draw.CircleGlyph{}}
	if p.Small {
		g.Radius = 1.5
		g.Color = light(colour(p.Colour), 0.6)
	}
	if p.Published {
		g.Color, g.Shape, g.Radius = published, draw.CrossGlyph{}, 3.5
	}
	return g
}
