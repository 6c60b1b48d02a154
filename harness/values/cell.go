package values

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind says what the text of a cell is.
type kind uint8

const (
	aNumber kind = iota
	empty
	notANumber // NaN or NA
	anInfinity // written so, or larger than largest
	aWord
	aComma   // a number but for its commas
	aPercent // a number but for its %
	kinds    // how many there are
)

// largest is the size beyond which a number counts as infinite: means over repeats and
// differences of two numbers stay finite below it.
const largest = 1e300

// reason says why a cell has no value.
func (k kind) reason() string {
	switch k {
	case empty:
		return "empty in the table"
	case notANumber:
		return "marked as missing in the table"
	case anInfinity:
		return "infinite in the table, or beyond ±1e300"
	}
	return ""
}

// missing says that there is no finite number, and that the table says so.
func (k kind) missing() bool { return k == empty || k == notANumber || k == anInfinity }

// parse reads a cell that may be a number. Decimal digits, a point and an exponent are
// one; Go's other forms (0x1p-2, 1_000) are not.
func parse(s string) (float64, kind) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, empty
	}
	if v, k := decimal(s); k != aWord {
		return v, k
	}
	switch strings.ToLower(strings.TrimLeft(s, "+-")) {
	case "nan", "na":
		return 0, notANumber
	case "inf", "infinity":
		return 0, anInfinity
	}
	if number, ok := strings.CutSuffix(s, "%"); ok {
		if _, k := parse(number); k == aNumber || k == aComma {
			return 0, aPercent
		}
	}
	if strings.Contains(s, ",") {
		if _, k := decimal(strings.NewReplacer(",", "", ".", "").Replace(s)); k == aNumber {
			return 0, aComma
		}
	}
	return 0, aWord
}

func decimal(s string) (float64, kind) {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, aWord
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	switch {
	case math.Abs(v) > largest:
		return 0, anInfinity
	case err != nil:
		return 0, aWord
	}
	return v, aNumber
}

// level names a value of an axis. Numbers of one value are one level however they are
// written: 0.10 and 0.1, 1e-3 and 0.001. They are written as Python writes a float
// that is no whole number, and whole numbers without a point. A whole number that
// float64 cannot hold stays as it is: it is a name.
func level(s string, v float64, k kind) string {
	s = strings.TrimSpace(s)
	if k != aNumber {
		return s
	}
	if !strings.ContainsAny(s, ".eE") && math.Abs(v) > 1<<53 {
		return s
	}
	return numeral(v)
}

func numeral(v float64) string {
	if v == 0 {
		return "0" // -0 too
	}
	if a := math.Abs(v); a < 1e-4 || a >= 1e16 {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// truth reads a boolean.
func truth(s string) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "t", "yes", "1", "1.0":
		return true, true
	case "false", "f", "no", "0", "0.0":
		return false, true
	}
	return false, false
}

// whole reads a whole number, which may be written as the float64 that a table with
// holes makes of it (3.0).
func whole(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	v, k := parse(s)
	if k != aNumber || v != math.Trunc(v) || math.Abs(v) > 1<<53 {
		return 0, false
	}
	return int64(v), true
}

// missingInPandas are the texts that pandas.read_csv takes for a missing value, but for
// those that parse knows (pandas 1.5, io/parsers: the default na_values).
var missingInPandas = map[string]bool{
	"#N/A": true, "#N/A N/A": true, "#NA": true, "-1.#IND": true, "-1.#QNAN": true,
	"1.#IND": true, "1.#QNAN": true, "<NA>": true, "N/A": true, "NULL": true, "n/a": true, "null": true,
}

// quote puts a text of the table into a message, on one line and not too long.
func quote(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	q := strconv.Quote(s)
	return "'" + strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`) + "'"
}

// list puts names into a message, the first ones where they are many.
func list(names []string) string {
	const most = 12
	var out []string
	for i, n := range names {
		if i == most {
			out = append(out, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		out = append(out, quote(n))
	}
	return strings.Join(out, ", ")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
