package dataset

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Type codes of IDX, the third byte of the magic number.
const (
	idxUint8 = 0x08
	idxInt32 = 0x0c
)

// maxIDX bounds the data of one file in bytes. The largest set in this format
// that is in use, EMNIST's by-class split, has 0.55 GB.
const maxIDX = 1<<31 - 1

// IDX is an array of bytes as the IDX format stores it (LeCun, Cortes and
// Burges, the MNIST database; its page describes the format).
type IDX struct {
	Dims []int   // 1 to 4 sizes, slowest first; each at least 1
	Data []uint8 // [Dims...]
}

// ReadIDX reads an array of unsigned bytes, plain or gzip-compressed; which of
// the two is told by the content. It is strict: truncated data, bytes after the
// end, a zero or absurd size and a wrong gzip checksum are errors. What it
// allocates is at most about three times what r delivers (uncompressed), however much the
// header promises.
func ReadIDX(r io.Reader) (*IDX, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	var body io.Reader = br
	if head, _ := br.Peek(2); len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf("gzip header: %w", explain(err))
		}
		body = zr
	}
	dims, err := readHeader(body)
	if err != nil {
		return nil, err
	}
	size := int64(1)
	for i, d := range dims {
		if d == 0 {
			return nil, fmt.Errorf("the size of dimension %d is 0", i)
		}
		if size *= int64(d); size > maxIDX { // no overflow: size and d are below 2^32
			return nil, fmt.Errorf("the header promises sizes %v, more than %d bytes: it is damaged", dims, maxIDX)
		}
	}
	data, err := readExactly(body, int(size))
	if err != nil {
		return nil, err
	}
	return &IDX{Dims: dims, Data: data}, nil
}

func readHeader(r io.Reader) ([]int, error) {
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return nil, fmt.Errorf("reading the magic number: %w", explain(err))
	}
	rank := int(magic[3])
	switch {
	case magic[0] != 0 || magic[1] != 0:
		return nil, fmt.Errorf("magic number 0x%08x is not IDX's (0x00000801 for labels, 0x00000803 for images)", magic)
	case magic[2] != idxUint8:
		return nil, fmt.Errorf("magic number 0x%08x: elements of type 0x%02x, only unsigned bytes (0x08) are read", magic, magic[2])
	case rank < 1 || rank > 4:
		return nil, fmt.Errorf("magic number 0x%08x: %d dimensions, 1 to 4 are read", magic, rank)
	}
	var sizes [16]byte
	if _, err := io.ReadFull(r, sizes[:4*rank]); err != nil {
		return nil, fmt.Errorf("reading the %d sizes: %w", rank, explain(err))
	}
	dims := make([]int, rank)
	for i := range dims {
		v := binary.BigEndian.Uint32(sizes[4*i:])
		if v > maxIDX {
			return nil, fmt.Errorf("the size of dimension %d is %d: the header is damaged", i, v)
		}
		dims[i] = int(v)
	}
	return dims, nil
}

// readGrowing reads want bytes. The buffer grows with what has arrived, because want is only a promise of the header.
func readGrowing(r io.Reader, want int) ([]byte, error) {
	buf := make([]byte, min(want, 1<<16))
	for n := 0; ; {
		m, err := io.ReadFull(r, buf[n:])
		n += m
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("truncated: the header promises %d bytes of data, there are %d", want, n)
		}
		if err != nil {
			return nil, fmt.Errorf("after %d of %d bytes of data: %w", n, want, explain(err))
		}
		if n == want {
			return buf, nil
		}
		grown := make([]byte, min(want, 2*len(buf)))
		copy(grown, buf)
		buf = grown
	}
}

// readExactly reads want bytes and then the end of r.
func readExactly(r io.Reader, want int) ([]byte, error) {
	buf, err := readGrowing(r, want)
	if err != nil {
		return nil, err
	}
	// Reading on to the end is also what makes gzip compare its checksum.
	var extra [1]byte
	switch n, err := io.ReadFull(r, extra[:]); {
	case n > 0:
		return nil, fmt.Errorf("bytes follow the %d that the header promises", want)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errors.New("the end of the gzip stream is truncated, or stray bytes follow it: the file is damaged")
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("at the end of the data: %w", explain(err))
	}
	return buf, nil
}

// explain puts the terse errors of compressed formats into words.
func explain(err error) error {
	switch {
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("the gzip checksum (CRC-32 or length) does not match: the file is damaged")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("invalid gzip header, or bytes after the end of the gzip stream: the file is damaged")
	case errors.Is(err, zlib.ErrChecksum), errors.Is(err, zip.ErrChecksum):
		return errors.New("the checksum of a compressed part does not match: the file is damaged")
	case errors.Is(err, zlib.ErrHeader), errors.As(err, new(flate.CorruptInputError)):
		return errors.New("compressed data that cannot be unpacked: the file is damaged")
	case errors.Is(err, zip.ErrFormat):
		return errors.New("it is no zip file, or its end is missing: the file is truncated or damaged")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("truncated: the file ends here")
	}
	return err
}

// WriteIDX writes x uncompressed.
func WriteIDX(w io.Writer, x *IDX) error {
	if len(x.Dims) < 1 || len(x.Dims) > 4 {
		return fmt.Errorf("writing IDX: %d dimensions, 1 to 4 can be written", len(x.Dims))
	}
	size := int64(1)
	for _, d := range x.Dims {
		if d < 1 || int64(d) > maxIDX || size > maxIDX {
			return fmt.Errorf("writing IDX: sizes %v are out of range", x.Dims)
		}
		size *= int64(d)
	}
	if size != int64(len(x.Data)) {
		return fmt.Errorf("writing IDX: %d bytes for sizes %v", len(x.Data), x.Dims)
	}
	if _, err := w.Write(appendHeader(nil, idxUint8, x.Dims)); err != nil {
		return fmt.Errorf("writing IDX: %w", err)
	}
	if _, err := w.Write(x.Data); err != nil {
		return fmt.Errorf("writing IDX: %w", err)
	}
	return nil
}

func appendHeader(b []byte, kind byte, dims []int) []byte {
	b = append(b, 0, 0, kind, byte(len(dims)))
	for _, d := range dims {
		b = binary.BigEndian.AppendUint32(b, uint32(d))
	}
	return b
}
