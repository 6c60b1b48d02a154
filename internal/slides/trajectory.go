package slides

import (
	"context"
	"fmt"
	"math"

	"github.com/genbench/genbench/harness/figure"
	"github.com/genbench/genbench/models"
)

// gridSide is the number of points of the plane's grid each way: 441 networks are evaluated.
const gridSide = 21

// trajectory is the third figure: the way of the weights in the plane of their first two principal components, over the CNA of the networks of that plane.
func (c *Corpus) trajectory(ctx context.Context, o Options) (*figure.Figure, error) {
	r, moments, err := c.watched(o, 3)
	if err != nil {
		return nil, err
	}
	data, err := c.data.For(r)
	if err != nil {
		return nil, err
	}
	states := make([]models.State, len(moments))
	points := make([][]float64, len(moments))
	own := make([]float64, len(moments))
	for i, m := range moments {
		if states[i], err = m.state(); err != nil {
			return nil, err
		}
		points[i] = flat(r.Architecture, states[i])
		if own[i], err = c.cnaOf(ctx, m, states[i], data); err != nil {
			return nil, err
		}
	}
	p, err := newPlane(points)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", r.ID, err)
	}
	value := func(u, v float64) (float64, error) {
		state := unflat(r.Architecture, p.at(u, v), states[p.nearest(u, v)])
		return c.cnaOf(ctx, moment{record: r}, state, data)
	}
	field, err := c.field(ctx, p, value)
	if err != nil {
		return nil, err
	}
	last := len(moments) - 1
	first, err := value(p.scores[0][0], p.scores[0][1])
	if err != nil {
		return nil, err
	}
	end, err := value(p.scores[last][0], p.scores[last][1])
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%s. %d moments of its training in the plane of the first two principal components of all its weights and biases; colours and contours are the CNA, on its training set, of the networks at %d x %d points of the plane (inverse projection). CNA at the first and the last moment: %s and %s, of their projections %s and %s.",
		sentence(ofNetwork(r)), len(moments), gridSide, gridSide, number(own[0]), number(own[last]), number(first), number(end))
	return trajectoryFigure(p, field, moments, note), nil
}

// trajectoryFigure draws the way over the field.
func trajectoryFigure(p *plane, field *figure.Field, moments []moment, note string) *figure.Figure {
	last := len(moments) - 1
	path := figure.Line{Name: "training, a mark a snapshot", Colour: 4, Marked: true}
	ends := figure.Points{Colour: 4, Labels: []string{fmt.Sprintf("epoch %d", moments[0].epoch), fmt.Sprintf("epoch %d", moments[last].epoch)}}
	for i, s := range p.scores {
		path.X, path.Y = append(path.X, s[0]), append(path.Y, s[1])
		if i == 0 || i == last {
			ends.X, ends.Y = append(ends.X, s[0]), append(ends.Y, s[1])
		}
	}
	return &figure.Figure{
		Title: "The way through training, and the CNA of the networks beside it",
		Panels: []figure.Panel{{
			X:     figure.Axis{Label: fmt.Sprintf("first principal component (%.0f %% of the variance)", 100*p.variance[0])},
			Y:     figure.Axis{Label: fmt.Sprintf("second (%.0f %%)", 100*p.variance[1])},
			Field: field, Lines: []figure.Line{path}, Points: []figure.Points{ends},
		}},
		Caption: []string{
			note,
			"Differs from the slide, whose data set and network are not said and whose 20 marks lead from 0 to above 0.95: the network named above, in evaluation mode; where it has batch norm, the running statistics are those of the nearest mark.",
		},
	}
}

// field evaluates the grid around the way: its box with a sixth of its sides on every side.
func (c *Corpus) field(ctx context.Context, p *plane, value func(u, v float64) (float64, error)) (*figure.Field, error) {
	f := &figure.Field{Name: "CNA"}
	for k, axis := range []*figure.Values{&f.X, &f.Y} {
		low, high := math.Inf(1), math.Inf(-1)
		for _, s := range p.scores {
			low, high = min(low, s[k]), max(high, s[k])
		}
		room := (high - low) / 6
		for i := range gridSide {
			*axis = append(*axis, low-room+float64(i)*(high-low+2*room)/(gridSide-1))
		}
	}
	for range gridSide {
		f.Z = append(f.Z, make(figure.Values, gridSide))
	}
	err := c.each(ctx, gridSide*gridSide, func(i int) (err error) {
		row, column := i/gridSide, i%gridSide
		f.Z[row][column], err = value(f.X[column], f.Y[row])
		return err
	})
	f.Min, f.Max, f.Levels = levels(f.Z)
	return f, err
}

// levels are contours at multiples of 0.1, of 0.2 where there would be many, and the ends of the scale at such multiples around the values.
func levels(z []figure.Values) (low, high float64, between []float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, row := range z {
		for _, v := range row {
			if !math.IsNaN(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	if !(high >= low) { // nothing is defined
		return -1, 1, nil
	}
	distance := 0.1
	if high-low > 1 {
		distance = 0.2
	}
	first, last := math.Floor(low/distance), math.Ceil(high/distance)
	last = max(last, first+1)
	for k := first + 1; k < last; k++ {
		between = append(between, k*distance)
	}
	return first * distance, last * distance, between
}

// number is a value for a caption.
func number(v float64) string {
	if math.IsNaN(v) {
		return "undefined"
	}
	return fmt.Sprintf("%.2f", v)
}
