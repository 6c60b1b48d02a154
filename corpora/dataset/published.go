package dataset

import (
	"bytes"
	"crypto/md5" // some publishers state nothing else; it finds damage, not malice
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// collection is a published set that is read from files.
type collection struct {
	info    Info
	aliases []string
	folders []string // where it may lie below the caller's folder, most telling first
	system  string   // where a distribution's package puts it, "" if there is none
	remedy  string   // how to get it
	bundles []bundle // all files of the set

	// others are files and folders that hold the set in a format that is not read, and what that is.
	others map[string]string

	// decode makes the set of its files, in the order of the bundles.
	decode func(info Info, files []*input) (train, test *Images, err error)
}

// bundle is files that come together: they lie in one folder or in one archive.
type bundle struct {
	parts   []part
	folders []string // where they may lie below each of the set's folders; none: there itself

	archive string // its published name, .tar.gz or .zip; "": there is none
	sum     string // SHA-256 of the archive, checked only where the parts have no sums of their own
}

// part is one file. What is known of it is about its content: the sums of .gz files,
// which publishers state, would not do, because Debian strips the name and time from the gzip headers, torchvision
// unpacks, and people compress anew, all without touching the content.
type part struct {
	name   string
	others []string // other names in use
	bytes  int64    // 0: not known
	sum    string   // SHA-256 in hex; "": not checked
	md5    string   // likewise, where nothing else is published
}

func (p *part) names() []string { return append([]string{p.name}, p.others...) }

// input is the content of one file of a set, wherever it lies.
type input struct {
	*part
	path string // the file, or the archive and the name in it
	at   string // the file or the archive
	file string // the file if it lies there as it was published; "": compressed or in an archive
	open func() (io.ReadCloser, error)
}

func (c *collection) named(name string) bool {
	return name == c.info.Name || slices.Contains(c.aliases, name)
}

func (c *collection) fail(path string, err error, remedy string) error {
	var e *Error
	if errors.As(err, &e) {
		return err // it names the file
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err // the path is named once, by Error
	}
	return &Error{Set: c.info.Name, Path: path, Err: err, Remedy: remedy}
}

// damaged is the error about a file that is there and wrong.
func (c *collection) damaged(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return c.fail(path, err, "make the file readable")
	case errors.Is(err, ErrMissing):
		return c.fail(path, err, c.remedy)
	}
	return c.fail(path, err, "get the file anew: "+c.remedy)
}

// open finds, reads and verifies the set in dir.
func (c *collection) open(dir string) (*Set, error) {
	files, err := c.find(dir)
	if err != nil {
		return nil, err
	}
	train, test, err := c.decode(c.info, files)
	if err != nil {
		var f *fileError
		if errors.As(err, &f) {
			return nil, c.damaged(f.path, f.err)
		}
		return nil, c.damaged(filepath.Dir(files[0].at), err)
	}
	s, err := NewSet(c.info.Name, train, test, c.info.Licence)
	if err != nil {
		return nil, c.damaged(filepath.Dir(files[0].at), err)
	}
	return s, nil
}

// verify compares the files in dir with their published sums, and reads the set only where there are
// none or one differs: hashing takes no memory. It answers the folder of the first file.
func (c *collection) verify(dir string) (folder string, err error) {
	files, err := c.find(dir)
	if err != nil {
		return "", err
	}
	folder = filepath.Dir(files[0].at)
	for _, f := range files {
		if f.sum == "" && f.md5 == "" || f.read(drain) != nil {
			_, err := c.open(dir) // it says more about what is wrong
			return folder, err
		}
	}
	return folder, nil
}

func drain(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return explain(err)
}

// fileError says which file an error is about.
type fileError struct {
	path string
	err  error
}

func (e *fileError) Error() string { return e.path + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

func (in *input) fail(err error) error {
	var f *fileError
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &fileError{in.path, err}
}

// read passes the content through decode, which need not read to the end, and compares it with what is
// published. A file that belongs elsewhere is named as what it is, whatever decode says of it.
func (in *input) read(decode func(io.Reader) error) error {
	r, err := in.open()
	if err != nil {
		return in.fail(explain(err))
	}
	defer func() { _ = r.Close() }() // only read
	d := &digest{r: r, sha: sha256.New()}
	if in.md5 != "" {
		d.md5 = md5.New()
	}
	decodeErr := decode(d)
	rest := drain(d)
	if rest != nil && decodeErr == nil {
		decodeErr = rest
	}
	sha, five := hex.EncodeToString(d.sha.Sum(nil)), ""
	if d.md5 != nil {
		five = hex.EncodeToString(d.md5.Sum(nil))
	}
	switch other := ownerOf(in.part, sha, five); {
	case other != "":
		return in.fail(fmt.Errorf("%w: this is %s", ErrMissing, other))
	case rest == nil && in.bytes != 0 && d.n != in.bytes:
		why := fmt.Errorf("its content has %d bytes, the published file has %d: it is %s", d.n, in.bytes, sizeWord(d.n, in.bytes))
		if decodeErr != nil {
			why = fmt.Errorf("%w; %v", decodeErr, why)
		}
		return in.fail(why)
	case decodeErr != nil:
		return in.fail(decodeErr)
	case in.sum != "" && sha != in.sum:
		return in.fail(fmt.Errorf("its uncompressed content has sha256 %s, the published file has %s: it is damaged or another set", sha, in.sum))
	case in.sum == "" && in.md5 != "" && five != in.md5:
		return in.fail(fmt.Errorf("its uncompressed content has md5 %s, the published file has %s: it is damaged or another set", five, in.md5))
	}
	return nil
}

func sizeWord(got, want int64) string {
	if got < want {
		return "truncated or another file"
	}
	return "another file, or something follows it"
}

// digest counts and hashes what is read.
type digest struct {
	r        io.Reader
	sha, md5 hash.Hash // md5 may be nil
	n        int64
}

func (d *digest) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	_, _ = d.sha.Write(p[:n]) // a hash never fails
	if d.md5 != nil {
		_, _ = d.md5.Write(p[:n])
	}
	d.n += int64(n)
	return n, err
}

// ownerOf names the published file that has one of the sums, if it is not p.
func ownerOf(p *part, sha, five string) string {
	if p.sum != "" && p.sum == sha || p.sum == "" && p.md5 != "" && p.md5 == five {
		return ""
	}
	for _, c := range collections() {
		for _, b := range c.bundles {
			for _, q := range b.parts {
				if q.sum != "" && q.sum == sha || five != "" && q.md5 == five {
					return c.info.Name + "'s file " + q.name
				}
			}
		}
	}
	return ""
}

// seekable is the content for readers that need to jump in it: the file itself, or a copy in memory.
func (in *input) seekable() (r io.ReaderAt, size int64, done func(), err error) {
	if in.file == "" {
		rc, err := in.open()
		if err != nil {
			return nil, 0, nil, in.fail(err)
		}
		defer func() { _ = rc.Close() }()
		const most = 1 << 31 // ImageNet-32's largest file has 0.4 GB
		b, err := io.ReadAll(io.LimitReader(rc, most))
		if err != nil {
			return nil, 0, nil, in.fail(explain(err))
		}
		return bytes.NewReader(b), int64(len(b)), func() {}, nil
	}
	f, err := os.Open(in.file)
	if err != nil {
		return nil, 0, nil, in.fail(err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, nil, in.fail(err)
	}
	return f, st.Size(), func() { _ = f.Close() }, nil
}

// joinNames lists names for a message.
func joinNames(names []string) string { return strings.Join(names, ", ") }
