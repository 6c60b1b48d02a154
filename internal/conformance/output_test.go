package conformance

import "testing"

func TestTelling(t *testing.T) {
	for want, lines := range map[string][]string{
		"first: hello":                              {"hello", "world"},
		"last of a traceback: ValueError: no":       {"loading", "Traceback (most recent call last):", "  File \"measure.py\", line 3, in f", "    raise", "ValueError: no", "more"},
		"first: Traceback (most recent call last):": {"Traceback (most recent call last):"},
	} {
		if got := telling(lines); got != want {
			t.Errorf("%q: %q, want %q", lines, got, want)
		}
	}
}
