package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"
)

// chunkBytes is how much of a tensor is converted at a time.
const chunkBytes = 64 << 10

// metadataKey is the header's one name that is not a tensor's.
const metadataKey = "__metadata__"

// WriteTensors writes the tensors as a safetensors file
// (https://github.com/huggingface/safetensors, format 0.4): the length of the
// header as a little-endian uint64, the header in JSON, and the data, dtype
// F32, in the state's order. The header is padded with spaces so that data
// starts at a multiple of 8 bytes. Equal arguments give equal bytes.
//
// Names must be distinct and not "__metadata__", names and metadata UTF-8, and
// every tensor must hold as many values as its shape says. Infinities and NaN
// are kept as they are.
func WriteTensors(w io.Writer, s State, meta map[string]string) error {
	header, err := tensorHeader(s, meta)
	if err != nil {
		return fmt.Errorf("writing tensors: %w", err)
	}
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("writing tensors: %w", err)
	}
	buf := make([]byte, 0, chunkBytes)
	for _, t := range s {
		for data := t.Data; len(data) > 0; {
			n := min(len(data), chunkBytes/4)
			if _, err := w.Write(appendFloats(buf[:0], data[:n])); err != nil {
				return fmt.Errorf("writing tensor %q: %w", t.Name, err)
			}
			data = data[n:]
		}
	}
	return nil
}

// tensorHeader is everything before the data.
func tensorHeader(s State, meta map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.Write(make([]byte, 8)) // the length, known at the end
	b.WriteByte('{')
	comma := ""
	for k, v := range meta {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return nil, fmt.Errorf("metadata %q: %q is not UTF-8", k, v)
		}
	}
	if len(meta) > 0 {
		fmt.Fprintf(&b, `"%s":{`, metadataKey)
		for i, k := range slices.Sorted(maps.Keys(meta)) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "%s:%s", quoted(k), quoted(meta[k]))
		}
		b.WriteByte('}')
		comma = ","
	}
	seen := map[string]bool{metadataKey: true}
	offset := 0
	for _, t := range s {
		if !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("the name %q is not UTF-8", t.Name)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("the name %q is taken", t.Name)
		}
		seen[t.Name] = true
		if slices.ContainsFunc(t.Shape, func(d int) bool { return d < 0 }) || product(t.Shape) != len(t.Data) {
			return nil, fmt.Errorf("tensor %q holds %d values, its shape is %v", t.Name, len(t.Data), t.Shape)
		}
		end := offset + 4*len(t.Data)
		fmt.Fprintf(&b, `%s%s:{"dtype":"F32","shape":[`, comma, quoted(t.Name))
		for i, d := range t.Shape {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprint(&b, d)
		}
		fmt.Fprintf(&b, `],"data_offsets":[%d,%d]}`, offset, end)
		offset, comma = end, ","
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	header := b.Bytes()
	putLength(header, len(header)-8)
	return header, nil
}

// quoted is s, which is UTF-8, as a JSON string.
func quoted(s string) []byte {
	q, _ := json.Marshal(s) // a string always marshals
	return q
}

func putLength(dst []byte, n int) {
	for i := range 8 {
		dst[i] = byte(uint64(n) >> (8 * i))
	}
}
