package corpora

import (
	"fmt"
	"strings"
)

// SpecError says what is wrong with a spec, where, and what to do.
type SpecError struct {
	File         string
	Line, Column int    // from 1; columns count characters
	Field        string // "training.lr", "axes.width[2]"; "" when it is about the whole file
	Problem      string
	Remedy       string
}

// Error is "file:line:column: field: what is wrong; remedy".
func (e *SpecError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", e.File, e.Line, e.Column)
	if e.Field != "" {
		b.WriteString(e.Field + ": ")
	}
	b.WriteString(e.Problem)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Nearest picks the known name with the fewest edits from name, if it is near
// enough to be a misspelling: at most a third of its letters, and at least one.
func Nearest(name string, known []string) (string, bool) {
	best, bestAt := max(1, len(name)/3)+1, ""
	for _, k := range known {
		if d := editDistance(name, k, best); d < best {
			best, bestAt = d, k
		}
	}
	return bestAt, bestAt != ""
}

// editDistance counts the insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (optimal string alignment), or answers limit
// when that many are needed. Names longer than 64 bytes are never near.
func editDistance(a, b string, limit int) int {
	if len(a) > 64 || len(b) > 64 || max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return min(d[len(a)][len(b)], limit)
}

// didYouMean is the remedy for an unknown name.
func didYouMean(name string, known []string) string {
	if k, ok := Nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", k)
	}
	return "known: " + strings.Join(known, ", ")
}
