package dataset

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// The formats .npy and .npz are NumPy's (numpy.lib.format, versions 1.0 to 3.0). They are read here
// and not by a library because a file may be damaged: the libraries allocate what the header promises.

// npyArray is an array whose values have not been read yet.
type npyArray struct {
	descr string // NumPy's: byte order, kind, bytes of a value
	shape []int
	r     io.Reader
}

var (
	npyDescr   = regexp.MustCompile(`'descr'\s*:\s*'([^']*)'`)
	npyFortran = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape   = regexp.MustCompile(`'shape'\s*:\s*\(([0-9,\sL]*)\)`)
)

// readNPY reads the header of a .npy file.
func readNPY(r io.Reader) (*npyArray, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:10]); err != nil {
		return nil, fmt.Errorf("the header: %w", explain(err))
	}
	if string(head[:6]) != "\x93NUMPY" {
		return nil, fmt.Errorf("it begins with %q, expected \"\\x93NUMPY\"", head[:6])
	}
	n := int(binary.LittleEndian.Uint16(head[8:]))
	if version := head[6]; version > 1 {
		if _, err := io.ReadFull(r, head[10:]); err != nil {
			return nil, fmt.Errorf("the header: %w", explain(err))
		}
		n = int(min(binary.LittleEndian.Uint32(head[8:]), 1<<20))
	}
	if n > 1<<16 {
		return nil, fmt.Errorf("a header of %d bytes: the file is damaged", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("the header: %w", explain(err))
	}
	descr, fortran, shape := npyDescr.FindSubmatch(text), npyFortran.FindSubmatch(text), npyShape.FindSubmatch(text)
	if descr == nil || fortran == nil || shape == nil {
		return nil, fmt.Errorf("its header %q does not name descr, fortran_order and shape of a plain array", clip(string(text)))
	}
	a := &npyArray{descr: string(descr[1]), r: r}
	size := int64(1)
	for _, field := range strings.Split(string(shape[1]), ",") {
		field = strings.TrimSuffix(strings.TrimSpace(field), "L") // Python 2 wrote 5L
		if field == "" {
			continue
		}
		d, err := strconv.ParseInt(field, 10, 33)
		if err != nil {
			return nil, fmt.Errorf("its header names the size %q", clip(field))
		}
		if size *= max(d, 1); size > maxIDX {
			return nil, fmt.Errorf("its header promises more than %d values: the file is damaged", maxIDX)
		}
		a.shape = append(a.shape, int(d))
	}
	if string(fortran[1]) == "True" && len(a.shape) > 1 {
		return nil, errors.New("it is stored column by column (fortran_order), expected row by row")
	}
	return a, nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}

// size is the number of values; the product was checked.
func (a *npyArray) size() int {
	n := 1
	for _, d := range a.shape {
		n *= d
	}
	return n
}

// integers reads the values of an array of whole numbers.
func (a *npyArray) integers() ([]int64, error) {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(a.descr) != 3:
		return nil, fmt.Errorf("values of type %q, expected integers", clip(a.descr))
	case a.descr[0] == '>':
		order = binary.BigEndian
	}
	decode := map[string]func(b []byte) int64{
		"i1": func(b []byte) int64 { return int64(int8(b[0])) },
		"u1": func(b []byte) int64 { return int64(b[0]) },
		"i2": func(b []byte) int64 { return int64(int16(order.Uint16(b))) },
		"u2": func(b []byte) int64 { return int64(order.Uint16(b)) },
		"i4": func(b []byte) int64 { return int64(int32(order.Uint32(b))) },
		"u4": func(b []byte) int64 { return int64(order.Uint32(b)) },
		"i8": func(b []byte) int64 { return int64(order.Uint64(b)) },
		"u8": func(b []byte) int64 { return int64(order.Uint64(b)) },
	}[a.descr[1:]]
	if decode == nil {
		return nil, fmt.Errorf("values of type %q, expected integers", a.descr)
	}
	width := int(a.descr[2] - '0')
	n := int64(a.size()) * int64(width)
	if n > maxIDX {
		return nil, fmt.Errorf("its header promises %d bytes: the file is damaged", n)
	}
	data, err := readGrowing(a.r, int(n))
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(data)/width)
	for i := range out {
		out[i] = decode(data[i*width:])
	}
	return out, nil
}

// appendUint8 appends the values of an array of bytes to dst, which grows with what arrives.
func (a *npyArray) appendUint8(dst []uint8) ([]uint8, error) {
	if a.descr != "|u1" && a.descr != "<u1" && a.descr != ">u1" {
		return dst, fmt.Errorf("values of type %q, expected \"|u1\", uint8", clip(a.descr))
	}
	const chunk = 1 << 20
	for left := a.size(); left > 0; {
		n, at := min(left, chunk), len(dst)
		dst = append(dst, make([]uint8, n)...)
		if m, err := io.ReadFull(a.r, dst[at:]); err != nil {
			dst = dst[:at+m]
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = fmt.Errorf("truncated: its header promises %d values, there are %d", a.size(), a.size()-left+m)
			}
			return dst, explain(err)
		}
		left -= n
	}
	return dst, nil
}

// npz is the arrays of a .npz file by name.
type npz map[string]*zip.File

func readNPZ(r io.ReaderAt, size int64) (npz, error) {
	zr, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("reading its list of arrays: %w", explain(err))
	}
	z := npz{}
	for _, f := range zr.File {
		if name, ok := strings.CutSuffix(f.Name, ".npy"); ok {
			z[name] = f
		}
	}
	return z, nil
}

// array passes the named array to take and reads on to its end, where zip compares its checksum.
func (z npz) array(name string, take func(a *npyArray) error) error {
	f, ok := z[name]
	if !ok {
		return fmt.Errorf("it has no array %q", name)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("array %q: %w", name, explain(err))
	}
	defer func() { _ = r.Close() }() // only read
	a, err := readNPY(r)
	if err == nil {
		err = take(a)
	}
	if err == nil {
		var extra [1]byte
		switch n, end := io.ReadFull(r, extra[:]); {
		case n > 0:
			err = errors.New("bytes follow its values")
		case !errors.Is(end, io.EOF):
			err = explain(end)
		}
	}
	if err != nil {
		return fmt.Errorf("array %q: %w", name, err)
	}
	return nil
}
