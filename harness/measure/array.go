package measure

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// array is an opened Array: its bytes are mapped or in memory.
type array struct {
	name  string
	dtype string
	shape []int
	count int
	bytes []byte
}

// files are the mapped files of one quantity: its arrays lie in one, which is mapped once.
type files struct {
	mapped  map[string][]byte
	release []func()
}

// slice is size bytes of the file from offset.
func (f *files) slice(path string, offset int64, size int) ([]byte, error) {
	b, ok := f.mapped[path]
	if !ok {
		whole, release, err := mapFile(path)
		if err != nil {
			return nil, err
		}
		if f.mapped == nil {
			f.mapped = map[string][]byte{}
		}
		f.mapped[path], b = whole, whole
		f.release = append(f.release, release)
	}
	// Reading a mapping beyond the end of its file is a bus error, so check first.
	if int64(len(b)) < offset || int64(len(b))-offset < int64(size) {
		return nil, fmt.Errorf("%s has %d bytes, %d at %d were announced", path, len(b), size, offset)
	}
	return b[offset : offset+int64(size) : offset+int64(size)], nil
}

// close unmaps the files.
func (f *files) close() {
	for _, release := range f.release {
		release()
	}
}

// open checks an array's description against what it describes, so that a view
// never reaches beyond its bytes, and maps the file where there is one.
func (f *files) open(a Array) (array, error) {
	width := width(a.DType)
	if width == 0 {
		return array{}, fmt.Errorf("unknown dtype %q (known: f32, f64, i32, u8)", a.DType)
	}
	count := 1
	for _, d := range a.Shape {
		if d < 0 || (d > 0 && count > math.MaxInt/8/d) {
			return array{}, fmt.Errorf("impossible shape %v", a.Shape)
		}
		count *= d
	}
	v := array{name: a.Name, dtype: a.DType, shape: slices.Clone(a.Shape), count: count}
	size := count * width
	if size == 0 {
		return v, nil
	}
	if a.Data != nil {
		if len(a.Data) != size {
			return array{}, fmt.Errorf("holds %d bytes, %s %v has %d", len(a.Data), a.DType, a.Shape, size)
		}
		v.bytes = aligned(a.Data, width)
		return v, nil
	}
	if a.Offset < 0 || a.Offset%int64(width) != 0 {
		return array{}, fmt.Errorf("offset %d is not a multiple of %d", a.Offset, width)
	}
	b, err := f.slice(a.Path, a.Offset, size)
	v.bytes = b
	return v, err
}

// width is the size of one value in bytes, 0 for an unknown dtype.
func width(dtype string) int {
	switch dtype {
	case "f64":
		return 8
	case "f32", "i32":
		return 4
	case "u8":
		return 1
	}
	return 0
}

// aligned returns b, copied if a value of that width may not be read in place.
func aligned(b []byte, width int) []byte {
	if uintptr(unsafe.Pointer(&b[0]))%uintptr(width) == 0 {
		return b
	}
	words := make([]uint64, (len(b)+7)/8)
	c := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(b))
	copy(c, b)
	return c
}

// view reads the array's bytes as values of the type that its dtype names. Files
// are little-endian, as are all machines that genbench runs on.
func view[T float32 | float64 | int32 | uint8](a array, dtype string) ([]T, error) {
	if a.dtype != dtype {
		return nil, fmt.Errorf("array %q holds %s, not %s", a.name, a.dtype, dtype)
	}
	if a.count == 0 {
		return []T{}, nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&a.bytes[0])), a.count), nil
}
