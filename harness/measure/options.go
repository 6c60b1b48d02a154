package measure

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	nameFormat   = regexp.MustCompile(`^[a-z](?:[a-z0-9-]|\.[0-9])*$`)
	aliasFormat  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,59}$`)
	optionFormat = regexp.MustCompile(`^[a-z][a-z0-9_-]*$`)
)

// maxName is the longest name of a measure, in bytes.
const maxName = 41

// Validate reports the first thing that is wrong with the description.
func (i Info) Validate() error {
	if !nameFormat.MatchString(i.Name) || len(i.Name) > maxName {
		return fmt.Errorf("measure name %q: write a lower-case letter, then at most 40 of a-z, 0-9, - and . before a digit", i.Name)
	}
	if i.Version == "" {
		return fmt.Errorf("measure %s: has no version", i.Name)
	}
	for k, n := range i.Needs {
		if !slices.Contains(KnownNeeds(), n) {
			return fmt.Errorf("measure %s: unknown need %q%s", i.Name, n, suggest(string(n), stringsOf(KnownNeeds())))
		}
		if i.Needs[:k].Has(n) {
			return fmt.Errorf("measure %s: need %q is declared twice", i.Name, n)
		}
	}
	if i.Larger < Unknown || i.Larger > PredictsSmallerGap {
		return fmt.Errorf("measure %s: unknown direction %d", i.Name, int(i.Larger))
	}
	if i.Scale != Raw && i.Scale != Log {
		return fmt.Errorf("measure %s: unknown scale %d", i.Name, int(i.Scale))
	}
	for k, a := range i.Aliases {
		if !aliasFormat.MatchString(a) || a == i.Name || slices.Contains(i.Aliases[:k], a) {
			return fmt.Errorf("measure %s: alias %q is not at most 60 of letters, digits, - and _, or is taken by the name or an alias before it", i.Name, a)
		}
	}
	seen := map[string]bool{}
	for _, o := range i.Options {
		switch {
		case !optionFormat.MatchString(o.Name):
			return fmt.Errorf("measure %s: option name %q: write a lower-case letter, then a-z, 0-9, - and _", i.Name, o.Name)
		case seen[o.Name]:
			return fmt.Errorf("measure %s: option %s is declared twice", i.Name, o.Name)
		case len(o.Values) > 0 && !slices.Contains(o.Values, o.Default):
			return fmt.Errorf("measure %s: option %s: the default %q is not among its values %v", i.Name, o.Name, o.Default, o.Values)
		}
		seen[o.Name] = true
	}
	return nil
}

// Resolve fills in defaults and refuses an option or a value that the measure
// does not know; the error names the nearest that it does.
func (i Info) Resolve(given map[string]string) (map[string]string, error) {
	out := make(map[string]string, len(i.Options))
	names := make([]string, len(i.Options))
	for k, o := range i.Options {
		out[o.Name] = o.Default
		names[k] = o.Name
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		k := slices.Index(names, name)
		if k < 0 {
			return nil, fmt.Errorf("measure %s has no option %q%s", i.Name, name, suggest(name, names))
		}
		value := given[name]
		if vs := i.Options[k].Values; len(vs) > 0 && !slices.Contains(vs, value) {
			return nil, fmt.Errorf("measure %s: option %s has no value %q%s", i.Name, name, value, suggest(value, vs))
		}
		out[name] = value
	}
	return out, nil
}

// suggest ends an error message with the nearest of the known words, and all of
// them where they are few.
func suggest(word string, known []string) string {
	if len(known) == 0 {
		return ": it has none"
	}
	best, distance := "", 1+max(2, len(word)/3)
	for _, k := range known {
		if d := editDistance(word, k); d < distance {
			best, distance = k, d
		}
	}
	all := ""
	if len(known) <= 20 {
		all = " (known: " + strings.Join(known, ", ") + ")"
	}
	if best == "" {
		return all
	}
	return fmt.Sprintf(": did you mean %q?%s", best, all)
}

// editDistance counts the insertions, deletions and replacements between two
// words (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

func stringsOf(ns []Need) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = string(n)
	}
	return out
}
