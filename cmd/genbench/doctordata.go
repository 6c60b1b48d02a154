package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/genbench/genbench/corpora/dataset"
)

// doctorData prints a table of the data sets, and below it what is wrong with those that cannot be used
// and where they are to be had.
func doctorData(w io.Writer, all []dataset.Status) error {
	var rows [][]string
	var notes strings.Builder
	for _, s := range all {
		i := s.Info
		where := s.Path
		switch {
		case i.Embedded:
			where = "in this program"
		case i.Generated:
			where = "made when asked for"
		case s.State == dataset.Missing:
			where = "see below"
		}
		rows = append(rows, []string{
			i.Name, string(s.State), where, fmt.Sprintf("%d + %d", i.Train, i.Test), fmt.Sprintf("%d x %d x %d", i.Shape.C, i.Shape.H, i.Shape.W), fmt.Sprint(i.Classes), i.Licence,
		})
		if s.Err != nil {
			fmt.Fprintf(&notes, "\n%s is %s: %s\n  what to do: %s\n", i.Name, s.State, problem(s), s.Remedy)
		}
	}
	if err := plainTable(w, []string{"data set", "state", "where", "train + test", "C x H x W", "classes", "licence"}, rows); err != nil {
		return err
	}
	_, err := io.WriteString(w, notes.String())
	return err
}

// problem says what is wrong without the set's name and remedy, which stand beside it.
func problem(s dataset.Status) string {
	text := strings.TrimPrefix(s.Err.Error(), "data set "+s.Info.Name+": ")
	return strings.TrimSuffix(text, "; "+s.Remedy)
}
