package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Read reads a board that [Board.WriteJSON] wrote, by this version of genbench
// or an earlier one. It refuses what is no board, and one of a newer schema;
// fields that it does not know are passed over.
func Read(r io.Reader) (*Board, error) {
	b, err := decode(r)
	if err != nil {
		return nil, fmt.Errorf("reading a leaderboard: %w", err)
	}
	return b, nil
}

func decode(r io.Reader) (*Board, error) {
	d := json.NewDecoder(r)
	var text json.RawMessage
	switch err := d.Decode(&text); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more text follows the JSON object")
	}
	// The schema first: a newer one may have other types.
	var version struct{ Schema *int }
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, errors.New("it is JSON, but not a leaderboard: `genbench score --format json` writes one")
	}
	switch v := version.Schema; {
	case v == nil || *v < 1:
		return nil, errors.New("it is not a leaderboard: it has no schema number")
	case *v > Schema:
		return nil, fmt.Errorf("it was written by a newer version of genbench (schema %d, this version knows %d)", *v, Schema)
	}
	b := new(Board)
	if err := json.Unmarshal(text, b); err != nil {
		return nil, fmt.Errorf("it is not a leaderboard of schema %d: %w", Schema, err)
	}
	if err := b.complete(); err != nil {
		return nil, err
	}
	return b, nil
}

// complete checks what was read, and fills in what earlier versions left out.
func (b *Board) complete() error {
	if b.Models < 1 || b.Rows == nil {
		return errors.New("it is not a leaderboard: it has no models or no rows")
	}
	keys := map[string]bool{}
	for i := range b.Rows {
		r := &b.Rows[i]
		if r.Measure == "" {
			return fmt.Errorf("rows[%d] has no measure", i)
		}
		if !slices.Contains([]string{Train, Transductive, Control}, r.Class) {
			return fmt.Errorf("rows[%d], %s: class %q: it must be train, transductive or control", i, r.Measure, r.Class)
		}
		for axis := range r.PsiByAxis {
			keys[axis] = true
		}
		if r.PsiAxisCI == nil {
			r.PsiAxisCI = map[string]*Interval{}
		}
		if r.Compat.FGMPsiByAxis == nil {
			r.Compat.FGMPsiByAxis = map[string]*float64{}
		}
	}
	if b.Compat == nil {
		b.Compat = []string{}
	}
	if b.Axes == nil { // written before boards had axes: their order is lost
		b.Axes = slices.AppendSeq([]string{}, maps.Keys(keys))
		slices.Sort(b.Axes)
	}
	for _, axis := range b.Axes {
		if len(b.Rows) > 0 && !keys[axis] {
			return fmt.Errorf("axes: no row has psi_by_axis of %s", axis)
		}
		delete(keys, axis)
	}
	if left := slices.Sorted(maps.Keys(keys)); len(left) > 0 {
		return fmt.Errorf("axes: %s is not among them, and rows have its psi_by_axis", left[0])
	}
	return nil
}
