package corpora

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// Value is the value of a hyperparameter: a number, a text or a truth value.
// Values are comparable with ==. JSON holds them as themselves. The zero Value
// is the number 0.
type Value struct {
	kind   valueKind
	number float64
	text   string
}

type valueKind uint8

const (
	number valueKind = iota
	text
	truth
)

// Number makes a numeric value; v must be finite.
func Number(v float64) Value { return Value{kind: number, number: v + 0} }

// Text makes a textual value.
func Text(s string) Value { return Value{kind: text, text: s} }

// Truth makes a truth value.
func Truth(b bool) Value {
	if b {
		return Value{kind: truth, number: 1}
	}
	return Value{kind: truth}
}

// String is the value as it is shown and as statistics group it: the shortest
// decimal that reads back as the same number, without an exponent where the
// number is an integer up to 2^53.
func (v Value) String() string {
	switch v.kind {
	case text:
		return v.text
	case truth:
		return strconv.FormatBool(v.number != 0)
	}
	if v.number == math.Trunc(v.number) && math.Abs(v.number) <= maxSeed {
		return strconv.FormatFloat(v.number, 'f', -1, 64)
	}
	return strconv.FormatFloat(v.number, 'g', -1, 64)
}

// Float is the value as a number; ok is false when it is not one.
func (v Value) Float() (f float64, ok bool) { return v.number, v.kind == number }

// MarshalJSON writes a JSON number, string or boolean.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case text:
		return json.Marshal(v.text)
	case truth:
		return json.Marshal(v.number != 0)
	}
	return json.Marshal(v.number)
}

// UnmarshalJSON reads what MarshalJSON writes and refuses everything else, and integers that a float64
// does not hold.
func (v *Value) UnmarshalJSON(b []byte) error {
	var x any
	if err := json.Unmarshal(b, &x); err != nil {
		return err
	}
	switch x := x.(type) {
	case float64:
		// Decimals are rounded to the nearest number, integers must be what they say: seeds are such.
		if exact, ok := new(big.Int).SetString(string(b), 10); ok && math.Abs(x) >= maxSeed {
			if back, _ := new(big.Float).SetFloat64(x).Int(nil); back.Cmp(exact) != 0 {
				return fmt.Errorf("%s cannot be kept exactly as a hyperparameter's value, it would be %s; give a smaller integer or a text", b, back)
			}
		}
		*v = Number(x)
	case string:
		*v = Text(x)
	case bool:
		*v = Truth(x)
	default:
		return fmt.Errorf("a hyperparameter's value must be a number, a text, true or false, not %s", b)
	}
	return nil
}

// compareValues orders numbers by size, then texts, then truth values.
func compareValues(a, b Value) int {
	switch {
	case a.kind != b.kind:
		return int(a.kind) - int(b.kind)
	case a.number < b.number:
		return -1
	case a.number > b.number:
		return 1
	case a.text < b.text:
		return -1
	case a.text > b.text:
		return 1
	}
	return 0
}

// Setting is the value of one hyperparameter.
type Setting struct {
	Axis  string `json:"axis"`
	Value Value  `json:"value"`
}

// Axis is a hyperparameter that varies, with its values in the spec's order.
type Axis struct {
	Name   string  `json:"axis"`
	Values []Value `json:"values"`
}
