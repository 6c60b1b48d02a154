package plugin

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// content is what a program is made of: one file, or the folder of a script, whose
// modules change its answers as much as its own lines do.
type content struct {
	files  []string // sorted
	folder string   // "": the one file
}

// The largest folder of a script: one that holds more is no plugin's own.
const (
	mostFiles = 2000
	mostBytes = 1 << 30
)

// contentOf lists what a program is made of. In a script's folder that are all files beneath it
// less those that are no program: hidden ones, what Python and editors leave, Markdown, virtual environments, stores and
// genbench.lock. A script
// that lies in a folder with much else (the home directory, a temporary one) is taken alone, and can read itself alone.
func contentOf(path string) (content, error) {
	script, err := isScript(path)
	if err != nil {
		return content{}, err
	}
	alone := content{files: []string{path}}
	to := real(path)
	folder := filepath.Dir(to)
	home, _ := os.UserHomeDir() // without one nothing is the home directory
	if g := (grants{home: real(home)}); !script || g.wide(folder) {
		return alone, nil
	}
	c := content{folder: folder}
	var size int64
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == folder:
			return nil
		case passing(path, d):
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		c.files = append(c.files, path)
		if size += info.Size(); len(c.files) > mostFiles || size > mostBytes {
			return fmt.Errorf("its folder %s holds more than %d files or %d MiB, all of which its hash is made of; put it into a folder of its own", folder, mostFiles, mostBytes>>20)
		}
		return nil
	})
	slices.Sort(c.files)
	return c, err
}

// passing reports whether a file comes and goes without being part of a program.
func passing(path string, d fs.DirEntry) bool {
	name := d.Name()
	if strings.HasPrefix(name, ".") || name == LockName {
		return true
	}
	if !d.IsDir() {
		return slices.Contains([]string{".pyc", ".swp", ".md"}, filepath.Ext(name)) || strings.HasSuffix(name, "~") || !d.Type().IsRegular() && d.Type() != fs.ModeSymlink
	}
	_, err := os.Stat(filepath.Join(path, "pyvenv.cfg"))
	return err == nil || name == "__pycache__" || strings.HasSuffix(name, ".egg-info") || isStore(path)
}

func isScript(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 2)
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, fmt.Errorf("reading %s: %w", path, err)
	}
	return bytes.Equal(head, []byte("#!")), nil
}

// sum is the SHA-256 in hex: of the file, as sha256sum prints it, or, of a folder, of the lines "HASH  PATH" of its
// files, PATH beneath the folder with slashes, in the order of paths. A link counts as where it points. Of a folder it
// answers the hashes by PATH too.
func (c content) sum() (string, map[string]string, error) {
	if c.folder == "" {
		sum, err := fileHash(c.files[0])
		return sum, nil, err
	}
	h, files := sha256.New(), map[string]string{}
	for _, path := range c.files {
		rel, err := filepath.Rel(c.folder, path)
		if err != nil {
			return "", nil, err
		}
		rel = filepath.ToSlash(rel)
		sum := ""
		if to, err := os.Readlink(path); err == nil {
			link := sha256.Sum256([]byte(to))
			sum = hex.EncodeToString(link[:])
		} else if sum, err = fileHash(path); err != nil {
			return "", nil, err
		}
		fmt.Fprintf(h, "%s  %s\n", sum, rel)
		files[rel] = sum
	}
	return hex.EncodeToString(h.Sum(nil)), files, nil
}

// stamp changes when a file does: names, sizes and times. It is far cheaper than the hash.
func (c content) stamp() string {
	h := sha256.New()
	for _, path := range c.files {
		info, err := os.Lstat(path)
		if err != nil {
			return ""
		}
		fmt.Fprintf(h, "%q %d %d %v\n", path, info.Size(), info.ModTime().UnixNano(), info.Mode())
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fingerprint fills in what the program is made of.
func (p *Program) fingerprint() error {
	c, err := contentOf(p.Path)
	if err != nil {
		return err
	}
	stamp := c.stamp()
	if p.SHA256, p.files, err = c.sum(); err != nil {
		return err
	}
	p.Folder, p.stamp = c.folder, stamp
	return nil
}

// check holds the program against its hash, before it is started. Where no file was touched since
// it was hashed, it is not read again.
func (p Program) check() error {
	if p.SHA256 == "" {
		return nil
	}
	c, err := contentOf(p.Path)
	if err != nil {
		return err
	}
	if stamp := c.stamp(); stamp != "" && stamp == p.stamp {
		return nil
	}
	sum, files, err := c.sum()
	if err != nil {
		return err
	}
	if sum != p.SHA256 {
		return fmt.Errorf("the program has changed since this run began%s; run again", touched(p.files, files))
	}
	return nil
}

// touched names the files in which a folder differs from what it was, behind a colon; "" where that is not known.
func touched(was, is map[string]string) string {
	if len(was) == 0 || len(is) == 0 {
		return ""
	}
	const most = 5
	var said []string
	for name, sum := range is {
		switch old, had := was[name]; {
		case !had:
			said = append(said, name+" is new")
		case old != sum:
			said = append(said, name+" changed")
		}
	}
	for name := range was {
		if _, has := is[name]; !has {
			said = append(said, name+" is gone")
		}
	}
	slices.Sort(said)
	if more := len(said) - most; more > 0 {
		said = append(said[:most], fmt.Sprintf("and %d more", more))
	}
	return ": " + strings.Join(said, ", ")
}

func fileHash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
