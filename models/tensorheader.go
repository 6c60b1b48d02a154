package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// maxRank bounds the dimensions of one tensor: no layer has more, and a shape
// of millions of ones is no tensor.
const maxRank = 16

// tensorEntry is a tensor as a safetensors header describes it.
type tensorEntry struct {
	name       string
	dtype      string
	shape      []int
	begin, end int64 // place in the data, in bytes
}

// parseTensorHeader reads the JSON header and sorts the entries by their place
// in the data, empty tensors before the one that begins where they stand.
//
// It reads token by token because encoding/json's structs would accept keys in
// any letter case and the last of two equal names.
func parseTensorHeader(header []byte) ([]tensorEntry, map[string]string, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, nil, errors.New("it does not begin with {")
	}
	if !utf8.Valid(header) {
		return nil, nil, errors.New("it is not UTF-8")
	}
	p := headerParser{json.NewDecoder(bytes.NewReader(header))}
	p.UseNumber()
	var entries []tensorEntry
	var meta map[string]string
	seen := map[string]bool{}
	err := p.object(func(name string) (err error) {
		if seen[name] {
			return fmt.Errorf("%q is given twice", name)
		}
		seen[name] = true
		if name == metadataKey {
			meta, err = p.metadata()
			return err
		}
		e, err := p.entry()
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		e.name = name
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if rest := bytes.Trim(header[p.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, nil, fmt.Errorf("%d bytes follow the JSON object", len(rest))
	}
	slices.SortStableFunc(entries, func(a, b tensorEntry) int {
		if a.begin != b.begin {
			return compare(a.begin, b.begin)
		}
		return compare(a.end, b.end)
	})
	return entries, meta, nil
}

func compare(a, b int64) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// headerParser reads the few forms that a header has.
type headerParser struct{ *json.Decoder }

// delim reads one of { } [ ].
func (p headerParser) delim(want json.Delim) error {
	t, err := p.Token()
	if err != nil {
		return ended(err)
	}
	if d, ok := t.(json.Delim); !ok || d != want {
		return fmt.Errorf("%v where %v should be, near byte %d", t, want, p.InputOffset())
	}
	return nil
}

// object reads an object; field is called after each key and reads the value.
func (p headerParser) object(field func(key string) error) error {
	if err := p.delim('{'); err != nil {
		return err
	}
	for p.More() {
		key, err := p.text()
		if err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
	}
	return p.delim('}')
}

func (p headerParser) text() (string, error) {
	t, err := p.Token()
	if err != nil {
		return "", ended(err)
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%v where a string should be, near byte %d", t, p.InputOffset())
	}
	return s, nil
}

// integers reads an array of at most limit non-negative integers.
func (p headerParser) integers(limit int) ([]int64, error) {
	if err := p.delim('['); err != nil {
		return nil, err
	}
	ns := []int64{}
	for p.More() {
		t, err := p.Token()
		if err != nil {
			return nil, ended(err)
		}
		number, ok := t.(json.Number)
		if !ok {
			return nil, fmt.Errorf("%v where an integer should be, near byte %d", t, p.InputOffset())
		}
		n, err := strconv.ParseUint(number.String(), 10, 63)
		if err != nil {
			return nil, fmt.Errorf("%q is not a non-negative integer of 63 bits", number.String())
		}
		if len(ns) == limit {
			return nil, fmt.Errorf("more than %d integers in an array", limit)
		}
		ns = append(ns, int64(n))
	}
	return ns, p.delim(']')
}

// metadata reads a map from string to string.
func (p headerParser) metadata() (map[string]string, error) {
	meta := map[string]string{}
	err := p.object(func(key string) error {
		if _, taken := meta[key]; taken {
			return fmt.Errorf("%q is given twice", key)
		}
		v, err := p.text()
		meta[key] = v
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", metadataKey, err)
	}
	return meta, nil
}

// entry reads what a tensor's name stands for.
func (p headerParser) entry() (e tensorEntry, err error) {
	seen := map[string]bool{}
	err = p.object(func(key string) (err error) {
		if seen[key] {
			return fmt.Errorf("%q is given twice", key)
		}
		seen[key] = true
		var ns []int64
		switch key {
		case "dtype":
			e.dtype, err = p.text()
		case "shape":
			ns, err = p.integers(maxRank)
			e.shape = make([]int, len(ns))
			for i, n := range ns {
				e.shape[i] = int(n)
			}
		case "data_offsets":
			ns, err = p.integers(2)
			if err == nil && len(ns) != 2 {
				err = errors.New("data_offsets needs two integers")
			}
			if err == nil {
				e.begin, e.end = ns[0], ns[1]
			}
		default:
			err = fmt.Errorf("unknown field %q", key)
		}
		return err
	})
	if err == nil && len(seen) != 3 {
		err = errors.New("dtype, shape and data_offsets are all needed")
	}
	return e, err
}

// ended says in plain words that the JSON stopped.
func ended(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the JSON ends too early")
	}
	return err
}
