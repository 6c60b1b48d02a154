package figure

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// DataRange implements plot.DataRanger.
func (f *Field) DataRange() (xmin, xmax, ymin, ymax float64) {
	return f.X[0], f.X[len(f.X)-1], f.Y[0], f.Y[len(f.Y)-1]
}

// fine is how many coloured cells stand for one of the grid, each way.
const fine = 3

// Plot implements plot.Plotter: cells coloured by the bilinear interpolation of their corners, and contours.
func (f *Field) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	fill(c, faint) // where the field is not defined
	for j := range len(f.Y) - 1 {
		for i := range len(f.X) - 1 {
			for b := range fine {
				for a := range fine {
					u0, v0 := float64(a)/fine, float64(b)/fine
					z := f.at(i, j, u0+0.5/fine, v0+0.5/fine)
					if !finite(z) {
						continue
					}
					x0, x1 := x(between(f.X, i, u0)), x(between(f.X, i, u0+1.0/fine))
					y0, y1 := y(between(f.Y, j, v0)), y(between(f.Y, j, v0+1.0/fine))
					const seam = 0.3 // cells overlap, so that no line shows between them
					c.FillPolygon(scale((z-f.Min)/(f.Max-f.Min)), []vg.Point{{X: x0, Y: y0}, {X: x1 + seam, Y: y0}, {X: x1 + seam, Y: y1 + seam}, {X: x0, Y: y1 + seam}})
				}
			}
		}
	}
	for _, level := range f.Levels {
		f.contour(level, func(x0, y0, x1, y1 float64) { c.StrokeLine2(contourLine, x(x0), y(y0), x(x1), y(y1)) })
	}
}

var contourLine = stroke(color.RGBA{R: 0xd8, G: 0xd8, B: 0xd8, A: 0xff}, 0.5)

// contour visits the pieces of the line where the field has that value: cells are cut into four triangles that meet in
// their middle, and the field is linear on each. The order is that of the cells, so that pictures are the same.
func (f *Field) contour(level float64, visit func(x0, y0, x1, y1 float64)) {
	for j := range len(f.Y) - 1 {
		for i := range len(f.X) - 1 {
			corners := [4][3]float64{
				{f.X[i], f.Y[j], f.Z[j][i]}, {f.X[i+1], f.Y[j], f.Z[j][i+1]},
				{f.X[i+1], f.Y[j+1], f.Z[j+1][i+1]}, {f.X[i], f.Y[j+1], f.Z[j+1][i]},
			}
			middle := [3]float64{(f.X[i] + f.X[i+1]) / 2, (f.Y[j] + f.Y[j+1]) / 2, f.at(i, j, 0.5, 0.5)}
			if !finite(middle[2]) {
				continue
			}
			for k := range corners {
				crossing([3][3]float64{corners[k], corners[(k+1)%4], middle}, level, visit)
			}
		}
	}
}

// crossing visits where a level crosses a triangle of points (x, y, z).
func crossing(t [3][3]float64, level float64, visit func(x0, y0, x1, y1 float64)) {
	var at [][2]float64
	for k := range t {
		a, b := t[k], t[(k+1)%3]
		if (a[2] < level) != (b[2] < level) {
			u := (level - a[2]) / (b[2] - a[2])
			at = append(at, [2]float64{a[0] + u*(b[0]-a[0]), a[1] + u*(b[1]-a[1])})
		}
	}
	if len(at) == 2 {
		visit(at[0][0], at[0][1], at[1][0], at[1][1])
	}
}

func between(v Values, i int, t float64) float64 { return v[i] + t*(v[i+1]-v[i]) }

// at is the bilinear interpolation in cell (i, j), u and v in [0, 1].
func (f *Field) at(i, j int, u, v float64) float64 {
	return (1-v)*((1-u)*f.Z[j][i]+u*f.Z[j][i+1]) + v*((1-u)*f.Z[j+1][i]+u*f.Z[j+1][i+1])
}
