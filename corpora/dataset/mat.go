package dataset

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Types of the elements of a MAT-file, level 5 (MathWorks, MAT-File Format, table 1-1).
const (
	matInt8       = 1
	matUint8      = 2
	matInt32      = 5
	matUint32     = 6
	matDouble     = 9
	matMatrix     = 14
	matCompressed = 15
)

// matWidths are the bytes of a value, by type.
var matWidths = map[uint32]int{1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}

// Classes of arrays (table 1-3): what MATLAB calls the array; its values may be stored in a smaller type.
const (
	matClassDouble = 6 // the first numeric one
	matClassUint8  = 9
	matClassUint64 = 15 // the last
)

const maxMatRank = 8

// matVariable is an array of a MAT-file whose values have not been read yet.
type matVariable struct {
	name  string
	class int
	dims  []int // first fastest

	order binary.ByteOrder
	r     io.Reader
}

// size is the number of values; the product was checked.
func (v *matVariable) size() int {
	n := 1
	for _, d := range v.dims {
		n *= d
	}
	return n
}

// readMAT calls take with each array of a MAT-file of level 5, compressed or not; what take
// does not read is skipped. What is allocated follows what arrives, not what the file promises.
func readMAT(r io.Reader, take func(v *matVariable) error) error {
	order, err := matHeader(r)
	if err != nil {
		return err
	}
	for {
		var tag [8]byte
		switch _, err := io.ReadFull(r, tag[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the tag of an element: %w", explain(err))
		}
		kind, n := order.Uint32(tag[:4]), order.Uint32(tag[4:])
		body := &io.LimitedReader{R: r, N: int64(n)}
		switch kind {
		case matCompressed:
			err = matInflate(body, order, take)
		case matMatrix:
			err = matArray(body, order, take)
		default:
			err = fmt.Errorf("an element of type %d where an array is expected: the file is damaged", kind)
		}
		if err != nil {
			return err
		}
		if err := drain(body); err != nil {
			return err
		}
		if body.N > 0 {
			return fmt.Errorf("truncated: the last element promises %d bytes more", body.N)
		}
	}
}

func matHeader(r io.Reader) (binary.ByteOrder, error) {
	var head [128]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, fmt.Errorf("the 128 bytes of its header: %w", explain(err))
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch mark := string(head[126:]); {
	case mark == "IM":
	case mark == "MI":
		order = binary.BigEndian
	case bytes.IndexByte(head[:4], 0) >= 0:
		return nil, errors.New("it is no MAT-file of level 5 (level 4 and other formats are not read)")
	default:
		return nil, fmt.Errorf("it is no MAT-file of level 5: its byte order mark is %q, expected \"IM\" or \"MI\"", mark)
	}
	if v := order.Uint16(head[124:]); v != 0x0100 {
		return nil, fmt.Errorf("it is a MAT-file of version 0x%04x, expected 0x0100 (level 5; MATLAB 7.3's files are HDF5 and are not read)", v)
	}
	return order, nil
}

func matInflate(r io.Reader, order binary.ByteOrder, take func(*matVariable) error) error {
	zr, err := zlib.NewReader(r)
	if err != nil {
		return fmt.Errorf("a compressed element: %w", explain(err))
	}
	var tag [8]byte
	if _, err := io.ReadFull(zr, tag[:]); err != nil {
		return fmt.Errorf("a compressed element: %w", explain(err))
	}
	if kind := order.Uint32(tag[:4]); kind != matMatrix {
		return fmt.Errorf("a compressed element of type %d where an array is expected: the file is damaged", kind)
	}
	body := &io.LimitedReader{R: zr, N: int64(order.Uint32(tag[4:]))}
	if err := matArray(body, order, take); err != nil {
		return err
	}
	return drain(zr) // to the end: zlib's own checksum
}

// matArray reads an array up to its values and gives it to take. Arrays that are not plain numbers are skipped.
func matArray(r io.Reader, order binary.ByteOrder, take func(*matVariable) error) error {
	flags, err := matSmall(r, order, matUint32, 8)
	if err != nil {
		return fmt.Errorf("an array's flags: %w", err)
	}
	if len(flags) != 8 {
		return fmt.Errorf("an array's flags have %d bytes, expected 8: the file is damaged", len(flags))
	}
	v := &matVariable{class: int(order.Uint32(flags) & 0xff), order: order, r: r}
	if v.class < matClassDouble || v.class > matClassUint64 || order.Uint32(flags)&0x800 != 0 { // text, cells, ..., complex
		return drain(r)
	}
	dims, err := matSmall(r, order, matInt32, 4*maxMatRank)
	if err != nil {
		return fmt.Errorf("an array's sizes: %w", err)
	}
	size := int64(1)
	for ; len(dims) >= 4; dims = dims[4:] {
		d := int64(order.Uint32(dims))
		if size *= max(d, 1); size > maxIDX { // no overflow: both are below 2^32
			return fmt.Errorf("an array promises more than %d values: the file is damaged", maxIDX)
		}
		v.dims = append(v.dims, int(d))
	}
	if len(v.dims) < 2 {
		return fmt.Errorf("an array has %d dimensions: the file is damaged", len(v.dims))
	}
	name, err := matSmall(r, order, matInt8, 64)
	if err != nil {
		return fmt.Errorf("an array's name: %w", err)
	}
	v.name = string(name)
	if err := take(v); err != nil {
		return fmt.Errorf("variable %q: %w", v.name, err)
	}
	return drain(r)
}

// matTag reads the tag of a subelement; of a small one, whose data lie in the tag, also those.
func matTag(r io.Reader, order binary.ByteOrder) (kind uint32, n int64, small []byte, err error) {
	var tag [8]byte
	if _, err := io.ReadFull(r, tag[:]); err != nil {
		return 0, 0, nil, explain(err)
	}
	kind = order.Uint32(tag[:4])
	if size := kind >> 16; size != 0 {
		if size > 4 {
			return 0, 0, nil, fmt.Errorf("a small element of %d bytes: the file is damaged", size)
		}
		return kind & 0xffff, int64(size), tag[4 : 4+size], nil
	}
	return kind, int64(order.Uint32(tag[4:])), nil, nil
}

// matSmall reads a subelement of at most most bytes, and its padding.
func matSmall(r io.Reader, order binary.ByteOrder, want uint32, most int64) ([]byte, error) {
	kind, n, data, err := matTag(r, order)
	switch {
	case err != nil:
		return nil, err
	case kind != want:
		return nil, fmt.Errorf("type %d, expected %d: the file is damaged", kind, want)
	case n > most:
		return nil, fmt.Errorf("%d bytes, at most %d are read: the file is damaged", n, most)
	case data != nil:
		return data, nil
	}
	data = make([]byte, (n+7)/8*8)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, explain(err)
	}
	return data[:n], nil
}

// uint8s reads the values of an array of class uint8.
func (v *matVariable) uint8s() ([]uint8, error) {
	if v.class != matClassUint8 {
		return nil, fmt.Errorf("an array of class %d, expected %d, uint8", v.class, matClassUint8)
	}
	data, kind, err := v.values()
	if err == nil && kind != matUint8 {
		err = fmt.Errorf("values stored as type %d, expected %d, uint8", kind, matUint8)
	}
	return data, err
}

// integers reads the values of an array of whole numbers.
func (v *matVariable) integers() ([]int64, error) {
	data, kind, err := v.values()
	if err != nil {
		return nil, err
	}
	width := matWidths[kind]
	out := make([]int64, len(data)/width)
	for i := range out {
		b := data[i*width:][:width]
		switch kind {
		case matInt8:
			out[i] = int64(int8(b[0]))
		case matUint8:
			out[i] = int64(b[0])
		case 3:
			out[i] = int64(int16(v.order.Uint16(b)))
		case 4:
			out[i] = int64(v.order.Uint16(b))
		case matInt32:
			out[i] = int64(int32(v.order.Uint32(b)))
		case matUint32:
			out[i] = int64(v.order.Uint32(b))
		case 12, 13:
			out[i] = int64(v.order.Uint64(b))
		default:
			var f float64
			if kind == matDouble {
				f = math.Float64frombits(v.order.Uint64(b))
			} else {
				f = float64(math.Float32frombits(v.order.Uint32(b)))
			}
			if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
				return nil, fmt.Errorf("value %d is %v, expected a whole number", i, f)
			}
			out[i] = int64(f)
		}
	}
	return out, nil
}

// values reads the values as they are stored.
func (v *matVariable) values() (data []byte, kind uint32, err error) {
	kind, n, data, err := matTag(v.r, v.order)
	if err != nil {
		return nil, 0, err
	}
	width, ok := matWidths[kind]
	if want := int64(v.size()) * int64(width); !ok || n != want {
		return nil, 0, fmt.Errorf("%d bytes of values of type %d for sizes %v: the file is damaged", n, kind, v.dims)
	}
	if data == nil {
		data, err = readGrowing(v.r, int(n))
	}
	return data, kind, err
}
