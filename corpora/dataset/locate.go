package dataset

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
)

// find locates all files of the set below dir, in the order of the bundles.
func (c *collection) find(dir string) ([]*input, error) {
	var looked []string
	if dir != "" {
		for _, f := range c.folders {
			looked = append(looked, filepath.Join(dir, filepath.FromSlash(f)))
		}
	}
	if c.system != "" {
		looked = append(looked, c.system)
	}
	var files []*input
	var failed error
	for i := range c.bundles {
		in, err := c.locate(&c.bundles[i], looked)
		switch {
		case err == nil:
			files = append(files, in...)
		case failed == nil:
			failed = err
		}
	}
	var e *Error
	switch {
	case failed == nil:
		return files, nil
	case len(files) > 0 && errors.As(failed, &e) && e.Path == "":
		return nil, c.fail(filepath.Dir(files[0].at), fmt.Errorf("the set is not whole: %w", e.Err), c.remedy)
	}
	return nil, failed
}

// locate answers the files of the first folder that has all of them, or the archive
// with them. A folder that has only some is an error when no other has all.
func (c *collection) locate(b *bundle, looked []string) ([]*input, error) {
	subfolders := append([]string{""}, b.folders...)
	var partial error
	for _, base := range looked {
		for _, sub := range subfolders {
			folder := filepath.Join(base, filepath.FromSlash(sub))
			files, missing := b.in(folder)
			switch {
			case len(missing) == 0:
				return files, nil
			case b.archived(folder) != "":
				files, err := b.unpack(b.archived(folder))
				if err != nil {
					return nil, c.damaged(b.archived(folder), err)
				}
				return files, nil
			case len(missing) < len(b.parts) && partial == nil:
				partial = c.fail(folder, fmt.Errorf("%w: %s", ErrMissing, joinNames(missing)), c.remedy)
			}
		}
	}
	switch {
	case partial != nil:
		return nil, partial
	case len(looked) == 0:
		return nil, c.fail("", fmt.Errorf("%w: no folder was named to look in", ErrMissing), c.remedy)
	}
	if path, what := c.unread(looked); path != "" {
		return nil, c.fail(path, fmt.Errorf("%w: this is %s, which is not read", ErrMissing, what), c.remedy)
	}
	return nil, c.fail("", fmt.Errorf("%w: looked for %s in %s", ErrMissing, b.title(), joinNames(looked)), c.remedy)
}

// title names the files of the bundle.
func (b *bundle) title() string {
	first, last := b.parts[0].name, b.parts[len(b.parts)-1].name
	switch n := len(b.parts); {
	case b.archive != "":
		return b.archive + " or its files"
	case n == 1:
		return first
	default:
		return first + " to " + last
	}
}

// unread finds the set in a format that is not read.
func (c *collection) unread(looked []string) (path, what string) {
	for _, folder := range looked {
		for name, what := range c.others {
			if p := filepath.Join(folder, name); exists(p) {
				return p, what
			}
		}
	}
	return "", ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// in finds the files that lie in the folder, plain or .gz, and names the others.
func (b *bundle) in(folder string) (files []*input, missing []string) {
	for i := range b.parts {
		p := &b.parts[i]
		in := p.in(folder)
		if in == nil {
			missing = append(missing, p.name+"[.gz]")
			continue
		}
		files = append(files, in)
	}
	return files, missing
}

func (p *part) in(folder string) *input {
	for _, name := range p.names() {
		for _, ext := range []string{"", ".gz"} {
			path := filepath.Join(folder, strings.TrimSuffix(name, ".gz")+ext)
			if !isFile(path) {
				continue
			}
			in := &input{part: p, path: path, at: path, open: func() (io.ReadCloser, error) { return openFile(path) }}
			if ext == "" {
				in.file = path
			}
			return in
		}
	}
	return nil
}

// openFile opens a file and unpacks it if its content, not its name, says that it is gzip.
func openFile(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	br := bufio.NewReaderSize(f, 1<<16)
	if head, _ := br.Peek(2); len(head) < 2 || head[0] != 0x1f || head[1] != 0x8b {
		return &opened{br, f}, nil
	}
	zr, err := gzip.NewReader(br)
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("gzip header: %w", explain(err))
	}
	return &opened{zr, f}, nil
}

// opened is a file and what is read of it.
type opened struct {
	io.Reader
	io.Closer
}

// archived is the path of the bundle's archive in the folder, or "".
func (b *bundle) archived(folder string) string {
	if b.archive == "" {
		return ""
	}
	if p := filepath.Join(folder, b.archive); isFile(p) {
		return p
	}
	return ""
}

// unpack finds the files in the archive. Of a .zip nothing is read yet; a .tar.gz is read when the first
// of its files is.
func (b *bundle) unpack(archive string) ([]*input, error) {
	if strings.HasSuffix(archive, ".zip") {
		return b.fromZip(archive)
	}
	content := sync.OnceValues(func() (map[string][]byte, error) { return b.readTar(archive) })
	var files []*input
	for i := range b.parts {
		p := &b.parts[i]
		files = append(files, &input{part: p, path: archive + ": " + p.name, at: archive, open: func() (io.ReadCloser, error) {
			all, err := content()
			if err != nil {
				return nil, &fileError{archive, err}
			}
			return io.NopCloser(bytes.NewReader(all[p.name])), nil
		}})
	}
	return files, nil
}

// readTar reads the bundle's files of a .tar.gz into memory. What a file may take is bounded by its published size.
func (b *bundle) readTar(archive string) (map[string][]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	d := &digest{r: f, sha: sha256.New()}
	zr, err := gzip.NewReader(bufio.NewReaderSize(d, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("gzip header: %w", explain(err))
	}
	wanted := map[string]int64{}
	for _, p := range b.parts {
		wanted[p.name] = p.bytes
	}
	all := map[string][]byte{}
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("unpacking: %w", explain(err))
		}
		name := path.Base(h.Name)
		size, ok := wanted[name]
		if !ok || h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size != size {
			return nil, fmt.Errorf("%s in it has %d bytes, the published file has %d", name, h.Size, size)
		}
		if all[name], err = io.ReadAll(tr); err != nil {
			return nil, fmt.Errorf("unpacking %s: %w", name, explain(err))
		}
	}
	if err := drain(zr); err != nil { // gzip's own checksum
		return nil, err
	}
	if err := drain(d); err != nil {
		return nil, err
	}
	for _, p := range b.parts {
		if all[p.name] == nil {
			return nil, fmt.Errorf("%s is not in it", p.name)
		}
	}
	if sum := hex.EncodeToString(d.sha.Sum(nil)); b.sum != "" && sum != b.sum {
		return nil, fmt.Errorf("it has sha256 %s, the published archive has %s: it is damaged or was packed anew (then unpack it)", sum, b.sum)
	}
	return all, nil
}

func (b *bundle) fromZip(archive string) ([]*input, error) {
	zr, err := zip.OpenReader(archive)
	if err != nil {
		return nil, fmt.Errorf("reading its list of files: %w", explain(err))
	}
	defer func() { _ = zr.Close() }()
	there := map[string]string{}
	for _, f := range zr.File {
		there[path.Base(f.Name)] = f.Name
	}
	var files []*input
	for i := range b.parts {
		p := &b.parts[i]
		name, ok := there[p.name]
		if !ok {
			return nil, fmt.Errorf("%s is not in it", p.name)
		}
		files = append(files, &input{part: p, path: archive + ": " + p.name, at: archive, open: func() (io.ReadCloser, error) { return openInZip(archive, name) }})
	}
	return files, nil
}

func openInZip(archive, name string) (io.ReadCloser, error) {
	zr, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	f, err := zr.Open(name)
	if err != nil {
		_ = zr.Close()
		return nil, err
	}
	return &opened{f, zr}, nil
}
