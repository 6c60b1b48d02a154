package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes, in points.
const (
	panelWidth  = 440
	panelHeight = 330
	margin      = 12
	barsWidth   = 640
	dotsPerInch = 130
)

// Formats are those of [Figure.Draw].
func Formats() []string { return []string{"svg", "png"} }

// Draw makes the picture; format is one of [Formats].
func (f *Figure) Draw(w io.Writer, format string) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	// gonum's plot panics where it meets what it cannot draw.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("drawing figure %s: %v", f.Name, r)
		}
	}()
	width, height := f.size()
	total := height + f.captionHeight(width) + f.titleHeight()
	var picture vg.CanvasWriterTo
	switch format {
	case "svg":
		picture = vgsvg.New(width, total)
	case "png":
		picture = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, total), vgimg.UseDPI(dotsPerInch))}
	default:
		return fmt.Errorf("drawing figure %s: no format %q; known are %s", f.Name, format, strings.Join(Formats(), ", "))
	}
	c := draw.NewCanvas(picture, width, total)
	fill(c, color.White)
	f.drawTitle(c)
	f.drawCaption(c)
	body := draw.Crop(c, 0, 0, f.captionHeight(width), -f.titleHeight())
	for i := range f.Panels {
		f.Panels[i].draw(draw.Crop(f.tile(body, i), margin, -margin, margin, -margin))
	}
	var b bytes.Buffer
	if _, err := picture.WriteTo(&b); err != nil {
		return fmt.Errorf("drawing figure %s: %w", f.Name, err)
	}
	out := b.Bytes()
	if format == "svg" {
		out = bytes.ReplaceAll(out, []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	}
	if _, err := w.Write(out); err != nil {
		return fmt.Errorf("writing figure %s: %w", f.Name, err)
	}
	return nil
}

// size of all panels together.
func (f *Figure) size() (width, height vg.Length) {
	w := vg.Length(panelWidth)
	for i := range f.Panels {
		if f.Panels[i].Bars != nil {
			w = barsWidth
		}
	}
	n := vg.Length(len(f.Panels))
	if f.Stacked {
		return w, n * panelHeight
	}
	if n == 1 && w == panelWidth {
		w = 1.2 * panelWidth
	}
	return n * w, panelHeight
}

func (f *Figure) tile(c draw.Canvas, i int) draw.Canvas {
	n := len(f.Panels)
	tiles := draw.Tiles{Cols: n, Rows: 1}
	if f.Stacked {
		tiles = draw.Tiles{Cols: 1, Rows: n}
		return tiles.At(c, 0, i)
	}
	return tiles.At(c, i, 0)
}

// style is the text of that size, in points.
func style(size float64, bold bool) text.Style {
	face := font.Font{Typeface: "Liberation", Variant: "Sans"}
	if bold {
		face.Weight = xfont.WeightBold
	}
	return text.Style{Color: ink, Font: font.From(face, vg.Length(size)), Handler: plot.DefaultTextHandler, YAlign: draw.YTop}
}

const (
	titleSize   = 13
	captionSize = 8.5
	lineSpacing = 1.3
)

func (f *Figure) titleHeight() vg.Length {
	if f.Title == "" {
		return 0
	}
	return titleSize*lineSpacing + margin
}

func (f *Figure) drawTitle(c draw.Canvas) {
	if f.Title != "" {
		c.FillText(style(titleSize, true), vg.Point{X: c.Min.X + margin, Y: c.Max.Y - margin}, f.Title)
	}
}

// captionLines are the lines that the caption has at that width.
func (f *Figure) captionLines(width vg.Length) []string {
	var lines []string
	for _, p := range f.Caption {
		// An SVG may be shown in another font than it was measured in, which can be an eighth wider.
		lines = append(lines, wrap(style(captionSize, false), p, (width-2*margin)*7/8)...)
	}
	return lines
}

func (f *Figure) captionHeight(width vg.Length) vg.Length {
	lines := f.captionLines(width)
	if len(lines) == 0 {
		return 0
	}
	return vg.Length(len(lines))*captionSize*lineSpacing + margin
}

func (f *Figure) drawCaption(c draw.Canvas) {
	width := c.Max.X - c.Min.X
	y := c.Min.Y + f.captionHeight(width)
	s := style(captionSize, false)
	for _, line := range f.captionLines(width) {
		c.FillText(s, vg.Point{X: c.Min.X + margin, Y: y}, line)
		y -= captionSize * lineSpacing
	}
}

// wrap breaks a text into lines that are no wider.
func wrap(s text.Style, txt string, width vg.Length) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(txt) {
		longer := strings.TrimSpace(line + " " + word)
		if line != "" && s.Width(longer) > width {
			lines = append(lines, line)
			longer = word
		}
		line = longer
	}
	return append(lines, line)
}

func fill(c draw.Canvas, colour color.Color) {
	c.SetColor(colour)
	c.Fill(c.Rectangle.Path())
}
