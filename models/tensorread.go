package models

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// maxHeaderBytes is the format's own bound on the length of the header.
const maxHeaderBytes = 100_000_000

// ReadTensors reads a safetensors file of size bytes and answers its tensors
// by rising place in the data, and its metadata (nil where there is none).
// [State.Arrange] puts them in an architecture's order.
//
// Tensors may stand in any order and at any alignment, and the header may have
// any length. Values become float32:
//
//	F32        as they are, in bits
//	F16, BF16  exactly; every value of theirs is a float32
//	F64        rounded to nearest, ties to even; a finite value beyond float32's range is an error
//
// Other dtypes are errors, except that an int64 scalar named
// "….num_batches_tracked", which PyTorch's batch norm keeps and nothing here
// needs, is left out.
//
// The reader is strict: a header that is not UTF-8 JSON of the documented
// form, a name given twice, unknown fields, tensors that overlap, leave a hole
// or do not end where the file does, and shapes that do not match their bytes
// are errors. It never panics, and allocates no more than a small multiple of
// size, whatever the bytes.
func ReadTensors(r io.ReaderAt, size int64) (State, map[string]string, error) {
	s, meta, err := readTensors(r, size)
	if err != nil {
		return nil, nil, fmt.Errorf("reading tensors: %w", err)
	}
	return s, meta, nil
}

func readTensors(r io.ReaderAt, size int64) (State, map[string]string, error) {
	var b [8]byte
	if size < 8 {
		return nil, nil, fmt.Errorf("%d bytes are too few for a safetensors file", size)
	}
	// The last byte must exist before anything is allocated on the word of size.
	if _, err := r.ReadAt(b[:1], size-1); err != nil && err != io.EOF {
		return nil, nil, fmt.Errorf("byte %d, the last: %w", size-1, err)
	} else if n, _ := r.ReadAt(b[:1], size-1); n != 1 {
		return nil, nil, fmt.Errorf("the file is shorter than the %d bytes announced", size)
	}
	if err := readFull(r, b[:], 0); err != nil {
		return nil, nil, fmt.Errorf("length of the header: %w", err)
	}
	length := binary.LittleEndian.Uint64(b[:])
	if length > maxHeaderBytes || int64(length) > size-8 {
		return nil, nil, fmt.Errorf("a header of %d bytes in a file of %d: not a safetensors file, or cut off", length, size)
	}
	header := make([]byte, length)
	if err := readFull(r, header, 8); err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	entries, meta, err := parseTensorHeader(header)
	if err != nil {
		return nil, nil, fmt.Errorf("header: %w", err)
	}
	start := 8 + int64(length)
	if err := checkLayout(entries, size-start); err != nil {
		return nil, nil, err
	}
	var s State
	buf := make([]byte, min(chunkBytes, size-start))
	for _, e := range entries {
		if e.dtype == "I64" && len(e.shape) == 0 && strings.HasSuffix(e.name, ".num_batches_tracked") {
			continue
		}
		t, err := readTensor(r, start, e, buf)
		if err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", e.name, err)
		}
		s = append(s, t)
	}
	return s, meta, nil
}

// readTensor reads one tensor's data, converting a chunk at a time through buf.
func readTensor(r io.ReaderAt, start int64, e tensorEntry, buf []byte) (Tensor, error) {
	convert, ok := converters()[e.dtype]
	if !ok {
		return Tensor{}, fmt.Errorf("dtype %s is not read: save it as F32 (F64, F16 and BF16 are converted)", e.dtype)
	}
	width, _ := dtypeBytes(e.dtype)
	data := make([]float32, (e.end-e.begin)/width)
	buf = buf[:int64(len(buf))/width*width]
	for done, at := 0, start+e.begin; done < len(data); {
		chunk := buf[:min(int64(len(buf)), int64(len(data)-done)*width)]
		if err := readFull(r, chunk, at); err != nil {
			return Tensor{}, err
		}
		n := len(chunk) / int(width)
		if err := convert(data[done:done+n], chunk); err != nil {
			return Tensor{}, err
		}
		done, at = done+n, at+int64(len(chunk))
	}
	return Tensor{Name: e.name, Shape: e.shape, Data: data}, nil
}

// readFull fills b from offset at; a short read is an error even where ReadAt
// calls it the end of the file.
func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// converters read len(dst) values of a dtype from src, little-endian.
func converters() map[string]func(dst []float32, src []byte) error {
	return map[string]func([]float32, []byte) error{
		"F32": func(dst []float32, src []byte) error {
			for i := range dst {
				dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
			}
			return nil
		},
		"BF16": func(dst []float32, src []byte) error {
			for i := range dst {
				dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
			}
			return nil
		},
		"F16": func(dst []float32, src []byte) error {
			for i := range dst {
				dst[i] = fromHalf(binary.LittleEndian.Uint16(src[2*i:]))
			}
			return nil
		},
		"F64": func(dst []float32, src []byte) error {
			for i := range dst {
				v := math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
				dst[i] = float32(v)
				if math.IsInf(float64(dst[i]), 0) && !math.IsInf(v, 0) {
					return fmt.Errorf("the F64 value %v is beyond float32's range", v)
				}
			}
			return nil
		},
	}
}

// fromHalf is the float32 equal to an IEEE 754 binary16: 1 sign, 5 exponent
// (bias 15) and 10 fraction bits. NaN stays NaN, its fraction bits on top.
func fromHalf(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0: // zero and subnormal: fraction · 2⁻²⁴
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// dtypeBytes is the size of one value of a dtype of the format.
func dtypeBytes(dtype string) (int64, bool) {
	switch dtype {
	case "F64", "I64", "U64":
		return 8, true
	case "F32", "I32", "U32":
		return 4, true
	case "F16", "BF16", "I16", "U16":
		return 2, true
	case "BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2":
		return 1, true
	}
	return 0, false
}

// checkLayout checks that the entries, sorted by place, fill the data exactly.
func checkLayout(entries []tensorEntry, data int64) error {
	at := int64(0)
	for _, e := range entries {
		if e.begin != at {
			return fmt.Errorf("tensor %q begins at byte %d of the data, the one before it ends at %d: overlap or hole", e.name, e.begin, at)
		}
		width, ok := dtypeBytes(e.dtype)
		if !ok {
			return fmt.Errorf("tensor %q: unknown dtype %q", e.name, e.dtype)
		}
		values, err := e.values(data)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", e.name, err)
		}
		if e.end < e.begin || e.end > data || e.end-e.begin != values*width {
			return fmt.Errorf("tensor %q: shape %v of %s needs %d bytes, its place [%d, %d) in %d bytes of data does not hold them", e.name, e.shape, e.dtype, values*width, e.begin, e.end, data)
		}
		at = e.end
	}
	if at != data {
		return fmt.Errorf("the tensors end at byte %d of %d bytes of data", at, data)
	}
	return nil
}

// values is the number of values of the shape; more than limit is an error, so
// that nothing overflows.
func (e tensorEntry) values(limit int64) (int64, error) {
	n := int64(1)
	for _, d := range e.shape {
		if d == 0 {
			return 0, nil
		}
	}
	for _, d := range e.shape {
		if int64(d) > limit/n {
			return 0, errors.New("its shape has more values than the file has bytes")
		}
		n *= int64(d)
	}
	return n, nil
}
